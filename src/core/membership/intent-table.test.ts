import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import { type Address, bootIdFrom, nodeIdFrom } from "../../model/ids.ts";
import { MEMBERS_MAX } from "../../model/limits.ts";
import type { Intent, MemberRecord } from "../../model/member.ts";
import { IntentTable } from "./intent-table.ts";

const INTENTS: readonly Intent[] = ["joining", "active", "leaving", "left", "removing", "removed"];

function recordOf(change: Partial<MemberRecord>): MemberRecord {
  return {
    id: nodeIdFrom(0, 1),
    address: "a:1" as Address,
    httpAddress: "",
    redisAddress: "",
    intent: "active",
    zone: "",
    weight: 1,
    boots: 1,
    version: 0,
    boot: bootIdFrom(7),
    ...change,
  };
}

test("the greater (boots, version) wins, and removed is final", () => {
  const table = new IntentTable();
  assert.equal(table.merge(recordOf({ boots: 2, version: 1 })), true);
  assert.equal(table.merge(recordOf({ boots: 2, version: 1 })), false);
  assert.equal(table.merge(recordOf({ boots: 1, version: 9 })), false);
  assert.equal(table.merge(recordOf({ boots: 2, version: 2, weight: 3 })), true);
  assert.equal(table.merge(recordOf({ boots: 1, version: 0, intent: "removed" })), true);
  assert.equal(table.merge(recordOf({ boots: 9, version: 9 })), false);
  assert.equal(table.get(nodeIdFrom(0, 1))?.intent, "removed");
});

test("intent only goes forward, whatever a later start believes", () => {
  const order: readonly Intent[] = ["joining", "active", "leaving", "left", "removed"];
  for (const [index, later] of order.entries()) {
    for (const earlier of order.slice(0, index)) {
      const table = new IntentTable();
      table.merge(recordOf({ intent: later }));
      assert.equal(table.merge(recordOf({ intent: earlier, boots: 9, version: 9 })), false);
      assert.equal(table.get(nodeIdFrom(0, 1))?.intent, later);
    }
  }
});

test("who is to be removed and returns may leave instead", () => {
  const table = new IntentTable();
  table.merge(recordOf({ intent: "removing", version: 3 }));
  assert.equal(table.merge(recordOf({ intent: "active", boots: 2 })), false);
  assert.equal(table.merge(recordOf({ intent: "leaving", boots: 2 })), true);
});

test("records merge to the same table in any order and number, ties included", () => {
  const random = new Prng(1);
  for (let round = 0; round < 500; round += 1) {
    const records = Array.from({ length: 6 }, () =>
      recordOf({
        id: nodeIdFrom(0, random.below(2)),
        boots: 1 + random.below(2),
        version: random.below(2),
        boot: bootIdFrom(1 + random.below(2)),
        intent: random.chance(1, 6) ? "removed" : random.pick(INTENTS),
        weight: 1 + random.below(2),
        zone: random.pick(["", "x"]),
        address: random.pick(["a:1", "b:1"]) as Address,
        httpAddress: random.pick(["", "c:1"]),
        redisAddress: random.pick(["", "c:2"]),
      }),
    );
    const tables = [records, random.shuffle(records), random.shuffle([...records, ...records])].map(
      (order) => {
        const table = new IntentTable();
        for (const record of order) table.merge(record);
        return table.sorted();
      },
    );
    assert.deepEqual(tables[1], tables[0], `round ${round}`);
    assert.deepEqual(tables[2], tables[0], `round ${round}`);
  }
});

test("a full table keeps its members and takes no other", () => {
  const table = new IntentTable();
  for (let index = 0; index < MEMBERS_MAX; index += 1) {
    assert.ok(table.merge(recordOf({ id: nodeIdFrom(1, index) })));
  }
  assert.equal(table.merge(recordOf({ id: nodeIdFrom(2, 0) })), false);
  assert.equal(table.merge(recordOf({ id: nodeIdFrom(1, 5), version: 1 })), true);
  assert.equal(table.size, MEMBERS_MAX);
});
