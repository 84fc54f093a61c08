import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Generators } from "../load/generators.ts";
import type { Load } from "../load/load.ts";
import { baseLoad } from "../plan/base.ts";
import type { Row, Side } from "../plan/row.ts";
import { openSystem } from "../systems/open-system.ts";
import { Filler } from "./fill.ts";
import { measureTurn, voidReason } from "./turn.ts";

const SYSTEM = "dnd-1-memory";

function rowOf(protocol: Side["protocol"], change: Partial<Load>): Row {
  return {
    name: "test",
    group: "test",
    tier: "full",
    load: { ...baseLoad(200), connections: 4, ...change },
    sides: [{ label: "dnd", system: SYSTEM, protocol }],
    stage: 0,
    isSynced: false,
  };
}

// Goal: `npm run bench` runs with the node as it is. Method: a real node, filled and asked through each of its doors, a
// tenth of a second each; reads that found nothing would count as failed.
test("a node of this tree is measured through every door, and nothing fails", async () => {
  const directory = await mkdtemp(join(tmpdir(), "dnd-bench-"));
  const generators = new Generators();
  const system = await openSystem(SYSTEM, directory);
  try {
    const rows = [
      rowOf("resp", { operation: "get", inFlight: 16 }),
      rowOf("resp", { operation: "incr", prefix: "cntr" }),
      rowOf("resp", { operation: "hset", prefix: "hash" }),
      rowOf("resp", { operation: "ycsb-f", keys: "zipf" }),
      rowOf("http", { operation: "half" }),
      rowOf("http-one", { operation: "get" }),
      rowOf("embedded", { operation: "get" }),
      rowOf("embedded", {}),
    ];
    await new Filler(generators, 2).fillFor(rows, new Map([[SYSTEM, system]]));
    for (const row of rows) {
      const [side] = row.sides;
      assert.ok(side !== undefined);
      const options = { row, side, system, round: 1, ms: 100, generatorCount: 2 };
      const { measured, cpuSeconds, loopDelayMsP99 } = await measureTurn(generators, options);
      const name = `${side.protocol} ${row.load.operation}`;
      assert.equal(measured.failed, 0, `${name}: ${measured.problem ?? ""}`);
      assert.ok(measured.requests > 0, name);
      assert.equal(measured.latencies.count, measured.requests, name);
      assert.equal(cpuSeconds.length, 1, name);
      assert.ok(loopDelayMsP99 !== undefined, name);
    }
  } finally {
    await Promise.all([system.close(), generators.close()]);
    await rm(directory, { recursive: true, force: true });
  }
});

test("a turn is void above 80 % of a core, and not at it", () => {
  assert.equal(voidReason(0.8), undefined);
  assert.equal(voidReason(0.81), "a generator used 81 % of a core");
});
