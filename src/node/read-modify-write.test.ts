import assert from "node:assert/strict";
import { test } from "node:test";
import { binaryFromBytes } from "../base/binary.ts";
import { Prng } from "../base/prng.ts";
import type { ReadVerdict } from "../core/replication/read-coordinator.ts";
import type { Cell, CellAddress, RootCell } from "../model/cell.ts";
import type { Condition } from "../model/condition.ts";
import { keyFromText } from "../model/key.ts";
import type { OperationOutcome } from "../model/operation.ts";
import { lastStampOf, NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { type ModifyVerdict, ReadModifyWrites } from "./read-modify-write.ts";

const KEY = keyFromText("k");

/** Reads that never end, so that whoever comes second waits. */
function place() {
  const reads: ((verdict: ReadVerdict) => void)[] = [];
  const writes = new ReadModifyWrites({
    monotonicMs: () => 0,
    wallMs: () => 0,
    valueBytesMax: () => 1_000,
    mintAbove: () => NO_STAMP,
    random: new Prng(1),
    read: (_read, done) => void reads.push(done),
    write: () => assert.fail("nothing is written"),
  });
  const outcomes: (OperationOutcome | undefined)[] = [];
  const ask = (deadlineMs: number): void => {
    const index = outcomes.push(undefined) - 1;
    const operation = { kind: "delete-if", condition: { kind: "exists" } } as const;
    writes.run({ key: KEY, operation, w: undefined, deadlineMs, trace: undefined }, (outcome) => {
      assert.equal(outcomes[index], undefined, "answered once");
      outcomes[index] = outcome;
    });
  };
  const kinds = (): string[] =>
    outcomes.map((outcome) => {
      if (outcome === undefined) return "-";
      return outcome.kind === "failed" ? `${outcome.code} ${outcome.stored}` : outcome.kind;
    });
  return { reads, writes, kinds, ask };
}

test("a write that waits for another one of its key is answered by its own deadline", () => {
  const { reads, writes, kinds, ask } = place();
  ask(5_000);
  ask(100);
  ask(1_000);
  writes.expire(99);
  assert.deepEqual(kinds(), ["-", "-", "-"]);
  writes.expire(100);
  assert.deepEqual(kinds(), ["-", "timed-out no", "-"]);
  // The one that expired no longer takes a turn; the one behind it does.
  const quorum = { acks: 0, of: 3, hinted: 0 };
  reads[0]?.({ kind: "failed", code: "timed-out", quorum } as ReadVerdict);
  assert.equal(reads.length, 2);
  assert.deepEqual(kinds(), ["timed-out no", "timed-out no", "-"]);
});

/** A key whose root was written at `heldMs`, or that is absent; tries are answered as `verdicts` say, one by one. */
function scripted(heldMs: number, verdicts: readonly ModifyVerdict[] = [], expiresAtMs = 0) {
  const tries: { readonly stamp: Stamp; readonly base: Stamp }[] = [];
  const writes = new ReadModifyWrites({
    monotonicMs: () => 0,
    wallMs: () => 0,
    valueBytesMax: () => 1_000,
    mintAbove: ({ ms }) => stampFrom(ms + 1, 0, 0),
    random: new Prng(1),
    read: (_read, done) => done(readOf(heldMs, expiresAtMs)),
    write: ({ stamp, bases }, done) => {
      const verdict = verdicts[tries.length];
      assert.ok(verdict !== undefined, "no more tries than the script has");
      tries.push({ stamp, base: bases[0] as Stamp });
      done(verdict, stamp);
    },
  });
  return { writes, tries };
}

function readOf(heldMs: number, expiresAtMs = 0): ReadVerdict {
  const quorum = { acks: 2, of: 3, hinted: 0 };
  if (heldMs === 0)
    return {
      kind: "read",
      through: undefined,
      flushed: NO_STAMP,
      cells: [],
      collected: NO_STAMP,
      quorum,
    };
  const stamp = stampFrom(heldMs, 0, 0);
  const cell: RootCell = {
    kind: "value",
    stamp,
    type: "string",
    expiresAtMs,
    cleared: stamp,
    contentType: "",
    payload: new Uint8Array(0),
  };
  const cells = [{ field: undefined, bytes: new Uint8Array(0), cell }];
  return {
    kind: "read",
    through: undefined,
    flushed: NO_STAMP,
    cells,
    collected: NO_STAMP,
    quorum,
  };
}

function run(writes: ReadModifyWrites, condition: Condition): OperationOutcome {
  const outcomes: OperationOutcome[] = [];
  const operation = { kind: "delete-if", condition } as const;
  writes.run({ key: KEY, operation, w: undefined, deadlineMs: 1, trace: undefined }, (outcome) =>
    outcomes.push(outcome),
  );
  assert.equal(outcomes.length, 1);
  assert.equal(writes.size, 0);
  return outcomes[0] as OperationOutcome;
}

const QUORUM = { acks: 2, of: 3, hinted: 0 };
const WRITTEN: ModifyVerdict = { kind: "written", quorum: QUORUM, isSuperseded: false };
function behind(heldMs: number, mayBeStored: boolean): ModifyVerdict {
  return { kind: "behind", held: stampFrom(heldMs, 0, 0), mayBeStored, quorum: QUORUM };
}

test("a condition that does not hold stores nothing, and names what is there", () => {
  const { writes } = scripted(50);
  const failed = (current: Stamp | undefined): OperationOutcome => {
    const result = { kind: "condition-failed", current } as const;
    return { kind: "applied", result, stamp: undefined, quorum: QUORUM };
  };
  assert.deepEqual(run(writes, { kind: "absent" }), failed(stampFrom(50, 0, 0)));
  assert.deepEqual(run(scripted(0).writes, { kind: "exists" }), failed(undefined));
  const other: Condition = { kind: "stamp-is", stamp: stampFrom(49, 0, 0) };
  assert.deepEqual(run(scripted(50).writes, other), failed(stampFrom(50, 0, 0)));
});

test("a condition that holds is written above what was read, and builds on just that", () => {
  const { writes, tries } = scripted(50, [WRITTEN]);
  const is50: Condition = { kind: "stamp-is", stamp: stampFrom(50, 0, 0) };
  assert.deepEqual(run(writes, is50), {
    kind: "applied",
    result: { kind: "done" },
    stamp: stampFrom(51, 0, 0),
    quorum: QUORUM,
  });
  assert.deepEqual(tries, [{ stamp: stampFrom(51, 0, 0), base: stampFrom(50, 0, 0) }]);
});

test("a write that was pushed back and stored nowhere is judged anew, above who pushed back", () => {
  const { writes, tries } = scripted(50, [behind(80, false), WRITTEN]);
  assert.equal(run(writes, { kind: "exists" }).kind, "applied");
  assert.deepEqual(
    tries.map(({ stamp }) => stamp.ms),
    [51, 81],
  );
});

test("what has expired by the clocks of those who push back has expired: a slow clock does not try in vain", () => {
  const held = lastStampOf(100);
  const pushedBack: ModifyVerdict = { kind: "behind", held, mayBeStored: false, quorum: QUORUM };
  const { writes } = scripted(50, Array<ModifyVerdict>(20).fill(pushedBack), 100);
  const outcome = run(writes, { kind: "exists" });
  assert.ok(outcome.kind === "applied" && outcome.result.kind === "condition-failed");
});

test("a write that was pushed back and may be stored is not tried again", () => {
  const { writes } = scripted(50, [behind(80, true)]);
  const outcome = run(writes, { kind: "exists" });
  assert.ok(outcome.kind === "failed" && outcome.code === "contended");
  assert.equal(outcome.stored, "maybe");
});

test("a write that is pushed back for ever gives up, and says that nothing was stored", () => {
  const { writes, tries } = scripted(50, Array<ModifyVerdict>(20).fill(behind(80, false)));
  const outcome = run(writes, { kind: "exists" });
  assert.ok(outcome.kind === "failed" && outcome.code === "contended" && outcome.stored === "no");
  assert.ok(tries.length < 20);
});

test("writes that wait are answered in turn, however many end at once", () => {
  const reads: ((verdict: ReadVerdict) => void)[] = [];
  const writes = new ReadModifyWrites({
    monotonicMs: () => 0,
    wallMs: () => 0,
    valueBytesMax: () => 1_000,
    mintAbove: () => NO_STAMP,
    // The first waits; after it every read is answered within the call, as on a single node.
    random: new Prng(1),
    read: (_read, done) => {
      if (reads.length === 0) reads.push(done);
      else deep(20, () => done(readOf(50)));
    },
    write: () => assert.fail("nothing is written"),
  });
  const order: number[] = [];
  for (let index = 0; index < 1_025; index += 1) {
    const operation = { kind: "delete-if", condition: { kind: "absent" } } as const;
    writes.run({ key: KEY, operation, w: undefined, deadlineMs: 1, trace: undefined }, () => {
      order.push(index);
    });
  }
  reads[0]?.(readOf(50));
  assert.deepEqual(
    order,
    Array.from({ length: 1_025 }, (_, index) => index),
  );
  assert.equal(writes.size, 0);
});

/** A node that counts on a key of which a replica, or several, tell these cells; what it writes. */
function counting() {
  const written: { readonly field: CellAddress; readonly cell: Cell }[][] = [];
  const state = {
    cells: [] as { readonly field: CellAddress; readonly cell: Cell }[],
    acks: 2,
    verdict: WRITTEN,
  };
  let ms = 100;
  const writes = new ReadModifyWrites({
    monotonicMs: () => 0,
    wallMs: () => 0,
    valueBytesMax: () => 1_000,
    mintAbove: () => {
      ms += 1;
      return stampFrom(ms, 0, 0);
    },
    random: new Prng(1),
    read: (_read, done) =>
      done({
        kind: "read",
        through: undefined,
        flushed: NO_STAMP,
        collected: NO_STAMP,
        cells: state.cells.map((one) => ({ ...one, bytes: new Uint8Array(0) })),
        quorum: { acks: state.acks, of: 3, hinted: 0 },
      }),
    write: ({ changes, stamp }, done) => {
      written.push(changes.map((change) => ({ field: change.field, cell: change.cellAt(stamp) })));
      done(state.verdict, stamp);
    },
  });
  const add = (): void => {
    const operation = { kind: "add", delta: 1n } as const;
    writes.run(
      { key: KEY, operation, w: undefined, deadlineMs: 1, trace: undefined },
      () => undefined,
    );
  };
  /** The cell in which it counted last, and what that came to. */
  const last = (): { readonly field: CellAddress; readonly sum: string } => {
    const change = written.at(-1)?.at(-1);
    assert.ok(change !== undefined);
    const { field, cell } = change;
    return { field, sum: binaryFromBytes(cell.payload) };
  };
  return { state, written, add, last };
}

test("a node that counts while it hears no majority does so in one cell, however often", () => {
  const { state, add, last } = counting();
  state.acks = 1;
  state.verdict = { kind: "written", quorum: { acks: 1, of: 3, hinted: 0 }, isSuperseded: false };
  const fields = new Set<CellAddress>();
  for (let index = 0; index < 5; index += 1) {
    add();
    fields.add(last().field);
  }
  assert.equal(fields.size, 1);
  assert.equal(last().sum, "5");
  // Nor is it forgotten after a majority has heard of it.
  state.verdict = WRITTEN;
  add();
  add();
  fields.add(last().field);
  assert.equal(fields.size, 1);
  assert.equal(last().sum, "7");
});

test("what is uncertain over one epoch takes nothing from what was counted over another", () => {
  const { state, written, add, last } = counting();
  for (let index = 0; index < 3; index += 1) {
    add();
    state.cells = written.at(-1) ?? [];
  }
  const { field } = last();
  assert.deepEqual(last(), { field, sum: "3" });
  const known = state.cells;
  // A value that one replica alone holds, over which it then counts, and nobody knows who has that.
  const read = readOf(101);
  state.cells = read.kind === "read" ? [...read.cells] : [];
  state.cells = state.cells.map(({ cell }) => ({
    field: undefined,
    cell: { ...cell, payload: Uint8Array.of(0x37) } as Cell,
  }));
  const lost: ModifyVerdict = {
    kind: "failed",
    code: "timed-out",
    mayBeStored: true,
    quorum: { acks: 0, of: 3, hinted: 0 },
  };
  state.verdict = lost;
  add();
  state.cells = known;
  state.verdict = WRITTEN;
  add();
  assert.deepEqual(last(), { field, sum: "4" });
});

/** As many calls inside one another as a real read takes. */
function deep(levels: number, callback: () => void): void {
  if (levels === 0) callback();
  else deep(levels - 1, callback);
}

test("what replaces a key builds on the root that was read, and on any field below the write", () => {
  const bases: (readonly Stamp[])[] = [];
  const writes = new ReadModifyWrites({
    monotonicMs: () => 0,
    wallMs: () => 0,
    valueBytesMax: () => 1_000,
    mintAbove: ({ ms }) => stampFrom(ms + 1, 0, 0),
    random: new Prng(1),
    read: (_read, done) => done(readOf(50)),
    write: (write, done) => {
      bases.push(write.bases);
      done(WRITTEN, write.stamp);
    },
  });
  const when = "always";
  const operation = { kind: "set-replace", members: ["m", "n"], expiresAtMs: 0, when } as const;
  writes.run(
    { key: KEY, operation, w: undefined, deadlineMs: 1, trace: undefined },
    () => undefined,
  );
  const [read, write] = [stampFrom(50, 0, 0), stampFrom(51, 0, 0)];
  assert.deepEqual(bases, [[read, write, write]]);
});
