/**
 * Reads of a key, one quorum read after another until all that is needed is there: the root and some fields, then, of
 * a container, all of its fields, or as many as it takes to find one that is visible.
 *
 * Invariant: what is seen is the merge of all that was read. A container that is changed while it is read page by page is
 * seen at no single moment; each field is as some moment between the beginning and the end had it.
 */
import {
  FIELD_COUNTERS_PREFIX,
  HASH_PREFIX,
  hashField,
  nameAt,
  SET_PREFIX,
} from "../core/causality/addresses.ts";
import { isRootCell } from "../core/causality/cell-codec.ts";
import { mergeCells } from "../core/causality/merge.ts";
import { clearedOf, isFieldLive, visibleRoot } from "../core/causality/view.ts";
import { KeyView } from "../core/operations/key-view.ts";
import type { Need } from "../core/operations/needs.ts";
import type {
  MergedCell,
  ReadFailureCode,
  ReadVerdict,
} from "../core/replication/read-coordinator.ts";
import type { Cell, CellAddress, RootCell } from "../model/cell.ts";
import type { Field, Key } from "../model/key.ts";
import type { Query } from "../model/operation.ts";
import type { QuorumReport } from "../model/outcome.ts";
import { FIELDS_PER_PAGE_MAX, type Selection } from "../model/selection.ts";
import { maxStamp, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Span } from "../model/trace.ts";

/** Fields looked at by one operation or query: HGETALL and its like are refused beyond. */
export const WHOLE_FIELDS_MAX = 1_000_000;
/** Bytes of cells looked at by one operation or query. */
export const WHOLE_BYTES_MAX: number = 256 * 1024 * 1024;
/** Fields looked at first when one that is visible is wanted. */
const FIRST_LOOK = 16;

export interface KeyReadRequest {
  readonly key: Key;
  readonly r: number | undefined;
  readonly after: Stamp | undefined;
  /** Monotonic milliseconds. */
  readonly deadlineMs: number;
  readonly trace: Span | undefined;
}

export interface KeyReadPorts {
  readonly wallMs: () => number;
  readonly read: (
    request: KeyReadRequest & { readonly selection: Selection },
    done: (verdict: ReadVerdict) => void,
  ) => void;
}

export type KeyRead =
  | {
      readonly kind: "viewed";
      readonly view: KeyView;
      /** The greatest C of those who were asked. */
      readonly collected: Stamp;
      readonly quorum: QuorumReport;
      /** Of a page: up to here it was looked at; `undefined`: to the end. */
      readonly through: Field | undefined;
    }
  /** More than one operation may look at. */
  | { readonly kind: "too-many"; readonly quorum: QuorumReport }
  | Failed;

interface Failed extends FailedVerdict {
  readonly code: Exclude<ReadFailureCode, "too-large">;
}
type FailedVerdict = Extract<ReadVerdict, { kind: "failed" }>;

type Page = Extract<Query, { kind: "page" }>;
type Done = (read: KeyRead) => void;

/** Reads what is needed of a key. */
export function readKey(
  ports: KeyReadPorts,
  request: KeyReadRequest,
  need: Need,
  done: Done,
): void {
  new KeyReadRun(ports, request, done).start(need);
}

/** As `readKey`, where what is needed first has been read. */
export function readKeyOn(
  ports: KeyReadPorts,
  request: KeyReadRequest,
  need: Need,
  first: ReadVerdict,
  done: Done,
): void {
  new KeyReadRun(ports, request, done).startWith(first, need);
}

/** Reads one page of a container's fields; the counting cells of those that count come with them. */
export function readPage(
  ports: KeyReadPorts,
  request: KeyReadRequest,
  page: Page,
  done: Done,
): void {
  new KeyReadRun(ports, request, done).startPage(page);
}

class KeyReadRun {
  readonly #ports: KeyReadPorts;
  readonly #request: KeyReadRequest;
  readonly #done: Done;
  readonly #cells = new Map<CellAddress, Cell>();
  #collected: Stamp = NO_STAMP;
  #flushed: Stamp = NO_STAMP;
  #quorum: QuorumReport | undefined;
  #bytes = 0;
  /** All fields are read: those that are gone stay gone, and are not kept. There may be far more of them than of others. */
  #isWhole = false;
  #greatestGone: Stamp = NO_STAMP;

  constructor(ports: KeyReadPorts, request: KeyReadRequest, done: Done) {
    this.#ports = ports;
    this.#request = request;
    this.#done = done;
  }

  start(need: Need): void {
    this.#read(need.selection, () => this.#goOn(need));
  }

  /** @param first What was read of the need's selection. */
  startWith(first: ReadVerdict, need: Need): void {
    this.#onVerdict(first, () => this.#goOn(need));
  }

  #goOn(need: Need): void {
    const container = this.#container();
    if (container === undefined) return this.#finish(false);
    const { root, type } = container;
    if (need.whole === type || need.whole === "either") {
      return this.#readWhole(type, "", need.whole === "either");
    }
    if (!need.isExistenceNeeded(root)) return this.#finish(false);
    this.#lookForField(type, "" as Field, FIRST_LOOK);
  }

  startPage({ type, after, limit, isForNames }: Page): void {
    const prefix = prefixOf(type);
    const from = (after === undefined ? "" : prefix + after) as Field;
    this.#read({ kind: "range", prefix, after: from, limit }, (through) => {
      const container = this.#container();
      if (container !== undefined && container.type !== type) {
        // Of another type it is in the way, unless it is empty.
        return this.#lookForField(container.type, "" as Field, FIRST_LOOK);
      }
      if (isForNames === true) this.#finish(false, through);
      else this.#readCounting(() => this.#finish(false, through));
    });
  }

  /** The root of a hash or set that can be seen; counters come with their root, and hold a number in any case. */
  #container(): { readonly root: RootCell; readonly type: "hash" | "set" } | undefined {
    const root = visibleRoot(this.#root(), this.#ports.wallMs(), this.#flushed);
    if (root === undefined || root.kind !== "container") return undefined;
    return root.type === "hash" || root.type === "set" ? { root, type: root.type } : undefined;
  }

  #readWhole(type: "hash" | "set", after: string, isEither: boolean): void {
    this.#isWhole = true;
    const prefix = prefixOf(type);
    const limit = FIELDS_PER_PAGE_MAX;
    this.#read({ kind: "range", prefix, after: after as Field, limit }, (through) => {
      if (this.#isTooMuch()) return this.#done({ kind: "too-many", quorum: this.#report() });
      const container = this.#container();
      if (container !== undefined && container.type !== type) {
        // Another one took its place meanwhile: of that one no field was looked at.
        if (isEither) return this.#readWhole(container.type, "", isEither);
        return this.#lookForField(container.type, "" as Field, FIRST_LOOK);
      }
      if (through !== undefined) return this.#readWhole(type, through, isEither);
      if (this.#counting().length === 0) this.#finish(!this.#hasVisible());
      else this.#readAllCounting("");
    });
  }

  /** All that counts for any field stands in one place: looking for each apart would take as many reads as there are fields. */
  #readAllCounting(after: string): void {
    const [prefix, limit] = [FIELD_COUNTERS_PREFIX, FIELDS_PER_PAGE_MAX];
    this.#read({ kind: "range", prefix, after: after as Field, limit }, (through) => {
      if (this.#isTooMuch()) return this.#done({ kind: "too-many", quorum: this.#report() });
      if (through !== undefined) return this.#readAllCounting(through);
      this.#finish(!this.#hasVisible());
    });
  }

  /** Reads on until there is a field to see, or nothing that could have one. */
  #lookForField(type: "hash" | "set", after: Field, limit: number): void {
    const known = new Set(this.#cells.keys());
    this.#read({ kind: "range", prefix: prefixOf(type), after, limit }, (through) => {
      const container = this.#container();
      // Another one took its place meanwhile: of that one no field was looked at.
      if (container !== undefined && container.type !== type) {
        return this.#lookForField(container.type, "" as Field, FIRST_LOOK);
      }
      const isVisible = this.#hasVisible();
      if (isVisible || container === undefined || through === undefined) {
        return this.#finish(!isVisible);
      }
      // Nothing of this page matters any more, and there may be very many.
      for (const field of this.#cells.keys()) if (!known.has(field)) this.#cells.delete(field);
      this.#lookForField(type, through, FIELDS_PER_PAGE_MAX);
    });
  }

  #isTooMuch(): boolean {
    // The root is among them.
    return this.#cells.size - 1 > WHOLE_FIELDS_MAX || this.#bytes > WHOLE_BYTES_MAX;
  }

  /** Fields of a hash for which others count. */
  #counting(): readonly Field[] {
    const fields: Field[] = [];
    for (const [field, cell] of this.#cells) {
      const isCounting = field?.startsWith(HASH_PREFIX) === true && cell.type === "counter";
      if (isCounting && cell.kind === "field") fields.push(hashField(nameAt(field)));
    }
    return fields;
  }

  /** A page holds the fields of a hash; what counts for them stands elsewhere. */
  #readCounting(then: () => void): void {
    const fields = this.#counting();
    const readFrom = (first: number): void => {
      const part = fields.slice(first, first + FIELDS_PER_PAGE_MAX);
      if (part.length === 0) return then();
      this.#read({ kind: "fields", fields: part }, () => readFrom(first + part.length));
    };
    readFrom(0);
  }

  #hasVisible(): boolean {
    const view = this.#view(false);
    const { type } = view;
    if (type === undefined || type === "string") return type === "string";
    for (const _ of view.names(type)) return true;
    return false;
  }

  #read(selection: Selection, then: (through: Field | undefined) => void): void {
    this.#ports.read({ ...this.#request, selection }, (verdict) => this.#onVerdict(verdict, then));
  }

  #onVerdict(verdict: ReadVerdict, then: (through: Field | undefined) => void): void {
    if (verdict.kind === "failed") return this.#fail(verdict);
    this.#collected = maxStamp(this.#collected, verdict.collected);
    this.#flushed = maxStamp(this.#flushed, verdict.flushed);
    for (const cell of verdict.cells) if (cell.field === undefined) this.#take(cell);
    const nowMs = this.#ports.wallMs();
    const cleared = clearedOf(this.#root(), nowMs, this.#flushed);
    for (const one of verdict.cells) {
      if (isRootCell(one.cell)) continue;
      const isKept = !this.#isWhole || isFieldLive(one.cell, cleared, nowMs);
      if (isKept || this.#cells.has(one.field)) this.#take(one);
      else this.#greatestGone = maxStamp(this.#greatestGone, one.cell.stamp);
    }
    const { quorum } = verdict;
    if (this.#quorum === undefined || quorum.acks < this.#quorum.acks) this.#quorum = quorum;
    then(verdict.through);
  }

  #take({ field, cell, bytes }: MergedCell): void {
    const held = this.#cells.get(field);
    if (held === undefined) this.#bytes += bytes.length + (field?.length ?? 0);
    this.#cells.set(field, mergeCells(held, cell));
  }

  #root(): RootCell | undefined {
    const root = this.#cells.get(undefined);
    return root !== undefined && isRootCell(root) ? root : undefined;
  }

  #view(isEmpty: boolean): KeyView {
    const cells = [...this.#cells].map(([field, cell]) => ({ field, cell }));
    return new KeyView(cells, {
      nowMs: this.#ports.wallMs(),
      collected: this.#collected,
      flushed: this.#flushed,
      left: this.#greatestGone,
      isEmpty,
    });
  }

  #finish(isEmpty: boolean, through?: Field): void {
    this.#done({
      kind: "viewed",
      view: this.#view(isEmpty),
      collected: this.#collected,
      quorum: this.#report(),
      through,
    });
  }

  #fail(verdict: FailedVerdict): void {
    const { code, quorum } = verdict;
    if (code === "too-large") this.#done({ kind: "too-many", quorum });
    else this.#done({ ...verdict, code });
  }

  #report(): QuorumReport {
    return this.#quorum ?? { acks: 0, of: 0, hinted: 0 };
  }
}

function prefixOf(type: "hash" | "set"): string {
  return type === "hash" ? HASH_PREFIX : SET_PREFIX;
}
