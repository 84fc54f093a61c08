import assert from "node:assert/strict";
import { test } from "node:test";
import type { EncodedCell, RootCell } from "../../model/cell.ts";
import type { NodeId } from "../../model/ids.ts";
import { type Field, keyFromText } from "../../model/key.ts";
import { ROOT_ONLY } from "../../model/selection.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../../model/stamp.ts";
import { checksumOf, encodeCell } from "../causality/cell-codec.ts";
import type { Reach, SlotPlan } from "./quorum.ts";
import {
  HEDGE_MS,
  ReadCoordinator,
  type ReadEffect,
  type ReadEvent,
  type ReadOptions,
  type ReadVerdict,
} from "./read-coordinator.ts";
import { PATIENCE_MS, SILENCE_MS } from "./write-coordinator.ts";

const [A, B, C, D, E] = ["a", "b", "c", "d", "e"] as NodeId[] as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
];
const KEY = keyFromText("k");
const THREE: SlotPlan = { primaries: [A, B, C], pending: [], fallbacks: [] };
const FIVE: SlotPlan = { primaries: [A, B, C], pending: [], fallbacks: [D, E] };
const DEADLINE_MS = 5_000;

function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

/** The key's one cell as written at `ms`; nothing at 0. */
function cellsAt(ms: number): EncodedCell[] {
  if (ms === 0) return [];
  const root: RootCell = {
    kind: "value",
    stamp: at(ms),
    type: "string",
    expiresAtMs: 0,
    cleared: at(ms),
    contentType: "",
    payload: Uint8Array.of(ms),
  };
  return [{ field: undefined, bytes: encodeCell(root, KEY, undefined) }];
}

/** A coordinator; node `e` is itself unless said otherwise, so that it is no primary. */
class Trial {
  readonly reaches = new Map<NodeId, Reach>();
  readonly coordinator: ReadCoordinator;
  nowMs = 0;

  constructor(options: Partial<ReadOptions> = {}) {
    this.coordinator = new ReadCoordinator({
      self: E,
      selection: ROOT_ONLY,
      key: KEY,
      plan: THREE,
      reach: (node) => this.reaches.get(node) ?? "up",
      r: undefined,
      after: undefined,
      startMs: 0,
      deadlineMs: DEADLINE_MS,
      ...options,
    });
  }

  step(event: ReadEvent): ReadEffect[] {
    return this.coordinator.step(event, this.nowMs);
  }

  start(): string[] {
    return asks(this.step({ kind: "started" }));
  }

  tickAt(nowMs: number): ReadEffect[] {
    this.nowMs = nowMs;
    return this.step({ kind: "tick" });
  }

  /** `collectedMs` is the C that the voter names. */
  cells(from: NodeId, ms: number, collectedMs = 0): ReadEffect[] {
    return this.step({ kind: "cells", from, cells: cellsAt(ms), collected: at(collectedMs) });
  }

  digest(from: NodeId, ms: number, collectedMs = 0): ReadEffect[] {
    const digests = cellsAt(ms).map(({ field, bytes }) => ({ field, checksum: checksumOf(bytes) }));
    return this.step({ kind: "digests", from, digests, collected: at(collectedMs) });
  }
}

function asks(effects: readonly ReadEffect[]): string[] {
  return effects.flatMap((effect) =>
    effect.kind === "ask" ? [`${effect.to}:${effect.want}`] : [],
  );
}

function repairs(effects: readonly ReadEffect[]): NodeId[] {
  return effects.flatMap((effect) => (effect.kind === "repair" ? [effect.to] : []));
}

function verdictOf(effects: readonly ReadEffect[]): ReadVerdict | undefined {
  const answers = effects.filter((effect) => effect.kind === "answer");
  assert.ok(answers.length <= 1, "answers once");
  return answers[0]?.verdict;
}

/** `50 2/3+0`: the stamp found, the primaries and the fallbacks heard. */
function summary(effects: readonly ReadEffect[]): string | undefined {
  const verdict = verdictOf(effects);
  if (verdict === undefined) return undefined;
  const { acks, of, hinted } = verdict.quorum;
  const found = verdict.kind === "read" ? (verdict.cells[0]?.cell.stamp.ms ?? 0) : verdict.code;
  return `${found} ${acks}/${of}+${hinted}`;
}

test("a read asks one primary for the cells and as many as a majority needs for digests", () => {
  assert.deepEqual(new Trial().start(), ["a:cells", "b:digest"]);
});

test("a primary reads itself first, and asks slow and suspect ones last", () => {
  const trial = new Trial({ self: B });
  trial.reaches.set(A, "slow");
  assert.deepEqual(trial.start(), ["b:cells", "c:digest"]);
});

test("two replicas that agree answer at once", () => {
  const trial = new Trial();
  trial.start();
  assert.equal(summary(trial.cells(A, 50)), undefined);
  assert.equal(summary(trial.digest(B, 50)), "50 2/3+0");
});

test("two primaries that hold nothing say that the key is absent", () => {
  const trial = new Trial();
  trial.start();
  trial.digest(B, 0);
  assert.equal(summary(trial.cells(A, 0)), "0 2/3+0");
});

test("a digest that differs has its cells fetched, and the newer one is answered", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 50);
  assert.deepEqual(asks(trial.digest(B, 60)), ["b:cells"]);
  const effects = trial.cells(B, 60);
  assert.equal(summary(effects), "60 2/3+0");
  assert.deepEqual(repairs(effects), [A]);
});

test("the same reply twice is one vote", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 50);
  assert.deepEqual(trial.cells(A, 50), []);
});

test("past the hedge delay the next replica is asked, for cells while nobody has given any", () => {
  const trial = new Trial();
  trial.start();
  assert.deepEqual(trial.tickAt(HEDGE_MS - 1), []);
  assert.deepEqual(asks(trial.tickAt(HEDGE_MS)), ["c:cells"]);
});

test("a replica that stopped before it gave the cells does not hold up two that answer", () => {
  const trial = new Trial();
  trial.start();
  trial.digest(B, 50);
  trial.tickAt(HEDGE_MS);
  assert.equal(summary(trial.cells(C, 50)), "50 2/3+0");
});

test("where only digests came, one of those who gave them is asked for the cells", () => {
  const trial = new Trial({ plan: { primaries: [A, B], pending: [], fallbacks: [] } });
  trial.start();
  trial.digest(B, 50);
  assert.deepEqual(asks(trial.tickAt(HEDGE_MS)), ["b:cells"]);
  trial.cells(B, 50);
  assert.equal(summary(trial.tickAt(SILENCE_MS)), "50 1/2+0");
});

test("when who was to give the cells is lost, the next is asked for them", () => {
  const trial = new Trial();
  trial.start();
  trial.digest(B, 50);
  assert.deepEqual(asks(trial.step({ kind: "lost", from: A })), ["c:cells"]);
  assert.equal(summary(trial.cells(C, 50)), "50 2/3+0");
});

test("a fetch that is not answered does not hold up a quorum of others", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 50);
  trial.digest(B, 60);
  assert.deepEqual(asks(trial.tickAt(HEDGE_MS)), ["c:digest"]);
  assert.equal(summary(trial.digest(C, 50)), "50 2/3+0");
});

test("an empty fallback is no vote", () => {
  const trial = new Trial({ plan: FIVE, self: A });
  trial.reaches.set(B, "down").set(C, "down");
  assert.deepEqual(trial.start(), ["a:cells", "d:cells", "e:cells"]);
  trial.cells(A, 0);
  trial.cells(D, 0);
  assert.equal(summary(trial.cells(E, 0)), "0 1/3+0");
});

test("a fallback that holds a cell speaks for a primary, but not toward `r`", () => {
  const trial = new Trial({ plan: FIVE, self: A });
  trial.reaches.set(B, "down").set(C, "down");
  trial.start();
  trial.cells(A, 50);
  assert.equal(summary(trial.cells(D, 60)), "60 1/3+1");

  const strict = new Trial({ plan: FIVE, self: A, r: 2 });
  strict.reaches.set(B, "down").set(C, "down");
  strict.start();
  strict.cells(A, 50);
  strict.cells(D, 60);
  assert.equal(summary(strict.cells(E, 60)), "quorum-unreachable 1/3+2");
});

test("fallbacks are asked for silent primaries only once patience is spent", () => {
  const trial = new Trial({ plan: FIVE, self: A });
  trial.start();
  trial.cells(A, 50);
  assert.deepEqual(asks(trial.tickAt(PATIENCE_MS - 1)), ["c:digest"]);
  assert.deepEqual(asks(trial.tickAt(PATIENCE_MS)), ["d:cells", "e:cells"]);
});

test("one vote is answered after a second of silence, and only without `r`", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 50);
  assert.equal(summary(trial.tickAt(SILENCE_MS - 1)), undefined);
  assert.equal(summary(trial.tickAt(SILENCE_MS)), "50 1/3+0");

  const strict = new Trial({ r: 2 });
  strict.start();
  strict.cells(A, 50);
  assert.equal(summary(strict.tickAt(SILENCE_MS)), undefined);
  assert.equal(summary(strict.tickAt(DEADLINE_MS)), "timed-out 1/3+0");
});

test("nobody's answer is no absence", () => {
  const trial = new Trial();
  trial.start();
  trial.step({ kind: "refused", from: A });
  trial.step({ kind: "lost", from: B });
  assert.equal(summary(trial.step({ kind: "lost", from: C })), "quorum-unreachable 0/3+0");
});

test("what is too large for one message is told as such, whatever a stale replica has", () => {
  const trial = new Trial();
  trial.start();
  trial.step({ kind: "too-large", from: A });
  trial.step({ kind: "too-large", from: B });
  assert.equal(summary(trial.cells(C, 40)), "too-large 1/3+0");
});

test("a damaged copy is no absence: one empty replica beside it proves nothing", () => {
  const trial = new Trial();
  trial.reaches.set(C, "down");
  trial.start();
  trial.step({ kind: "damaged", from: A });
  assert.equal(summary(trial.cells(B, 0)), "damaged 1/3+0");
});

test("a copy that fails its checksum on arrival is damage, not a vote", () => {
  const trial = new Trial();
  trial.start();
  const [cell] = cellsAt(50) as [EncodedCell];
  const bytes = Uint8Array.from(cell.bytes);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  trial.step({ kind: "cells", from: A, cells: [{ field: undefined, bytes }], collected: NO_STAMP });
  trial.cells(B, 50);
  const effects = trial.cells(C, 50);
  assert.equal(summary(effects), "50 2/3+0");
  assert.deepEqual(repairs(effects), [A]);
});

test("a read with `r` answers only when W replicas hold what it answers", () => {
  const trial = new Trial({ r: 2 });
  trial.start();
  trial.digest(B, 60);
  trial.cells(A, 50);
  assert.deepEqual(repairs(trial.cells(B, 60)), [A]);
  assert.equal(trial.coordinator.isAnswered, false);
  assert.equal(summary(trial.step({ kind: "repaired", from: A })), "60 2/3+0");
});

test("a read with `r` whose repair fails says so", () => {
  const trial = new Trial({ r: 2 });
  trial.start();
  trial.digest(B, 60);
  trial.cells(A, 50);
  trial.cells(B, 60);
  const effects = trial.step({ kind: "not-repaired", from: A });
  assert.equal(summary(effects), "quorum-unreachable 2/3+0");
});

test("a vote that comes while repairs run does not change what they repair", () => {
  const trial = new Trial({ r: 2 });
  trial.start();
  trial.digest(B, 60);
  trial.tickAt(HEDGE_MS);
  trial.cells(A, 50);
  trial.cells(B, 60);
  assert.deepEqual(trial.cells(C, 70), []);
  assert.equal(summary(trial.step({ kind: "repaired", from: A })), "60 2/3+0");
});

test("an answer older than `after` is asked for again until it is there", () => {
  const trial = new Trial({ after: at(60) });
  trial.start();
  trial.cells(A, 50);
  assert.deepEqual(asks(trial.digest(B, 50)), ["c:digest"]);
  trial.digest(C, 50);
  assert.deepEqual(asks(trial.tickAt(100)), ["a:cells", "b:cells", "c:cells"]);
  trial.cells(A, 50);
  assert.equal(summary(trial.cells(B, 60)), "60 2/3+0");
});

test("an answer older than `after` is never given, and names the newest stamp found", () => {
  const trial = new Trial({ after: at(60) });
  trial.start();
  trial.cells(A, 50);
  trial.digest(B, 50);
  const verdict = verdictOf(trial.tickAt(DEADLINE_MS));
  assert.ok(verdict?.kind === "failed" && verdict.code === "too-new");
  assert.deepEqual(verdict.newest, at(50));
});

test("what refused for another placement is asked again", () => {
  const trial = new Trial();
  trial.start();
  assert.deepEqual(asks(trial.step({ kind: "again", from: A })), ["a:cells"]);
});

test("votes of primaries under a former plan do not count under the next", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 0);
  const plan: SlotPlan = { primaries: [B, C, D], pending: [], fallbacks: [] };
  assert.deepEqual(asks(trial.step({ kind: "replanned", plan })), ["c:cells"]);
  assert.equal(summary(trial.digest(B, 50)), undefined);
  assert.equal(summary(trial.cells(C, 50)), "50 2/3+0");
});

test("a plan with nobody in it is passed over", () => {
  const trial = new Trial();
  trial.start();
  trial.step({ kind: "replanned", plan: { primaries: [], pending: [], fallbacks: [] } });
  trial.cells(A, 50);
  assert.equal(summary(trial.digest(B, 50)), "50 2/3+0");
});

test("the deadline ends a read that nobody answered", () => {
  const trial = new Trial();
  trial.start();
  const verdict = verdictOf(trial.tickAt(DEADLINE_MS));
  assert.deepEqual(verdict, {
    kind: "failed",
    code: "timed-out",
    newest: NO_STAMP,
    quorum: { acks: 0, of: 3, hinted: 0 },
  });
});

test("asking again for `after` does not take back the votes that a repair goes by", () => {
  const trial = new Trial({ r: 2, after: at(60) });
  trial.start();
  trial.cells(A, 50);
  trial.digest(B, 50);
  trial.digest(C, 60);
  assert.deepEqual(repairs(trial.cells(C, 60)), [A]);
  assert.deepEqual(trial.tickAt(100), []);
  assert.equal(summary(trial.step({ kind: "repaired", from: A })), "60 2/3+0");
});

test("what a voter has collected past takes away what another still shows", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 50, 0);
  const effects = trial.digest(B, 0, 100);
  assert.equal(summary(effects), "0 2/3+0");
  assert.deepEqual(repairs(effects), [], "nobody is given what was collected");
});

test("whoever comes first, the one who collected further is right", () => {
  const trial = new Trial();
  trial.start();
  trial.digest(B, 50, 0);
  assert.deepEqual(asks(trial.cells(A, 0, 100)), ["b:cells"]);
  assert.equal(summary(trial.cells(B, 50, 0)), "0 2/3+0");
});

test("a cell above what was collected stands, and is given to who lacks it", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 150, 0);
  trial.digest(B, 0, 100);
  const effects = trial.cells(B, 0, 100);
  assert.equal(summary(effects), "150 2/3+0");
  assert.deepEqual(repairs(effects), [B]);
});

test("a cell that the one who collected further holds too stands", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 50, 0);
  assert.equal(summary(trial.digest(B, 50, 100)), "50 2/3+0");
});

test("a repair names the least that its cells were read under", () => {
  const trial = new Trial();
  trial.start();
  trial.cells(A, 150, 20);
  trial.digest(B, 0, 100);
  const effects = trial.cells(B, 0, 100);
  const named = effects.flatMap((effect) =>
    effect.kind === "repair" ? [effect.collected.ms] : [],
  );
  assert.deepEqual(named, [20]);
});

test("absence satisfies a read that must not be older than what was collected past", () => {
  const trial = new Trial({ after: at(80) });
  trial.start();
  trial.cells(A, 0, 100);
  assert.equal(summary(trial.digest(B, 0, 0)), "0 2/3+0");
});

test("absence is not answered while one who lost commits has no vote, and a value is", () => {
  const absent = new Trial();
  absent.start();
  absent.step({ kind: "voteless", from: A });
  absent.cells(B, 0);
  assert.equal(summary(absent.step({ kind: "lost", from: C })), "quorum-unreachable 1/3+0");

  const found = new Trial();
  found.start();
  found.step({ kind: "voteless", from: A });
  found.cells(B, 50);
  assert.equal(summary(found.step({ kind: "lost", from: C })), "50 1/3+0");
});

/** Fields of a hash, all of one moment. */
function fieldsAt(ms: number, names: readonly string[]): EncodedCell[] {
  return names.map((name) => {
    const field = `h${name}` as Field;
    const cell = {
      kind: "field",
      stamp: at(ms),
      type: "hash",
      expiresAtMs: 0,
      since: NO_STAMP,
      payload: Uint8Array.of(1),
    } as const;
    return { field, bytes: encodeCell(cell, KEY, field) };
  });
}

const RANGE = { kind: "range", prefix: "h", after: "" as Field, limit: 3 } as const;

test("of a range nothing is answered, or repaired, beyond where a voter stopped looking", () => {
  const trial = new Trial({ selection: RANGE });
  assert.deepEqual(trial.start(), ["a:cells", "b:cells"]);
  const through = "hb" as Field;
  const first = fieldsAt(1, ["a", "b"]);
  trial.step({ kind: "cells", from: A, cells: first, through, collected: NO_STAMP });
  const second = fieldsAt(1, ["a", "b", "c"]);
  const effects = trial.step({ kind: "cells", from: B, cells: second, collected: NO_STAMP });
  const verdict = verdictOf(effects);
  assert.ok(verdict?.kind === "read");
  assert.deepEqual(new Set(verdict.cells.map(({ field }) => field)), new Set(["ha", "hb"]));
  assert.equal(verdict.through, through);
  assert.deepEqual(repairs(effects), [], "what lies beyond is lacked by nobody");
});

test("within what all have looked at, who lacks a field is repaired", () => {
  const trial = new Trial({ selection: RANGE });
  trial.start();
  const whole = fieldsAt(1, ["a", "b"]);
  trial.step({ kind: "cells", from: A, cells: whole, collected: NO_STAMP });
  const effects = trial.step({
    kind: "cells",
    from: B,
    cells: whole.slice(0, 1),
    collected: NO_STAMP,
  });
  assert.deepEqual(repairs(effects), [B]);
});

test("a fallback with a part of what was asked for gives it, and no vote for the rest", () => {
  const plan = { primaries: [A, B, C], pending: [], fallbacks: [D] };
  const fields = ["hf", "hg"] as Field[];
  const trial = new Trial({ plan, selection: { kind: "fields", fields } });
  trial.reaches.set(B, "down");
  trial.reaches.set(C, "down");
  assert.deepEqual(trial.start(), ["a:cells", "d:cells"]);
  trial.step({ kind: "cells", from: A, cells: cellsAt(1), collected: NO_STAMP });
  const part = [...cellsAt(1), ...fieldsAt(2, ["f"])];
  const effects = trial.step({ kind: "cells", from: D, cells: part, collected: NO_STAMP });
  const verdict = verdictOf(effects);
  assert.ok(verdict?.kind === "read");
  assert.deepEqual(verdict.quorum, { acks: 1, of: 3, hinted: 0 });
  assert.equal(verdict.cells.length, 2);
});

test("an answer carries the greatest flush floor of those who voted", () => {
  const trial = new Trial();
  trial.start();
  const cells = cellsAt(5);
  trial.step({ kind: "cells", from: A, cells, collected: NO_STAMP, flushed: at(9) });
  const digests = cells.map(({ field, bytes }) => ({ field, checksum: checksumOf(bytes) }));
  const verdict = verdictOf(
    trial.step({ kind: "digests", from: B, digests, collected: NO_STAMP, flushed: at(3) }),
  );
  assert.ok(verdict?.kind === "read");
  assert.deepEqual(verdict.flushed, at(9));
});
