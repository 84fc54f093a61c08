/** A node's own cells, asked of the node itself: what it would show an operator. */
import type { DumpEntry } from "../src/node/store.ts";
import type { ReplicaDump } from "./checkers/final-state.ts";
import type { Machine } from "./cluster.ts";
import type { Scheduler } from "./virtual-clock.ts";

const DUMP_ENTRIES = 1_000;
const DUMP_MS_MAX = 5_000;

/** Runs the cluster on until the node has answered; `undefined` when it is down or does not. */
export function dumpOf(scheduler: Scheduler, machine: Machine): ReplicaDump | undefined {
  const { node, process } = machine;
  if (node === undefined || process === undefined) return undefined;
  const entries: DumpEntry[] = [];
  let isDone = false;
  const page = (cursor: string): void => {
    node.dump(cursor, DUMP_ENTRIES, (outcome) => {
      if (outcome.kind === "failed") return;
      entries.push(...outcome.entries);
      if (outcome.next === undefined) isDone = true;
      else page(outcome.next);
    });
  };
  scheduler.deliver(process, "dump", () => page(""));
  const limitMs = scheduler.nowMs + DUMP_MS_MAX;
  while (!isDone && scheduler.nowMs < limitMs && scheduler.step());
  return isDone ? { nodeId: node.status().nodeId, entries } : undefined;
}
