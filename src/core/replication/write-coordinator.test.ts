import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../model/ids.ts";
import { type Stamp, stampFrom } from "../../model/stamp.ts";
import type { Reach, SlotPlan } from "./quorum.ts";
import {
  OUTVOTE_MS,
  PATIENCE_MS,
  SILENCE_MS,
  WriteCoordinator,
  type WriteEffect,
  type WriteEvent,
  type WriteOptions,
  type WriteVerdict,
} from "./write-coordinator.ts";
import type { Attempt } from "./write-tally.ts";

const [A, B, C, D, E] = ["a", "b", "c", "d", "e"] as NodeId[] as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
];
const THREE: SlotPlan = { primaries: [A, B, C], pending: [], fallbacks: [] };
const FIVE: SlotPlan = { primaries: [A, B, C], pending: [], fallbacks: [D, E] };
const DEADLINE_MS = 5_000;

function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

/** A coordinator with its effects so far; node `a` is itself. */
class Trial {
  readonly reaches = new Map<NodeId, Reach>();
  readonly coordinator: WriteCoordinator;
  nowMs = 0;

  constructor(options: Partial<WriteOptions> = {}) {
    this.coordinator = new WriteCoordinator({
      self: A,
      plan: THREE,
      reach: (node) => this.reaches.get(node) ?? "up",
      stamp: at(50),
      w: undefined,
      mode: "blind",
      startMs: 0,
      deadlineMs: DEADLINE_MS,
      ...options,
    });
  }

  step(event: WriteEvent): WriteEffect[] {
    return this.coordinator.step(event, this.nowMs);
  }

  start(): string[] {
    return sends(this.step({ kind: "started" }));
  }

  tickAt(nowMs: number): WriteEffect[] {
    this.nowMs = nowMs;
    return this.step({ kind: "tick" });
  }

  stored(from: NodeId, attempt: Attempt = "first"): WriteEffect[] {
    return this.step({ kind: "stored", from, attempt });
  }

  behind(from: NodeId, heldMs: number): WriteEffect[] {
    return this.step({ kind: "behind", from, attempt: "first", held: at(heldMs) });
  }

  refused(from: NodeId, attempt: Attempt = "first"): WriteEffect[] {
    return this.step({ kind: "refused", from, attempt });
  }

  lost(from: NodeId, attempt: Attempt = "first"): WriteEffect[] {
    return this.step({ kind: "lost", from, attempt });
  }
}

/** `b:first` for a primary, `d:first*` for a fallback. */
function sends(effects: readonly WriteEffect[]): string[] {
  return effects.flatMap((effect) =>
    effect.kind === "send"
      ? [`${effect.to}:${effect.attempt}${effect.role === "fallback" ? "*" : ""}`]
      : [],
  );
}

function verdictOf(effects: readonly WriteEffect[]): WriteVerdict | undefined {
  const answers = effects.filter((effect) => effect.kind === "answer");
  assert.ok(answers.length <= 1, "answers once");
  return answers[0]?.verdict;
}

function written(acks: number, hinted = 0, isSuperseded = false, of = 3): WriteVerdict {
  return { kind: "written", quorum: { acks, of, hinted }, isSuperseded };
}

function restampAbove(effects: readonly WriteEffect[]): number | undefined {
  const effect = effects.find(({ kind }) => kind === "restamp");
  return effect?.kind === "restamp" ? effect.above.ms : undefined;
}

test("a write goes to all primaries and pending nodes at once", () => {
  const trial = new Trial({ plan: { primaries: [A, B, C], pending: [D], fallbacks: [E] } });
  assert.deepEqual(trial.start(), ["a:first", "b:first", "c:first", "d:first"]);
});

test("a write is answered by the second of three acks, and not by the first", () => {
  const trial = new Trial();
  trial.start();
  assert.equal(verdictOf(trial.stored(A)), undefined);
  assert.deepEqual(verdictOf(trial.stored(B)), written(2));
});

test("one replica acking twice does not fill a quorum of two", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(B);
  assert.deepEqual(trial.stored(B), []);
});

test("an ack of a node that was never asked counts for nothing", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(B);
  assert.deepEqual(trial.stored(E), []);
});

test("each pending node raises what is needed by one, and may give that ack itself", () => {
  const plan: SlotPlan = { primaries: [A, B, C], pending: [D], fallbacks: [] };
  const trial = new Trial({ plan });
  trial.start();
  trial.stored(A);
  assert.equal(verdictOf(trial.stored(B)), undefined);
  assert.deepEqual(verdictOf(trial.stored(D)), written(2));
});

test("without the pending node a majority of today's primaries is not reported as one", () => {
  const plan: SlotPlan = { primaries: [A, B, C], pending: [D], fallbacks: [] };
  const trial = new Trial({ plan });
  trial.start();
  trial.stored(A);
  assert.equal(verdictOf(trial.stored(B)), undefined);
  // Once D is a primary in the place of B, a read of C and D would miss it.
  assert.deepEqual(verdictOf(trial.tickAt(SILENCE_MS)), written(1));
});

test("a fallback is never asked as a hedge, only once patience is spent", () => {
  const trial = new Trial({ plan: FIVE });
  trial.start();
  trial.stored(A);
  assert.deepEqual(trial.tickAt(PATIENCE_MS - 1), []);
  assert.deepEqual(sends(trial.tickAt(PATIENCE_MS)), ["d:first*", "e:first*"]);
});

test("a fallback is asked at once for a primary that is down, suspect or refuses", () => {
  const trial = new Trial({ plan: FIVE });
  trial.reaches.set(C, "down");
  assert.deepEqual(trial.start(), ["a:first", "b:first", "d:first*"]);
  assert.deepEqual(trial.coordinator.unreached(), [C]);
  assert.deepEqual(sends(trial.refused(B)), ["e:first*"]);

  const other = new Trial({ plan: FIVE });
  other.reaches.set(C, "doubtful");
  assert.deepEqual(other.start(), ["a:first", "b:first", "c:first", "d:first*"]);
});

test("a fallback that fails is replaced by the next one", () => {
  const trial = new Trial({ plan: FIVE });
  trial.reaches.set(C, "down");
  trial.start();
  assert.deepEqual(sends(trial.lost(D)), ["e:first*"]);
});

test("a fallback's copy is reported as hinted and counts for its primary", () => {
  const trial = new Trial({ plan: FIVE });
  trial.reaches.set(C, "down");
  trial.start();
  trial.stored(D);
  assert.deepEqual(verdictOf(trial.stored(A)), written(1, 1));
});

test("a primary that acks after its fallback did is not counted twice", () => {
  // {C, D} would be a quorum that {A, B} does not meet, with nothing failed.
  const trial = new Trial({ plan: FIVE });
  trial.reaches.set(C, "doubtful");
  trial.start();
  trial.stored(D);
  assert.equal(verdictOf(trial.stored(C)), undefined);
  assert.deepEqual(verdictOf(trial.stored(B)), written(2, 1));
});

test("two fallbacks for one primary count once", () => {
  const trial = new Trial({ plan: FIVE });
  trial.reaches.set(C, "down");
  trial.start();
  trial.reaches.set(D, "doubtful");
  assert.deepEqual(sends(trial.step({ kind: "tick" })), ["e:first*"]);
  trial.stored(D);
  assert.equal(verdictOf(trial.stored(E)), undefined);
  assert.deepEqual(verdictOf(trial.stored(A)), written(1, 2));
});

test("with `w`, only primaries count", () => {
  const trial = new Trial({ plan: FIVE, w: 2 });
  trial.reaches.set(C, "down");
  trial.start();
  trial.stored(D);
  assert.equal(verdictOf(trial.stored(A)), undefined);
  assert.deepEqual(verdictOf(trial.stored(B)), written(2, 1));
});

test("with `w` out of reach the answer comes at once, and says that it may be stored", () => {
  const trial = new Trial({ w: 3 });
  trial.start();
  trial.stored(A);
  assert.deepEqual(verdictOf(trial.lost(C)), {
    kind: "failed",
    code: "quorum-unreachable",
    mayBeStored: true,
    quorum: { acks: 1, of: 3, hinted: 0 },
  });
});

const JOINING: SlotPlan = { primaries: [A, B, C], pending: [D], fallbacks: [] };

test("with `w`, a pending node that is not to be had yet is waited for, and asked again", () => {
  for (const isRefusing of [false, true]) {
    const trial = new Trial({ plan: JOINING, w: 3 });
    if (!isRefusing) trial.reaches.set(D, "down");
    trial.start();
    if (isRefusing) trial.refused(D);
    for (const node of [A, B]) trial.stored(node);
    assert.equal(verdictOf(trial.stored(C)), undefined);
    trial.reaches.set(D, "up");
    assert.deepEqual(sends(trial.tickAt(OUTVOTE_MS)), ["d:first"]);
    assert.equal(verdictOf(trial.stored(D))?.kind, "written");
  }
});

test("with `w`, a pending node that does not come within a second fails the write", () => {
  const trial = new Trial({ plan: JOINING, w: 3 });
  trial.reaches.set(D, "down");
  trial.start();
  for (const node of [A, B, C]) trial.stored(node);
  assert.equal(verdictOf(trial.tickAt(PATIENCE_MS)), undefined);
  const verdict = verdictOf(trial.tickAt(SILENCE_MS));
  assert.ok(verdict?.kind === "failed" && verdict.mayBeStored, verdict?.kind);
});

test("one copy is enough at once when nobody is left to ask", () => {
  const trial = new Trial();
  trial.reaches.set(B, "down").set(C, "down");
  assert.deepEqual(trial.start(), ["a:first"]);
  assert.deepEqual(verdictOf(trial.stored(A)), written(1));
});

test("one copy is enough after a second of silence", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  assert.equal(verdictOf(trial.tickAt(SILENCE_MS - 1)), undefined);
  assert.deepEqual(verdictOf(trial.tickAt(SILENCE_MS)), written(1));
});

test("without any copy nothing is acknowledged, and the deadline ends it", () => {
  const trial = new Trial();
  trial.start();
  assert.equal(verdictOf(trial.tickAt(SILENCE_MS)), undefined);
  assert.deepEqual(verdictOf(trial.tickAt(DEADLINE_MS)), {
    kind: "failed",
    code: "timed-out",
    mayBeStored: true,
    quorum: { acks: 0, of: 3, hinted: 0 },
  });
});

test("nothing was stored only when everybody asked has refused", () => {
  const trial = new Trial();
  trial.start();
  trial.refused(A);
  trial.refused(B);
  const verdict = verdictOf(trial.refused(C));
  assert.ok(verdict?.kind === "failed" && !verdict.mayBeStored);
});

test("one silent replica among refusals makes it uncertain", () => {
  const trial = new Trial();
  trial.start();
  trial.refused(A);
  trial.lost(B);
  const verdict = verdictOf(trial.refused(C));
  assert.ok(verdict?.kind === "failed" && verdict.mayBeStored);
});

test("a replica that is out of the plan before it answered makes a failure uncertain", () => {
  const trial = new Trial();
  trial.start();
  trial.refused(A);
  trial.refused(B);
  trial.reaches.set(D, "down");
  // C may hold it, and is not waited for any more.
  const verdict = verdictOf([
    ...trial.step({
      kind: "replanned",
      plan: { primaries: [A, B, D], pending: [], fallbacks: [] },
    }),
    ...trial.refused(A),
    ...trial.refused(B),
  ]);
  assert.ok(verdict?.kind === "failed" && verdict.mayBeStored);
});

test("W plain acks of primaries outvote a push-back", () => {
  const trial = new Trial();
  trial.start();
  assert.deepEqual(trial.behind(C, 60), []);
  trial.stored(A);
  const effects = trial.stored(B);
  assert.deepEqual(verdictOf(effects), written(2));
  // C gets it all the same: what it holds may be another key's.
  assert.deepEqual(sends(effects), ["c:final"]);
});

test("a push-back after the answer changes nothing but sends the write again to who lacks it", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  trial.stored(B);
  const effects = trial.behind(C, 60);
  assert.deepEqual(sends(effects), ["c:final"]);
  assert.equal(restampAbove(effects), undefined);
});

test("two push-backs of three stamp again, above both, and ask everybody anew", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  trial.behind(B, 60);
  assert.equal(restampAbove(trial.behind(C, 70)), 70);
  const effects = trial.step({ kind: "restamped", stamp: at(71) });
  assert.deepEqual(sends(effects), ["a:final", "b:final", "c:final"]);
});

test("acks under the first stamp do not count under the second", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  trial.behind(B, 60);
  trial.behind(C, 70);
  trial.step({ kind: "restamped", stamp: at(71) });
  assert.deepEqual(trial.stored(A), []);
  trial.stored(A, "final");
  assert.deepEqual(verdictOf(trial.stored(B, "final")), written(2));
});

test("a final attempt that meets something newer counts as an ack, and as a discarded value", () => {
  const trial = new Trial();
  trial.start();
  trial.behind(B, 60);
  trial.behind(C, 60);
  trial.step({ kind: "restamped", stamp: at(61) });
  trial.step({ kind: "superseded", from: B, attempt: "final" });
  assert.deepEqual(verdictOf(trial.stored(A, "final")), written(2, 0, true));
});

test("who says only after the answer that it holds something newer tells of a discarded value all the same", () => {
  const trial = new Trial();
  trial.start();
  trial.behind(B, 60);
  trial.behind(C, 60);
  trial.step({ kind: "restamped", stamp: at(61) });
  trial.stored(B, "final");
  assert.deepEqual(verdictOf(trial.stored(A, "final")), written(2, 0, false));
  assert.equal(trial.coordinator.isSuperseded, false);
  trial.step({ kind: "superseded", from: C, attempt: "final" });
  assert.equal(trial.coordinator.isSuperseded, true);
});

test("one push-back is not stamped over before N−W+1 primaries have spoken", () => {
  // C is gone; B may hold 80, acknowledged by {B, C} before. Stamping above A's 60 alone would lose to it.
  const trial = new Trial();
  trial.reaches.set(C, "down");
  trial.start();
  assert.equal(restampAbove(trial.behind(A, 60)), undefined);
  assert.equal(restampAbove(trial.tickAt(PATIENCE_MS)), undefined);
  assert.equal(restampAbove(trial.behind(B, 80)), 80);
});

// Goal: a stamp made after a second of silence, above a fallback alone, must not be acknowledged below what the silent
// primary was holding all the time (found by the simulator: N = 1, a slow link to the primary).
test("a primary that had no say in a stamp and holds more pushes back late, and is stamped above", () => {
  const trial = new Trial({ plan: { primaries: [B], pending: [], fallbacks: [D] } });
  trial.start();
  trial.tickAt(PATIENCE_MS);
  trial.behind(D, 60);
  assert.equal(restampAbove(trial.tickAt(SILENCE_MS)), 60);
  trial.step({ kind: "restamped", stamp: at(61) });
  const late = trial.step({ kind: "superseded", from: B, attempt: "final", held: at(90) });
  assert.equal(verdictOf(late), undefined);
  assert.equal(restampAbove(late), 90);
  assert.deepEqual(sends(trial.step({ kind: "restamped", stamp: at(91) })), ["b:last", "d:last*"]);
  assert.deepEqual(verdictOf(trial.stored(B, "last")), {
    kind: "written",
    quorum: { acks: 1, of: 1, hinted: 0 },
    isSuperseded: false,
  });
});

test("a fallback stands in for this node itself when its own disk hangs", () => {
  const trial = new Trial({ plan: { primaries: [A], pending: [], fallbacks: [D] } });
  assert.deepEqual(trial.start(), ["a:first"]);
  assert.deepEqual(sends(trial.tickAt(PATIENCE_MS)), ["d:first*"]);
  assert.deepEqual(verdictOf(trial.stored(D)), written(0, 1, false, 1));
});

test("with `w` of three a single push-back still waits for a second opinion", () => {
  const trial = new Trial({ w: 3 });
  trial.start();
  assert.equal(restampAbove(trial.behind(B, 60)), undefined);
  assert.equal(restampAbove(trial.behind(C, 80)), 80);
});

test("a push-back with an ack beside it is stamped over once the third has been waited for", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  assert.equal(restampAbove(trial.behind(B, 60)), undefined);
  assert.equal(restampAbove(trial.tickAt(OUTVOTE_MS - 1)), undefined);
  assert.equal(restampAbove(trial.tickAt(OUTVOTE_MS)), 60);
});

test("where the others stay silent, one push-back is stamped over after a second", () => {
  const trial = new Trial();
  trial.start();
  trial.behind(B, 60);
  assert.equal(restampAbove(trial.tickAt(SILENCE_MS - 1)), undefined);
  assert.equal(restampAbove(trial.tickAt(SILENCE_MS)), 60);
  trial.step({ kind: "restamped", stamp: at(61) });
  assert.deepEqual(verdictOf(trial.stored(B, "final")), written(1));
});

test("fallbacks cannot outvote a primary's push-back", () => {
  // B holds something acknowledged before; D and E know of nothing, and prove nothing.
  const trial = new Trial({ plan: FIVE });
  trial.reaches.set(A, "up").set(C, "down");
  trial.start();
  trial.behind(B, 60);
  trial.stored(D);
  assert.equal(restampAbove(trial.stored(A)), 60);
});

test("a write that was pushed back is not acknowledged below it at the deadline", () => {
  const trial = new Trial({ deadlineMs: 40 });
  trial.start();
  trial.stored(A);
  trial.behind(B, 60);
  assert.deepEqual(verdictOf(trial.tickAt(40)), {
    kind: "failed",
    code: "timed-out",
    mayBeStored: true,
    quorum: { acks: 1, of: 3, hinted: 0 },
  });
});

test("a stamp that cannot be topped is sent all the same", () => {
  const trial = new Trial();
  trial.start();
  trial.behind(B, 2 ** 48 - 1);
  trial.behind(C, 2 ** 48 - 1);
  const effects = trial.step({ kind: "restamped", stamp: at(2 ** 48 - 1) });
  assert.deepEqual(sends(effects), ["a:final", "b:final", "c:final"]);
});

test("a conditional write is kept here only once another node took it", () => {
  const trial = new Trial({ mode: "conditional" });
  assert.deepEqual(trial.start(), ["b:first", "c:first"]);
  assert.deepEqual(sends(trial.stored(B)), ["a:first"]);
  assert.deepEqual(verdictOf(trial.stored(A)), written(2));
});

test("a conditional write alone in the cluster is kept at once", () => {
  const plan: SlotPlan = { primaries: [A], pending: [], fallbacks: [] };
  const trial = new Trial({ mode: "conditional", plan });
  assert.deepEqual(trial.start(), ["a:first"]);
});

test("a conditional write is kept here when everybody else refused, or stayed silent for a second", () => {
  const trial = new Trial({ mode: "conditional" });
  trial.start();
  trial.refused(B);
  assert.deepEqual(sends(trial.refused(C)), ["a:first"]);

  const other = new Trial({ mode: "conditional" });
  other.start();
  assert.deepEqual(sends(other.tickAt(SILENCE_MS)), ["a:first"]);
  assert.deepEqual(verdictOf(other.stored(A)), written(1));
});

test("a conditional write that everybody pushed back ends as behind, and nothing was stored", () => {
  const trial = new Trial({ mode: "conditional" });
  trial.start();
  trial.behind(B, 60);
  assert.deepEqual(verdictOf(trial.behind(C, 70)), {
    kind: "behind",
    held: at(70),
    mayBeStored: false,
    quorum: { acks: 0, of: 3, hinted: 0 },
  });
  assert.equal(trial.coordinator.isFinished, true);
});

test("a conditional write that one took and one pushed back may be stored", () => {
  const trial = new Trial({ mode: "conditional" });
  trial.start();
  trial.behind(B, 60);
  trial.stored(C);
  const verdict = verdictOf(trial.behind(A, 60));
  assert.ok(verdict?.kind === "behind" && verdict.mayBeStored);
});

test("a conditional write that was pushed back is never `written` at the deadline", () => {
  const trial = new Trial({ mode: "conditional", deadlineMs: 40 });
  trial.start();
  trial.behind(B, 60);
  trial.stored(C);
  const verdict = verdictOf(trial.tickAt(40));
  assert.ok(verdict?.kind === "failed" && verdict.mayBeStored);
});

test("a node that refused under another placement is asked anew, and no fallback stands in", () => {
  const trial = new Trial({ plan: FIVE });
  trial.start();
  const effects = trial.step({
    kind: "replanned",
    plan: FIVE,
    again: { from: B, attempt: "first" },
  });
  assert.deepEqual(effects, [{ kind: "send", to: B, role: "primary", attempt: "first" }]);
});

test("a refusal under another placement does not fail a write that may yet be met", () => {
  const trial = new Trial({ w: 3 });
  trial.start();
  trial.stored(A);
  trial.stored(C);
  trial.step({ kind: "replanned", plan: THREE, again: { from: B, attempt: "first" } });
  assert.deepEqual(verdictOf(trial.stored(B)), written(3));
});

test("who comes in by a new plan is asked, and needed", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  const plan: SlotPlan = { primaries: [A, B, C], pending: [D], fallbacks: [] };
  assert.deepEqual(sends(trial.step({ kind: "replanned", plan })), ["d:first"]);
  assert.equal(verdictOf(trial.stored(B)), undefined);
  assert.deepEqual(verdictOf(trial.stored(C)), written(3));
});

test("who goes out by a new plan no longer counts", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(C);
  const plan: SlotPlan = { primaries: [A, B, D], pending: [], fallbacks: [] };
  assert.deepEqual(sends(trial.step({ kind: "replanned", plan })), ["d:first"]);
  assert.equal(verdictOf(trial.stored(A)), undefined);
  assert.deepEqual(verdictOf(trial.stored(D)), written(2));
});

test("a plan with nobody in it is passed over", () => {
  const trial = new Trial();
  trial.start();
  trial.step({ kind: "replanned", plan: { primaries: [], pending: [], fallbacks: [] } });
  trial.stored(A);
  assert.deepEqual(verdictOf(trial.stored(B)), written(2));
});

test("those who hold the write are told of those who may not, once patience is spent", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  trial.stored(B);
  assert.deepEqual(trial.tickAt(PATIENCE_MS), [
    { kind: "hint", targets: [C], holders: [A, B] },
    { kind: "finished" },
  ]);
});

test("a write that everybody holds leaves no hint and is finished with the last ack", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  trial.stored(B);
  assert.deepEqual(trial.stored(C), [{ kind: "finished" }]);
});

test("who was unreached from the first frame on is named in frames, not in hints", () => {
  const trial = new Trial();
  trial.reaches.set(C, "down");
  trial.start();
  assert.deepEqual(trial.coordinator.unreached(), [C]);
  trial.stored(A);
  assert.deepEqual(
    trial.stored(B).map(({ kind }) => kind),
    ["answer", "finished"],
  );
});

test("who is out of reach when it comes in by a later plan is named in a hint", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  trial.stored(B);
  trial.reaches.set(D, "down");
  const plan: SlotPlan = { primaries: [A, B, D], pending: [], fallbacks: [] };
  assert.deepEqual(trial.step({ kind: "replanned", plan }), [
    { kind: "hint", targets: [D], holders: [A, B] },
    { kind: "finished" },
  ]);
});

test("a late ack of the first stamp does not make a holder of the second", () => {
  const trial = new Trial();
  trial.start();
  trial.behind(A, 60);
  trial.behind(B, 60);
  trial.step({ kind: "restamped", stamp: at(61) });
  trial.stored(A, "final");
  trial.stored(B, "final");
  trial.stored(C, "first");
  assert.deepEqual(trial.tickAt(PATIENCE_MS), [
    { kind: "hint", targets: [C], holders: [A, B] },
    { kind: "finished" },
  ]);
});

test("a write that failed is not sent to whoever comes in later", () => {
  const trial = new Trial({ w: 3 });
  trial.start();
  trial.stored(A);
  trial.lost(C);
  const plan: SlotPlan = { primaries: [A, B, C], pending: [D], fallbacks: [] };
  assert.deepEqual(sends(trial.step({ kind: "replanned", plan })), []);
});

test("a coordinator that wakes late judges by the time it is, not by the ticks it had", () => {
  const trial = new Trial();
  trial.start();
  trial.behind(B, 60);
  trial.nowMs = 3_000;
  const effects = trial.stored(A);
  assert.equal(verdictOf(effects), undefined);
  assert.equal(restampAbove(effects), 60);
});

function verdictIn(effects: readonly WriteEffect[]): WriteVerdict | undefined {
  return effects.flatMap((effect) => (effect.kind === "answer" ? [effect.verdict] : []))[0];
}

test("one primary's floor ends a write, whoever else took it, and says what to stamp above", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  const verdict = verdictIn(trial.step({ kind: "below", from: B, attempt: "first", held: at(90) }));
  assert.ok(verdict?.kind === "below");
  assert.deepEqual([verdict.held.ms, verdict.mayBeStored], [90, true]);
});

test("where everybody refused by its floor, nothing was stored", () => {
  const trial = new Trial({ plan: { primaries: [B], pending: [], fallbacks: [] } });
  trial.start();
  const verdict = verdictIn(trial.step({ kind: "below", from: B, attempt: "first", held: at(90) }));
  assert.ok(verdict?.kind === "below");
  assert.equal(verdict.mayBeStored, false);
});

test("a floor met after the answer is one who may lack the write", () => {
  const trial = new Trial();
  trial.start();
  trial.stored(A);
  trial.stored(B);
  const effects = trial.step({ kind: "below", from: C, attempt: "first", held: at(90) });
  const hints = effects.flatMap((effect) => (effect.kind === "hint" ? [effect.targets] : []));
  assert.deepEqual(hints, [[C]]);
});
