/**
 * Adding to a number so that what is added on two sides of a partition is kept on both: each node that counts has a cell
 * of its own, and what is shown is the number that was begun over and the sum of the cells.
 *
 * Invariant: only its node writes a cell, and always more than it last did, so merging loses nothing. A cell carries the
 * epoch it was begun under; one of another epoch counts for nothing, so that what was deleted, or set, before others had
 * heard of an addition takes it along.
 * Source: Shapiro et al., "A comprehensive study of Convergent and Commutative Replicated Data Types" (2011), 3.1.3.
 */
import type { Field } from "../../model/key.ts";
import { compareStamps, maxStamp, type Stamp } from "../../model/stamp.ts";
import {
  counterCell,
  fieldCounter,
  fieldCountersPrefix,
  hashField,
} from "../causality/addresses.ts";
import {
  type Applied,
  type ApplyContext,
  asRead,
  type CellChange,
  type CountedOver,
  changed,
  clearedUnder,
  fault,
  fieldChange,
  integer,
  restated,
  rootChange,
} from "./changes.ts";
import { bytesOfInteger, counterRoot, isInteger64, parseInteger, parseSum } from "./integers.ts";
import type { KeyView } from "./key-view.ts";

const NO_BYTES = new Uint8Array(0);

/** Adds to a key that holds a text, a counter, or nothing. */
export function addToKey(view: KeyView, delta: bigint, context: ApplyContext): Applied {
  const { current, root } = view;
  const isCounter = current?.type === "counter" && root !== undefined;
  const text = view.text();
  const number = isCounter ? view.count() : numberIn(text);
  if (number === undefined) return fault("not-an-integer");
  const sum = number + delta;
  if (!isInteger64(sum)) return fault("overflow");
  const epoch = view.epoch();
  const base = isCounter
    ? asRead(undefined, root)
    : begun(view, epoch, number, current?.expiresAtMs ?? 0);
  const over = { addressOf: counterCell, epoch, base: isCounter ? root.stamp : undefined };
  return changed(integer(sum), base, added(view, over, delta, context));
}

/** Adds to a field of a hash, or of what may become one. */
export function addToField(
  view: KeyView,
  name: string,
  delta: bigint,
  context: ApplyContext,
): Applied {
  const field = hashField(name);
  const cell = view.at(field);
  const text = view.hashValue(name);
  const isCounting = text !== undefined && cell?.type === "counter";
  const number = isCounting ? view.hashCount(name) : numberIn(text);
  if (number === undefined) return fault("field-not-an-integer");
  const sum = number + delta;
  if (!isInteger64(sum)) return fault("overflow");
  const gone = maxStamp(cell?.stamp ?? view.cleared, view.cleared);
  const fresh = text === undefined ? view.epochFrom(fieldCountersPrefix(name), gone) : gone;
  const epoch = isCounting ? cell.since : fresh;
  const base = isCounting
    ? asRead(field, cell)
    : fieldChange(field, {
        type: "counter",
        payload: text === undefined ? NO_BYTES : bytesOfInteger(number),
        since: epoch,
      });
  const { root } = view;
  // A field that counts was begun under a root that is not older, so that root is sent along. Any other root may be that
  // of a hash without fields, which whoever has collected up to it has dropped, and may not take again.
  const top = isCounting && root !== undefined ? asRead(undefined, root) : restated(view, "hash");
  const addressOf = (id: string): Field => fieldCounter(name, id);
  const over = { addressOf, epoch, base: isCounting ? cell.stamp : undefined };
  return changed(integer(sum), top, base, added(view, over, delta, context));
}

function numberIn(text: Uint8Array | undefined): bigint | undefined {
  return text === undefined ? 0n : parseInteger(text);
}

/** The root of a counter over what the key holds: it clears nothing, so that two sides may begin the same one. */
function begun(view: KeyView, epoch: Stamp, number: bigint, expiresAtMs: number): CellChange {
  const cleared = clearedUnder(view, "counter");
  return rootChange((stamp) => ({
    kind: "container",
    stamp,
    type: "counter",
    expiresAtMs,
    cleared,
    contentType: "",
    payload: counterRoot(epoch, number),
  }));
}

/** This node's own cell, with so much more in it. */
function added(
  view: KeyView,
  over: CountedOver,
  delta: bigint,
  { ownCell }: ApplyContext,
): CellChange {
  const { epoch, base } = over;
  const own = ownCell(over);
  const cell = view.at(own.address);
  const isContinued =
    cell !== undefined && view.isLive(own.address) && compareStamps(cell.since, epoch) === 0;
  const sum = (own.sum ?? (isContinued ? parseSum(cell.payload) : 0n)) + delta;
  const change = fieldChange(own.address, {
    type: "counter",
    payload: bytesOfInteger(sum),
    since: epoch,
  });
  return { ...change, count: { epoch, base, sum } };
}
