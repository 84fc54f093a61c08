import assert from "node:assert/strict";
import { test } from "node:test";
import { setMember } from "../core/causality/addresses.ts";
import type { ReadVerdict } from "../core/replication/read-coordinator.ts";
import type { Cell, CellAddress, RootCell } from "../model/cell.ts";
import { keyFromText } from "../model/key.ts";
import { ROOT_ONLY } from "../model/selection.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import { readKey } from "./key-reader.ts";

function rootOf(type: "hash" | "set", ms: number): RootCell {
  const stamp = stampFrom(ms, 0, 0);
  const payload = new Uint8Array(0);
  const from = { stamp, type, cleared: stampFrom(ms - 1, 0, 0), payload } as const;
  return { kind: "container", expiresAtMs: 0, contentType: "", ...from };
}

test("a key that becomes another container while a field is looked for is not taken for absent", () => {
  const member: Cell = {
    kind: "field",
    stamp: stampFrom(20, 0, 0),
    type: "set",
    expiresAtMs: 0,
    since: NO_STAMP,
    payload: new Uint8Array(0),
  };
  const told: (readonly [CellAddress, Cell])[][] = [
    [[undefined, rootOf("hash", 10)]],
    [[undefined, rootOf("set", 20)]],
    [
      [undefined, rootOf("set", 20)],
      [setMember("a"), member],
    ],
  ];
  const asked: string[] = [];
  let type: string | undefined;
  readKey(
    {
      wallMs: () => 0,
      read: ({ selection }, done) => {
        asked.push(selection.kind === "range" ? selection.prefix : selection.kind);
        const cells = (told.shift() ?? []).map(([field, cell]) => ({
          field,
          cell,
          bytes: new Uint8Array(0),
        }));
        const quorum = { acks: 2, of: 3, hinted: 0 };
        const verdict = { kind: "read", cells, through: undefined, quorum } as const;
        done({ ...verdict, collected: NO_STAMP, flushed: NO_STAMP } satisfies ReadVerdict);
      },
    },
    { key: keyFromText("k"), r: undefined, after: undefined, deadlineMs: 1 },
    { selection: ROOT_ONLY, whole: undefined, isExistenceNeeded: () => true },
    (read) => {
      if (read.kind === "viewed") ({ type } = read.view);
    },
  );
  assert.deepEqual(asked, ["root", "h", "m"]);
  assert.equal(type, "set");
});
