/** One replica of one key, to which operations are applied and which merges with others: for tests of operations. */
import { binaryFromBytes } from "../../src/base/binary.ts";
import { mergeCells } from "../../src/core/causality/merge.ts";
import { applyOperation } from "../../src/core/operations/apply.ts";
import type { OwnCount } from "../../src/core/operations/changes.ts";
import { KeyView } from "../../src/core/operations/key-view.ts";
import type { Cell, CellAddress } from "../../src/model/cell.ts";
import { bootIdFrom } from "../../src/model/ids.ts";
import type { Operation, OperationResult } from "../../src/model/operation.ts";
import { compareStamps, NO_STAMP, type Stamp, stampFrom } from "../../src/model/stamp.ts";

export const NOW_MS = 1_000_000;

/** Stamps rise over all replicas, so that what is written later is later. */
let counter = 0;

export class HeldKey {
  readonly cells = new Map<CellAddress, Cell>();
  readonly #id: string;
  own: OwnCount | undefined;

  constructor(id = "me") {
    this.#id = id;
  }

  copy(id: string): HeldKey {
    const copied = new HeldKey(id);
    copied.merge(this);
    return copied;
  }

  merge(other: HeldKey): void {
    for (const [field, cell] of other.cells) this.#put(field, cell);
  }

  view(): KeyView {
    const cells = [...this.cells].map(([field, cell]) => ({ field, cell }));
    const options = { nowMs: NOW_MS, collected: NO_STAMP, isEmpty: false };
    const view = new KeyView(cells, options);
    const { type } = view;
    const isEmpty = type === "hash" || type === "set" ? [...view.names(type)].length === 0 : false;
    return isEmpty ? new KeyView(cells, { ...options, isEmpty }) : view;
  }

  /** What the operation would write. */
  changes(operation: Operation): { readonly field: CellAddress; readonly cell: Cell }[] {
    return this.#apply(operation).cells;
  }

  /** Applies an operation; what it answers, as text. */
  apply(operation: Operation): string {
    const { result, cells } = this.#apply(operation);
    for (const { field, cell } of cells) this.#put(field, cell);
    return shownResult(result);
  }

  text(): string | undefined {
    const bytes = this.view().text();
    return bytes === undefined ? undefined : binaryFromBytes(bytes);
  }

  field(name: string): string | undefined {
    const bytes = this.view().hashValue(name);
    return bytes === undefined ? undefined : binaryFromBytes(bytes);
  }

  /** Names of fields or members, in order. */
  names(type: "hash" | "set"): string[] {
    return [...this.view().names(type)].sort();
  }

  #apply(operation: Operation): {
    readonly result: OperationResult;
    readonly cells: { readonly field: CellAddress; readonly cell: Cell }[];
  } {
    const { result, changes } = applyOperation(operation, this.view(), {
      valueBytesMax: 100,
      ownCell: ({ addressOf, epoch }) => ({
        address: addressOf(this.#id),
        sum:
          this.own !== undefined && compareStamps(this.own.epoch, epoch) === 0
            ? this.own.sum
            : undefined,
      }),
      below: () => 0,
    });
    counter += 1;
    const stamp: Stamp = stampFrom(NOW_MS, counter, bootIdFrom(7));
    return {
      result,
      cells: changes.map((change) => ({ field: change.field, cell: change.cellAt(stamp) })),
    };
  }

  #put(field: CellAddress, cell: Cell): void {
    this.cells.set(field, mergeCells(this.cells.get(field), cell));
  }
}

/** A result as text: bytes quoted, names joined, others by their word. */
export function shownResult(result: OperationResult): string {
  switch (result.kind) {
    case "bytes":
      return `"${binaryFromBytes(result.bytes)}"`;
    case "integer":
      return String(result.value);
    case "fault":
      return result.fault;
    case "names":
      return result.names.join(" ");
    default:
      return result.kind;
  }
}
