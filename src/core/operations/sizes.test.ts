import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldKey } from "../../../test/support/held-key.ts";
import { bytesFromBinary } from "../../base/binary.ts";
import type { Operation } from "../../model/operation.ts";
import { FIELD_OVERHEAD_BYTES, FIELDS_BYTES_MAX } from "../../model/selection.ts";
import { fieldTombstone } from "./changes.ts";
import { POP_BYTES_MAX, POP_MEMBERS_MAX } from "./sets.ts";
import { isTooLarge } from "./sizes.ts";

const NAME = "n".repeat(1_000);

test("what goes with the fields of a write counts for its size", () => {
  const operation: Operation = { kind: "hash-delete", names: [NAME] };
  const each = FIELD_OVERHEAD_BYTES + NAME.length - 1;
  const most = Math.floor(FIELDS_BYTES_MAX / each);
  const changes = Array.from({ length: most + 1 }, () => fieldTombstone(NAME as never, "hash"));
  assert.equal(isTooLarge(operation, changes.slice(1)), false);
  assert.equal(isTooLarge(operation, changes), true);
  const value = new Uint8Array(each);
  const set: Operation = { kind: "hash-set", entries: [[NAME, value]], when: "always" };
  assert.equal(isTooLarge(set, changes.slice(1)), true);
});

test("a pop takes no more than one write holds, by number and by bytes", () => {
  const many = new HeldKey();
  const members = Array.from({ length: POP_MEMBERS_MAX + 1 }, (_, index) => String(index));
  many.apply({ kind: "set-add", members });
  many.apply({ kind: "set-pop", count: 1_000_000 });
  assert.equal(many.names("set").length, 1);

  const long = new HeldKey();
  const bytes = 16 * 1_024;
  const count = POP_BYTES_MAX / bytes;
  const names = Array.from({ length: count + 3 }, (_, index) => String(index).padEnd(bytes));
  long.apply({ kind: "set-add", members: names });
  const popped = long.apply({ kind: "set-pop", count: 1_000_000 });
  assert.ok(bytesFromBinary(popped).length < POP_BYTES_MAX + 2 * bytes);
  assert.equal(long.names("set").length, 3);
});
