import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadShare, Operation } from "./load.ts";
import type { RequestWriter } from "./request-writer.ts";
import { Workload } from "./workload.ts";

function share(operation: Operation, changes: Partial<LoadShare> = {}): LoadShare {
  return {
    operation,
    prefix: "k100",
    valueBytes: [100],
    keyCount: 100,
    keys: "uniform",
    connections: 2,
    inFlight: 1,
    protocol: "resp",
    ports: [1],
    ms: 1,
    index: 0,
    of: 1,
    seed: 5,
    ...changes,
  };
}

class Recorded implements RequestWriter {
  readonly read = (key: number): void => void this.seen.push(["read", key]);
  readonly write = (key: number): void => void this.seen.push(["write", key]);
  readonly increment = (key: number): void => void this.seen.push(["increment", key]);
  readonly setField = (key: number): void => void this.seen.push(["field", key]);
  readonly seen: [string, number][] = [];

  take(): never {
    throw new Error("nothing is sent");
  }
}

function draw(workload: Workload, times: number): Recorded {
  const writer = new Recorded();
  for (let index = 0; index < times; index += 1) workload.next(writer);
  return writer;
}

test("two generators fill every key once between them", () => {
  const keys: number[] = [];
  for (const index of [0, 1]) {
    const workload = new Workload(share("fill", { index, of: 2, keyCount: 7 }));
    const writer = new Recorded();
    while (!workload.isOver) workload.next(writer);
    keys.push(...writer.seen.map(([, key]) => key));
  }
  assert.deepEqual(
    keys.toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6],
  );
});

test("mixes hold the share of writes that their names say", () => {
  for (const [operation, share_] of [
    ["half", 0.5],
    ["ycsb-a", 0.5],
    ["ycsb-b", 0.05],
    ["ycsb-c", 0],
    ["ycsb-d", 0.05],
  ] as const) {
    const { seen } = draw(new Workload(share(operation)), 20_000);
    const writes = seen.filter(([kind]) => kind === "write").length / seen.length;
    assert.ok(Math.abs(writes - share_) < 0.02, `${operation}: ${writes}`);
  }
});

test("a read-modify-write names the key it read, half of the time", () => {
  const workload = new Workload(share("ycsb-f"));
  const writer = new Recorded();
  let follows = 0;
  for (let index = 0; index < 10_000; index += 1) {
    const key = workload.next(writer);
    if (key < 0) continue;
    follows += 1;
    assert.deepEqual(writer.seen.at(-1), ["read", key]);
  }
  assert.ok(Math.abs(follows / 10_000 - 0.5) < 0.03);
});

test("reads of the latest ask for what is there: filled, or inserted by then", () => {
  const workload = new Workload(share("ycsb-d", { index: 1, of: 2 }));
  const inserted = new Set<number>();
  for (const [kind, key] of draw(workload, 50_000).seen) {
    if (kind === "write") inserted.add(key);
    else assert.ok((key >= 0 && key < 100) || inserted.has(key), `${key}`);
  }
  assert.ok(inserted.size > 1_000);
});
