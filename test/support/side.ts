/** One of several nodes that exchange: its stores and both sides of an exchange, on a storage that the test drives. */
import assert from "node:assert/strict";
import { encodeCell } from "../../src/core/causality/cell-codec.ts";
import type { Placement } from "../../src/core/placement/placement.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import { DirtyMaps } from "../../src/core/replication/dirty-maps.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type { Key } from "../../src/model/key.ts";
import type { KeyedCell, PeerReply, PeerRequest } from "../../src/model/peer-message.ts";
import type { Slot } from "../../src/model/slot.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../../src/model/stamp.ts";
import type { BackgroundShare } from "../../src/node/background-share.ts";
import { CellStore } from "../../src/node/cell-store.ts";
import { Counters } from "../../src/node/counters.ts";
import { ExchangeCounterpart } from "../../src/node/exchange-counterpart.ts";
import { GroupCommit } from "../../src/node/group-commit.ts";
import type { Peers } from "../../src/node/peers.ts";
import { Replica } from "../../src/node/replica.ts";
import type { ExchangePorts } from "../../src/node/slot-exchange.ts";
import { SlotStates } from "../../src/node/slot-states.ts";
import { Votes } from "../../src/node/votes.ts";
import { HeldClock, HeldStorage } from "./held-storage.ts";

export function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

/** The root of a key, written at a time. */
export function cellAt(key: Key, ms: number, payloadBytes = 1): KeyedCell {
  const root = {
    kind: "value",
    stamp: at(ms),
    type: "string",
    expiresAtMs: 0,
    cleared: at(ms),
    contentType: "",
    payload: new Uint8Array(payloadBytes).fill(1),
  } as const;
  return { key, field: undefined, bytes: encodeCell(root, key, undefined) };
}

/** What others ask of it is answered at once, or when that is durable. */
export class Side {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly commit = new GroupCommit({
    storage: this.storage,
    clock: this.clock,
    seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
    onFailed: () => undefined,
  });
  readonly cells = new CellStore({ commit: this.commit, storage: this.storage, floor: NO_STAMP });
  readonly counters = new Counters();
  readonly states = new SlotStates({
    commit: this.commit,
    onNamed: (slot, named) => this.cells.hashes.setCollected(slot, named),
  });
  readonly replica: Replica;
  readonly counterpart: ExchangeCounterpart;
  /** Of the pages it makes. */
  pageShare = 1;
  /** Runs before a request of this kind is answered. */
  before: { readonly kind: PeerRequest["kind"]; readonly run: () => void } | undefined;

  constructor(self: NodeId, placement: () => Placement) {
    const { cells, commit, storage, states, counters } = this;
    const votes = new Votes({ commit, storage });
    const held = { self, cells, commit, storage, states, votes, placement };
    this.counterpart = new ExchangeCounterpart({ ...held, pageShare: () => this.pageShare });
    this.replica = new Replica({
      ...held,
      counters,
      dirtyMaps: new DirtyMaps(),
      nowMs: () => 0,
      commitNumber: () => 0,
      activation: () => ({ isHolding: false, acknowledge: (reply, said) => reply(said) }),
      storeDirtyMap: () => undefined,
      mark: () => NO_STAMP,
      votes: new Votes({ commit, storage }),
      reading: () => NO_STAMP,
      onDiscarded: () => undefined,
    });
    cells.rebuild();
    while (!cells.isBuilt) storage.endScans();
  }

  ports(peers: Peers, share: BackgroundShare): ExchangePorts {
    const { replica, counterpart, cells, commit, states, counters } = this;
    const stores = { replica, counterpart, cells, commit, states, counters };
    return { ...stores, peers, share, monotonicMs: () => this.clock.monotonicMs() };
  }

  put(...cells: readonly (readonly [Key, number])[]): this {
    return this.putCells(...cells.map(([key, ms]) => cellAt(key, ms)));
  }

  putCells(...cells: readonly KeyedCell[]): this {
    for (const cell of cells) {
      const part = { slot: slotOfKey(cell.key), collected: at(1_000_000), cells: [cell] };
      this.replica.merge([part], () => undefined);
    }
    this.turn();
    return this;
  }

  collected(slot: Slot, ms: number): this {
    this.states.raiseCollected(slot, at(ms));
    this.states.name(slot, at(ms));
    this.turn();
    return this;
  }

  stampOf(key: Key): number | undefined {
    const found = this.cells.find(slotOfKey(key), key, undefined);
    return found.kind === "held" ? found.cell.stamp.ms : undefined;
  }

  turn(): void {
    this.clock.turn();
    while (this.storage.isWriting) {
      this.storage.commit();
      this.clock.turn();
    }
    this.storage.endScans();
  }

  serve(message: PeerRequest, reply: (reply: PeerReply) => void): void {
    if (this.before?.kind === message.kind) this.before.run();
    switch (message.kind) {
      case "slot-compare":
        return this.counterpart.compareSlots(message, reply);
      case "leaf-compare":
        return this.counterpart.compareLeaves(message, reply);
      case "slot-list":
        return this.counterpart.list(message, reply);
      case "slot-scan":
        return this.counterpart.scan(message, reply);
      case "fetch":
        return this.counterpart.fetch(message, reply);
      case "merge":
        return this.replica.merge(message.parts, reply);
      default:
        assert.fail(`${message.kind} is no part of an exchange`);
    }
  }
}
