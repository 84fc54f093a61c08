/** The first view: the picture, what it comes to, the members, and what happened last. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { EventList } from "../parts/event-list.tsx";
import { FirstWord } from "../parts/first-word.tsx";
import { countText, percentText, plural } from "../parts/text.ts";
import { members, sample } from "../state/live.ts";
import { HEALTHS, type Health, picture, SLOT_COUNT } from "../state/slots.ts";
import { BackupButton } from "./backup.tsx";
import { Members } from "./members.tsx";
import { Ring } from "./ring.tsx";
import { colouring, showExamples } from "./selection.ts";
import { ShownSlot } from "./shown-slot.tsx";

const WORDS: Readonly<Record<Health, string>> = {
  full: "fully replicated",
  behind: "catching up",
  moving: "moving",
  short: "short of copies",
};

export function ClusterView(): JSX.Element {
  useEffect(showExamples, []);
  if (sample.value === undefined) return <FirstWord />;
  return (
    <div class="cluster">
      <section class="picture" aria-label="The cluster as a picture">
        <Ring />
        <div class="under-ring">
          <ShownSlot />
          <Colouring />
        </div>
      </section>
      <div class="facts">
        <Verdict />
        <section aria-labelledby="members-title" class="panel">
          <header class="panel-head">
            <h2 id="members-title">Nodes</h2>
            <BackupButton />
          </header>
          <Members />
        </section>
        <section aria-labelledby="events-title" class="panel">
          <h2 id="events-title">What happened</h2>
          <EventList limit={7} />
        </section>
      </div>
    </div>
  );
}

function Verdict(): JSX.Element {
  const shown = picture.value;
  const replicas = sample.value?.replicas ?? 0;
  const counts = shown?.counts ?? { full: 0, behind: 0, moving: 0, short: 0 };
  const count = members.value.length;
  const alive = members.value.filter(({ liveness }) => liveness === "alive").length;
  return (
    <section class="verdict" aria-live="polite">
      <h1>{shown === undefined ? "Looking…" : headline(counts, replicas)}</h1>
      <p class="muted">
        {countText(SLOT_COUNT)} slots, {replicas === 1 ? "one copy" : `${replicas} copies`} of each,
        on {count === 1 ? "one node" : `${count} equal nodes`}
        {alive === count ? "" : `, ${alive} of them alive`}.{" "}
        {count < replicas
          ? `With ${plural(replicas - count, "more node", "more nodes")} each slot has them all.`
          : "None is in charge: any of them takes any request."}
      </p>
      <div class="bar" aria-hidden="true">
        {HEALTHS.map((health) =>
          counts[health] === 0 ? null : (
            <span key={health} class={`bar-${health}`} style={{ flexGrow: counts[health] }} />
          ),
        )}
      </div>
      <ul class="legend">
        {HEALTHS.map((health) => (
          <li key={health} class={counts[health] === 0 ? "none" : ""}>
            <span class={`swatch swatch-${health}`} aria-hidden="true" />
            <span class="num">{countText(counts[health])}</span> {WORDS[health]}
            {counts[health] === 0 || counts[health] === SLOT_COUNT ? null : (
              <span class="muted"> {percentText(counts[health], SLOT_COUNT)}</span>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function headline(counts: Readonly<Record<Health, number>>, replicas: number): string {
  if (counts.short > 0) {
    return counts.short === SLOT_COUNT
      ? "Every slot is short of a copy"
      : `${countText(counts.short)} slots are short of a copy`;
  }
  if (counts.moving > 0) return `${countText(counts.moving)} slots are moving`;
  if (counts.behind > 0) return `${countText(counts.behind)} slots are catching up`;
  return replicas === 1 ? "Every slot has its copy" : `Every slot has its ${replicas} copies`;
}

function Colouring(): JSX.Element {
  return (
    <fieldset class="segments">
      <legend class="sr">Colour slots by</legend>
      {(["owner", "health"] as const).map((value) => (
        <label key={value}>
          <input
            type="radio"
            name="colouring"
            checked={colouring.value === value}
            onChange={() => {
              colouring.value = value;
            }}
          />
          <span>{value === "owner" ? "Owners" : "Health"}</span>
        </label>
      ))}
    </fieldset>
  );
}
