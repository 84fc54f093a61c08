/**
 * What the cells of a backup show, key by key: what has to be written to have it back.
 *
 * Invariant: what comes out is what a client would have read, piece by piece and in bounded memory, however large a hash or set
 * is; but for its fields that count, since what was counted for them comes behind all of its fields.
 */
import type { Cell, CellAddress, FieldCell, RootCell } from "../../model/cell.ts";
import type { Field, Key } from "../../model/key.ts";
import type { HashEntry } from "../../model/operation.ts";
import { compareStamps, type Stamp } from "../../model/stamp.ts";
import {
  COUNTER_PREFIX,
  countersPrefixOf,
  FIELD_COUNTERS_PREFIX,
  fieldCountersPrefix,
  HASH_PREFIX,
  nameAt,
  SET_PREFIX,
} from "../causality/addresses.ts";
import { clearedOf, isFieldLive, visibleRoot } from "../causality/view.ts";
import { bytesOfInteger, parseCounterRoot, parseSum } from "./integers.ts";

/** As a listing cuts hashes and sets. */
const PART_ENTRIES_MAX = 1_000;
const PART_BYTES_MAX = 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

export type RestoredPart =
  | {
      readonly kind: "value";
      readonly key: Key;
      /** A value; of a counter, one with the number that it had come to. */
      readonly root: RootCell;
    }
  | {
      readonly kind: "fields";
      readonly key: Key;
      readonly type: "hash" | "set";
      /** Of a set, with empty values. */
      readonly entries: readonly HashEntry[];
      readonly expiresAtMs: number;
      /** It adds to the part before. */
      readonly continues: boolean;
    };

export interface RestoredKeysOptions {
  /** Wall clock: what has expired by then is not there. */
  readonly nowMs: number;
  /** The flush floor of the slot that a key is in. */
  readonly flushed: (key: Key) => Stamp;
  readonly onPart: (part: RestoredPart) => void;
}

/** A key that is visible as far as its root tells. */
interface Current {
  readonly key: Key;
  readonly root: RootCell;
  readonly cleared: Stamp;
  /** Entries that have not gone out, and their bytes. */
  entries: HashEntry[];
  bytes: number;
  isBegun: boolean;
  /** Of a counter. */
  sum: bigint;
  /** Of a hash: fields that count, by what the addresses begin with of the cells that count for them. */
  readonly counting: Map<string, { readonly name: string; readonly since: Stamp; sum: bigint }>;
}

export class RestoredKeys {
  readonly #options: RestoredKeysOptions;
  #current: Current | undefined;
  /** Keys that were there, and have expired since. */
  expired = 0;

  constructor(options: RestoredKeysOptions) {
    this.#options = options;
  }

  /** Takes cells in storage order: the root of a key first, then its fields. */
  add(key: Key, field: CellAddress, cell: Cell): void {
    if (field === undefined) {
      this.end();
      this.#begin(key, cell as RootCell);
      return;
    }
    if (this.#current?.key === key) this.#addField(this.#current, field, cell as FieldCell);
  }

  /** The last key is whole. */
  end(): void {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return;
    const { key, root, counting } = current;
    if (root.type === "counter") {
      const payload = bytesOfInteger(parseCounterRoot(root.payload).number + current.sum);
      const value = { ...root, kind: "value", type: "string", payload } as const;
      this.#options.onPart({ kind: "value", key, root: value });
      return;
    }
    for (const { name, sum } of counting.values()) {
      this.#push(current, [name, bytesOfInteger(sum)]);
    }
    if (current.entries.length > 0) this.#send(current);
  }

  #begin(key: Key, root: RootCell): void {
    const { nowMs, flushed, onPart } = this.#options;
    const floor = flushed(key);
    if (visibleRoot(root, nowMs, floor) === undefined) {
      // A time of no key at all, so that only what was there counts.
      if (visibleRoot(root, 0, floor) !== undefined) this.expired += 1;
      return;
    }
    if (root.kind === "value") {
      onPart({ kind: "value", key, root });
      return;
    }
    this.#current = {
      key,
      root,
      cleared: clearedOf(root, nowMs, floor),
      entries: [],
      bytes: 0,
      isBegun: false,
      sum: 0n,
      counting: new Map(),
    };
  }

  #addField(current: Current, field: Field, cell: FieldCell): void {
    if (!isFieldLive(cell, current.cleared, this.#options.nowMs)) return;
    switch (current.root.type) {
      case "counter":
        if (!field.startsWith(COUNTER_PREFIX)) return;
        if (compareStamps(cell.since, parseCounterRoot(current.root.payload).epoch) === 0) {
          current.sum += parseSum(cell.payload);
        }
        return;
      case "set":
        if (field.startsWith(SET_PREFIX)) this.#push(current, [nameAt(field), NO_BYTES]);
        return;
      case "hash":
        this.#addHashField(current, field, cell);
        return;
      case "string":
        return;
    }
  }

  #addHashField(current: Current, field: Field, cell: FieldCell): void {
    if (field.startsWith(FIELD_COUNTERS_PREFIX)) {
      const counted = current.counting.get(countersPrefixOf(field) ?? "");
      if (counted === undefined || compareStamps(cell.since, counted.since) !== 0) return;
      counted.sum += parseSum(cell.payload);
      return;
    }
    if (!field.startsWith(HASH_PREFIX)) return;
    const name = nameAt(field);
    if (cell.type === "counter") {
      const counted = { name, since: cell.since, sum: parseSum(cell.payload) };
      current.counting.set(fieldCountersPrefix(name), counted);
    } else this.#push(current, [name, cell.payload]);
  }

  #push(current: Current, entry: HashEntry): void {
    const [name, value] = entry;
    const bytes = name.length + value.length;
    if (current.entries.length > 0 && current.bytes + bytes > PART_BYTES_MAX) this.#send(current);
    current.entries.push(entry);
    current.bytes += bytes;
    if (current.entries.length >= PART_ENTRIES_MAX) this.#send(current);
  }

  #send(current: Current): void {
    const { key, root, entries, isBegun } = current;
    const type = root.type === "set" ? "set" : "hash";
    const { expiresAtMs } = root;
    this.#options.onPart({ kind: "fields", key, type, entries, expiresAtMs, continues: isBegun });
    current.entries = [];
    current.bytes = 0;
    current.isBegun = true;
  }
}
