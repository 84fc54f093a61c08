/**
 * A page of a listing. The store lists roots: with values, what a hash or set holds is read beside them, page by page, so
 * that one of any size goes out in parts, and neither side ever holds all of it.
 *
 * Invariant: lines of one key come together and in order, and only the first of them does not say that it continues. A
 * field that is there from the first of its key's lines to the last is listed once.
 */
import { performance } from "node:perf_hooks";
import type { Key } from "../../model/key.ts";
import { DEADLINE_MS_DEFAULT } from "../../model/limits.ts";
import type { HashEntry, QueryOutcome } from "../../model/operation.ts";
import type { Failure, ListEntry, ListOutcome, ReadOutcome } from "../../model/outcome.ts";
import type { ListRequest } from "../../model/request.ts";
import { FIELD_OVERHEAD_BYTES, FIELDS_PER_PAGE_MAX } from "../../model/selection.ts";
import type { Store } from "../../node/store.ts";
import { fieldsEntryJson, type Json, listEntryJson } from "../../protocol/http/pages.ts";
import { type FieldPlace, fieldPlaceOf, positionAfterKey, positionOfField } from "./list-place.ts";

/** Hashes and sets that are read at once. */
const AT_ONCE_MAX = 8;
/** Bytes of names and values, with FIELD_OVERHEAD_BYTES for each field, after which a page ends. */
const PAGE_BYTES_MIN = 2 * 1024 * 1024;
/** How often a key may be something else when it is looked at again. */
const TYPE_CHANGES_MAX = 2;

export interface ListedPage {
  readonly kind: "listed";
  readonly entries: readonly Json[];
  /** `undefined` at the end. */
  readonly next: string | undefined;
}

/** A line, or none where there is nothing to see; and where its key goes on. */
interface Listed {
  readonly line: Json | undefined;
  readonly bytes: number;
  readonly rest: FieldPlace | undefined;
}

/** @param request whose cursor is a position (`list-place.ts`), of a listing with values or without. */
export function listPage(
  store: Store,
  request: ListRequest,
  done: (outcome: ListedPage | Failure) => void,
): void {
  void run();

  /** The store answers, whatever happens; what is thrown is a mistake of our own, and ends the process. */
  async function run(): Promise<void> {
    done(await new ListRun(store, request).run());
  }
}

class ListRun {
  readonly #store: Store;
  readonly #request: ListRequest;
  readonly #endMs: number;
  readonly #lines: Json[] = [];
  #looks = 0;
  #bytes = 0;

  constructor(store: Store, request: ListRequest) {
    this.#store = store;
    this.#request = request;
    // What is under way when this is over may take as long again.
    this.#endMs = performance.now() + (request.deadlineMs ?? DEADLINE_MS_DEFAULT) / 2;
  }

  async run(): Promise<ListedPage | Failure> {
    const { cursor, withValues } = this.#request;
    const place = cursor === undefined ? undefined : fieldPlaceOf(cursor);
    if (place === undefined) return await this.#listFrom(cursor);
    const ended = withValues ? await this.#walk(place) : undefined;
    if (ended !== undefined) return ended;
    const next = positionAfterKey(place.key);
    return this.#isFull() ? this.#page(next) : await this.#listFrom(next);
  }

  async #listFrom(cursor: string | undefined): Promise<ListedPage | Failure> {
    const limit = this.#request.limit - this.#lines.length;
    const listed = await new Promise<ListOutcome>((resolve) =>
      this.#store.list({ ...this.#request, cursor, limit }, resolve),
    );
    if (listed.kind === "failed") return listed;
    const { entries, next } = listed;
    for (let first = 0; first < entries.length; first += AT_ONCE_MAX) {
      const some = entries.slice(first, first + AT_ONCE_MAX);
      const read = await Promise.all(some.map((entry) => this.#read(entry)));
      for (const [index, { key }] of some.entries()) {
        const one = read[index] as Listed | Failure;
        if ("code" in one) return one;
        this.#add(one);
        const ended = one.rest === undefined ? undefined : await this.#walk(one.rest);
        if (ended !== undefined) return ended;
        // What has been read goes out, unless the parts of another key have taken its place.
        const mayEnd = index + 1 === some.length || this.#lines.length >= this.#request.limit;
        const isLast = first + index + 1 === entries.length;
        if (mayEnd && !isLast && this.#isFull()) return this.#page(positionAfterKey(key));
      }
    }
    return this.#page(next);
  }

  /** Goes through the rest of a key's fields; a page or a failure that ends the run before their end. */
  async #walk(from: FieldPlace): Promise<ListedPage | Failure | undefined> {
    let place: FieldPlace | undefined = from;
    do {
      if (this.#isFull()) return this.#page(positionOfField(place));
      const one: Listed | Failure = await this.#readFields(place);
      if ("code" in one) return one;
      this.#add(one);
      place = one.rest;
    } while (place !== undefined);
    return undefined;
  }

  async #read(entry: ListEntry): Promise<Listed | Failure> {
    const { key, root } = entry;
    const { withValues } = this.#request;
    if (withValues && (root.type === "hash" || root.type === "set")) {
      return await this.#readFields({ key, type: root.type, after: undefined, isBegun: false });
    }
    return { line: listEntryJson(entry, withValues), bytes: root.payload.length, rest: undefined };
  }

  /** The next of a key's fields. Where it has become something else meanwhile, that from its beginning. */
  async #readFields(from: FieldPlace): Promise<Listed | Failure> {
    const { key } = from;
    let place = from;
    for (let changes = 0; ; changes += 1) {
      const answered = await this.#askPage(place);
      if (answered.kind === "failed") return answered;
      const { result, quorum } = answered;
      if (result.kind === "page") {
        const { entries, next } = result;
        const hasEntries = entries.length > 0;
        const isBegun = place.isBegun || hasEntries;
        return {
          line: hasEntries ? fieldsEntryJson(key, result, place.isBegun) : undefined,
          bytes: entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
          rest: next === undefined ? undefined : { ...place, after: next, isBegun },
        };
      }
      if (changes === TYPE_CHANGES_MAX) {
        const detail = "a key changes its type again and again";
        return { kind: "failed", code: "contended", detail, stored: "no", quorum };
      }
      const read = await this.#askRoot(key);
      if (read.kind === "failed") return read;
      if (read.kind === "absent") return { line: undefined, bytes: 0, rest: undefined };
      const { root } = read;
      if (root.type !== "hash" && root.type !== "set") return await this.#read({ key, root });
      if (root.type !== place.type) {
        place = { key, type: root.type, after: undefined, isBegun: false };
      }
    }
  }

  #askPage({ key, type, after }: FieldPlace): Promise<QueryOutcome> {
    const { deadlineMs } = this.#request;
    const query = { kind: "page", type, after, limit: FIELDS_PER_PAGE_MAX } as const;
    return new Promise((resolve) => this.#store.query({ key, query, deadlineMs }, resolve));
  }

  #askRoot(key: Key): Promise<ReadOutcome> {
    const { deadlineMs } = this.#request;
    return new Promise((resolve) => this.#store.read({ key, deadlineMs }, resolve));
  }

  #add({ line, bytes }: Listed): void {
    this.#looks += 1;
    if (line !== undefined) this.#lines.push(line);
    this.#bytes += bytes;
  }

  /** Not before something was looked at, or a listing in a hurry would never get on. */
  #isFull(): boolean {
    if (this.#looks === 0) return false;
    return (
      this.#lines.length >= this.#request.limit ||
      this.#bytes >= PAGE_BYTES_MIN ||
      performance.now() >= this.#endMs
    );
  }

  #page(next: string | undefined): ListedPage {
    return { kind: "listed", entries: this.#lines, next };
  }
}

function bytesOf([name, value]: HashEntry): number {
  return FIELD_OVERHEAD_BYTES + name.length + value.length;
}
