/**
 * Random cells for property tests, drawn from few stamps, kinds and payloads, so that ties and near misses are
 * common: most faults of a merge show only where stamps are equal.
 */
import fc from "fast-check";
import type { Cell, FieldCell, RootCell } from "../../src/model/cell.ts";
import { bootIdFrom } from "../../src/model/ids.ts";
import type { Field, Key } from "../../src/model/key.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../../src/model/stamp.ts";

const anyType = fc.constantFrom("string", "hash", "set", "counter" as const);
const anyContentType = fc.constantFrom("", "text/plain", "application/json");
const anyExpiry = fc.constantFrom(0, 0, 1, 3, 2 ** 48 - 1);
const anyPayload = fc.uint8Array({ maxLength: 3, max: 2 });

/** One of few stamps, the extremes among them. */
export const anyStamp: fc.Arbitrary<Stamp> = fc.oneof(
  fc
    .tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 1 }),
      fc.integer({ min: 1, max: 2 }),
    )
    .map(([ms, counter, boot]) => stampFrom(ms, counter, bootIdFrom(boot))),
  fc.constant(stampFrom(2 ** 48 - 1, 0xffff, bootIdFrom(Number.MAX_SAFE_INTEGER))),
);

/** A mark: a stamp, or that there is none. */
const anyMark = fc.oneof(fc.constant(NO_STAMP), anyStamp);

export const anyRoot: fc.Arbitrary<RootCell> = fc.record(
  {
    kind: fc.constantFrom("tombstone", "container", "value" as const),
    stamp: anyStamp,
    type: anyType,
    expiresAtMs: anyExpiry,
    cleared: anyMark,
    contentType: anyContentType,
    payload: anyPayload,
  },
  { noNullPrototype: true },
);

export const anyField: fc.Arbitrary<FieldCell> = fc.record(
  {
    kind: fc.constantFrom("field-tombstone", "field" as const),
    stamp: anyStamp,
    type: anyType,
    expiresAtMs: anyExpiry,
    since: anyMark,
    payload: anyPayload,
  },
  { noNullPrototype: true },
);

/** A binary string of at most `bytesMax` bytes. */
function anyBinary(bytesMin: number, bytesMax: number): fc.Arbitrary<string> {
  return fc
    .uint8Array({ minLength: bytesMin, maxLength: bytesMax })
    .map((bytes) => Buffer.from(bytes).toString("latin1"));
}

export const anyKey: fc.Arbitrary<Key> = anyBinary(1, 12).map((binary) => binary as Key);
export const anyFieldName: fc.Arbitrary<Field> = anyBinary(0, 6).map((binary) => binary as Field);

/** A cell and its address. */
export const anyPlacedCell: fc.Arbitrary<{ key: Key; field: Field | undefined; cell: Cell }> =
  fc.oneof(
    fc.record({ key: anyKey, field: fc.constant(undefined), cell: anyRoot }),
    fc.record({ key: anyKey, field: anyFieldName, cell: anyField }),
  );
