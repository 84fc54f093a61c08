/** What happened, the latest first. */
import type { JSX } from "preact";
import type { LiveEvent } from "../../../src/protocol/http/live.ts";
import { events } from "../state/live.ts";
import { nameOf } from "../state/nodes.ts";
import { Disc } from "./disc.tsx";
import { clockText, plural } from "./text.ts";

interface Words {
  /** Behind a node, or the whole of it where there is none. */
  readonly text: (count: number) => string;
  readonly tone: "good" | "bad" | "doubt" | "plain";
}

const WORDS: Readonly<Record<string, Words>> = {
  joining: { text: () => "is joining", tone: "plain" },
  joined: { text: () => "has joined", tone: "good" },
  leaving: { text: () => "is leaving", tone: "doubt" },
  left: { text: () => "has left", tone: "plain" },
  removing: { text: () => "is being removed", tone: "doubt" },
  removed: { text: () => "was removed", tone: "plain" },
  suspected: { text: () => "is suspected", tone: "doubt" },
  refuted: { text: () => "refuted the suspicion", tone: "good" },
  died: { text: () => "is dead", tone: "bad" },
  returned: { text: () => "is back", tone: "good" },
  "handed-over": {
    text: (count) => `${plural(count, "slot was", "slots were")} handed over`,
    tone: "plain",
  },
  repaired: {
    text: (count) => `${plural(count, "cell was", "cells were")} repaired`,
    tone: "plain",
  },
  collected: {
    text: (count) => `${plural(count, "dead cell was", "dead cells were")} collected`,
    tone: "plain",
  },
  discarded: {
    text: (count) => `${plural(count, "concurrent value was", "concurrent values were")} discarded`,
    tone: "doubt",
  },
  mended: {
    text: (count) => `${plural(count, "damaged cell was", "damaged cells were")} mended`,
    tone: "good",
  },
};

export function toneOf(event: LiveEvent): Words["tone"] {
  return WORDS[event.kind]?.tone ?? "plain";
}

export function textOf({ kind, count = 0 }: LiveEvent): string {
  return WORDS[kind]?.text(count) ?? kind;
}

export function EventList({ limit }: { limit: number }): JSX.Element {
  const shown = events.value.slice(-limit).reverse();
  if (shown.length === 0) return <p class="empty">Nothing worth a word since this node started.</p>;
  return (
    <ol class="events">
      {shown.map((event) => (
        <li key={event.number} class={`event event-${toneOf(event)}`}>
          <time class="num" dateTime={new Date(event.atMs).toISOString()}>
            {clockText(event.atMs)}
          </time>
          <span class="event-dot" aria-hidden="true" />
          <span>
            {event.node === undefined ? null : (
              <>
                <Disc id={event.node} size={18} />{" "}
                <span class="mono">{nameOf(event.node).address}</span>{" "}
              </>
            )}
            {textOf(event)}
          </span>
        </li>
      ))}
    </ol>
  );
}
