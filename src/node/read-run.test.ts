import assert from "node:assert/strict";
import { test } from "node:test";
import { setMember } from "../core/causality/addresses.ts";
import { checksumOf, encodeCell } from "../core/causality/cell-codec.ts";
import { Placement } from "../core/placement/placement.ts";
import type { EncodedCell } from "../model/cell.ts";
import { epochFrom, type NodeId, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import { FRAME_BYTES_MAX } from "../model/limits.ts";
import type { FrameHeader, PeerReply } from "../model/peer-message.ts";
import { ROOT_ONLY } from "../model/selection.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import { decodeFrame, frameFrom, isDecodeFailure } from "../protocol/peer/frame-codec.ts";
import { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";
import { ReadRun } from "./read-run.ts";
import type { Replica } from "./replica.ts";
import type { RequestContext } from "./request-context.ts";

const HEADER: FrameHeader = {
  requestId: 1,
  clockMs: 0,
  clockCounter: 0,
  epoch: epochFrom(0),
  remainingMs: 0,
  sentMs: 0,
};
const [SELF, PEER] = [nodeIdFrom(1, 1), nodeIdFrom(2, 2)];

test("a repair is sent in as many messages as hold it, since each cell takes its key along", () => {
  const key = keyFromText("k".repeat(1_000));
  const fields = Array.from({ length: 20_000 }, (_, index) => setMember(`m${index}`));
  const cells: EncodedCell[] = fields.map((field) => {
    const cell = {
      kind: "field",
      stamp: stampFrom(5, 0, 0),
      type: "set",
      expiresAtMs: 0,
      since: NO_STAMP,
      payload: new Uint8Array(0),
    } as const;
    return { field, bytes: encodeCell(cell, key, field) };
  });
  const voteOf = (held: readonly EncodedCell[]): PeerReply => ({
    kind: "cells-reply",
    cells: held,
    through: undefined,
    collected: NO_STAMP,
    flushed: NO_STAMP,
  });
  const sent: Sent[] = [];
  const context = contextOf(sent, {
    replica: {
      read: (_request: unknown, reply: (reply: PeerReply) => void) => reply(voteOf(cells)),
    },
  });
  let answers = 0;
  new ReadRun({
    context,
    key,
    selection: { kind: "fields", fields },
    r: 2,
    after: undefined,
    deadlineMs: 1_000,
    done: (verdict) => {
      assert.equal(verdict.kind, "read");
      answers += 1;
    },
    onFinished: () => undefined,
  }).start();
  const [asked] = sent.splice(0);
  asked?.sink.onReply(PEER, asked.token, voteOf([]));
  let messages = 0;
  for (let next = sent.shift(); next !== undefined; next = sent.shift()) {
    assert.equal(answers, 0, "with r it is answered once all of it is repaired");
    assert.ok(next.body.length < FRAME_BYTES_MAX);
    messages += 1;
    next.sink.onReply(PEER, next.token, { kind: "merge-reply" });
  }
  assert.ok(messages > 1);
  assert.equal(answers, 1);
});

test("a peer is asked to confirm this node's root where it knows how, and else for its digest", () => {
  const key = keyFromText("k");
  const cell = {
    kind: "value",
    stamp: stampFrom(5, 0, 0),
    type: "string",
    expiresAtMs: 0,
    cleared: stampFrom(5, 0, 0),
    contentType: "",
    payload: new Uint8Array(3),
  } as const;
  const bytes = encodeCell(cell, key, undefined);
  const stamps = { collected: NO_STAMP, flushed: NO_STAMP };
  const confirmed: PeerReply = { kind: "confirm-reply", ...stamps };
  const trials = [
    { version: 7, own: [{ field: undefined, bytes, cell }], asked: "confirm", ends: "read" },
    { version: 6, own: [{ field: undefined, bytes, cell }], asked: "read", ends: "read" },
    // Who holds nothing has nothing to be confirmed, and nobody is believed who confirms it.
    { version: 7, own: [], asked: "read", ends: "failed" },
  ];
  for (const { version, own, asked, ends } of trials) {
    const sent: Sent[] = [];
    const context = contextOf(sent, {
      wireVersion: version,
      replica: { readRootNow: () => ({ cells: own, ...stamps }) },
    });
    const verdicts: string[] = [];
    new ReadRun({
      context,
      key,
      selection: ROOT_ONLY,
      r: 2,
      after: undefined,
      deadlineMs: 1_000,
      done: ({ kind }) => verdicts.push(kind),
      onFinished: () => undefined,
    }).start();
    const [request] = sent;
    assert.ok(request !== undefined && sent.length === 1);
    const frame = decodeFrame(frameFrom(HEADER, request.body));
    assert.ok(!isDecodeFailure(frame));
    const { message } = frame;
    assert.equal(message.kind, asked);
    if (message.kind === "confirm") assert.equal(message.checksum, checksumOf(bytes));
    request.sink.onReply(PEER, request.token, confirmed);
    assert.deepEqual(verdicts, [ends]);
  }
});

interface Sent {
  readonly body: Uint8Array;
  readonly sink: ReplySink;
  readonly token: number;
}

/** Of two nodes that both hold everything; what is asked of the other one is put down. */
function contextOf(
  sent: Sent[],
  { wireVersion, replica }: { readonly wireVersion?: number; readonly replica: object },
): RequestContext {
  const placement = new Placement({
    members: [SELF, PEER].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
    replicas: 2,
  });
  return {
    self: SELF,
    reach: () => "up",
    peers: {
      reach: () => "up",
      wireVersion: () => wireVersion,
      request: (
        _to: NodeId,
        body: Uint8Array,
        _deadlineMs: number,
        sink: ReplySink,
        token: number,
      ) => {
        sent.push({ body, sink, token });
        return true;
      },
    } as unknown as Peers,
    replica: replica as unknown as Replica,
    counters: new Counters(),
    placement: () => placement,
    monotonicMs: () => 0,
    turnMs: () => 0,
    wallMs: () => 0,
    mint: () => NO_STAMP,
    mintAbove: () => NO_STAMP,
    resync: () => assert.fail("nothing is disputed"),
  };
}
