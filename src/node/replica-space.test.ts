/** A replica whose disk has less free space than the node keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, cellAt, Side } from "../../test/support/side.ts";
import { encodeCell } from "../core/causality/cell-codec.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { EncodedCell } from "../model/cell.ts";
import { nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { NO_STAMP } from "../model/stamp.ts";

const SELF = nodeIdFrom(0, 1);
const KEY = keyFromText("key");

class Trial {
  readonly side: Side;
  readonly told: string[] = [];

  constructor() {
    const members = [{ id: SELF, intent: "active", zone: "", weight: 1 } as const];
    const placement = new Placement({ members, replicas: 3 });
    this.side = new Side(SELF, () => placement);
  }

  write(ms: number, cell: EncodedCell): void {
    const bases = [at(ms)];
    const request = { kind: "write", key: KEY, cells: [cell], bases, attempt: "first" } as const;
    this.side.replica.write({ ...request, role: "primary", unreached: [] }, this.#tell);
    this.#settle();
  }

  merge(ms: number): void {
    const parts = [{ slot: slotOfKey(KEY), collected: NO_STAMP, cells: [cellAt(KEY, ms)] }];
    this.side.replica.merge(parts, this.#tell);
    this.#settle();
  }

  readonly #tell = (reply: PeerReply): void => {
    const word = reply.kind === "write-reply" ? reply.result : reply.kind;
    this.told.push(reply.kind === "refused" ? reply.reason : word);
  };

  #settle(): void {
    this.side.clock.turn();
    if (this.side.storage.isWriting) this.side.storage.commit();
  }
}

test("while space is short what fills the disk up is refused, and what was deleted is taken", () => {
  const trial = new Trial();
  trial.write(10, cellAt(KEY, 10));
  trial.side.storage.isLow = true;
  trial.write(20, cellAt(KEY, 20));
  trial.merge(20);
  const tombstone = {
    kind: "tombstone",
    stamp: at(30),
    type: "string",
    expiresAtMs: 0,
    cleared: at(30),
    contentType: "",
    payload: new Uint8Array(0),
  } as const;
  trial.write(30, { field: undefined, bytes: encodeCell(tombstone, KEY, undefined) });
  trial.side.storage.isLow = false;
  trial.write(40, cellAt(KEY, 40));
  assert.deepEqual(trial.told, ["stored", "overloaded", "overloaded", "stored", "stored"]);
  assert.equal(trial.side.counters.get("writes-refused-for-space"), 2);
});
