import assert from "node:assert/strict";
import { test } from "node:test";
import { at, cellAt, Side } from "../../test/support/side.ts";
import { cellKey, slotRange } from "../core/causality/storage-key.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { type Key, keyFromText } from "../model/key.ts";
import type { PeerRequest } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import { NO_STAMP } from "../model/stamp.ts";
import { StorageError } from "../ports/storage.ts";
import { decodeFrame, isDecodeFailure } from "../protocol/peer/frame-codec.ts";
import type { BackgroundShare, Work } from "./background-share.ts";
import { Handover } from "./handover.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";

const [A, B, C, D] = [1, 2, 3, 4].map((id) => nodeIdFrom(id, id)) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
];

function placementOf(members: readonly NodeId[]): Placement {
  return new Placement({
    members: members.map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
    replicas: 2,
  });
}

/** Two of four hold each slot: `a` hands over what it holds of the slots of the other three. */
const FOUR = placementOf([A, B, C, D]);
const ALL_KEYS = Array.from({ length: 4_000 }, (_none, index) => keyFromText(`key ${index}`));

/** Keys of distinct slots whose owners are these, in order of their slots. */
function keysOf(count: number, ...owners: readonly NodeId[]): Key[] {
  const keys = new Map<Slot, Key>();
  for (const key of ALL_KEYS) {
    const slot = slotOfKey(key);
    if (owners.every((owner) => FOUR.isPrimary(slot, owner))) keys.set(slot, key);
  }
  return [...keys.values()].slice(0, count).sort((one, other) => slotOfKey(one) - slotOfKey(other));
}

function slotsOf(keys: readonly Key[]): Slot[] {
  return [...new Set(keys.map(slotOfKey))].sort((one, other) => one - other);
}

interface Sent {
  readonly to: NodeId;
  readonly message: PeerRequest;
}

class World {
  placement = FOUR;
  readonly a = this.#side(A);
  readonly b = this.#side(B);
  readonly c = this.#side(C);
  readonly d = this.#side(D);
  readonly sent: Sent[] = [];
  /** Not connected. */
  readonly down = new Set<NodeId>();
  /** Connected, and never answering. */
  readonly silent = new Set<NodeId>();
  /** Runs before something is sent. */
  onSend: (sent: Sent) => void = () => undefined;
  pageShare = 1;
  /** Nothing begins while set. */
  isBusy = false;
  kept: ReadonlySet<Slot> | undefined;
  #hanging: (() => void)[] = [];
  #waiting: Work[] = [];
  #running = 0;

  #side(self: NodeId): Side {
    return new Side(self, () => this.placement);
  }

  #sideOf(id: NodeId): Side {
    return [this.a, this.b, this.c, this.d][[A, B, C, D].indexOf(id)] as Side;
  }

  start(keys: readonly Key[]): void {
    const peers = {
      request: (to: NodeId, body: Uint8Array, _deadlineMs: number, sink: ReplySink): boolean => {
        const frame = decodeFrame(body);
        assert.ok(!isDecodeFailure(frame));
        const sent = { to, message: frame.message as PeerRequest };
        this.sent.push(sent);
        this.onSend(sent);
        if (this.down.has(to)) return false;
        if (this.silent.has(to)) this.#hanging.push(() => sink.onNoAnswer(to, 0));
        else this.#sideOf(to).serve(sent.message, (reply) => sink.onReply(to, 0, reply));
        return true;
      },
    } as unknown as Peers;
    const share = {
      admit: (work: Work) => {
        if (this.isBusy) this.#waiting.push(work);
        else this.#begin(work);
      },
    };
    Object.defineProperty(share, "pageShare", { get: () => this.pageShare });
    const handover = new Handover({
      ports: this.a.ports(peers, share as unknown as BackgroundShare),
      storage: this.a.storage,
      self: A,
      placement: () => this.placement,
      slots: slotsOf(keys),
      done: (kept) => {
        assert.equal(this.kept, undefined, "told once");
        this.kept = kept;
      },
    });
    handover.start();
  }

  #begin(work: Work): void {
    this.#running += 1;
    work(() => {
      this.#running -= 1;
    });
  }

  turns(count: number): void {
    for (let round = 0; round < count && this.kept === undefined; round += 1) {
      for (const side of [this.a, this.b, this.c, this.d]) side.turn();
      if (!this.isBusy) for (const work of this.#waiting.splice(0)) this.#begin(work);
    }
    // What is under way may still write.
    for (const side of [this.a, this.b, this.c, this.d]) side.turn();
  }

  giveUpSilent(): void {
    for (const hang of this.#hanging.splice(0)) hang();
  }

  /** Hands the slots of these keys over; tells the slots that keep something. */
  handOver(keys: readonly Key[]): Slot[] {
    this.kept = undefined;
    this.sent.length = 0;
    this.start(keys);
    this.turns(1_000);
    assert.ok(this.kept !== undefined, "a handover ends");
    assert.equal(this.#running, 0, "every piece of work is released");
    return [...(this.kept as ReadonlySet<Slot>)].sort((one, other) => one - other);
  }

  sentTo(to: NodeId, kind: PeerRequest["kind"]): PeerRequest[] {
    return this.sent.filter((one) => one.to === to && one.message.kind === kind).map(messageOf);
  }
}

function messageOf({ message }: Sent): PeerRequest {
  return message;
}

function mergedKeys(messages: readonly PeerRequest[]): Key[] {
  return messages.flatMap((message) =>
    message.kind === "merge"
      ? message.parts.flatMap(({ cells }) => cells.map(({ key }) => key))
      : [],
  );
}

function put(side: Side, keys: readonly Key[], ms: number): void {
  side.put(...keys.map((key) => [key, ms] as const));
}

function assertHeld(side: Side, keys: readonly Key[], ms: number | undefined): void {
  for (const key of keys) assert.equal(side.stampOf(key), ms, key);
}

test("a page of many slots costs each owner one list and one merge, and is dropped when all have taken it", () => {
  const world = new World();
  const [bc, bd] = [keysOf(20, B, C), keysOf(20, B, D)];
  put(world.a, [...bc, ...bd], 50);
  assert.deepEqual(world.handOver([...bc, ...bd]), []);
  for (const owner of [B, C, D]) {
    assert.equal(world.sentTo(owner, "slot-list").length, 1);
    assert.equal(world.sentTo(owner, "merge").length, 1);
  }
  assertHeld(world.b, [...bc, ...bd], 50);
  assertHeld(world.c, bc, 50);
  assertHeld(world.d, bd, 50);
  assertHeld(world.c, bd, undefined);
  assertHeld(world.a, [...bc, ...bd], undefined);
  assert.equal(world.a.cells.hashes.cells, 0);
  assert.equal(world.a.counters.get("foreign-cells-dropped"), 40);
});

test("an owner is sent what it lacks, or holds otherwise, and nothing else", () => {
  const world = new World();
  const keys = keysOf(9, B, C);
  put(world.a, keys, 50);
  put(world.b, keys, 50);
  put(world.c, keys.slice(0, 3), 50);
  put(world.c, keys.slice(3, 6), 70);
  assert.deepEqual(world.handOver(keys), []);
  assert.deepEqual(world.sentTo(B, "merge"), []);
  assert.deepEqual(mergedKeys(world.sentTo(C, "merge")), keys.slice(3));
  assertHeld(world.c, keys.slice(3, 6), 70);
  assertHeld(world.a, keys, undefined);
});

test("an owner that is down fails its own slots, and no other", () => {
  const world = new World();
  const [bc, bd] = [keysOf(5, B, C), keysOf(5, B, D)];
  put(world.a, [...bc, ...bd], 50);
  world.down.add(D);
  assert.deepEqual(world.handOver([...bc, ...bd]), slotsOf(bd));
  assertHeld(world.a, bc, undefined);
  assertHeld(world.a, bd, 50);
});

test("slots of a failed owner are left out of the next pages", () => {
  const world = new World();
  const [bc, bd] = [keysOf(200, B, C), keysOf(200, B, D)];
  put(world.a, [...bc, ...bd], 50);
  world.pageShare = 1 / 64;
  world.down.add(D);
  const keys = [...bc.slice(0, 100), ...bd.slice(0, 100)];
  const kept = world.handOver(keys);
  assert.deepEqual(kept, slotsOf(bd.slice(0, 100)));
  assertHeld(world.a, bc.slice(0, 100), undefined);
  assertHeld(world.a, bc.slice(100), 50);
});

test("an owner that does not answer holds up the drop of no slot but its own", () => {
  const world = new World();
  const [bc, bd] = [keysOf(5, B, C), keysOf(5, B, D)];
  put(world.a, [...bc, ...bd], 50);
  world.silent.add(D);
  world.start([...bc, ...bd]);
  world.turns(50);
  assertHeld(world.a, bc, undefined);
  assertHeld(world.a, bd, 50);
  assert.equal(world.kept, undefined);
  world.giveUpSilent();
  world.turns(50);
  assert.deepEqual(
    [...(world.kept ?? [])].sort((x, y) => x - y),
    slotsOf(bd),
  );
});

test("a cell that is overwritten while it is handed over is not dropped with the older one", () => {
  const world = new World();
  const keys = keysOf(5, B, C);
  const [first, ...rest] = keys as [Key, ...Key[]];
  put(world.a, keys, 50);
  world.onSend = ({ to, message }) => {
    if (to !== C || message.kind !== "merge") return;
    const part = { slot: slotOfKey(first), collected: NO_STAMP, cells: [cellAt(first, 60)] };
    world.a.replica.merge([part], () => undefined);
  };
  world.handOver(keys);
  assert.equal(world.a.stampOf(first), 60);
  assertHeld(world.a, rest, undefined);
  assert.equal(world.a.counters.get("foreign-cells-dropped"), 4);
});

test("when the placement changes before all have answered nothing is dropped", () => {
  for (const changed of [
    [B, C, D],
    [A, B],
  ] as const) {
    const world = new World();
    const keys = keysOf(5, B, C);
    put(world.a, keys, 50);
    world.onSend = ({ to, message }) => {
      if (to === C && message.kind === "merge") world.placement = placementOf(changed);
    };
    assert.deepEqual(world.handOver(keys), slotsOf(keys));
    assertHeld(world.a, keys, 50);
  }
});

test("when the placement changes while the drop waits for its turn nothing is dropped", () => {
  const world = new World();
  const keys = keysOf(5, B, C);
  put(world.a, keys, 50);
  put(world.b, keys, 50);
  put(world.c, keys, 50);
  world.onSend = () => {
    world.isBusy = world.sent.length === 2;
  };
  world.start(keys);
  world.turns(20);
  assertHeld(world.a, keys, 50);
  assert.equal(world.kept, undefined);
  world.placement = placementOf([B, C, D]);
  world.isBusy = false;
  world.turns(20);
  assert.deepEqual([...(world.kept ?? [])], slotsOf(keys));
  assertHeld(world.a, keys, 50);
});

test("what this node is to hold by now is neither sent nor dropped", () => {
  const world = new World();
  const keys = keysOf(5, B, C);
  put(world.a, keys, 50);
  world.placement = placementOf([A, B]);
  assert.deepEqual(world.handOver(keys), slotsOf(keys));
  assert.deepEqual(world.sent, []);
  assertHeld(world.a, keys, 50);
});

test("slots that nobody holds are kept", () => {
  const world = new World();
  const keys = keysOf(5, B, C);
  put(world.a, keys, 50);
  world.placement = placementOf([]);
  assert.deepEqual(world.handOver(keys), slotsOf(keys));
  assertHeld(world.a, keys, 50);
});

test("a damaged cell is not sent, is found, and keeps its slot; what lies beside it goes", () => {
  const world = new World();
  const [key, other] = [keyFromText("{s}k"), keyFromText("{s}l")];
  const slot = slotOfKey(key);
  // Whoever holds it: to the two that do, nobody else is an owner.
  world.placement = placementOf([B, C]);
  put(world.a, [key, other], 50);
  const bytes = Uint8Array.from(cellAt(key, 50).bytes);
  bytes[bytes.length - 1] = 9;
  world.a.storage.plant(cellKey(slot, key, undefined), bytes);
  // The cell looked up last is remembered.
  world.a.stampOf(other);
  assert.deepEqual(world.handOver([key]), [slot]);
  assert.equal(world.a.cells.damaged, 1);
  for (const owner of [B, C]) assert.deepEqual(mergedKeys(world.sentTo(owner, "merge")), [other]);
  assert.equal(world.a.stampOf(other), undefined);
  assert.equal(world.a.cells.hashes.count(slot), 1);
});

test("where an owner's cell is damaged the slot stays, and those sent with it go the next time", () => {
  const world = new World();
  const keys = keysOf(5, B, C);
  const [first] = keys as [Key];
  put(world.a, keys, 50);
  put(world.b, keys, 50);
  put(world.c, [first], 70);
  const bytes = Uint8Array.from(cellAt(first, 70).bytes);
  bytes[bytes.length - 1] = 9;
  world.c.storage.plant(cellKey(slotOfKey(first), first, undefined), bytes);
  world.c.stampOf(keys[1] as Key);
  assert.deepEqual(world.handOver(keys), slotsOf(keys));
  assertHeld(world.a, keys, 50);
  // It is older than what may have stood in the damaged place, so it must not take it; the others did arrive.
  assert.deepEqual(world.handOver(keys), [slotOfKey(first)]);
  assertHeld(world.a, keys.slice(1), undefined);
  assert.equal(world.a.stampOf(first), 50);
});

test("a cell larger than a page travels alone, and no message has more cells than fit a page", () => {
  const world = new World();
  const keys = keysOf(9, B, C);
  const bytes = [1, 300, 5_000, 300, 300, 1, 600, 1, 200].map((kib) => kib * 1024);
  world.a.putCells(...keys.map((key, index) => cellAt(key, 50, bytes[index])));
  assert.deepEqual(world.handOver(keys), []);
  const sizes: number[][] = [];
  for (const message of world.sentTo(B, "merge")) {
    if (message.kind !== "merge") continue;
    const cells = message.parts.flatMap((part) => part.cells);
    sizes.push(cells.map((cell) => cell.bytes.length));
  }
  assert.equal(sizes.flat().length, 9);
  for (const message of sizes) {
    const total = message.reduce((sum, size) => sum + size, 0);
    const isOne = message.length === 1;
    assert.ok(isOne || total <= world.a.counterpart.cellsBytesMax(), message.join());
  }
  assert.ok(sizes.length < 9, "small ones travel together");
  assertHeld(world.b, keys, 50);
  assertHeld(world.a, keys, undefined);
});

test("a batch goes over several pages, also within a slot", () => {
  const world = new World();
  const one = Array.from({ length: 150 }, (_none, index) =>
    keyFromText(`{${keysOf(1, B, C)[0]}}${index}`),
  );
  const keys = [...one, ...keysOf(150, B, C), ...keysOf(50, B, D)];
  put(world.a, keys, 50);
  put(world.b, keys.slice(100, 250), 50);
  world.pageShare = 1 / 64;
  assert.deepEqual(world.handOver(keys), []);
  const places = world
    .sentTo(B, "slot-list")
    .map((list) => (list.kind === "slot-list" ? list.after : ""));
  assert.ok(places.length > 4, `${places.length} pages`);
  assert.deepEqual(places.toSorted(), places);
  assert.equal(new Set(places).size, places.length);
  assertHeld(world.b, keys, 50);
  assertHeld(world.a, keys, undefined);
});

test("what an owner's list does not reach is sent", () => {
  const world = new World();
  const keys = keysOf(12, B, C);
  put(world.a, keys, 50);
  put(world.b, keys, 50);
  world.b.pageShare = 1 / 2_048;
  assert.deepEqual(world.handOver(keys), []);
  assert.deepEqual(mergedKeys(world.sentTo(B, "merge")), keys.slice(4));
  assertHeld(world.a, keys, undefined);
});

test("a list is not asked for in more bytes than the cells themselves would take", () => {
  const world = new World();
  const keys = keysOf(4, B, C);
  world.a.putCells(...keys.map((key) => cellAt(key, 50, 1_000)));
  world.handOver(keys);
  const [list] = world.sentTo(B, "slot-list");
  assert.ok(list?.kind === "slot-list");
  assert.ok(list.limit >= 4 && list.limit < 100, `${list.limit}`);
});

test("what the owner has collected is passed over, and dropped here", () => {
  const world = new World();
  const [key] = keysOf(1, B, C) as [Key];
  put(world.a, [key], 50);
  world.b.collected(slotOfKey(key), 100);
  world.c.collected(slotOfKey(key), 100);
  assert.deepEqual(world.handOver([key]), []);
  assertHeld(world.b, [key], undefined);
  assertHeld(world.a, [key], undefined);
  assert.deepEqual(world.b.states.collected(slotOfKey(key)), at(100));
});

test("when this node's own disk cannot be read nothing is sent, and all is kept", () => {
  const world = new World();
  const keys = keysOf(5, B, C);
  put(world.a, keys, 50);
  world.a.storage.isUnreadable = true;
  assert.deepEqual(world.handOver(keys), slotsOf(keys));
  world.a.storage.isUnreadable = false;
  assert.deepEqual(world.sent, []);
  assertHeld(world.a, keys, 50);
});

test("when a page cannot be read from this node's own disk, the slots of the pages before are complete", () => {
  const world = new World();
  const keys = keysOf(100, B, C);
  put(world.a, keys, 50);
  world.pageShare = 1 / 64;
  const { storage } = world.a;
  const scan = storage.scan.bind(storage);
  const unreadable = slotRange(slotOfKey(keys[64] as Key)).from;
  storage.scan = (range, done) => {
    if (range.from < unreadable) scan(range, done);
    else done({ kind: "failed", error: new StorageError("read-failed", "as the test wants it") });
  };
  // Whether the last slot of the first page had more is not known.
  assert.deepEqual(world.handOver(keys), slotsOf(keys.slice(63)));
  assertHeld(world.a, keys.slice(0, 64), undefined);
  assertHeld(world.a, keys.slice(64), 50);
});

test("no step begins before the background's share allows", () => {
  const world = new World();
  const keys = keysOf(5, B, C);
  put(world.a, keys, 50);
  world.isBusy = true;
  world.start(keys);
  world.turns(20);
  assert.equal(world.a.storage.scansWaiting, 0);
  assert.deepEqual(world.sent, []);
  world.isBusy = false;
  world.onSend = () => {
    world.isBusy = true;
  };
  world.turns(20);
  const before = world.sent.length;
  world.turns(20);
  assert.equal(world.sent.length, before, "the merges wait");
  world.onSend = () => undefined;
  world.isBusy = false;
  world.turns(50);
  assert.deepEqual([...(world.kept ?? [1])], []);
  assertHeld(world.a, keys, undefined);
});
