/**
 * A request with the trace it belongs to, as bytes: the request as it is without, with a context between the header and its kind.
 *
 *   26  traced   trace id 16, span id 8, flags u8, state (length u16, bytes), kind u8, body of that kind
 *
 * Known since wire version 5, and sent only where it was agreed. Invariant: only requests that clients wait for are traced, and
 * none twice: the inner kind is looked at before its body is.
 */
import { assert } from "../../base/assert.ts";
import { asBuffer } from "../../base/binary.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import { FRAME_BYTES_MAX } from "../../model/limits.ts";
import { TRACE_STATE_BYTES_MAX, type TraceContext } from "../../model/trace.ts";

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const FIXED_BYTES = TRACE_ID_BYTES + SPAN_ID_BYTES + 1 + 2;
const NOTHING = /^0*$/;
const NOT_PRINTABLE = /[^ -~]/;

/**
 * What `encodeMessage` made of a request, with its trace: `code` is the kind that says so.
 *
 * @returns the request as it came where both together are longer than a frame: a trace is never worth a request.
 */
export function withTrace(
  encoded: Uint8Array,
  trace: TraceContext,
  layout: { readonly headerBytes: number; readonly code: number },
): Uint8Array {
  const { headerBytes, code } = layout;
  const { state } = trace;
  const addedBytes = 1 + FIXED_BYTES + state.length;
  if (encoded.length + addedBytes > FRAME_BYTES_MAX) return encoded;
  assert(state.length <= TRACE_STATE_BYTES_MAX, "a trace's state is at most 512 bytes");
  const frame = Buffer.allocUnsafe(encoded.length + addedBytes);
  frame.set(encoded.subarray(0, headerBytes));
  frame[headerBytes] = code;
  let at = headerBytes + 1;
  at += frame.write(trace.traceId, at, TRACE_ID_BYTES, "hex");
  at += frame.write(trace.spanId, at, SPAN_ID_BYTES, "hex");
  assert(at === headerBytes + 1 + TRACE_ID_BYTES + SPAN_ID_BYTES, "ids are hexadecimal");
  at = frame.writeUInt8(trace.flags, at);
  at = frame.writeUInt16BE(state.length, at);
  at += frame.write(state, at, "latin1");
  frame.set(encoded.subarray(headerBytes), at);
  return frame;
}

/** The context; the kind of the request follows. */
export function readTrace(reader: ByteReader): TraceContext {
  const traceId = asBuffer(reader.bytes(TRACE_ID_BYTES)).toString("hex");
  const spanId = asBuffer(reader.bytes(SPAN_ID_BYTES)).toString("hex");
  if (NOTHING.test(traceId) || NOTHING.test(spanId)) reader.reject("an id of nothing");
  const flags = reader.u8();
  const state = reader.binary16();
  if (state.length > TRACE_STATE_BYTES_MAX) reader.reject(`a trace's state of ${state.length}`);
  if (NOT_PRINTABLE.test(state)) reader.reject("a trace's state that is not printable");
  return { traceId, spanId, flags, state };
}
