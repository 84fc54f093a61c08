/**
 * What stands at a field's address: the first byte says what the cell is of, and so of which type of container.
 *
 * | address                             | cell of                                                              |
 * |-------------------------------------|----------------------------------------------------------------------|
 * | `c` id                              | a counter: what the holder of this id has added                      |
 * | `h` field                           | a field of a hash                                                    |
 * | `m` member                          | a set                                                                |
 * | `n` length of field:u16 field id    | a field of a hash that counts: what the holder of this id has added  |
 *
 * Invariant: two things never have one address, and the cells that count for one field are adjacent.
 */
import { assert } from "../../base/assert.ts";
import type { Field } from "../../model/key.ts";
import { NAME_BYTES_MAX } from "../../model/limits.ts";

const COUNTER_TAG = "c";
const HASH_TAG = "h";
const SET_TAG = "m";
const FIELD_COUNTER_TAG = "n";
/** The tag, and the length of the field's name. */
const FIELD_COUNTER_HEAD_LENGTH = 3;

/** What all addresses of a kind begin with. */
export const COUNTER_PREFIX: string = COUNTER_TAG;
export const HASH_PREFIX: string = HASH_TAG;
export const SET_PREFIX: string = SET_TAG;
export const FIELD_COUNTERS_PREFIX: string = FIELD_COUNTER_TAG;

/** `name` is a binary string of at most NAME_BYTES_MAX. */
export function hashField(name: string): Field {
  return address(HASH_TAG, name);
}

export function setMember(member: string): Field {
  return address(SET_TAG, member);
}

/** `id` is a binary string, the same for all that one holder adds. */
export function counterCell(id: string): Field {
  return (COUNTER_TAG + id) as Field;
}

export function fieldCounter(name: string, id: string): Field {
  return (fieldCountersPrefix(name) + id) as Field;
}

/** What the addresses of all that count for a field begin with. */
export function fieldCountersPrefix(name: string): string {
  const length = String.fromCharCode(name.length >>> 8, name.length & 0xff);
  return FIELD_COUNTER_TAG + length + name;
}

/** What the addresses of all begin with that count for the same field as the cell at `address`; `undefined` if it counts for none. */
export function countersPrefixOf(address: Field): string | undefined {
  if (address[0] !== FIELD_COUNTER_TAG) return undefined;
  const length = (address.charCodeAt(1) << 8) | address.charCodeAt(2);
  return address.slice(0, FIELD_COUNTER_HEAD_LENGTH + length);
}

/** The name of a hash field or set member. */
export function nameAt(field: Field): string {
  return field.slice(1);
}

/** What the addresses of the cells begin with that count for what is at `field`; `undefined` if nothing can. */
export function countersOf(field: Field): string | undefined {
  return field[0] === HASH_TAG ? fieldCountersPrefix(nameAt(field)) : undefined;
}

/** What the addresses of all begin with that count for the same as the cell at `field`; `undefined` if it counts for nothing. */
export function countedWith(field: Field): string | undefined {
  if (field[0] === COUNTER_TAG) return COUNTER_PREFIX;
  if (field[0] !== FIELD_COUNTER_TAG) return undefined;
  return field.slice(0, 3 + ((field.charCodeAt(1) << 8) | field.charCodeAt(2)));
}

function address(tag: string, name: string): Field {
  assert(name.length <= NAME_BYTES_MAX, "a name fits its address");
  return (tag + name) as Field;
}
