/** Operations on a key that holds a string, or nothing. */
import { binaryFromBytes, bytesFromBinary } from "../../base/binary.ts";
import type { RootCell } from "../../model/cell.ts";
import type { Operation, OperationResult } from "../../model/operation.ts";
import {
  type Applied,
  type ApplyContext,
  bytesResult,
  changed,
  expiryAfter,
  fault,
  integer,
  isPast,
  NONE,
  TOMBSTONE,
  unchanged,
  value,
  withExpiry,
} from "./changes.ts";
import { addToKey } from "./counters.ts";
import { addDecimals } from "./extended-floats.ts";
import type { KeyView } from "./key-view.ts";

export type StringOperation = Extract<
  Operation,
  {
    kind: "take" | "get-expire" | "append" | "set-range" | "set-bit" | "add" | "add-float";
  }
>;

const NO_BYTES = new Uint8Array(0);

export function applyToString(
  operation: StringOperation,
  view: KeyView,
  context: ApplyContext,
): Applied {
  const { current, nowMs } = view;
  const former = view.text() ?? NO_BYTES;
  switch (operation.kind) {
    case "take":
      if (current === undefined) return unchanged(NONE);
      return changed(bytesResult(former), TOMBSTONE);
    case "get-expire": {
      if (current === undefined) return unchanged(NONE);
      const expiresAtMs = expiryAfter(operation.expiry, current);
      if (expiresAtMs === 0 && current.expiresAtMs === 0) return unchanged(bytesResult(former));
      const isOver = isPast(expiresAtMs, nowMs);
      return changed(bytesResult(former), isOver ? TOMBSTONE : withExpiry(current, expiresAtMs));
    }
    case "append": {
      const length = former.length + operation.bytes.length;
      if (length > context.valueBytesMax) return fault("too-long");
      return replaced(current, concatenated(former, operation.bytes), integer(length));
    }
    case "set-range":
      return setRange(operation.offset, operation.bytes, view, context);
    case "set-bit":
      return setBit(operation.offset, operation.bit, view, context);
    case "add":
      return addToKey(view, operation.delta, context);
    case "add-float": {
      const added = addDecimals(
        current === undefined ? "0" : binaryFromBytes(former),
        operation.delta,
      );
      if ("fault" in added) return fault(added.fault);
      const payload = bytesFromBinary(added.sum);
      return replaced(current, payload, bytesResult(payload));
    }
  }
}

function setRange(
  offset: number,
  patch: Uint8Array,
  view: KeyView,
  { valueBytesMax }: ApplyContext,
): Applied {
  const former = view.text() ?? NO_BYTES;
  if (patch.length === 0) return unchanged(integer(former.length));
  const length = Math.max(former.length, offset + patch.length);
  if (length > valueBytesMax) return fault("too-long");
  const payload = grown(former, length);
  payload.set(patch, offset);
  return replaced(view.current, payload, integer(length));
}

function setBit(
  offset: number,
  bit: 0 | 1,
  view: KeyView,
  { valueBytesMax }: ApplyContext,
): Applied {
  const former = view.text() ?? NO_BYTES;
  const index = Math.floor(offset / 8);
  if (index >= valueBytesMax) return fault("too-long");
  const mask = 0x80 >>> (offset % 8);
  const byte = former[index] ?? 0;
  const result = integer((byte & mask) === 0 ? 0 : 1);
  const patched = bit === 1 ? byte | mask : byte & ~mask;
  if (former[index] === patched) return unchanged(result);
  const payload = grown(former, Math.max(former.length, index + 1));
  payload[index] = patched;
  return replaced(view.current, payload, result);
}

/** Another value in the place of the former, with the time it had. */
function replaced(
  current: RootCell | undefined,
  payload: Uint8Array,
  result: OperationResult,
): Applied {
  return changed(result, value(payload, current?.expiresAtMs ?? 0, current?.contentType ?? ""));
}

function grown(former: Uint8Array, length: number): Uint8Array {
  const payload = new Uint8Array(length);
  payload.set(former);
  return payload;
}

function concatenated(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = grown(a, a.length + b.length);
  both.set(b, a.length);
  return both;
}
