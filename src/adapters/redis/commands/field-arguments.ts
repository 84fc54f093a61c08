/**
 * Names of fields and members, and the values beside them, as arguments: no more of them than one message between nodes holds.
 *
 * Invariant: as in `arguments.ts`. What is handed on fits one read and one write, whatever else the key holds.
 */
import { binaryFromBytes } from "../../../base/binary.ts";
import { NAME_BYTES_MAX } from "../../../model/limits.ts";
import type { HashEntry } from "../../../model/operation.ts";
import {
  FIELD_OVERHEAD_BYTES,
  FIELDS_BYTES_MAX,
  FIELDS_PER_REQUEST_MAX,
} from "../../../model/selection.ts";
import type { Call } from "../command.ts";
import { errorReply } from "../failures.ts";
import { argumentAt, valueAt } from "./arguments.ts";

const NAME_TOO_LONG = errorReply(`ERR field or member is longer than ${NAME_BYTES_MAX} bytes`);

/** The name at `index`, as a binary string. */
export function nameAt(call: Call, index: number): string | undefined {
  const bytes = argumentAt(call, index);
  if (bytes.length <= NAME_BYTES_MAX) return binaryFromBytes(bytes);
  call.reply(NAME_TOO_LONG);
  return undefined;
}

/** All names from `first` on. */
export function namesFrom(call: Call, first: number): readonly string[] | undefined {
  const names: string[] = [];
  let bytesTotal = 0;
  for (let index = first; index < call.args.length; index += 1) {
    const name = nameAt(call, index);
    if (name === undefined) return undefined;
    names.push(name);
    bytesTotal += FIELD_OVERHEAD_BYTES + name.length;
  }
  return areTooMany(call, names.length, bytesTotal) ? undefined : names;
}

/** Names and values by turns from `first` on, of which there must be an even number. */
export function entriesFrom(call: Call, first: number): readonly HashEntry[] | undefined {
  const entries: HashEntry[] = [];
  let bytesTotal = 0;
  for (let index = first; index < call.args.length; index += 2) {
    const name = nameAt(call, index);
    const value = name === undefined ? undefined : valueAt(call, index + 1);
    if (name === undefined || value === undefined) return undefined;
    entries.push([name, value]);
    bytesTotal += FIELD_OVERHEAD_BYTES + name.length + value.length;
  }
  return areTooMany(call, entries.length, bytesTotal) ? undefined : entries;
}

function areTooMany(call: Call, count: number, bytesTotal: number): boolean {
  if (count > FIELDS_PER_REQUEST_MAX) {
    call.reply(errorReply(`ERR ${count} fields in one command, max ${FIELDS_PER_REQUEST_MAX}`));
    return true;
  }
  if (bytesTotal > FIELDS_BYTES_MAX) {
    const counted = `with ${FIELD_OVERHEAD_BYTES} for each`;
    const text = `ERR fields of ${bytesTotal} bytes in one command, max ${FIELDS_BYTES_MAX}, ${counted}`;
    call.reply(errorReply(text));
    return true;
  }
  return false;
}
