import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { encodeCell } from "../core/causality/cell-codec.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { DirtyMaps } from "../core/replication/dirty-maps.ts";
import type { EncodedCell } from "../model/cell.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { type Key, keyFromText } from "../model/key.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { CellStore } from "./cell-store.ts";
import { Counters } from "./counters.ts";
import { ExchangeCounterpart } from "./exchange-counterpart.ts";
import { GroupCommit } from "./group-commit.ts";
import { Replica } from "./replica.ts";
import { SlotStates } from "./slot-states.ts";

const K = keyFromText("{s}k");
const L = keyFromText("{s}l");
const SLOT = slotOfKey(K);
const [SELF, PEER, STRANGER] = [nodeIdFrom(1, 1), nodeIdFrom(2, 2), nodeIdFrom(3, 3)];

function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

function cellAt(ms: number, key: Key, bytes = 1): EncodedCell {
  const root = {
    kind: "value",
    stamp: at(ms),
    type: "string",
    expiresAtMs: 0,
    cleared: at(ms),
    contentType: "",
    payload: new Uint8Array(bytes),
  } as const;
  return { field: undefined, bytes: encodeCell(root, key, undefined) };
}

class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly dirtyMaps = new DirtyMaps();
  readonly commit = new GroupCommit({
    storage: this.storage,
    clock: this.clock,
    seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
    onFailed: () => undefined,
  });
  readonly cells = new CellStore({
    commit: this.commit,
    storage: this.storage,
    floor: NO_STAMP,
  });
  readonly replica: Replica;
  readonly counterpart: ExchangeCounterpart;
  readonly counters = new Counters();
  readonly states = new SlotStates({ commit: this.commit, onNamed: () => undefined });

  constructor() {
    const placement = new Placement({
      members: [SELF, PEER].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
      replicas: 2,
    });
    const { commit, storage, dirtyMaps, states, counters } = this;
    const { cells } = this;
    const common = { self: SELF, cells, commit, storage, states, placement: () => placement };
    this.counterpart = new ExchangeCounterpart(common);
    this.replica = new Replica({
      ...common,
      dirtyMaps,
      counters,
      nowMs: () => 0,
      commitNumber: () => 0,
      acknowledge: (reply) => reply(),
      storeDirtyMap: () => undefined,
    });
  }

  /** What is said so far, in order. */
  write(
    key: Key,
    ms: number,
    options: { base?: number; attempt?: "first" | "final" } = {},
  ): string[] {
    const told: string[] = [];
    const { base = ms, attempt = "first" } = options;
    const cells = [cellAt(ms, key)];
    this.replica.write(
      { kind: "write", key, cells, base: at(base), attempt, role: "primary", unreached: [] },
      (reply) => told.push(wordOf(reply)),
    );
    return told;
  }

  stampOf(key: Key): number | undefined {
    const found = this.cells.find(SLOT, key, undefined);
    return found.kind === "held" ? found.cell.stamp.ms : undefined;
  }

  settle(): void {
    this.clock.turn();
    while (this.storage.isWriting) this.storage.commit();
  }
}

function wordOf(reply: PeerReply): string {
  if (reply.kind === "write-reply") {
    return reply.result === "behind" ? `behind ${reply.held.ms}` : reply.result;
  }
  return reply.kind === "refused" ? `refused ${reply.reason}` : reply.kind;
}

test("a write is said to be stored only once it is durable", () => {
  const trial = new Trial();
  const told = trial.write(K, 50);
  assert.deepEqual(told, []);
  trial.settle();
  assert.deepEqual(told, ["stored"]);
});

test("a write below what is held is pushed back, and its last attempt is taken as superseded", () => {
  const trial = new Trial();
  trial.write(K, 50);
  trial.settle();
  assert.deepEqual(trial.write(K, 40), ["behind 50"]);
  assert.deepEqual(trial.write(K, 40, { attempt: "final" }), ["superseded"]);
});

test("a write that is merged again waits for the commit of what it repeats", () => {
  const trial = new Trial();
  trial.write(K, 50);
  const again = trial.write(K, 50);
  assert.deepEqual(again, []);
  trial.settle();
  assert.deepEqual(again, ["stored"]);
});

test("a write that builds on an older cell than is held is pushed back though its stamp is greater", () => {
  const trial = new Trial();
  trial.write(K, 50);
  trial.settle();
  assert.deepEqual(trial.write(K, 60, { base: 40 }), ["behind 50"]);
});

test("a write that clears its key is pushed back by anything newer in its slot", () => {
  const trial = new Trial();
  trial.write(L, 50);
  trial.settle();
  assert.deepEqual(trial.write(K, 40), ["behind 50"]);
});

test("a full disk refuses a write, and a failed sync says nothing about it", () => {
  const trial = new Trial();
  const refused = trial.write(K, 50);
  trial.clock.turn();
  trial.storage.commit("disk-full");
  assert.deepEqual(refused, ["refused failed"]);
  const unknown = trial.write(K, 60);
  trial.clock.turn();
  trial.storage.commit("sync-failed");
  assert.deepEqual(unknown, []);
});

test("only members are marked as lacking something", () => {
  const trial = new Trial();
  trial.replica.mark(SLOT, [SELF, PEER, STRANGER] as NodeId[]);
  assert.deepEqual(trial.dirtyMaps.targets(), [PEER]);
});

test("a slot's list waits for what was merged before it was asked for", () => {
  const trial = new Trial();
  trial.write(K, 50);
  let listed: number | undefined;
  trial.counterpart.digests([{ slot: SLOT, leaves: undefined }], "", 10, (page) => {
    listed = page?.parts[0]?.digests.length;
  });
  trial.settle();
  trial.storage.endScans();
  assert.equal(listed, 1);
});

test("a large cell is fetched alone: beside another it would outgrow a frame", () => {
  const trial = new Trial();
  const large = 16 * 1024 * 1024;
  const cells = [
    { key: K, ...cellAt(50, K, 600_000) },
    { key: L, ...cellAt(60, L, large) },
  ];
  trial.replica.merge([{ slot: SLOT, collected: NO_STAMP, cells }], () => undefined);
  trial.settle();
  const fetched: number[] = [];
  const wanted = [
    { slot: SLOT, key: K, field: undefined },
    { slot: SLOT, key: L, field: undefined },
  ];
  trial.counterpart.fetch({ kind: "fetch", wanted }, (reply) => {
    if (reply.kind === "fetch-reply") {
      fetched.push(...reply.parts.map((part) => part.cells.length), reply.taken);
    }
  });
  assert.deepEqual(fetched, [1, 1]);
});

test("at or below C a cell is taken only from a sender that names no lower C, and the message succeeds", () => {
  const trial = new Trial();
  trial.states.raiseCollected(SLOT, at(100));
  const merge = (ms: number, collected: Stamp): string[] => {
    const told: string[] = [];
    const cells = [{ key: K, ...cellAt(ms, K) }];
    trial.replica.merge([{ slot: SLOT, collected, cells }], (reply) => told.push(wordOf(reply)));
    trial.settle();
    return told;
  };
  assert.deepEqual(merge(100, at(99)), ["merge-reply"]);
  assert.equal(trial.counters.get("cells-outranked"), 1);
  assert.deepEqual(merge(90, at(100)), ["merge-reply"]);
  // The same again from below is no news: what is held just so is not passed over.
  merge(90, NO_STAMP);
  assert.equal(trial.counters.get("cells-outranked"), 1);
  merge(101, NO_STAMP);
  assert.equal(trial.stampOf(K), 101);
});
