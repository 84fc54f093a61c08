import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../base/assert.ts";
import { type Address, bootIdFrom, epochFrom, type NodeId } from "../../model/ids.ts";
import { type Field, type Key, keyFromText } from "../../model/key.ts";
import {
  CHANNEL_BYTES_MAX,
  FRAME_BYTES_MAX,
  KEY_BYTES_MAX,
  MESSAGE_BYTES_MAX,
} from "../../model/limits.ts";
import { type FrameHeader, type PeerMessage, WIRE_VERSION } from "../../model/peer-message.ts";
import { ROOT_ONLY } from "../../model/selection.ts";
import { NO_STAMP } from "../../model/stamp.ts";
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  frameFrom,
  HEADER_BYTES,
  isDecodeFailure,
  patchHeader,
} from "./frame-codec.ts";
import { STAMP_BYTES } from "./message-parts.ts";

const header: FrameHeader = {
  requestId: 0x01020304,
  clockMs: 0x0a0b0c0d0e0f,
  clockCounter: 0x1112,
  epoch: epochFrom(0x0013141516171819),
  remainingMs: 0x2021,
  sentMs: 1.5,
};

const write: PeerMessage = {
  kind: "write",
  key: "k" as Key,
  cells: [
    { field: undefined, bytes: Uint8Array.of(0xaa, 0xbb) },
    { field: "f" as Field, bytes: new Uint8Array(0) },
  ],
  bases: [{ ms: 1, counter: 2, boot: 3 }],
  attempt: "final",
  role: "fallback",
  unreached: ["00000000000000ff" as NodeId],
};

/** Why `bytes` are refused; fails when they are not. */
function reasonOf(bytes: Uint8Array): string {
  const result = decodeFrame(bytes);
  assert.ok(isDecodeFailure(result), "these bytes are no frame");
  return result.reason;
}

/** A frame of `message` after `change`. */
function changed(message: PeerMessage, change: (frame: Buffer) => void): Buffer {
  const frame = Buffer.from(encodeFrame(header, message));
  change(frame);
  return frame;
}

// The layout is a promise to nodes of the same wire version: this test may only change together with WIRE_VERSION.
test("a write has these bytes", () => {
  const expected = [
    "01020304", // request id
    "0a0b0c0d0e0f1112", // clock
    "0013141516171819", // epoch
    "00002021", // remaining
    "3ff8000000000000", // sent
    "05", // kind
    "00016b", // key
    "00000000000100020000000000000003", // base
    "03", // final, fallback
    "000100000000000000ff", // unreached
    "00000002", // cells
    "ffff00000002aabb", // root
    "00016600000000", // field
  ].join("");
  assert.equal(Buffer.from(encodeFrame(header, write)).toString("hex"), expected);
});

test("what a write builds on may be said of each of its cells", () => {
  const bases = [
    { ms: 1, counter: 2, boot: 3 },
    { ms: 4, counter: 5, boot: 6 },
  ];
  const frame = Buffer.from(encodeFrame(header, { ...write, bases }));
  assert.equal(frame.subarray(-16).toString("hex"), "00000000000400050000000000000006");
  const decoded = decodeFrame(frame);
  assert.ok(!isDecodeFailure(decoded) && decoded.message.kind === "write");
  assert.deepEqual(decoded.message.bases, bases);
  assert.match(reasonOf(frame.subarray(0, -1)), /./);
});

test("one body serves several peers, each with its own header", () => {
  const encoded = encodeMessage(write);
  const second = { ...header, requestId: 99, remainingMs: 0 };
  const frames = [frameFrom(header, encoded), frameFrom(second, encoded)];
  patchHeader(encoded, header);
  assert.deepEqual(Buffer.from(encoded), frames[0]);
  assert.deepEqual(frames[1], Buffer.from(encodeFrame(second, write)));
});

test("what is left of a deadline is rounded up, so that it is not zero before it is", () => {
  const frame = decodeFrame(encodeFrame({ ...header, remainingMs: 0.2 }, write));
  assert.ok(!isDecodeFailure(frame));
  assert.equal(frame.header.remainingMs, 1);
});

test("cells are views of the frame", () => {
  const frame = encodeFrame(header, write);
  const decoded = decodeFrame(frame);
  assert.ok(!isDecodeFailure(decoded) && decoded.message.kind === "write");
  assert.equal(decoded.message.cells[0]?.bytes.buffer, frame.buffer);
});

test("every shorter frame and every longer one is refused", () => {
  const frame = encodeFrame(header, write);
  for (let length = 0; length < frame.length; length += 1) reasonOf(frame.subarray(0, length));
  assert.match(reasonOf(Buffer.concat([frame, Buffer.alloc(1)])), /left over/);
  assert.match(reasonOf(new Uint8Array(FRAME_BYTES_MAX + 1)), /max/);
});

test("headers out of range are refused", () => {
  assert.match(reasonOf(changed(write, (frame) => frame.fill(0xff, 12, 20))), /53 bits/);
  assert.match(
    reasonOf(changed(write, (frame) => frame.writeUInt32BE(60_001, 20))),
    /60001 ms left/,
  );
  assert.match(
    reasonOf(changed(write, (frame) => frame.writeDoubleBE(Number.NaN, 24))),
    /clock reading/,
  );
});

test("kinds that do not exist are refused", () => {
  for (let kind = 0; kind < 256; kind += 1) {
    if ((kind >= 1 && kind <= 27) || (kind >= 64 && kind <= 87)) continue;
    const frame = changed({ kind: "probe" }, (bytes) => {
      bytes[HEADER_BYTES] = kind;
    });
    assert.match(reasonOf(frame), new RegExp(`unknown kind ${kind}\\b`));
  }
});

test("names, slots, keys and ids out of range are refused", () => {
  const body = HEADER_BYTES + 1;
  const read: PeerMessage = {
    kind: "read",
    key: keyFromText("k"),
    selection: ROOT_ONLY,
    want: "cells",
  };
  assert.match(
    reasonOf(changed(read, (frame) => frame.fill(0x40, body, body + 1))),
    /unknown selection/,
  );
  assert.match(
    reasonOf(changed(read, (frame) => frame.writeUInt16BE(0, body + 1))),
    /key length out of range|left over/,
  );
  const hint: PeerMessage = { kind: "hint", slot: 0 as never, targets: [] };
  assert.match(reasonOf(changed(hint, (frame) => frame.writeUInt16BE(16_384, body))), /slot/);
  const helloReply: PeerMessage = {
    kind: "hello-reply",
    wireVersion: WIRE_VERSION,
    clusterId: undefined,
    nodeId: "00000000000000ff" as NodeId,
    boot: bootIdFrom(1),
    commitNumber: 0,
    remembered: 0,
    mark: NO_STAMP,
  };
  assert.match(
    reasonOf(changed(helloReply, (frame) => frame.fill(0, body + 10, body + 18))),
    /boot/,
  );
  assert.match(reasonOf(changed(helloReply, (frame) => frame.fill(2, body + 18))), /flag/);
  const tooLong = Buffer.concat([
    encodeFrame(header, read).subarray(0, body + 1),
    Buffer.from("8001", "hex"),
    Buffer.alloc(KEY_BYTES_MAX + 1, "k"),
  ]);
  assert.match(reasonOf(tooLong), /key length out of range/);
});

test("messages, and names of channels, that are too long are refused", () => {
  const publish: PeerMessage = {
    kind: "publish",
    boot: bootIdFrom(5),
    sequence: 1,
    channel: "c".repeat(CHANNEL_BYTES_MAX),
    message: new Uint8Array(1),
    isSharded: false,
  };
  const channelAt = HEADER_BYTES + 1 + 17;
  const encoded = encodeFrame(header, publish);
  const longer = Buffer.concat([encoded.subarray(0, channelAt), Buffer.from("8001", "hex")]);
  const rest = Buffer.alloc(CHANNEL_BYTES_MAX + 6);
  assert.match(reasonOf(Buffer.concat([longer, rest])), /name too long/);
  const message = new Uint8Array(MESSAGE_BYTES_MAX + 1);
  assert.throws(() => encodeMessage({ ...publish, message }), AssertionError);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  const head = encoded.subarray(0, encoded.length - 5);
  assert.match(reasonOf(Buffer.concat([head, length, message])), /message of 16777217 bytes/);
});

test("a count takes no memory that its bytes do not pay for", () => {
  const reply: PeerMessage = {
    kind: "cells-reply",
    cells: [],
    through: undefined,
    flushed: NO_STAMP,
    collected: NO_STAMP,
  };
  const before = process.memoryUsage();
  for (let round = 0; round < 100; round += 1) {
    const frame = changed(reply, (bytes) => bytes.fill(0xff, HEADER_BYTES + 1 + 2 * STAMP_BYTES));
    assert.match(reasonOf(frame), /4294967295 items announced/);
  }
  const after = process.memoryUsage();
  assert.ok(after.arrayBuffers - before.arrayBuffers < 1_000_000);
});

test("a hello of versions of which this node speaks none is known by them, whatever follows", () => {
  const hello: PeerMessage = {
    kind: "hello",
    wireVersion: WIRE_VERSION,
    wireVersionLeast: WIRE_VERSION,
    clusterId: undefined,
    nodeId: "0000000000000001" as NodeId,
    boot: bootIdFrom(5),
    address: "127.0.0.1:5000" as Address,
    commitNumber: 0,
    peer: undefined,
    remembered: 0,
    mark: NO_STAMP,
  };
  const frame = changed(hello, (bytes) => {
    bytes.writeUInt16BE(WIRE_VERSION + 1, HEADER_BYTES + 1);
    bytes.writeUInt16BE(WIRE_VERSION + 1, HEADER_BYTES + 3);
  });
  const former = changed(hello, (bytes) => bytes.writeUInt16BE(3, HEADER_BYTES + 1));
  const old = decodeFrame(former.subarray(0, HEADER_BYTES + 3));
  assert.ok(!isDecodeFailure(old) && old.message.kind === "hello");
  assert.equal(old.message.wireVersion, 3);
  for (const bytes of [
    frame,
    Buffer.concat([frame, Buffer.alloc(20, 0xff)]),
    frame.subarray(0, HEADER_BYTES + 5),
  ]) {
    const decoded = decodeFrame(bytes);
    assert.ok(!isDecodeFailure(decoded) && decoded.message.kind === "hello");
    assert.equal(decoded.message.wireVersion, WIRE_VERSION + 1);
  }
});

test("a hello of a later version that still speaks this one is read, and its extension passed over", () => {
  const hello: PeerMessage = {
    kind: "hello",
    wireVersion: WIRE_VERSION,
    wireVersionLeast: WIRE_VERSION,
    clusterId: undefined,
    nodeId: "0000000000000001" as NodeId,
    boot: bootIdFrom(5),
    address: "127.0.0.1:5000" as Address,
    commitNumber: 9,
    peer: undefined,
    remembered: 0,
    mark: NO_STAMP,
  };
  const later = changed(hello, (bytes) => bytes.writeUInt16BE(WIRE_VERSION + 1, HEADER_BYTES + 1));
  const extended = Buffer.concat([later.subarray(0, -2), Buffer.from([0, 3, 1, 2, 3])]);
  for (const bytes of [later, extended]) {
    const decoded = decodeFrame(bytes);
    assert.ok(!isDecodeFailure(decoded));
    assert.deepEqual(decoded.message, { ...hello, wireVersion: WIRE_VERSION + 1 });
  }
  const own = changed(hello, () => undefined);
  const odd = Buffer.concat([own.subarray(0, -2), Buffer.from([0, 1, 7])]);
  assert.match(reasonOf(odd), /an unknown extension/);
});

test("what does not fit its field is our own mistake", () => {
  const stamp = { ...NO_STAMP, boot: 2 ** 53 };
  assert.throws(() => encodeMessage({ ...write, bases: [stamp] }), AssertionError);
  assert.throws(() => encodeMessage({ ...write, bases: [{ ...NO_STAMP, ms: 2 ** 48 }] }));
  assert.throws(() => encodeMessage({ ...write, bases: [{ ...NO_STAMP, counter: 65_536 }] }));
  assert.throws(() => encodeMessage({ ...write, bases: [] }), AssertionError);
  assert.throws(() => encodeMessage({ ...write, bases: [stamp, stamp, stamp] }), AssertionError);
  assert.throws(() => encodeMessage({ ...write, key: "" as Key }), AssertionError);
  assert.throws(() => encodeFrame({ ...header, remainingMs: 60_001 }, write), AssertionError);
  assert.throws(() => encodeFrame({ ...header, requestId: -1 }, write), AssertionError);
  const huge = { field: undefined, bytes: new Uint8Array(FRAME_BYTES_MAX) };
  assert.throws(() => encodeMessage({ ...write, cells: [huge] }), AssertionError);
});
