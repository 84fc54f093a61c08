/** The second view: charts of the last five minutes, what holds collection up, and the time line. */
import type { JSX } from "preact";
import "uplot/dist/uPlot.min.css";
import { Disc } from "../parts/disc.tsx";
import { EventList } from "../parts/event-list.tsx";
import { FirstWord } from "../parts/first-word.tsx";
import { bytesText, countText, plural } from "../parts/text.ts";
import { sample } from "../state/live.ts";
import { nameOf } from "../state/nodes.ts";
import { Chart } from "./chart.tsx";
import { PLANS } from "./series.ts";

export function ChartsView(): JSX.Element {
  if (sample.value === undefined) return <FirstWord />;
  return (
    <div class="charts-view">
      <h1 class="sr">Charts</h1>
      <Tiles />
      <div class="charts">
        {PLANS.map((plan) => (
          <Chart key={plan.title} plan={plan} />
        ))}
        <section class="panel timeline" aria-labelledby="timeline-title">
          <h2 id="timeline-title">Time line</h2>
          <EventList limit={200} />
        </section>
      </div>
    </div>
  );
}

function Tiles(): JSX.Element {
  const { gauges = {}, disk = null, dirtySlots = 0 } = sample.value ?? {};
  return (
    <div class="tiles">
      <Tile
        title="Cells here"
        value={countText(gauges["cells"] ?? 0)}
        note="values, fields, tombstones"
      />
      <Tile
        title="In flight"
        value={countText(gauges["requests-in-flight"] ?? 0)}
        note="requests now"
      />
      <Tile
        title="Dirty slots"
        value={countText(dirtySlots)}
        note={dirtySlots === 0 ? "nobody lacks anything" : "a member may lack something"}
      />
      <Tile
        title="Disk"
        value={disk === null ? "none" : bytesText(disk.usedBytes)}
        note={disk === null ? "kept in memory" : `${bytesText(disk.freeBytes)} free`}
      />
      <CollectionTile />
    </div>
  );
}

interface TileProps {
  title: string;
  value: string;
  note: string;
}

function Tile({ title, value, note }: TileProps): JSX.Element {
  return (
    <section class="tile panel">
      <h2>{title}</h2>
      <p class="big num">{value}</p>
      <p class="muted">{note}</p>
    </section>
  );
}

const REASONS: Readonly<Record<string, string>> = {
  "no-answer": "no answer",
  "members-change": "members are changing",
  "not-equal": "copies are not equal yet",
  "not-ready": "a node is not ready",
  "writes-in-flight": "writes are under way",
  "foreign-cells": "cells are kept for others",
};

/** What keeps deleted things from being forgotten. */
function CollectionTile(): JSX.Element {
  const { slotsDue = 0, reason = null, heldBy = null } = sample.value?.collection ?? {};
  return (
    <section class="tile tile-wide panel">
      <h2>Collection</h2>
      <p class="big num">
        {slotsDue === 0 ? "up to date" : `${plural(slotsDue, "slot", "slots")} due`}
      </p>
      <p class="muted">
        {reason === null ? (
          "nothing holds it up"
        ) : (
          <>
            held up
            {heldBy === null ? null : (
              <>
                {" "}
                by <Disc id={heldBy} size={18} /> <span class="mono">{nameOf(heldBy).address}</span>
              </>
            )}
            : {REASONS[reason] ?? reason}
          </>
        )}
      </p>
    </section>
  );
}
