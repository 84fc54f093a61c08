/**
 * Frames between nodes as bytes: a header of 32 bytes, a kind, a body.
 *
 *    0  request id    u32   0 for one-way messages
 *    4  clock ms      u48   the sender's hybrid clock
 *   10  clock counter u16
 *   12  epoch         u53   in 8 bytes
 *   20  remaining ms  u32   rounded up; at most DEADLINE_MS_MAX
 *   24  sent ms       f64   the sender's monotonic clock
 *   32  kind          u8    1..63 requests, from 64 on replies
 *   33  body                `request-codec.ts`, `reply-codec.ts`, `exchange-codec.ts`, `collection-codec.ts`,
 *                         `publish-codec.ts`, `traced-codec.ts`
 *
 * Integers are big-endian. Invariant: `decodeFrame` answers for any bytes whatever, in time linear in their number, and takes
 * memory only for what is really there; what it accepts, encodes to the same bytes again.
 */
import { assert } from "../../base/assert.ts";
import { asBuffer } from "../../base/binary.ts";
import { Buffer } from "../../base/buffer.ts";
import { ByteReader, DecodeError } from "../../base/byte-reader.ts";
import { ByteWriter } from "../../base/byte-writer.ts";
import { epochFrom } from "../../model/ids.ts";
import { DEADLINE_MS_MAX, FRAME_BYTES_MAX } from "../../model/limits.ts";
import type {
  Frame,
  FrameHeader,
  PeerMessage,
  PeerReply,
  PeerRequest,
  TraceableRequest,
} from "../../model/peer-message.ts";
import type { TraceContext } from "../../model/trace.ts";
import { readCollect, readMarkReply, readRaiseFloor } from "./collection-codec.ts";
import {
  readCellScan,
  readCompare,
  readCompareReply,
  readFetch,
  readFetchReply,
  readLeafCompare,
  readLeafCompareReply,
  readMerge,
  readSlotCompare,
  readSlotList,
  readSlotListReply,
  readSlotScan,
  readSlotScanReply,
  readSparseScan,
  readSumCompare,
} from "./exchange-codec.ts";
import {
  CONFIRM_REPLY_BYTES,
  frameOf,
  put48,
  put53,
  putCellsReply,
  putConfirm,
  putConfirmReply,
  putDigestReply,
  putRead,
  putWrite,
  putWriteAcks,
  putWriteReply,
  sizeOfCellsReply,
  sizeOfConfirm,
  sizeOfDigests,
  sizeOfRead,
  sizeOfWrite,
  sizeOfWriteAcks,
  WRITE_REPLY_BYTES,
} from "./hot-codec.ts";
import { readFlag, readStamp } from "./message-parts.ts";
import { readPublish, readSubscriptions, readSubscriptionsReply } from "./publish-codec.ts";
import {
  type ColdReply,
  readCellsReply,
  readConfirmReply,
  readDigestReply,
  readForwardReply,
  readHelloReply,
  readJoinReply,
  readListReply,
  readPushPullReply,
  readRefused,
  readWriteAcks,
  readWriteReply,
  sizeOfReply,
  writeReply,
} from "./reply-codec.ts";
import {
  type ColdRequest,
  readConfirm,
  readForward,
  readHello,
  readHint,
  readJoin,
  readList,
  readPushPull,
  readRead,
  readWrite,
  sizeOfRequest,
  writeRequest,
} from "./request-codec.ts";
import { readTrace, withTrace } from "./traced-codec.ts";

/** Bytes before the kind. */
export const HEADER_BYTES = 32;
const BODY_OFFSET = HEADER_BYTES + 1;

/** Why bytes are not a frame. Told from a `Frame` by `isDecodeFailure`. */
export interface DecodeFailure {
  readonly kind: "malformed";
  readonly reason: string;
}

const REQUEST_CODES: Readonly<Record<PeerRequest["kind"], number>> = {
  hello: 1,
  join: 2,
  "push-pull": 3,
  probe: 4,
  write: 5,
  hint: 6,
  read: 7,
  forward: 8,
  list: 9,
  compare: 10,
  "slot-list": 11,
  fetch: 12,
  merge: 13,
  filled: 14,
  "slot-compare": 15,
  "leaf-compare": 16,
  "slot-scan": 17,
  mark: 18,
  "raise-floor": 19,
  collect: 20,
  publish: 21,
  subscriptions: 22,
  "cell-scan": 23,
  "sparse-scan": 24,
  "sum-compare": 25,
  traced: 26,
  confirm: 27,
};
const TRACED = { headerBytes: HEADER_BYTES, code: REQUEST_CODES.traced };

const REPLY_CODES: Readonly<Record<PeerReply["kind"], number>> = {
  refused: 64,
  "hello-reply": 65,
  "join-reply": 66,
  "push-pull-reply": 67,
  "probe-reply": 68,
  "write-reply": 69,
  "digest-reply": 70,
  "cells-reply": 71,
  "forward-reply": 72,
  "list-reply": 73,
  "compare-reply": 74,
  "slot-list-reply": 75,
  "fetch-reply": 76,
  "merge-reply": 77,
  "filled-reply": 78,
  "leaf-compare-reply": 79,
  "slot-scan-reply": 80,
  "mark-reply": 81,
  "floor-reply": 82,
  "collect-reply": 83,
  "publish-reply": 84,
  "subscriptions-reply": 85,
  "write-acks": 86,
  "confirm-reply": 87,
};

const CODES: ReadonlyMap<PeerMessage["kind"], number> = new Map(
  Object.entries({ ...REQUEST_CODES, ...REPLY_CODES }) as [PeerMessage["kind"], number][],
);

const TRACEABLE: ReadonlyMap<number, TraceableRequest["kind"]> = new Map(
  (["write", "read", "forward", "list", "merge"] as const).map((kind) => [
    REQUEST_CODES[kind],
    kind,
  ]),
);

const FIRST_REPLY_CODE = 64;
const BLANK_HEADER = new Uint8Array(HEADER_BYTES);

/** The bytes of one frame; a buffer of its own. */
export function encodeFrame(header: FrameHeader, message: PeerMessage): Uint8Array {
  const frame = encodeMessage(message);
  patchHeader(frame, header);
  return frame;
}

/**
 * A frame without its header: room for it is left blank. Encode once what goes to several peers, then make each one's frame
 * with `frameFrom`, or the last one's with `patchHeader`.
 */
export function encodeMessage(message: PeerMessage): Uint8Array {
  switch (message.kind) {
    case "write": {
      const frame = frameOf(HEADER_BYTES, REQUEST_CODES.write, sizeOfWrite(message));
      putWrite(frame, BODY_OFFSET, message);
      return frame;
    }
    case "write-reply": {
      const frame = frameOf(HEADER_BYTES, REPLY_CODES["write-reply"], WRITE_REPLY_BYTES);
      putWriteReply(frame, BODY_OFFSET, message);
      return frame;
    }
    case "write-acks": {
      const frame = frameOf(HEADER_BYTES, REPLY_CODES["write-acks"], sizeOfWriteAcks(message));
      putWriteAcks(frame, BODY_OFFSET, message);
      return frame;
    }
    case "read": {
      const frame = frameOf(HEADER_BYTES, REQUEST_CODES.read, sizeOfRead(message));
      putRead(frame, BODY_OFFSET, message);
      return frame;
    }
    case "cells-reply": {
      const bodyBytes = sizeOfCellsReply(message);
      const frame = frameOf(HEADER_BYTES, REPLY_CODES["cells-reply"], bodyBytes);
      putCellsReply(frame, BODY_OFFSET, message);
      return frame;
    }
    case "digest-reply": {
      const bodyBytes = sizeOfDigests(message.digests);
      const frame = frameOf(HEADER_BYTES, REPLY_CODES["digest-reply"], bodyBytes);
      putDigestReply(frame, BODY_OFFSET, message);
      return frame;
    }
    case "confirm": {
      const frame = frameOf(HEADER_BYTES, REQUEST_CODES.confirm, sizeOfConfirm(message));
      putConfirm(frame, BODY_OFFSET, message);
      return frame;
    }
    case "confirm-reply": {
      const frame = frameOf(HEADER_BYTES, REPLY_CODES["confirm-reply"], CONFIRM_REPLY_BYTES);
      putConfirmReply(frame, BODY_OFFSET, message);
      return frame;
    }
    case "traced":
      return withTrace(encodeMessage(message.request), message.trace, TRACED);
    default:
      return encodeCold(message);
  }
}

function encodeCold(message: ColdRequest | ColdReply): Uint8Array {
  const code = CODES.get(message.kind);
  assert(code !== undefined, "a message has a code");
  const isReply = code >= FIRST_REPLY_CODE;
  const bodyBytes = isReply
    ? sizeOfReply(message as ColdReply)
    : sizeOfRequest(message as ColdRequest);
  const writer = new ByteWriter(BODY_OFFSET + bodyBytes);
  writer.bytes(BLANK_HEADER);
  writer.u8(code);
  if (isReply) writeReply(writer, message as ColdReply);
  else writeRequest(writer, message as ColdRequest);
  const frame = writer.finish();
  assert(frame.length <= FRAME_BYTES_MAX, "a frame is at most FRAME_BYTES_MAX bytes");
  return frame;
}

/** A frame of its own from a message that `encodeMessage` made: the message may be used again. */
export function frameFrom(header: FrameHeader, encoded: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(encoded.length);
  frame.set(encoded);
  patchHeader(frame, header);
  return frame;
}

/** As `frameFrom`, of a request that is part of a trace. */
export function tracedFrameFrom(
  header: FrameHeader,
  encoded: Uint8Array,
  trace: TraceContext,
): Uint8Array {
  const frame = withTrace(encoded, trace, TRACED);
  if (frame === encoded) return frameFrom(header, encoded);
  patchHeader(frame, header);
  return frame;
}

/** The kind of a request that `encodeMessage` made, of those that can be traced. */
export function traceableKind(encoded: Uint8Array): TraceableRequest["kind"] | undefined {
  return TRACEABLE.get(encoded[HEADER_BYTES] as number);
}

/** Writes the header into what `encodeMessage` made. Never after the frame was sent: it may still be waiting. */
export function patchHeader(encoded: Uint8Array, header: FrameHeader): void {
  const { requestId, clockMs, clockCounter, epoch, sentMs } = header;
  const remainingMs = Math.ceil(header.remainingMs);
  assert(requestId >= 0 && requestId <= 0xffff_ffff, "a request id fits 32 bits");
  assert(remainingMs >= 0 && remainingMs <= DEADLINE_MS_MAX, "a deadline is at most 60 s away");
  assert(Number.isFinite(sentMs), "a clock reading is finite");
  const buffer = asBuffer(encoded);
  buffer.writeUInt32BE(requestId, 0);
  put48(buffer, 4, clockMs);
  buffer.writeUInt16BE(clockCounter, 10);
  put53(buffer, 12, epoch);
  buffer.writeUInt32BE(remainingMs, 20);
  buffer.writeDoubleBE(sentMs, 24);
}

/** The frame, or why it is none. Values and cells in it are views of `bytes`. Never throws for what bytes may be. */
export function decodeFrame(bytes: Uint8Array): Frame | DecodeFailure {
  if (bytes.length > FRAME_BYTES_MAX) {
    return { kind: "malformed", reason: `frame of ${bytes.length} bytes, max ${FRAME_BYTES_MAX}` };
  }
  try {
    const reader = new ByteReader(bytes);
    const header = readHeader(reader);
    const message = readMessage(reader.u8(), reader);
    if (reader.remaining > 0) reader.reject(`${reader.remaining} bytes left over`);
    return { header, message };
  } catch (error) {
    // Anything else is a bug of ours and must stop the process.
    if (error instanceof DecodeError) return { kind: "malformed", reason: error.message };
    throw error;
  }
}

/** Whether decoding failed. */
export function isDecodeFailure(result: Frame | DecodeFailure): result is DecodeFailure {
  return "reason" in result;
}

function readHeader(reader: ByteReader): FrameHeader {
  const requestId = reader.u32();
  const clockMs = reader.u48();
  const clockCounter = reader.u16();
  const epoch = epochFrom(reader.u53());
  const remainingMs = reader.u32();
  if (remainingMs > DEADLINE_MS_MAX)
    reader.reject(`${remainingMs} ms left, max ${DEADLINE_MS_MAX}`);
  const sentMs = reader.f64();
  if (!Number.isFinite(sentMs)) reader.reject("a clock reading is not a number");
  return { requestId, clockMs, clockCounter, epoch, remainingMs, sentMs };
}

function readMessage(code: number, reader: ByteReader): PeerMessage {
  switch (code) {
    case REQUEST_CODES.write:
      return readWrite(reader);
    case REPLY_CODES["write-reply"]:
      return readWriteReply(reader);
    case REPLY_CODES["write-acks"]:
      return readWriteAcks(reader);
    case REQUEST_CODES.read:
      return readRead(reader);
    case REPLY_CODES["cells-reply"]:
      return readCellsReply(reader);
    case REPLY_CODES["digest-reply"]:
      return readDigestReply(reader);
    case REQUEST_CODES.confirm:
      return readConfirm(reader);
    case REPLY_CODES["confirm-reply"]:
      return readConfirmReply(reader);
    case REQUEST_CODES.hello:
      return readHello(reader);
    case REQUEST_CODES.join:
      return readJoin(reader);
    case REQUEST_CODES["push-pull"]:
      return readPushPull(reader);
    case REQUEST_CODES.probe:
      return { kind: "probe" };
    case REQUEST_CODES.filled:
      return { kind: "filled" };
    case REQUEST_CODES.hint:
      return readHint(reader);
    case REQUEST_CODES.forward:
      return readForward(reader);
    case REQUEST_CODES.list:
      return readList(reader);
    case REQUEST_CODES.compare:
      return readCompare(reader);
    case REQUEST_CODES["slot-compare"]:
      return readSlotCompare(reader);
    case REQUEST_CODES["leaf-compare"]:
      return readLeafCompare(reader);
    case REQUEST_CODES["slot-scan"]:
      return readSlotScan(reader);
    case REQUEST_CODES["cell-scan"]:
      return readCellScan(reader);
    case REQUEST_CODES["sparse-scan"]:
      return readSparseScan(reader);
    case REQUEST_CODES["sum-compare"]:
      return readSumCompare(reader);
    case REQUEST_CODES["slot-list"]:
      return readSlotList(reader);
    case REQUEST_CODES.fetch:
      return readFetch(reader);
    case REQUEST_CODES.merge:
      return readMerge(reader);
    case REQUEST_CODES.mark:
      return { kind: "mark", upTo: readStamp(reader) };
    case REQUEST_CODES["raise-floor"]:
      return readRaiseFloor(reader);
    case REQUEST_CODES.collect:
      return readCollect(reader);
    case REQUEST_CODES.publish:
      return readPublish(reader);
    case REQUEST_CODES.subscriptions:
      return readSubscriptions(reader);
    case REQUEST_CODES.traced:
      return readTraced(reader);
    default:
      return readRareReply(code, reader);
  }
}

function readTraced(reader: ByteReader): PeerRequest {
  const trace = readTrace(reader);
  const code = reader.u8();
  if (!TRACEABLE.has(code)) reader.reject(`kind ${code} is not traced`);
  return { kind: "traced", trace, request: readMessage(code, reader) as TraceableRequest };
}

function readRareReply(code: number, reader: ByteReader): PeerReply {
  switch (code) {
    case REPLY_CODES.refused:
      return readRefused(reader);
    case REPLY_CODES["hello-reply"]:
      return readHelloReply(reader);
    case REPLY_CODES["join-reply"]:
      return readJoinReply(reader);
    case REPLY_CODES["push-pull-reply"]:
      return readPushPullReply(reader);
    case REPLY_CODES["probe-reply"]:
      return { kind: "probe-reply" };
    case REPLY_CODES["filled-reply"]:
      return { kind: "filled-reply", isFilled: readFlag(reader) };
    case REPLY_CODES["forward-reply"]:
      return readForwardReply(reader);
    case REPLY_CODES["list-reply"]:
      return readListReply(reader);
    case REPLY_CODES["compare-reply"]:
      return readCompareReply(reader);
    case REPLY_CODES["leaf-compare-reply"]:
      return readLeafCompareReply(reader);
    case REPLY_CODES["slot-scan-reply"]:
      return readSlotScanReply(reader);
    case REPLY_CODES["slot-list-reply"]:
      return readSlotListReply(reader);
    case REPLY_CODES["fetch-reply"]:
      return readFetchReply(reader);
    case REPLY_CODES["merge-reply"]:
      return { kind: "merge-reply" };
    case REPLY_CODES["mark-reply"]:
      return readMarkReply(reader);
    case REPLY_CODES["floor-reply"]:
      return { kind: "floor-reply", generation: reader.u53() };
    case REPLY_CODES["collect-reply"]:
      return { kind: "collect-reply" };
    case REPLY_CODES["publish-reply"]:
      return { kind: "publish-reply", receivers: reader.u32() };
    case REPLY_CODES["subscriptions-reply"]:
      return readSubscriptionsReply(reader);
    default:
      return reader.reject(`unknown kind ${code}`);
  }
}
