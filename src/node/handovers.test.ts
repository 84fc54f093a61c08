import assert from "node:assert/strict";
import { test } from "node:test";
import { Side } from "../../test/support/side.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { type Key, keyFromText } from "../model/key.ts";
import type { PeerRequest } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { decodeFrame, isDecodeFailure } from "../protocol/peer/frame-codec.ts";
import { BackgroundShare } from "./background-share.ts";
import { Handovers } from "./handovers.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";

const [A, B] = [nodeIdFrom(1, 1), nodeIdFrom(2, 2)];
const PLACEMENT = new Placement({
  members: [B].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
  replicas: 1,
});

/** Nothing is this node's own: it is to hand all of it over to another. */
class World {
  readonly a = new Side(A, () => PLACEMENT);
  readonly b = new Side(B, () => PLACEMENT);
  reach: "up" | "down" = "up";
  /** Slots of which the other takes nothing, nor anything that comes with it. */
  readonly refused = new Set<Slot>();
  /** Slots of each list asked for. */
  readonly lists: number[] = [];
  listsOpen = 0;
  listsOpenMost = 0;
  readonly handovers: Handovers;

  constructor() {
    const peers = {
      reach: () => this.reach,
      request: (_to: NodeId, body: Uint8Array, _deadlineMs: number, sink: ReplySink): boolean => {
        const frame = decodeFrame(body);
        assert.ok(!isDecodeFailure(frame));
        this.#serve(frame.message as PeerRequest, sink);
        return true;
      },
    } as unknown as Peers;
    this.handovers = new Handovers({
      ports: this.a.ports(peers, new BackgroundShare(this.a.clock)),
      self: A,
      clock: this.a.clock,
      storage: this.a.storage,
      placement: () => PLACEMENT,
    });
  }

  #serve(message: PeerRequest, sink: ReplySink): void {
    const isList = message.kind === "slot-list";
    if (isList) {
      this.lists.push(message.parts.length);
      this.listsOpen += 1;
      this.listsOpenMost = Math.max(this.listsOpenMost, this.listsOpen);
    }
    if (message.kind === "merge" && message.parts.some(({ slot }) => this.refused.has(slot))) {
      return sink.onReply(B, 0, { kind: "refused", reason: "damaged", detail: "" });
    }
    this.b.serve(message, (reply) => {
      if (isList) this.listsOpen -= 1;
      sink.onReply(B, 0, reply);
    });
  }

  round(): void {
    this.lists.length = 0;
    this.a.clock.advance(1_000);
    this.handovers.tick();
    for (let turn = 0; turn < 1_500; turn += 1) {
      this.b.turn();
      this.a.turn();
    }
  }
}

/** Keys of distinct slots, in order of their slots. */
function keysOf(count: number): Key[] {
  const keys = new Map<Slot, Key>();
  for (let index = 0; keys.size < count; index += 1) {
    const key = keyFromText(`key ${index}`);
    keys.set(slotOfKey(key), key);
  }
  return [...keys.values()].sort((one, other) => slotOfKey(one) - slotOfKey(other));
}

test("slots go in batches of 256, three at once, until none is left", () => {
  const world = new World();
  world.a.put(...keysOf(1_100).map((key) => [key, 50] as const));
  world.round();
  assert.deepEqual(
    world.lists.toSorted((one, other) => one - other),
    [76, 256, 256, 256, 256],
  );
  assert.equal(world.listsOpenMost, 3);
  assert.equal(world.handovers.foreignSlots, 1_100);
  assert.deepEqual(world.handovers.foreign(), []);
  assert.equal(world.a.counters.get("slots-handed-over"), 1_100);
  assert.equal(world.a.counters.get("foreign-cells-dropped"), 1_100);
  world.round();
  assert.equal(world.handovers.foreignSlots, 0);
});

test("slots whose owners cannot be reached are not begun before they can", () => {
  const world = new World();
  world.a.put(...keysOf(10).map((key) => [key, 50] as const));
  world.reach = "down";
  world.round();
  assert.deepEqual(world.lists, []);
  assert.equal(world.handovers.foreignSlots, 10);
  world.reach = "up";
  world.round();
  assert.deepEqual(world.handovers.foreign(), []);
});

// Goal: one slot that can never be handed over does not keep those of its batch for ever.
// Method: whatever is sent together with it is refused; each round halves its batch, and at last it is alone.
test("a slot that fails again and again ends up alone, and all others are handed over", () => {
  const world = new World();
  const keys = keysOf(300);
  const stuck = slotOfKey(keys[100] as Key);
  world.refused.add(stuck);
  world.a.put(...keys.map((key) => [key, 50] as const));
  const left: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    world.round();
    left.push(world.handovers.foreign().length);
  }
  assert.deepEqual(left, [256, 128, 64, 32, 16, 8, 4, 2, 1, 1]);
  assert.deepEqual(world.handovers.foreign(), [stuck]);
  assert.equal(world.a.counters.get("slots-handed-over"), 299);
  world.refused.clear();
  world.round();
  assert.deepEqual(world.handovers.foreign(), []);
});
