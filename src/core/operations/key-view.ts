/**
 * A key as an operation sees it: its cells, merged from a read quorum, and what of them is visible.
 *
 * Invariant: a field is visible only under a visible root of its type. Whoever writes a field of a hash or set states the
 * root anew in the same write, and whoever counts sends the root along as it was read, so that no replica holds a field
 * that was acknowledged without the root that shows it.
 * Source: docs/ARCHITECTURE.md, "Data"; decision 0014.
 */
import type { Cell, CellAddress, FieldCell, RootCell } from "../../model/cell.ts";
import type { Field } from "../../model/key.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import {
  COUNTER_PREFIX,
  countersPrefixOf,
  fieldCountersPrefix,
  HASH_PREFIX,
  hashField,
  nameAt,
  SET_PREFIX,
} from "../causality/addresses.ts";
import { clearedOf, heldAtField, heldAtRoot, isFieldLive, visibleRoot } from "../causality/view.ts";
import { bytesOfInteger, parseCounterRoot, parseSum } from "./integers.ts";

const NO_FIELDS: readonly Field[] = [];

export interface ViewedCell {
  readonly field: CellAddress;
  readonly cell: Cell;
}

export interface ViewOptions {
  /** Wall clock, by which expiry is judged. */
  readonly nowMs: number;
  /** The greatest C of those who were asked: what they lack up to it was held once. */
  readonly collected: Stamp;
  /** The greatest flush floor of those who were asked; absent for none. */
  readonly flushed?: Stamp;
  /** The greatest stamp of what was read and is not among the cells, being gone; absent for none. */
  readonly left?: Stamp;
  /** The root is of a container in which nothing is visible: the key does not exist. */
  readonly isEmpty: boolean;
}

export class KeyView {
  readonly root: RootCell | undefined;
  /** The root of a key that exists, as far as its root tells. */
  readonly current: RootCell | undefined;
  /** The stamp up to which fields are gone. */
  readonly cleared: Stamp;
  readonly nowMs: number;
  /** The greatest C of those who were asked. */
  readonly collected: Stamp;
  readonly #flushed: Stamp;
  readonly #fields = new Map<Field, FieldCell>();
  /** Addresses of the cells that count for each field, by what they begin with; once they were asked for. */
  #hashCounters: ReadonlyMap<string, readonly Field[]> | undefined;
  #greatest: Stamp;

  constructor(cells: Iterable<ViewedCell>, options: ViewOptions) {
    let root: RootCell | undefined;
    this.#greatest = options.left ?? NO_STAMP;
    for (const { field, cell } of cells) {
      this.#greatest = maxStamp(this.#greatest, cell.stamp);
      if (field === undefined) root = cell as RootCell;
      else this.#fields.set(field, cell as FieldCell);
    }
    this.root = root;
    this.nowMs = options.nowMs;
    this.collected = options.collected;
    this.#flushed = options.flushed ?? NO_STAMP;
    this.cleared = clearedOf(root, options.nowMs, this.#flushed);
    this.current = options.isEmpty ? undefined : visibleRoot(root, options.nowMs, this.#flushed);
  }

  /** Greatest stamp of what was read. */
  get stamp(): Stamp {
    return this.#greatest;
  }

  /** `string` where there is a text to see: a value, or a counter. */
  get type(): "string" | "hash" | "set" | undefined {
    const type = this.current?.type;
    return type === "counter" ? "string" : type;
  }

  /**
   * What a write to this place builds on. What was collected was held: a tombstone that another primary still has must
   * not push the write back.
   */
  held(field: CellAddress): Stamp {
    const held =
      field === undefined
        ? heldAtRoot(this.root, this.#flushed, this.nowMs)
        : heldAtField(this.root, this.#fields.get(field), this.#flushed, this.nowMs);
    return maxStamp(held, this.collected);
  }

  /** The cell that stands there, seen or not. */
  at(field: Field): FieldCell | undefined {
    return this.#fields.get(field);
  }

  isLive(field: Field): boolean {
    const cell = this.#fields.get(field);
    return cell !== undefined && isFieldLive(cell, this.cleared, this.nowMs);
  }

  /** The text of a string or counter that exists. */
  text(): Uint8Array | undefined {
    const { current } = this;
    if (current === undefined || this.type !== "string") return undefined;
    return current.kind === "value" ? current.payload : bytesOfInteger(this.count());
  }

  /** The epoch of a counter that exists, or of one that would begin now: the stamp of what its number is begun over. */
  epoch(): Stamp {
    if (this.current?.type === "counter") return parseCounterRoot(this.current.payload).epoch;
    return this.current === undefined ? this.epochFrom(COUNTER_PREFIX, this.cleared) : this.cleared;
  }

  /** The epoch from which to begin with nothing: the given one, unless it would take up what is left of a former count. */
  epochFrom(prefix: string, epoch: Stamp): Stamp {
    let greatest: Stamp | undefined;
    for (const [field, cell] of this.#fields) {
      if (!field.startsWith(prefix) || !this.isLive(field)) continue;
      if (compareStamps(cell.since, epoch) === 0)
        greatest = maxStamp(greatest ?? epoch, cell.stamp);
    }
    // A cell is later than what it was begun over, so this ends.
    return greatest === undefined ? epoch : this.epochFrom(prefix, greatest);
  }

  /** What a counter that exists has come to. */
  count(): bigint {
    if (this.current?.type !== "counter") return 0n;
    const { epoch, number } = parseCounterRoot(this.current.payload);
    const counters = [...this.#fields.keys()].filter((field) => field.startsWith(COUNTER_PREFIX));
    return number + this.#sum(counters, epoch);
  }

  /** The value of a hash's field that exists. */
  hashValue(name: string): Uint8Array | undefined {
    if (this.current?.type !== "hash") return undefined;
    const field = hashField(name);
    const cell = this.#fields.get(field);
    if (cell === undefined || !this.isLive(field)) return undefined;
    return cell.type === "counter" ? bytesOfInteger(this.hashCount(name)) : cell.payload;
  }

  /** What a field that counts has come to. */
  hashCount(name: string): bigint {
    const cell = this.#fields.get(hashField(name));
    if (cell === undefined) return 0n;
    return parseSum(cell.payload) + this.#sum(this.hashCounters(name), cell.since);
  }

  /** Addresses of the cells that were begun to count for a field, whether they count or not. */
  hashCounters(name: string): readonly Field[] {
    this.#hashCounters ??= this.#groupHashCounters();
    return this.#hashCounters.get(fieldCountersPrefix(name)) ?? NO_FIELDS;
  }

  /** Once for all fields: looking through all cells for each of them would take the square of their number. */
  #groupHashCounters(): ReadonlyMap<string, readonly Field[]> {
    const groups = new Map<string, Field[]>();
    for (const field of this.#fields.keys()) {
      const prefix = countersPrefixOf(field);
      if (prefix === undefined) continue;
      const group = groups.get(prefix);
      if (group === undefined) groups.set(prefix, [field]);
      else group.push(field);
    }
    return groups;
  }

  /** Names of the members, or fields, that are visible, in no order. */
  *names(type: "hash" | "set"): Iterable<string> {
    if (this.current?.type !== type) return;
    const prefix = type === "hash" ? HASH_PREFIX : SET_PREFIX;
    for (const field of this.#fields.keys()) {
      if (field.startsWith(prefix) && this.isLive(field)) yield nameAt(field);
    }
  }

  /** A cell counts for what it was begun over, and for nothing else. */
  #sum(counters: readonly Field[], epoch: Stamp): bigint {
    let sum = 0n;
    for (const field of counters) {
      const cell = this.#fields.get(field);
      if (cell === undefined || !this.isLive(field)) continue;
      if (compareStamps(cell.since, epoch) === 0) sum += parseSum(cell.payload);
    }
    return sum;
  }
}
