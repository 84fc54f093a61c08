import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import { type NodeId, nodeIdFrom } from "../../model/ids.ts";
import { stampFrom } from "../../model/stamp.ts";
import { PlainWrite } from "./plain-write.ts";
import type { Reach } from "./quorum.ts";
import {
  WriteCoordinator,
  type WriteEffect,
  type WriteEvent,
  type WriteOptions,
} from "./write-coordinator.ts";

const STAMP = stampFrom(10, 0, 0);
const SEEDS = 20_000;

test("a write on its short way ends as it does with a coordinator, and one that takes over goes on as if it had been there", () => {
  let plainEnds = 0;
  let handOvers = 0;
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const prng = new Prng(seed);
    const trial = trialOf(prng);
    const plain = PlainWrite.begin(trial.options);
    const coordinator = new WriteCoordinator(trial.options);
    const started = coordinator.step({ kind: "started" }, 0);
    if (plain === undefined) continue;
    assert.deepEqual(
      started.map((effect) => effect.kind === "send" && effect.to),
      trial.options.plan.primaries,
      "all primaries are asked, and nobody else",
    );
    const way = followBoth(prng, trial, plain, coordinator);
    if (way === "plain") plainEnds += 1;
    else if (way === "handed-over") handOvers += 1;
  }
  assert.ok(plainEnds > SEEDS / 50, `${plainEnds} ended on the short way`);
  assert.ok(handOvers > SEEDS / 50, `${handOvers} were handed over`);
});

interface Trial {
  readonly options: WriteOptions;
  readonly reaches: Map<NodeId, Reach>;
}

function trialOf(prng: Prng): Trial {
  const nodes = Array.from({ length: 1 + prng.below(5) }, (_, index) => nodeIdFrom(index, index));
  const spare = nodeIdFrom(9, 9);
  const reaches = new Map<NodeId, Reach>(nodes.map((node) => [node, "up"]));
  const options: WriteOptions = {
    self: nodes[prng.below(nodes.length)] as NodeId,
    plan: { primaries: nodes, pending: prng.below(10) === 0 ? [spare] : [], fallbacks: [spare] },
    reach: (node) => reaches.get(node) ?? "up",
    stamp: STAMP,
    w: prng.below(2) === 0 ? undefined : 1 + prng.below(4),
    mode: prng.below(10) === 0 ? "conditional" : "blind",
    startMs: 0,
    deadlineMs: [100, 1_000][prng.below(2)] as number,
  };
  changeReach(prng, options, reaches);
  return { options, reaches };
}

function changeReach(prng: Prng, { plan }: WriteOptions, reaches: Map<NodeId, Reach>): void {
  if (prng.below(4) > 0) return;
  const node = plan.primaries[prng.below(plan.primaries.length)] as NodeId;
  reaches.set(node, (["up", "slow", "doubtful", "down"] as const)[prng.below(4)] as Reach);
}

/** Tells both the same, in the words of each, until the coordinator that takes over has nothing left to be told. */
function followBoth(
  prng: Prng,
  { options, reaches }: Trial,
  plain: PlainWrite,
  coordinator: WriteCoordinator,
): "plain" | "handed-over" | "open" {
  let taken: WriteCoordinator | undefined;
  let nowMs = 0;
  for (let turn = 0; turn < 12; turn += 1) {
    nowMs += prng.below(prng.below(6) === 0 ? 300 : 10);
    changeReach(prng, options, reaches);
    const event = anyEvent(prng, options);
    const expected = coordinator.step(event, nowMs);
    if (taken === undefined) {
      const effects = onItsShortWay(plain, options.plan.primaries, event, nowMs);
      if (effects !== undefined) {
        assert.deepEqual(effects, expected);
        if (effects.some(({ kind }) => kind === "finished")) return "plain";
        continue;
      }
      taken = plain.handOver();
    }
    assert.deepEqual(taken.step(event, nowMs), expected);
    assert.equal(taken.isFinished, coordinator.isFinished);
    assert.deepEqual(taken.unreached(), coordinator.unreached());
  }
  return taken === undefined ? "open" : "handed-over";
}

function anyEvent(prng: Prng, { plan }: WriteOptions): WriteEvent {
  const from = plan.primaries[prng.below(plan.primaries.length)] as NodeId;
  const told = { from, attempt: "first" } as const;
  const held = stampFrom(20, 0, 0);
  switch (prng.below(16)) {
    case 0:
      return { kind: "behind", ...told, held };
    case 1:
      return { kind: "superseded", ...told, held };
    case 2:
      return { kind: "below", ...told, held };
    case 3:
      return { kind: "lost", ...told };
    case 4:
      return { kind: "refused", ...told };
    case 5:
      return { kind: "tick" };
    default:
      return { kind: "stored", ...told };
  }
}

/** What a run does of its own accord; `undefined`: a coordinator is to be told. */
function onItsShortWay(
  plain: PlainWrite,
  primaries: readonly NodeId[],
  event: WriteEvent,
  nowMs: number,
): WriteEffect[] | undefined {
  if (event.kind === "tick") return plain.isUndisturbed(nowMs) ? [] : undefined;
  if (event.kind !== "stored") return undefined;
  const turn = plain.onStored(primaries.indexOf(event.from), nowMs);
  if (turn === "over") return undefined;
  const effects: WriteEffect[] = [];
  if (turn === "answered" || turn === "answered-and-finished") {
    const verdict = { kind: "written", quorum: plain.quorum, isSuperseded: false } as const;
    effects.push({ kind: "answer", verdict });
  }
  if (turn === "finished" || turn === "answered-and-finished") effects.push({ kind: "finished" });
  return effects;
}
