import assert from "node:assert/strict";
import { test } from "node:test";
import { bootIdFrom, nodeIdFrom } from "../../model/ids.ts";
import { keyFromBinary } from "../../model/key.ts";
import { stampFrom } from "../../model/stamp.ts";
import type { KeyCopy } from "../../node/store.ts";
import { copiesJson } from "./cluster-json.ts";

const KEY = keyFromBinary("cart");

function copy(index: number, facts: Partial<KeyCopy> & { checksum?: number }): KeyCopy {
  const { checksum = 7, ...rest } = facts;
  return {
    node: nodeIdFrom(0, index),
    role: "primary",
    kind: "held",
    hasVote: true,
    cell: {
      kind: "value",
      type: "string",
      stamp: stampFrom(5, 0, bootIdFrom(1)),
      expiresAtMs: 0,
      bytes: 3,
      checksum,
    },
    fields: undefined,
    ...rest,
  };
}

const absent = { kind: "absent", cell: undefined } as const;
const silent = { kind: "silent", cell: undefined, hasVote: false } as const;

test("copies are equal when every primary answered, and has the same", () => {
  const isEqual = (...copies: KeyCopy[]) => copiesJson(KEY, copies).isEqual;
  assert.equal(isEqual(copy(1, {}), copy(2, {}), copy(3, {})), true);
  assert.equal(isEqual(copy(1, absent), copy(2, absent)), true);
  assert.equal(isEqual(copy(1, {}), copy(2, { checksum: 8 })), false);
  assert.equal(isEqual(copy(1, {}), copy(2, absent)), false);
  assert.equal(isEqual(copy(1, {}), copy(2, silent)), false, "silence is no agreement");
  const fields = (fingerprint: number) => ({ count: 1, isWhole: true, fingerprint });
  assert.equal(isEqual(copy(1, { fields: fields(1) }), copy(2, { fields: fields(2) })), false);
});

test("a fallback is shown when it keeps a copy, and decides nothing", () => {
  const shown = copiesJson(KEY, [
    copy(1, {}),
    copy(2, { role: "fallback", checksum: 8 }),
    copy(3, { role: "fallback", ...absent }),
  ]);
  assert.equal(shown.isEqual, true);
  assert.deepEqual(
    shown.copies.map(({ role }) => role),
    ["primary", "fallback"],
  );
  assert.deepEqual(shown.copies[0]?.cell?.checksum, "00000007");
});
