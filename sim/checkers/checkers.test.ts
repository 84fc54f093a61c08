/**
 * Goal: every checker fires on a history that breaks its rule, and stays silent on the one beside it that does not.
 * Method: histories written by hand, a handful of operations each.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../src/model/ids.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { WriteOutcome } from "../../src/model/outcome.ts";
import { slotFrom } from "../../src/model/slot.ts";
import { formatStamp, NO_STAMP, type Stamp } from "../../src/model/stamp.ts";
import type { DumpEntry } from "../../src/node/store.ts";
import {
  contentTypeOf,
  type History,
  type Operation,
  type ReadOperation,
  type Violation,
  valueOf,
  type WriteOperation,
} from "../history.ts";
import { checkAnswers } from "./answers.ts";
import { checkConvergence, checkStampsOfCells } from "./convergence.ts";
import { checkDurability } from "./durability.ts";
import { checkExpiry } from "./expiry.ts";
import type { FinalState } from "./final-state.ts";
import { checkOrder } from "./order.ts";
import { checkReads } from "./reads.ts";

const KEY = keyFromText("k");
const A = "000000000000000a" as NodeId;
const B = "000000000000000b" as NodeId;
const C = "000000000000000c" as NodeId;

function stamp(ms: number, boot = 1): Stamp {
  return { ms, counter: 0, boot };
}

const base = {
  key: KEY,
  machine: 0,
  boot: 1,
  deadlineMs: 5_000,
  pausedBeforeMs: 0,
  pausedMs: 0,
  wallMs: 1_000_000,
  slowestWallMs: 1_000_000,
  wasDiskWell: true,
  isCutOff: false,
};

type Ack = { readonly ms: number; readonly boot?: number; readonly acks?: number };

/** A write from `startMs` for one millisecond; acknowledged when `ack` is given. */
function write(
  id: number,
  startMs: number,
  ack?: Ack,
  change: Partial<WriteOperation> = {},
): WriteOperation {
  const outcome: WriteOutcome | undefined =
    ack === undefined
      ? undefined
      : {
          kind: "written",
          stamp: stamp(ack.ms, ack.boot),
          quorum: { acks: ack.acks ?? 2, of: 3, hinted: 0 },
        };
  return {
    ...base,
    id,
    kind: "put",
    startMs,
    endMs: startMs + 1,
    value: valueOf(id, 20),
    condition: undefined,
    w: undefined,
    isAtPrimary: true,
    outcome,
    isCutOff: ack === undefined,
    ...change,
  };
}

function remove(id: number, startMs: number, ack?: Ack): WriteOperation {
  return write(id, startMs, ack, { kind: "delete", value: undefined });
}

const refused: WriteOutcome = {
  kind: "failed",
  code: "quorum-unreachable",
  detail: "",
  stored: "no",
  quorum: { acks: 0, of: 3, hinted: 0 },
};

/** A read that shows write `of` at `ms`; `undefined` shows nothing. */
function read(
  id: number,
  startMs: number,
  shown: { of: number; ms: number; bytes?: Uint8Array } | undefined,
): ReadOperation {
  const quorum = { acks: 2, of: 3, hinted: 0 };
  return {
    ...base,
    id,
    kind: "read",
    startMs,
    endMs: startMs + 1,
    r: undefined,
    after: undefined,
    outcome:
      shown === undefined
        ? { kind: "absent", stamp: undefined, quorum }
        : {
            kind: "found",
            quorum,
            root: {
              kind: "value",
              stamp: stamp(shown.ms),
              type: "string",
              expiresAtMs: 0,
              cleared: NO_STAMP,
              contentType: contentTypeOf(shown.of),
              payload: shown.bytes ?? valueOf(shown.of, 20),
            },
          },
  };
}

function history(operations: readonly Operation[], change: Partial<History> = {}): History {
  return { operations, topologyChanges: [], isCalm: false, areClocksSteady: true, ...change };
}

function cell(ms: number, change: Partial<DumpEntry> = {}): DumpEntry {
  return {
    slot: slotFrom(1),
    key: KEY,
    field: undefined,
    kind: "value",
    stamp: formatStamp(stamp(ms)),
    checksum: ms,
    expiresAtMs: 0,
    ...change,
  };
}

/** All primaries hold `entries`. */
function held(
  entries: readonly DumpEntry[],
  reads: readonly ReadOperation[] = [],
  listed?: ReadonlySet<Key>,
): FinalState {
  return {
    dumps: [A, B, C].map((nodeId) => ({ nodeId, entries })),
    primariesOf: () => [A, B, C],
    reads,
    listed,
  };
}

function invariants(violations: readonly Violation[]): string[] {
  return [...new Set(violations.map(({ invariant }) => invariant))];
}

test("I1: an acknowledged write that is gone, or under something older, is lost", () => {
  const acked = history([write(1, 0, { ms: 50 })]);
  assert.deepEqual(invariants(checkDurability(acked, held([cell(50)]))), []);
  assert.deepEqual(invariants(checkDurability(acked, held([]))), ["I1"]);
  assert.deepEqual(invariants(checkDurability(acked, held([cell(49)]))), ["I1"]);
});

test("I1: an indeterminate write may take the place of an acknowledged one, a refused one may not", () => {
  const both = history([write(1, 0, { ms: 50 }), write(2, 5)]);
  assert.deepEqual(checkDurability(both, held([cell(60)], [read(9, 100, { of: 2, ms: 60 })])), []);
  const aborted = history([
    write(1, 0, { ms: 50 }),
    write(2, 5, undefined, { outcome: refused, isCutOff: false }),
  ]);
  assert.deepEqual(invariants(checkReads(aborted, [read(9, 100, { of: 2, ms: 60 })])), ["I3"]);
});

test("I1: a key is deleted only if somebody asked for it", () => {
  const tombstone = cell(60, { kind: "tombstone" });
  const put = write(1, 0, { ms: 50 });
  assert.deepEqual(invariants(checkDurability(history([put]), held([tombstone]))), ["I1"]);
  assert.deepEqual(checkDurability(history([put, remove(2, 5)]), held([tombstone])), []);
  assert.deepEqual(
    checkDurability(history([put, remove(2, 5, { ms: 60 })]), held([tombstone])),
    [],
  );
  const refusedDelete = { ...remove(2, 5), outcome: refused, isCutOff: false };
  assert.deepEqual(invariants(checkDurability(history([put, refusedDelete]), held([tombstone]))), [
    "I1",
  ]);
});

test("I1: an acknowledged deletion that is undone is a resurrection", () => {
  const operations = history([write(1, 0, { ms: 50 }), remove(2, 5, { ms: 60 })]);
  assert.deepEqual(invariants(checkDurability(operations, held([cell(50)]))), ["I1", "I6"]);
});

test("I1: final reads and the listing show what is held", () => {
  const acked = history([write(1, 0, { ms: 50 })]);
  const found = read(9, 100, { of: 1, ms: 50 });
  assert.deepEqual(checkDurability(acked, held([cell(50)], [found], new Set([KEY]))), []);
  assert.deepEqual(
    invariants(checkDurability(acked, held([cell(50)], [read(9, 100, undefined)]))),
    ["I1"],
  );
  assert.deepEqual(
    invariants(checkDurability(acked, held([cell(50)], [{ ...found, outcome: undefined }]))),
    ["I1"],
  );
  assert.deepEqual(invariants(checkDurability(acked, held([cell(50)], [found], new Set()))), [
    "I1",
  ]);
});

test("I2: a value that nobody wrote, to this key, in these bytes, before it was read, is invented", () => {
  const put = write(1, 10, { ms: 50 });
  const shows = (found: ReadOperation, writes: readonly Operation[] = [put]): string[] =>
    invariants(checkReads(history([...writes, found])));
  assert.deepEqual(shows(read(9, 20, { of: 1, ms: 50 })), []);
  assert.deepEqual(shows(read(9, 20, { of: 1, ms: 50, bytes: Uint8Array.of(1, 2, 3) })), ["I2"]);
  assert.deepEqual(shows(read(9, 20, { of: 7, ms: 50 })), ["I2"]);
  const changed = valueOf(1, 20);
  changed[19] = (changed[19] ?? 0) ^ 1;
  assert.deepEqual(shows(read(9, 20, { of: 1, ms: 50, bytes: changed })), ["I2"]);
  assert.deepEqual(shows(read(9, 5, { of: 1, ms: 50 })), ["I2"]);
  const elsewhere = write(1, 10, { ms: 50 }, { key: keyFromText("other") });
  assert.deepEqual(shows(read(9, 20, { of: 1, ms: 50 }), [elsewhere]), ["I2"]);
});

test("fresh: a read that met an acknowledged write's quorum is not older than it", () => {
  const writes = [write(1, 0, { ms: 50 }), write(2, 10, { ms: 60 })];
  const old = read(9, 20, { of: 1, ms: 50 });
  assert.deepEqual(invariants(checkReads(history([...writes, old]))), ["fresh"]);
  assert.deepEqual(
    checkReads(history([...writes, read(9, 10.5, { of: 1, ms: 50 })])),
    [],
    "concurrent",
  );
  const sloppy = [writes[0] as Operation, write(2, 10, { ms: 60, acks: 1 })];
  assert.deepEqual(checkReads(history([...sloppy, old])), [], "one copy promises nothing");
  const moved = { topologyChanges: [{ fromMs: 12, untilMs: 15 }] };
  assert.deepEqual(checkReads(history([...writes, old], moved)), [], "members came");
  const after = { ...read(9, 10.5, { of: 1, ms: 50 }), after: stamp(55) };
  assert.deepEqual(invariants(checkReads(history([...writes, after]))), ["fresh"]);
});

test("I7: the later of two writes with overlapping quorums has the greater stamp", () => {
  const later = write(2, 10, { ms: 40, boot: 2 }, { machine: 1 });
  assert.deepEqual(invariants(checkOrder(history([write(1, 0, { ms: 50 }), later]))), ["I7"]);
  assert.deepEqual(checkOrder(history([write(1, 9.5, { ms: 50 }), later])), [], "concurrent");
  assert.deepEqual(checkOrder(history([write(1, 0, { ms: 50, acks: 1 }), later])), [], "sloppy");
});

test("I7: a value found above its acknowledged stamp was stamped again after the answer", () => {
  const found = read(9, 20, { of: 1, ms: 70 });
  assert.deepEqual(invariants(checkReads(history([write(1, 0, { ms: 50 }), found]))), ["I7"]);
});

test("I9: the stamps of a boot, and of a machine, grow and are unique", () => {
  const other = { key: keyFromText("other") };
  const first = write(1, 0, { ms: 50 });
  assert.deepEqual(invariants(checkOrder(history([first, write(2, 10, { ms: 49 }, other)]))), [
    "I9",
  ]);
  const rebooted = write(2, 10, { ms: 49, boot: 2 }, other);
  const kept = write(1, 0, { ms: 50, acks: 3 });
  assert.deepEqual(invariants(checkOrder(history([kept, rebooted]))), ["I9"]);
  const elsewhere = { ...kept, isAtPrimary: false };
  assert.deepEqual(checkOrder(history([elsewhere, rebooted])), [], "never committed there");
  const unsteady = { areClocksSteady: false };
  assert.deepEqual(checkOrder(history([kept, rebooted], unsteady)), []);
  assert.deepEqual(invariants(checkOrder(history([first, write(2, 0.5, { ms: 50 }, other)]))), [
    "I9",
  ]);
  const wild = write(3, 0, { ms: 2_000_000 }, other);
  assert.deepEqual(
    checkOrder(history([wild, write(4, 10, { ms: 60 })])),
    [],
    "beyond what a clock follows",
  );
});

test("I9: one stamp has one content, at one key", () => {
  const dumps = (...entries: DumpEntry[]) =>
    entries.map((entry) => ({ nodeId: A, entries: [entry] }));
  assert.deepEqual(checkStampsOfCells(dumps(cell(50), cell(50))), []);
  assert.deepEqual(invariants(checkStampsOfCells(dumps(cell(50), cell(50, { checksum: 9 })))), [
    "I9",
  ]);
  assert.deepEqual(invariants(checkStampsOfCells(dumps(cell(50), cell(50, { key: "z" })))), ["I9"]);
});

test("I4: primaries hold the same, and nobody else anything", () => {
  const state = (a: DumpEntry[], b: DumpEntry[], c: DumpEntry[]) => ({
    dumps: [
      { nodeId: A, entries: a },
      { nodeId: B, entries: b },
      { nodeId: C, entries: c },
    ],
    primariesOf: () => [A, B],
  });
  assert.deepEqual(checkConvergence(state([cell(50)], [cell(50)], [])), []);
  assert.deepEqual(invariants(checkConvergence(state([cell(50)], [], []))), ["I4"]);
  assert.deepEqual(invariants(checkConvergence(state([cell(50)], [cell(60)], []))), ["I4"]);
  assert.deepEqual(
    invariants(checkConvergence(state([cell(50)], [cell(50, { checksum: 1 })], []))),
    ["I4"],
  );
  assert.deepEqual(invariants(checkConvergence(state([cell(50)], [cell(50)], [cell(50)]))), ["I4"]);
  assert.deepEqual(invariants(checkConvergence(state([], [], [cell(50)]))), ["I4"]);
});

test("I12: a request ends by its deadline, its process's pauses aside; I11: calm has no failures", () => {
  const slow = write(1, 0, { ms: 50 }, { endMs: 5_500 });
  assert.deepEqual(invariants(checkAnswers(history([slow]), 9_000)), ["I12"]);
  assert.deepEqual(checkAnswers(history([{ ...slow, pausedMs: 1_000 }]), 9_000), []);
  const silent = write(1, 0, undefined, { endMs: undefined, isCutOff: false });
  assert.deepEqual(invariants(checkAnswers(history([silent]), 9_000)), ["I12"]);
  const failed = write(1, 0, undefined, { outcome: refused, isCutOff: false, w: 3 });
  assert.deepEqual(checkAnswers(history([failed]), 9_000), []);
  assert.deepEqual(invariants(checkAnswers(history([failed], { isCalm: true }), 9_000)), ["I11"]);
});

test("writable: a plain write fails only at a node that stops, sleeps or cannot store", () => {
  const failed = write(1, 0, undefined, { outcome: refused, isCutOff: false });
  assert.deepEqual(invariants(checkAnswers(history([failed]), 9_000)), ["writable"]);
  const excused: Partial<WriteOperation>[] = [
    { w: 2 },
    { condition: { kind: "absent" } },
    { wasDiskWell: false },
    { pausedMs: 1 },
    { deadlineMs: 100 },
    { outcome: { ...refused, code: "shutting-down" } },
  ];
  for (const change of excused) {
    assert.deepEqual(checkAnswers(history([{ ...failed, ...change }]), 9_000), []);
  }
});

/** A put that lives for 100 ms from 1 000, found until `expiresAtMs` by a node whose clock shows `wallMs`. */
function shownAt(wallMs: number, expiresAtMs: number, ttlMs: number | undefined): History {
  const put = write(1, 0, { ms: 1_000 }, { startWallMs: 1_000, wallMs: 1_001, ttlMs });
  const found = read(2, 50, { of: 1, ms: 1_000 });
  const outcome =
    found.outcome?.kind === "found"
      ? { ...found.outcome, root: { ...found.outcome.root, expiresAtMs } }
      : undefined;
  return history([put, { ...found, outcome, startWallMs: wallMs, wallMs }]);
}

test("I6: no value is shown when its time is over, none with another time than was asked for", () => {
  assert.deepEqual(checkExpiry(shownAt(1_050, 1_100, 100)), []);
  assert.deepEqual(invariants(checkExpiry(shownAt(1_200, 1_100, 100))), ["I6"]);
  assert.deepEqual(invariants(checkExpiry(shownAt(1_050, 0, 100))), ["I6"]);
  assert.deepEqual(invariants(checkExpiry(shownAt(1_050, 1_200, 100))), ["I6"]);
  assert.deepEqual(checkExpiry(shownAt(1_050, 0, undefined)), []);
  assert.deepEqual(invariants(checkExpiry(shownAt(1_050, 1_100, undefined))), ["I6"]);
});

test("I6: no value is hidden before its time is over", () => {
  const hidden = (wallMs: number, ttlMs: number | undefined): History => {
    const put = write(1, 0, { ms: 1_000 }, { startWallMs: 1_000, wallMs: 1_001, ttlMs });
    const quorum = { acks: 2, of: 3, hinted: 0 };
    const outcome = { kind: "absent", stamp: stamp(1_000), quorum } as const;
    return history([put, { ...read(2, 50, undefined), outcome, startWallMs: wallMs, wallMs }]);
  };
  assert.deepEqual(checkExpiry(hidden(1_200, 100)), []);
  assert.deepEqual(invariants(checkExpiry(hidden(1_050, 100))), ["I6"]);
  assert.deepEqual(invariants(checkExpiry(hidden(1_200, undefined))), ["I6"]);
});

test("I6: what was deleted, or has expired over something older, does not come back", () => {
  const gone = [
    history([write(1, 0, { ms: 40 }), remove(2, 10, { ms: 50 })]),
    history([write(1, 0, { ms: 40 }), write(2, 10, { ms: 50 }, { ttlMs: 5 })]),
  ];
  for (const past of gone) {
    const back = checkDurability(past, held([cell(40)]));
    assert.deepEqual(invariants(back), ["I1", "I6"]);
    const collecting = { ...past, isCollecting: true };
    assert.deepEqual(invariants(checkDurability(collecting, held([cell(40)]))), ["I1", "I6"]);
    assert.deepEqual(checkDurability(collecting, held([])), []);
    assert.deepEqual(invariants(checkDurability(past, held([]))), ["I1"]);
  }
  const kept = history([remove(1, 0, { ms: 40 }), write(2, 10, { ms: 50 })], {
    isCollecting: true,
  });
  assert.deepEqual(invariants(checkDurability(kept, held([]))), ["I1"]);
});

test("fresh: nothing at all is newer than a delete only where deletes are collected", () => {
  const past = [remove(1, 0, { ms: 50 }), read(2, 100, undefined)];
  assert.deepEqual(invariants(checkReads(history(past))), ["fresh"]);
  assert.deepEqual(checkReads(history(past, { isCollecting: true })), []);
  const put = [write(1, 0, { ms: 50 }), read(2, 100, undefined)];
  assert.deepEqual(invariants(checkReads(history(put, { isCollecting: true }))), ["fresh"]);
});

// Seed 1615: between the drops of a slot and the naming of how far they went, which a slow disk made long.
test("fresh: what a slot named as collected before is no write, another one's stamp is", () => {
  const shows = (boot: number): ReadOperation => {
    const stamp = { ms: 20, counter: 0, boot };
    const quorum = { acks: 3, of: 3, hinted: 0 };
    return { ...read(2, 100, undefined), outcome: { kind: "absent", stamp, quorum } };
  };
  const deleted = remove(1, 0, { ms: 50 });
  const options = { isCollecting: true };
  assert.deepEqual(checkReads(history([deleted, shows(0)], options)), []);
  assert.deepEqual(invariants(checkReads(history([deleted, shows(1)], options))), ["fresh"]);
  const put = history([write(1, 0, { ms: 50 }), shows(0)], options);
  assert.deepEqual(invariants(checkReads(put)), ["fresh"]);
});
