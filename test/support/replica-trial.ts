/** A replica over held storage, for its tests: what it is told is stored, and answered, when a test lets it. */

import assert from "node:assert/strict";
import { encodeCell } from "../../src/core/causality/cell-codec.ts";
import { cellKey } from "../../src/core/causality/storage-key.ts";
import { Placement } from "../../src/core/placement/placement.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import { DirtyMaps } from "../../src/core/replication/dirty-maps.ts";
import type { EncodedCell, RootCell } from "../../src/model/cell.ts";
import { nodeIdFrom } from "../../src/model/ids.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { PeerReply } from "../../src/model/peer-message.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../../src/model/stamp.ts";
import { CellStore } from "../../src/node/cell-store.ts";
import { Counters } from "../../src/node/counters.ts";
import { ExchangeCounterpart } from "../../src/node/exchange-counterpart.ts";
import { GroupCommit } from "../../src/node/group-commit.ts";
import { Replica } from "../../src/node/replica.ts";
import { SlotStates } from "../../src/node/slot-states.ts";
import { Votes } from "../../src/node/votes.ts";
import { HeldClock, HeldStorage } from "./held-storage.ts";

export const K = keyFromText("{s}k");
export const L = keyFromText("{s}l");
export const SLOT = slotOfKey(K);
export const [SELF, PEER, STRANGER] = [nodeIdFrom(1, 1), nodeIdFrom(2, 2), nodeIdFrom(3, 3)];

export function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

export function cellOf(ms: number, bytes = 1): RootCell {
  return {
    kind: "value",
    stamp: at(ms),
    type: "string",
    expiresAtMs: 0,
    cleared: at(ms),
    contentType: "",
    payload: new Uint8Array(bytes),
  };
}

export function cellAt(ms: number, key: Key, bytes = 1): EncodedCell {
  return { field: undefined, bytes: encodeCell(cellOf(ms, bytes), key, undefined) };
}

export class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly dirtyMaps = new DirtyMaps();
  readonly commit = new GroupCommit({
    storage: this.storage,
    clock: this.clock,
    seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
    onFailed: () => undefined,
  });
  readonly votes = new Votes({ commit: this.commit, storage: this.storage });
  /** What the node has promised, and where its clock stands. */
  markMs = 0;
  readingMs = 0;
  readonly cells = new CellStore({
    commit: this.commit,
    storage: this.storage,
    floor: NO_STAMP,
  });
  readonly replica: Replica;
  nowMs = 0;
  discarded = 0;
  /** Acknowledgements held back, while it is set. */
  held: (() => void)[] | undefined;
  readonly counterpart: ExchangeCounterpart;
  readonly counters = new Counters();
  readonly states = new SlotStates({ commit: this.commit, onNamed: () => undefined });

  constructor() {
    const placement = new Placement({
      members: [SELF, PEER].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
      replicas: 2,
    });
    const { commit, storage, dirtyMaps, states, counters, votes } = this;
    const { cells } = this;
    const common = {
      self: SELF,
      cells,
      commit,
      storage,
      states,
      votes,
      placement: () => placement,
    };
    this.counterpart = new ExchangeCounterpart({ ...common, pageShare: () => 1 });
    this.replica = new Replica({
      ...common,
      dirtyMaps,
      counters,
      nowMs: () => this.nowMs,
      onDiscarded: () => {
        this.discarded += 1;
      },
      commitNumber: () => 0,
      activation: () => ({
        isHolding: this.held !== undefined,
        acknowledge: (reply, said) => {
          if (this.held === undefined) reply(said);
          else this.held.push(() => reply(said));
        },
      }),
      storeDirtyMap: () => undefined,
      states: this.states,
      mark: () => at(this.markMs),
      reading: () => at(this.readingMs),
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
      { kind: "write", key, cells, bases: [at(base)], attempt, role: "primary", unreached: [] },
      (reply) => told.push(wordOf(reply)),
    );
    return told;
  }

  /** A write of this very node, taken unread; `undefined` where it is not. What is said so far, in order. */
  overwrite(key: Key, ms: number): string[] | undefined {
    const told: string[] = [];
    const asker = {
      onReply: (_from: unknown, token: number, reply: PeerReply) =>
        void told.push(`${wordOf(reply)} ${token}`),
      onNoAnswer: () => assert.fail("it is this node itself"),
    };
    const own = { ...cellAt(ms, key), cell: cellOf(ms) };
    return this.replica.overwrite(SLOT, key, own, asker, 7) ? told : undefined;
  }

  /** Cells of the slot brought by a repair or an exchange. */
  merge(...cells: readonly (readonly [Key, number])[]): string[] {
    const told: string[] = [];
    const keyed = cells.map(([key, ms]) => ({ key, ...cellAt(ms, key) }));
    const parts = [{ slot: SLOT, collected: NO_STAMP, cells: keyed }];
    this.replica.merge(parts, (reply) => told.push(wordOf(reply)));
    return told;
  }

  /** How many of these keys' cells are given, and how many slots hold one that cannot be read. */
  fetch(...keys: readonly Key[]): string[] {
    const told: string[] = [];
    const wanted = keys.map((key) => ({ slot: SLOT, key, field: undefined }));
    this.counterpart.fetch({ kind: "fetch", wanted }, (reply) => {
      const isUnreadable = reply.kind === "fetch-reply" && reply.unreadable.length > 0;
      told.push(isUnreadable ? "unreadable" : wordOf(reply));
    });
    return told;
  }

  /** Leaves a cell that fails its checksum in the place of a key. */
  rot(key: Key): void {
    const bytes = Uint8Array.from(cellAt(1, key).bytes);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    this.storage.plant(cellKey(SLOT, key, undefined), bytes);
  }

  stampOf(key: Key): number | undefined {
    const found = this.cells.find(SLOT, key, undefined);
    return found.kind === "held" ? found.cell.stamp.ms : undefined;
  }

  /** Builds the hashes of what is stored: until then nothing is overwritten unread. */
  build(): void {
    this.cells.rebuild();
    while (!this.cells.isBuilt) this.storage.endScans();
  }

  settle(): void {
    this.clock.turn();
    while (this.storage.isWriting) this.storage.commit();
  }
}

export function wordOf(reply: PeerReply): string {
  if (reply.kind === "write-reply") {
    const { result, held } = reply;
    return result === "behind" || result === "below" ? `${result} ${held.ms}` : result;
  }
  return reply.kind === "refused" ? `refused ${reply.reason}` : reply.kind;
}
