import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeIdFrom } from "../../model/ids.ts";
import type { Intent } from "../../model/member.ts";
import { slotFrom } from "../../model/slot.ts";
import { Placement, type PlacementMember } from "./placement.ts";

const SLOT = slotFrom(77);

function member(number: number, over: Partial<PlacementMember> = {}): PlacementMember {
  return { id: nodeIdFrom(0, number), intent: "active", zone: "", weight: 1, ...over };
}

function members(count: number, over: Partial<PlacementMember> = {}): PlacementMember[] {
  return Array.from({ length: count }, (_, index) => member(index + 1, over));
}

function placed(list: readonly PlacementMember[], replicas = 3): Placement {
  return new Placement({ members: list, replicas });
}

test("epoch and lists are these, for ever: data on disk and other versions count on it", () => {
  const placement = placed(members(4));
  assert.equal(placement.epoch, 4573670481491169);
  const short = (slot: number) =>
    placement.preferenceList(slotFrom(slot)).map((id) => Number.parseInt(id, 16));
  assert.deepEqual([0, 1, 16_383].map(short), [
    [2, 3, 4, 1],
    [2, 3, 4, 1],
    [1, 4, 2, 3],
  ]);
});

test("the epoch is that of the members that matter, in any order", () => {
  const list = members(5);
  const { epoch } = placed(list);
  assert.equal(placed(list.toReversed()).epoch, epoch);
  for (const intent of ["left", "removed"] as const) {
    assert.equal(placed([...list, member(9, { intent })]).epoch, epoch);
  }
});

test("the epoch changes with every id, intent, zone and weight", () => {
  const list = members(3);
  const intents: Intent[] = ["joining", "leaving", "removing"];
  const others = [
    members(4),
    members(2),
    ...intents.map((intent) => [...members(2), member(3, { intent })]),
    [...members(2), member(3, { zone: "a" })],
    [...members(2), member(3, { zone: "é" })],
    [...members(2), member(3, { zone: "a\n" })],
    [...members(2), member(3, { weight: 2 })],
    [...members(2), member(4)],
  ];
  const epochs = new Set([list, ...others].map((each) => placed(each).epoch));
  assert.equal(epochs.size, others.length + 1);
});

test("a first node alone holds everything, with one copy", () => {
  const placement = placed(members(1));
  assert.equal(placement.effectiveReplicas, 1);
  assert.deepEqual(placement.primaries(SLOT), [member(1).id]);
  assert.deepEqual(placement.pending(SLOT), []);
  assert.deepEqual(placement.fallbacks(SLOT), []);
  assert.deepEqual(placement.slotShares().get(member(1).id), {
    firstSlots: 16_384,
    primarySlots: 16_384,
  });
});

test("without members, or with none that holds slots yet, nobody answers for a slot", () => {
  const empty = placed([]);
  assert.equal(empty.epoch, 0);
  assert.deepEqual([empty.effectiveReplicas, empty.primaries(SLOT)], [0, []]);
  const joining = placed(members(2, { intent: "joining" }));
  assert.deepEqual([joining.effectiveReplicas, joining.primaries(SLOT)], [0, []]);
  assert.equal(joining.pending(SLOT).length, 2);
  assert.deepEqual(joining.preferenceList(SLOT), []);
});

test("with no more nodes than copies every node is a primary of every slot", () => {
  const placement = placed(members(3));
  for (const share of placement.slotShares().values()) assert.equal(share.primarySlots, 16_384);
});

test("primaries and fallbacks are the preference list, in its order", () => {
  const placement = placed(members(6));
  const list = placement.preferenceList(SLOT);
  assert.equal(list.length, 6);
  assert.deepEqual(placement.primaries(SLOT), list.slice(0, 3));
  assert.deepEqual(placement.fallbacks(SLOT), list.slice(3));
  assert.equal(placement.isPrimary(SLOT, list[2] ?? member(0).id), true);
  assert.equal(placement.isPrimary(SLOT, list[3] ?? member(0).id), false);
});

test("a joining node is pending where it will be a primary, and nothing elsewhere", () => {
  const settled = placed(members(5));
  const joiner = member(6, { intent: "joining" });
  const before = placed([...members(5), joiner]);
  const after = placed(members(6));
  let pendingSlots = 0;
  for (let index = 0; index < 500; index += 1) {
    const slot = slotFrom(index);
    assert.deepEqual(before.primaries(slot), settled.primaries(slot));
    assert.equal(before.isPending(slot, joiner.id), after.isPrimary(slot, joiner.id));
    assert.ok(!before.fallbacks(slot).includes(joiner.id));
    pendingSlots += before.pending(slot).length;
  }
  assert.ok(pendingSlots > 200 && pendingSlots < 300, `${pendingSlots} of about 250`);
});

test("a leaving or removing node keeps its places while its successors are pending", () => {
  const settled = placed(members(5));
  for (const intent of ["leaving", "removing"] as const) {
    const before = placed([...members(4), member(5, { intent })]);
    const after = placed(members(4));
    for (let index = 0; index < 500; index += 1) {
      const slot = slotFrom(index);
      assert.deepEqual(before.primaries(slot), settled.primaries(slot));
      const successors = after.primaries(slot).filter((id) => !before.isPrimary(slot, id));
      assert.deepEqual(before.pending(slot), successors);
    }
  }
});

test("the zones of the primaries differ while there are zones; then the best of the others come", () => {
  const list = members(6).map((each, index) => ({ ...each, zone: index < 5 ? "a" : "b" }));
  const placement = placed(list);
  const zoneOf = new Map(list.map(({ id, zone }) => [id, zone]));
  for (let index = 0; index < 200; index += 1) {
    const primaries = placement.primaries(slotFrom(index));
    assert.equal(primaries.length, 3);
    assert.equal(primaries.filter((id) => zoneOf.get(id) === "b").length, 1);
    assert.equal(primaries[0], placement.preferenceList(slotFrom(index))[0]);
  }
});

test("more members than the bound, a member twice, and replicas out of range are our own bugs", () => {
  assert.throws(() => placed(members(1_025)));
  assert.throws(() => placed([member(1), member(1)]));
  assert.throws(() => placed(members(1), 0));
  assert.throws(() => placed(members(1), 17));
  assert.throws(() => placed([member(1, { weight: 65 })]));
});

test("slots that have their lists in common have the lists of their own order, and roles are what the lists say", () => {
  for (const count of [1, 3, 5, 6, 7]) {
    const zones = ["", "a", "b"];
    const lists = [
      members(count),
      members(count).map((each, index) => ({ ...each, zone: zones[index % 3] as string })),
      members(count).map((each, index) =>
        index % 3 === 2 ? { ...each, intent: "joining" as const } : each,
      ),
    ];
    for (const [trial, list] of lists.entries()) {
      const placement = placed(list);
      const roles = placement.rolesOf(member(1).id);
      for (let index = 0; index < 2_000; index += 1) {
        const slot = slotFrom(index);
        const { primaries, pending, fallbacks } = placement.planOf(slot);
        const order = placement.preferenceList(slot);
        // Without zones the lists are the order itself, cut.
        if (trial !== 1) assert.deepEqual(primaries, order.slice(0, 3));
        const named = new Set([...primaries, ...pending]);
        assert.deepEqual(
          fallbacks,
          order.filter((id) => !named.has(id)),
        );
        assert.equal(roles.isHolder(slot), named.has(member(1).id));
        assert.equal(roles.isHolder(slot), placement.isHolder(slot, member(1).id));
      }
    }
  }
});
