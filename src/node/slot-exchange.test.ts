import assert from "node:assert/strict";
import { test } from "node:test";
import { at, cellAt, Side } from "../../test/support/side.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { PeerRequest } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { NO_STAMP } from "../model/stamp.ts";
import { decodeFrame, isDecodeFailure } from "../protocol/peer/frame-codec.ts";
import { BackgroundShare } from "./background-share.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";
import { SlotExchange, type SlotOutcome } from "./slot-exchange.ts";

const [A, B] = [nodeIdFrom(1, 1), nodeIdFrom(2, 2)];
const K = keyFromText("{s}k");
const L = keyFromText("{s}l");
const SLOT = slotOfKey(K);

/** Both hold everything. */
const PLACEMENT = new Placement({
  members: [A, B].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
  replicas: 2,
});

function sideOf(self: NodeId): Side {
  return new Side(self, () => PLACEMENT);
}

/** `from` exchanges with `to`. */
function exchange(from: Side, to: Side, slots: readonly Slot[] = [SLOT]): Map<Slot, SlotOutcome> {
  const peers = {
    request: (_to: NodeId, body: Uint8Array, _deadlineMs: number, sink: ReplySink): boolean => {
      const frame = decodeFrame(body);
      assert.ok(!isDecodeFailure(frame));
      to.serve(frame.message as PeerRequest, (reply) => sink.onReply(B, 0, reply));
      return true;
    },
  } as unknown as Peers;
  const ports = from.ports(peers, new BackgroundShare(from.clock));
  let outcomes: ReadonlyMap<Slot, SlotOutcome> | undefined;
  const done = (told: ReadonlyMap<Slot, SlotOutcome>): void => {
    outcomes = told;
  };
  new SlotExchange({ ports, peer: B, slots, isPulling: () => true, done }).start();
  for (let round = 0; outcomes === undefined && round < 1_000; round += 1) {
    to.turn();
    from.turn();
  }
  assert.ok(outcomes !== undefined, "an exchange ends");
  return new Map(outcomes);
}

function outcomeOf(from: Side, to: Side): SlotOutcome | undefined {
  return exchange(from, to).get(SLOT);
}

function assertEqual(a: Side, b: Side): void {
  assert.deepEqual(a.cells.hashes.slots([SLOT]), b.cells.hashes.slots([SLOT]));
}

test("each side gets what it lacks, and what it holds older", () => {
  const a = sideOf(A).put([K, 50], [L, 60]);
  const b = sideOf(B).put([K, 70], [keyFromText("{s}m"), 80]);
  assert.deepEqual(outcomeOf(a, b), {
    isComplete: true,
    leastPulled: at(70),
    hasSameCollected: true,
  });
  assertEqual(a, b);
  assert.equal(a.stampOf(K), 70);
});

test("an empty side takes slots whole, and nothing is listed", () => {
  const a = sideOf(A);
  const b = sideOf(B);
  const keys = Array.from({ length: 300 }, (_, index) => keyFromText(`key ${index}`));
  b.put(...keys.map((key, index) => [key, index + 1] as const));
  b.before = { kind: "slot-list", run: () => assert.fail("a list was asked for") };
  const slots = [...new Set(keys.map(slotOfKey))].sort((x, y) => x - y);
  const outcomes = exchange(a, b, slots);
  assert.ok(slots.every((slot) => outcomes.get(slot)?.isComplete === true));
  assert.deepEqual(a.cells.hashes.slots(slots), b.cells.hashes.slots(slots));
  assert.equal(a.cells.hashes.cells, 300);
});

test("in a slot of many cells only those of differing leaves are listed", () => {
  const many = Array.from({ length: 200 }, (_, index) => keyFromText(`{s}${index}`));
  const a = sideOf(A).put(...many.map((key) => [key, 9] as const));
  const b = sideOf(B).put(...many.map((key) => [key, 9] as const), [K, 50]);
  assert.deepEqual(outcomeOf(a, b), {
    isComplete: true,
    leastPulled: at(50),
    hasSameCollected: true,
  });
  assertEqual(a, b);
  assert.equal(a.counters.get("exchange-cells-pulled"), 1);
});

test("the lower side drops what the greater lacks up to its C, takes what it misses, and follows", () => {
  const a = sideOf(A).put([K, 50], [L, 120]);
  const b = sideOf(B)
    .put([keyFromText("{s}m"), 60])
    .collected(SLOT, 100);
  assert.deepEqual(outcomeOf(a, b), {
    isComplete: true,
    leastPulled: at(60),
    hasSameCollected: true,
  });
  assert.equal(a.stampOf(K), undefined);
  assert.equal(b.stampOf(K), undefined);
  assert.equal(b.stampOf(L), 120);
  assert.deepEqual(a.states.named(SLOT), at(100));
  assertEqual(a, b);
});

test("the lower side's cell gives way to the greater side's, although its stamp is greater", () => {
  const a = sideOf(A).put([K, 90]);
  const b = sideOf(B).put([K, 60]).collected(SLOT, 100);
  outcomeOf(a, b);
  assert.equal(a.stampOf(K), 60);
  assertEqual(a, b);
});

test("the greater side takes nothing up to its C, and drops nothing", () => {
  const a = sideOf(A).put([L, 40]).collected(SLOT, 100);
  const b = sideOf(B).put([K, 50]);
  assert.deepEqual(outcomeOf(a, b), {
    isComplete: true,
    leastPulled: undefined,
    hasSameCollected: false,
  });
  assert.equal(a.stampOf(K), undefined);
  assert.equal(a.stampOf(L), 40);
  assert.equal(b.stampOf(L), 40);
  assert.equal(b.stampOf(K), 50, "the other side drops by its own exchange");
});

test("equal cells under another C cost no cell, and the lower side follows", () => {
  const a = sideOf(A).put([K, 50]);
  const b = sideOf(B).put([K, 50]).collected(SLOT, 100);
  assert.deepEqual(outcomeOf(a, b), {
    isComplete: true,
    leastPulled: undefined,
    hasSameCollected: true,
  });
  assert.deepEqual(a.states.named(SLOT), at(100));
});

// Goal: C is not adopted over a cell that came from elsewhere while the slot was compared.
// Method: a third node's cell, below the peer's C, is merged while the peer lists; had C risen, the cell would count from
// then on as one that the greater side vouches for.
test("what comes in below the greater C meanwhile keeps the lower side from following", () => {
  const a = sideOf(A).put([K, 50]);
  const b = sideOf(B).put([K, 50]).collected(SLOT, 100);
  b.before = {
    kind: "slot-list",
    run: () =>
      a.replica.merge(
        [{ slot: SLOT, collected: NO_STAMP, cells: [cellAt(L, 40)] }],
        () => undefined,
      ),
  };
  outcomeOf(a, b);
  assert.deepEqual(a.states.collected(SLOT), NO_STAMP);
  b.before = undefined;
  outcomeOf(a, b);
  assert.deepEqual(a.states.named(SLOT), at(100));
  assert.equal(a.stampOf(L), undefined);
});

test("where the greater C changed while the slot was compared nothing is dropped", () => {
  const a = sideOf(A).put([K, 50], [L, 120]);
  const b = sideOf(B).put([L, 130]).collected(SLOT, 100);
  b.before = { kind: "fetch", run: () => void b.collected(SLOT, 110) };
  assert.equal(outcomeOf(a, b)?.isComplete, false);
  assert.equal(a.stampOf(K), 50);
  assert.deepEqual(a.states.collected(SLOT), NO_STAMP);
});

test("a side that holds a damaged cell names no C: what its list lacks is not dropped", () => {
  const a = sideOf(A).put([K, 50], [L, 60]);
  const b = sideOf(B).put([K, 50], [L, 60]).collected(SLOT, 100);
  const bytes = Uint8Array.from(cellAt(L, 60).bytes);
  bytes[bytes.length - 1] = 9;
  const place = [...keysOf(b)].find((key) => key.includes("{s}l")) ?? "";
  b.storage.plant(place, bytes);
  outcomeOf(a, b);
  assert.equal(a.stampOf(L), 60);
  assert.deepEqual(a.states.collected(SLOT), NO_STAMP);
});

function keysOf(side: Side): string[] {
  const keys: string[] = [];
  const range = { from: "d", before: "e", entriesMax: 99, bytesMax: 99_999 };
  side.storage.scan(range, (result) => {
    if (result.kind === "scanned") keys.push(...result.entries.map(({ key }) => key));
  });
  side.storage.endScans();
  return keys;
}
