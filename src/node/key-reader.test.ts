import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldKey, NOW_MS } from "../../test/support/held-key.ts";
import { bytesFromBinary } from "../base/binary.ts";
import { setMember } from "../core/causality/addresses.ts";
import { encodeCell, isRootCell } from "../core/causality/cell-codec.ts";
import { needOf } from "../core/operations/needs.ts";
import type { MergedCell, ReadVerdict } from "../core/replication/read-coordinator.ts";
import type { Field } from "../model/key.ts";
import { keyFromText } from "../model/key.ts";
import type { Operation } from "../model/operation.ts";
import type { Selection } from "../model/selection.ts";
import { maxStamp, NO_STAMP } from "../model/stamp.ts";
import { type KeyRead, type KeyReadPorts, readKey, readPage } from "./key-reader.ts";

const KEY = keyFromText("k");
const REQUEST = { key: KEY, r: undefined, after: undefined, deadlineMs: 1, trace: undefined };
const QUORUM = { acks: 1, of: 1, hinted: 0 };

/** Reads of one replica's cells, as it would answer them. */
function portsOf(held: HeldKey, selections: Selection[] = []): KeyReadPorts {
  return {
    wallMs: () => NOW_MS,
    read: ({ selection }, done) => {
      selections.push(selection);
      const all = [...held.cells].map(([field, cell]): MergedCell => {
        return { field, cell, bytes: encodeCell(cell, KEY, field) };
      });
      const root = all.filter(({ cell }) => isRootCell(cell));
      const fields = all.filter(({ field }) => isSelected(selection, field));
      fields.sort((a, b) => ((a.field ?? "") < (b.field ?? "") ? -1 : 1));
      const limit = selection.kind === "range" ? selection.limit : fields.length;
      const page = fields.slice(0, limit);
      const through = fields.length > limit ? page.at(-1)?.field : undefined;
      const cells = [...root, ...page];
      const none = { collected: NO_STAMP, flushed: NO_STAMP };
      const verdict: ReadVerdict = { kind: "read", cells, through, ...none, quorum: QUORUM };
      done(verdict);
    },
  };
}

function isSelected(selection: Selection, field: Field | undefined): boolean {
  if (field === undefined || selection.kind === "root") return false;
  if (selection.kind === "fields") return selection.fields.includes(field);
  return field.startsWith(selection.prefix) && field > selection.after;
}

function page(
  ports: KeyReadPorts,
  type: "hash" | "set",
  options: { readonly limit?: number; readonly isForNames?: boolean } = {},
): Extract<KeyRead, { kind: "viewed" }> {
  const reads: KeyRead[] = [];
  const query = { kind: "page", type, after: undefined, limit: 10, ...options } as const;
  readPage(ports, REQUEST, query, (read) => reads.push(read));
  const [read] = reads;
  assert.ok(read?.kind === "viewed");
  return read;
}

test("a page of a key of another type shows that type, unless nothing is in it any more", () => {
  const held = new HeldKey();
  held.apply({ kind: "set-add", members: ["m", "n"] });
  assert.equal(page(portsOf(held), "set").view.type, "set");
  assert.equal(page(portsOf(held), "hash").view.type, "set");
  held.apply({ kind: "set-remove", members: ["m", "n"] });
  assert.equal(page(portsOf(held), "hash").view.type, undefined);
});

test("a page for names alone does not look up what has been counted", () => {
  const held = new HeldKey();
  held.apply({ kind: "hash-set", entries: [["a", bytesFromBinary("1")]], when: "always" });
  held.apply({ kind: "hash-add", name: "a", delta: 2n });
  const selections: Selection[] = [];
  const { view } = page(portsOf(held, selections), "hash", { isForNames: true });
  assert.deepEqual([...view.names("hash")], ["a"]);
  assert.equal(selections.length, 1);
  page(portsOf(held, selections), "hash");
  assert.ok(selections.length > 2);
});

test("members that are gone are no part of the whole, but for the stamp of what was last done to it", () => {
  const held = new HeldKey();
  const members = Array.from({ length: 3_000 }, (_, index) => `m${index}`);
  held.apply({ kind: "set-add", members: [...members, "stays"] });
  for (const member of members) held.apply({ kind: "set-remove", members: [member] });
  const last = [...held.cells.values()].map(({ stamp }) => stamp).reduce(maxStamp);
  const reads: KeyRead[] = [];
  const isStampOf = { kind: "stamp-is", stamp: last } as const;
  const operations: readonly Operation[] = [
    { kind: "set-pop", count: 1 },
    { kind: "delete-if", condition: isStampOf },
  ];
  for (const operation of operations) {
    readKey(portsOf(held), REQUEST, needOf(operation, "me"), (read) => reads.push(read));
  }
  for (const read of reads) {
    assert.ok(read.kind === "viewed");
    assert.deepEqual([...read.view.names("set")], ["stays"]);
    assert.deepEqual(read.view.stamp, last);
    assert.equal(read.view.at(setMember("m0")), undefined);
  }
  assert.equal(reads.length, 2);
});
