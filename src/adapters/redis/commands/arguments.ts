/**
 * Arguments of commands: keys, values, numbers and words, as Redis reads them and within the
 * cluster's limits.
 *
 * Invariant: whoever is given `undefined` by a function that takes the call returns: the call has
 * been answered. Nothing is asked of the store before the arguments have passed here.
 */
import { binaryFromBytes } from "../../../base/binary.ts";
import { parseInteger } from "../../../core/operations/integers.ts";
import type { SharedConfig } from "../../../model/config.ts";
import type { NodeId } from "../../../model/ids.ts";
import { type Key, keyFault, keyFromBinary } from "../../../model/key.ts";
import type { Call } from "../command.ts";
import type { KnownSettings } from "../door-state.ts";
import { type ErrorReply, errorReply, faultReply, NOT_AN_INTEGER } from "../failures.ts";

/**
 * How long the shared settings are believed before the store is asked again: its status is not
 * cheap.
 */
const SHARED_FRESH_MS = 1_000;
/** No option is longer; what is longer is not made a string to find that out. */
const WORD_BYTES_MAX = 32;

/** The cluster's limits, at most a second old. */
export function sharedOf(call: Call): SharedConfig {
  return knownOf(call).shared;
}

/** The node that is asked. */
export function nodeOf(call: Call): NodeId {
  return knownOf(call).nodeId;
}

function knownOf({ door, nowMs }: Call): KnownSettings {
  const { known } = door;
  // The wall clock may have been set back.
  if (known !== undefined && Math.abs(nowMs - known.atMs) < SHARED_FRESH_MS) return known;
  const { shared, nodeId } = door.store.status();
  const fresh = { shared, nodeId, atMs: nowMs };
  door.known = fresh;
  return fresh;
}

/** The key at `index`. */
export function keyAt(call: Call, index: number): Key | undefined {
  const { keyBytesMax } = sharedOf(call);
  const binary = binaryFromBytes(argumentAt(call, index));
  const fault = keyFault(binary, keyBytesMax);
  if (fault === undefined) return keyFromBinary(binary);
  const what =
    fault === "reserved"
      ? "is one of the store's own"
      : `is empty or longer than ${keyBytesMax} bytes`;
  call.reply(errorReply(`ERR key ${what}`));
  return undefined;
}

/** The keys from `first` on, up to before `end`. */
export function keysFrom(
  call: Call,
  first: number,
  end: number = call.args.length,
): Key[] | undefined {
  const keys: Key[] = [];
  for (let index = first; index < end; index += 1) {
    const key = keyAt(call, index);
    if (key === undefined) return undefined;
    keys.push(key);
  }
  return keys;
}

/** The bytes at `index`, to become a value or part of one. */
export function valueAt(call: Call, index: number): Uint8Array | undefined {
  const value = argumentAt(call, index);
  if (value.length <= sharedOf(call).valueBytesMax) return value;
  call.reply(faultReply("too-long"));
  return undefined;
}

/** The integer of 64 bits at `index`. */
export function integerAt(call: Call, index: number): bigint | undefined {
  const value = parseInteger(argumentAt(call, index));
  if (value === undefined) call.reply(NOT_AN_INTEGER);
  return value;
}

/** The integer of 64 bits at `index`, from `least` on; `fault` also answers what is none. */
export function integerFrom(
  call: Call,
  index: number,
  { least, fault }: { readonly least: bigint; readonly fault: ErrorReply },
): bigint | undefined {
  const value = parseInteger(argumentAt(call, index));
  if (value !== undefined && value >= least) return value;
  call.reply(fault);
  return undefined;
}

/** The word at `index` in lower case; empty where there is none, or none that could be an option. */
export function wordAt({ args }: Call, index: number): string {
  const bytes = args[index];
  if (bytes === undefined || bytes.length > WORD_BYTES_MAX) return "";
  return binaryFromBytes(bytes).toLowerCase();
}

/** The number nearest to `value` that is exact: lengths and offsets are far from it. */
export function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  return value < -BigInt(Number.MAX_SAFE_INTEGER) ? -Number.MAX_SAFE_INTEGER : Number(value);
}

/** Dispatch has counted the arguments. */
export function argumentAt({ args }: Call, index: number): Uint8Array {
  return args[index] as Uint8Array;
}
