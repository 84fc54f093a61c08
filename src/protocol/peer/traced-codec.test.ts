/** Requests with their traces: their bytes, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { epochFrom } from "../../model/ids.ts";
import { keyFromText } from "../../model/key.ts";
import { FRAME_BYTES_MAX } from "../../model/limits.ts";
import type { FrameHeader, PeerMessage, PeerRequest } from "../../model/peer-message.ts";
import { ROOT_ONLY } from "../../model/selection.ts";
import { NO_STAMP } from "../../model/stamp.ts";
import { TRACE_STATE_BYTES_MAX } from "../../model/trace.ts";
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  frameFrom,
  HEADER_BYTES,
  isDecodeFailure,
  traceableKind,
  tracedFrameFrom,
} from "./frame-codec.ts";

const HEADER: FrameHeader = {
  requestId: 7,
  clockMs: 1,
  clockCounter: 2,
  epoch: epochFrom(3),
  remainingMs: 4,
  sentMs: 5,
};
const TRACE = { traceId: "1".repeat(32), spanId: "2".repeat(16), flags: 1, state: "a=1" };
const READ = { kind: "read", key: keyFromText("k"), selection: ROOT_ONLY, want: "cells" } as const;
const CONTEXT_BYTES = 16 + 8 + 1 + 2;

/** A frame of `READ` under `TRACE`, after `change`. */
function changed(change: (frame: Buffer) => void): Uint8Array {
  const message: PeerRequest = { kind: "traced", trace: TRACE, request: READ };
  const frame = Buffer.from(encodeFrame(HEADER, message));
  change(frame);
  return frame;
}

function reasonOf(bytes: Uint8Array): string {
  const result = decodeFrame(bytes);
  assert.ok(isDecodeFailure(result), "these bytes are no frame");
  return result.reason;
}

test("a request that is traced is a context before the very bytes it has without", () => {
  const plain = Buffer.from(frameFrom(HEADER, encodeMessage(READ)));
  const traced = Buffer.from(tracedFrameFrom(HEADER, encodeMessage(READ), TRACE));
  const context = `1a${TRACE.traceId}${TRACE.spanId}010003${Buffer.from("a=1").toString("hex")}`;
  assert.equal(
    traced.subarray(0, HEADER_BYTES).toString("hex"),
    plain.toString("hex", 0, HEADER_BYTES),
  );
  assert.equal(
    traced.subarray(HEADER_BYTES).toString("hex"),
    context + plain.subarray(HEADER_BYTES).toString("hex"),
  );
  assert.deepEqual(Buffer.from(changed(() => undefined)), traced);
});

test("only what clients wait for is traced, and nothing is twice", () => {
  const kindAt = HEADER_BYTES + 1 + CONTEXT_BYTES + TRACE.state.length;
  for (let kind = 0; kind < 256; kind += 1) {
    if ([5, 7, 8, 9, 13].includes(kind)) continue;
    const reason = reasonOf(changed((frame) => frame.writeUInt8(kind, kindAt)));
    assert.match(reason, new RegExp(`kind ${kind} is not traced`));
  }
  const context = changed(() => undefined).slice(HEADER_BYTES, kindAt);
  const nested = Array.from({ length: 100_000 }, () => context);
  const frame = Buffer.concat([changed(() => undefined).slice(0, HEADER_BYTES), ...nested]);
  assert.match(reasonOf(frame), /kind 26 is not traced/);
});

test("a context that is none is refused", () => {
  const traceAt = HEADER_BYTES + 1;
  const stateAt = traceAt + CONTEXT_BYTES - 2;
  assert.match(reasonOf(changed((frame) => frame.fill(0, traceAt, traceAt + 16))), /id of nothing/);
  assert.match(reasonOf(changed((frame) => frame.fill(0, traceAt + 16, traceAt + 24))), /nothing/);
  assert.match(reasonOf(changed((frame) => frame.writeUInt8(0x0a, stateAt + 2))), /not printable/);
  assert.match(reasonOf(changed((frame) => frame.writeUInt8(0xe9, stateAt + 2))), /not printable/);
  const long = { ...TRACE, state: "s".repeat(TRACE_STATE_BYTES_MAX) };
  const bytes = Buffer.from(encodeFrame(HEADER, { kind: "traced", trace: long, request: READ }));
  assert.ok(!isDecodeFailure(decodeFrame(bytes)));
  bytes.writeUInt16BE(TRACE_STATE_BYTES_MAX + 1, stateAt);
  assert.match(reasonOf(bytes), /state of 513/);
});

test("a request that fills a frame goes without its trace", () => {
  const write = (cellBytes: number): Uint8Array =>
    encodeMessage({
      kind: "write",
      key: keyFromText("k"),
      cells: [{ field: undefined, bytes: new Uint8Array(cellBytes) }],
      bases: [NO_STAMP],
      attempt: "first",
      role: "primary",
      unreached: [],
    });
  const around = write(0).length;
  const addedBytes = 1 + CONTEXT_BYTES + TRACE.state.length;
  const kindOf = (cellBytes: number): PeerMessage["kind"] => {
    const frame = decodeFrame(tracedFrameFrom(HEADER, write(cellBytes), TRACE));
    assert.ok(!isDecodeFailure(frame));
    assert.equal(frame.header.requestId, HEADER.requestId);
    return frame.message.kind;
  };
  assert.equal(kindOf(FRAME_BYTES_MAX - around - addedBytes), "traced");
  assert.equal(kindOf(FRAME_BYTES_MAX - around - addedBytes + 1), "write");
});

test("what a request is can be seen in its bytes, if it can be traced", () => {
  assert.equal(traceableKind(encodeMessage(READ)), "read");
  assert.equal(traceableKind(encodeMessage({ kind: "merge", parts: [] })), "merge");
  assert.equal(traceableKind(encodeMessage({ kind: "probe" })), undefined);
});
