/** Which charts there are, and how each of their lines is made from what the node tells. */
import type { LiveNumbers } from "../../../src/protocol/http/live.ts";
import { bytesText, countText, msText, rateText } from "../parts/text.ts";

export interface Line {
  readonly label: string;
  /** Of the custom property `--line-…`. */
  readonly colour: number;
  /** `undefined`: there is nothing to show at this moment. */
  readonly valueOf: (now: LiveNumbers, before: LiveNumbers) => number | undefined;
}

export interface ChartPlan {
  readonly title: string;
  readonly help: string;
  readonly text: (value: number) => string;
  readonly isLogarithmic?: boolean;
  /** Whole numbers: half a slot is no place for a line. */
  readonly isCount?: boolean;
  readonly lines: readonly Line[];
}

/** Samples come every second. */
const GAP_MS = 5_000;

type Percentile = "p50" | "p99" | "p999";

/** How fast counters grow together, a second. A node that started anew counts from nothing. */
function rateOf(...counters: readonly string[]): Line["valueOf"] {
  return (now, before) => {
    const seconds = (now.atMs - before.atMs) / 1_000;
    if (seconds <= 0) return undefined;
    let sum = 0;
    for (const name of counters) {
      sum += (now.counters[name] ?? 0) - (before.counters[name] ?? 0);
    }
    return Math.max(0, sum) / seconds;
  };
}

function gaugeOf(name: string): Line["valueOf"] {
  return (now) => now.gauges[name];
}

function percentileOf(kind: "read" | "write", percentile: Percentile): Line["valueOf"] {
  return ({ latency }) => (latency[kind].count === 0 ? undefined : latency[kind][percentile]);
}

function latencyPlan(title: string, kind: "read" | "write"): ChartPlan {
  return {
    title,
    help: `How long ${kind}s took that this node coordinated`,
    text: msText,
    isLogarithmic: true,
    lines: [
      { label: "half", colour: 2, valueOf: percentileOf(kind, "p50") },
      { label: "99 %", colour: 1, valueOf: percentileOf(kind, "p99") },
      { label: "99.9 %", colour: 3, valueOf: percentileOf(kind, "p999") },
    ],
  };
}

const written = rateOf("puts", "deletes");
const lessThanAll = rateOf("writes-below-majority", "writes-failed");

export const PLANS: readonly ChartPlan[] = [
  {
    title: "Requests",
    help: "A second, coordinated by this node",
    text: rateText,
    lines: [
      { label: "reads", colour: 0, valueOf: rateOf("reads") },
      { label: "puts", colour: 1, valueOf: rateOf("puts") },
      { label: "deletes", colour: 3, valueOf: rateOf("deletes") },
      { label: "conditional", colour: 4, valueOf: rateOf("conditional-writes") },
      { label: "lists", colour: 2, valueOf: rateOf("listings") },
    ],
  },
  latencyPlan("Writes take", "write"),
  latencyPlan("Reads take", "read"),
  {
    title: "Acknowledged by",
    help: "Writes a second: a majority had them on disk, fewer took them, or they failed",
    text: rateText,
    lines: [
      {
        label: "a majority",
        colour: 2,
        valueOf: (now, before) => {
          const all = written(now, before);
          return all === undefined ? undefined : Math.max(0, all - (lessThanAll(now, before) ?? 0));
        },
      },
      { label: "fewer", colour: 1, valueOf: rateOf("writes-below-majority") },
      { label: "a fallback too", colour: 4, valueOf: rateOf("writes-hinted") },
      { label: "failed", colour: 3, valueOf: rateOf("writes-failed", "reads-failed") },
    ],
  },
  {
    title: "Waiting for others",
    help: "Slots: those a member may lack something of, kept for their owners, and under way",
    text: countText,
    isCount: true,
    lines: [
      { label: "dirty", colour: 4, valueOf: ({ dirtySlots }) => dirtySlots },
      { label: "kept for others", colour: 1, valueOf: gaugeOf("foreign-slots") },
      { label: "to exchange", colour: 0, valueOf: gaugeOf("slots-to-exchange") },
      { label: "without a vote", colour: 3, valueOf: gaugeOf("slots-without-vote") },
    ],
  },
  {
    title: "Exchange and repair",
    help: "Cells a second that made copies equal",
    text: rateText,
    lines: [
      { label: "pulled", colour: 0, valueOf: rateOf("exchange-cells-pulled") },
      { label: "pushed", colour: 2, valueOf: rateOf("exchange-cells-pushed") },
      { label: "by reads", colour: 1, valueOf: rateOf("read-repairs") },
      { label: "slots compared", colour: 4, valueOf: rateOf("exchange-slots-equal", "exchanges") },
    ],
  },
  {
    title: "Concurrent values",
    help: "A second: discarded, or written again above what was held",
    text: rateText,
    lines: [
      {
        label: "discarded",
        colour: 3,
        valueOf: rateOf("values-discarded", "values-discarded-in-merges"),
      },
      { label: "stamped again", colour: 1, valueOf: rateOf("writes-restamped") },
    ],
  },
  {
    title: "Collection",
    help: "Dead cells dropped a second",
    text: rateText,
    lines: [
      { label: "cells", colour: 2, valueOf: rateOf("cells-collected") },
      { label: "slots", colour: 0, valueOf: rateOf("slots-collected") },
    ],
  },
  {
    title: "Between nodes",
    help: "Bytes a second over this node's connections",
    text: (value) => `${bytesText(value)}/s`,
    lines: [
      { label: "sent", colour: 0, valueOf: trafficOf("bytesSent") },
      { label: "received", colour: 2, valueOf: trafficOf("bytesReceived") },
    ],
  },
  {
    title: "Gossip",
    help: "Datagrams a second: who belongs, who answers",
    text: rateText,
    lines: [
      { label: "sent", colour: 0, valueOf: rateOf("datagrams-sent") },
      { label: "received", colour: 2, valueOf: rateOf("datagrams-received") },
    ],
  },
  {
    title: "Event loop is late",
    help: "How late this process came to its timers",
    text: msText,
    isLogarithmic: true,
    lines: [
      { label: "half", colour: 2, valueOf: ({ eventLoop }) => eventLoop.p50 },
      { label: "99 %", colour: 1, valueOf: ({ eventLoop }) => eventLoop.p99 },
      { label: "worst", colour: 3, valueOf: ({ eventLoop }) => eventLoop.max },
    ],
  },
  {
    title: "Disk",
    help: "What the data directory takes",
    text: bytesText,
    lines: [{ label: "used", colour: 0, valueOf: ({ disk }) => disk?.usedBytes }],
  },
  {
    title: "Memory",
    help: "Of the process, and JavaScript's part of it",
    text: bytesText,
    lines: [
      { label: "resident", colour: 4, valueOf: ({ process }) => process.rssBytes },
      { label: "heap", colour: 0, valueOf: ({ process }) => process.heapBytes },
    ],
  },
];

function trafficOf(name: "bytesSent" | "bytesReceived"): Line["valueOf"] {
  return (now, before) => {
    const seconds = (now.atMs - before.atMs) / 1_000;
    if (seconds <= 0) return undefined;
    return Math.max(0, now.traffic[name] - before.traffic[name]) / seconds;
  };
}

/** Times in seconds and values of each line, as uPlot takes them. */
export function columnsOf(
  plan: ChartPlan,
  numbers: readonly LiveNumbers[],
): [number[], ...(number | null)[][]] {
  const times: number[] = [];
  const values: (number | null)[][] = plan.lines.map(() => []);
  for (const [index, now] of numbers.entries()) {
    const before = numbers[index - 1];
    if (before === undefined) continue;
    // While nobody watched there is nothing to draw, also not a line across it.
    if (now.atMs - before.atMs > GAP_MS) {
      times.push((before.atMs + 1) / 1_000);
      for (const line of values) line.push(null);
      continue;
    }
    times.push(now.atMs / 1_000);
    for (const [line, { valueOf }] of plan.lines.entries()) {
      values[line]?.push(valueOf(now, before) ?? null);
    }
  }
  return [times, ...values];
}
