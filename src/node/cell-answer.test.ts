import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCell } from "../core/causality/cell-codec.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { CellAddress, EncodedCell } from "../model/cell.ts";
import { epochFrom, nodeIdFrom } from "../model/ids.ts";
import { type Field, keyFromText } from "../model/key.ts";
import type { PeerReply, PeerRequest, Refusal } from "../model/peer-message.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import { decodeFrame, isDecodeFailure, patchHeader } from "../protocol/peer/frame-codec.ts";
import { askForCell, type CellAnswer } from "./cell-answer.ts";

const K = keyFromText("k");
const SLOT = slotOfKey(K);
const FIELD = "ha" as Field;
const PEER = nodeIdFrom(2, 2);
const COLLECTED = stampFrom(7, 0, 0);
const WORD = { collected: COLLECTED, flushed: NO_STAMP };
const CELLS = { kind: "cells-reply", ...WORD, through: undefined } as const;

const HEADER = {
  requestId: 1,
  clockMs: 0,
  clockCounter: 0,
  epoch: epochFrom(0),
  remainingMs: 0,
  sentMs: 0,
};

const ROOT: EncodedCell = {
  field: undefined,
  bytes: encodeCell(
    {
      kind: "value",
      stamp: stampFrom(10, 0, 0),
      type: "string",
      expiresAtMs: 0,
      cleared: stampFrom(10, 0, 0),
      contentType: "",
      payload: new Uint8Array(1),
    },
    K,
    undefined,
  ),
};

/** What the asker makes of a peer that answers so, and what it asked for. */
function asked(
  field: CellAddress,
  answers: Partial<Record<PeerRequest["kind"], PeerReply>>,
): { readonly answer: CellAnswer | undefined; readonly kinds: readonly string[] } {
  const kinds: string[] = [];
  let answer: CellAnswer | undefined;
  const peers = {
    request: (
      _to: unknown,
      body: Uint8Array,
      _deadlineMs: number,
      sink: { onReply: (from: typeof PEER, token: number, reply: PeerReply) => void },
    ): boolean => {
      patchHeader(body, HEADER);
      const frame = decodeFrame(body);
      assert.ok(!isDecodeFailure(frame));
      const kind = frame.message.kind as PeerRequest["kind"];
      kinds.push(kind);
      const reply = answers[kind];
      if (reply === undefined) return false;
      sink.onReply(PEER, 0, reply);
      return true;
    },
  };
  const place = { slot: SLOT, key: K, field };
  askForCell({ peers: peers as never, monotonicMs: () => 0 }, PEER, place, (told) => {
    answer = told;
  });
  return { answer, kinds };
}

function refused(reason: Refusal): PeerReply {
  return { kind: "refused", reason, detail: "" };
}

function fetched(...cells: readonly EncodedCell[]): PeerReply {
  const keyed = cells.map((cell) => ({ ...cell, key: K }));
  const parts = cells.length === 0 ? [] : [{ slot: SLOT, collected: NO_STAMP, cells: keyed }];
  return { kind: "fetch-reply", parts, taken: 1, unreadable: [] };
}

test("a root is asked for once, and what has a vote is believed", () => {
  const held = asked(undefined, { read: { ...CELLS, cells: [ROOT] } });
  assert.deepEqual(held.kinds, ["read"]);
  assert.ok(held.answer?.kind === "held");
  assert.equal(held.answer.cell.cell.stamp.ms, 10);
  const { answer } = asked(undefined, { read: { ...CELLS, cells: [] } });
  assert.deepEqual(answer, { kind: "absent", collected: COLLECTED });
});

test("who has no vote gives what it has, and its lack says nothing", () => {
  const read = refused("voteless");
  const held = asked(undefined, { read, fetch: fetched(ROOT) });
  assert.deepEqual(held.kinds, ["read", "fetch"]);
  assert.ok(held.answer?.kind === "voteless");
  assert.equal(held.answer.cell?.cell.stamp.ms, 10);
  for (const field of [undefined, FIELD]) {
    const { answer } = asked(field, { read, fetch: fetched() });
    assert.deepEqual(answer, { kind: "voteless", cell: undefined });
  }
});

test("a field is fetched of whoever has a vote, also beside a damaged root", () => {
  const digest = { kind: "digest-reply", ...WORD, digests: [] } as const;
  const voting = asked(FIELD, { read: digest, fetch: fetched() });
  assert.deepEqual(voting.kinds, ["read", "fetch"]);
  assert.deepEqual(voting.answer, { kind: "absent", collected: COLLECTED });
  const damagedRoot = asked(FIELD, { read: refused("damaged"), fetch: fetched() });
  assert.deepEqual(damagedRoot.answer, { kind: "absent", collected: NO_STAMP });
  const joining = asked(FIELD, { read: refused("not-owner"), fetch: fetched() });
  assert.deepEqual(joining.answer, { kind: "silent" });
});

test("damage and silence are what they are", () => {
  const read = refused("voteless");
  assert.deepEqual(asked(undefined, { read: refused("damaged") }).answer, { kind: "damaged" });
  const damaged: PeerReply = { kind: "fetch-reply", parts: [], taken: 1, unreadable: [SLOT] };
  assert.deepEqual(asked(undefined, { read, fetch: damaged }).answer, { kind: "damaged" });
  assert.deepEqual(asked(undefined, { read: refused("failed") }).answer, { kind: "silent" });
  assert.deepEqual(asked(undefined, { read }).answer, { kind: "silent" });
  assert.deepEqual(asked(undefined, {}).answer, { kind: "silent" });
});
