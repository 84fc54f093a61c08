import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import type { RootCell } from "../../model/cell.ts";
import { type NodeId, nodeIdFrom } from "../../model/ids.ts";
import { keyFromText } from "../../model/key.ts";
import { NO_STAMP, stampFrom } from "../../model/stamp.ts";
import { checksumOf, encodeCell } from "../causality/cell-codec.ts";
import { PlainRead } from "./plain-read.ts";
import type { Reach } from "./quorum.ts";
import {
  type MergedCell,
  ReadCoordinator,
  type ReadEffect,
  type ReadEvent,
  type ReadOptions,
} from "./read-coordinator.ts";

const KEY = keyFromText("k");
const SEEDS = 20_000;

test("a read on its short way ends as it does with a coordinator, and one that takes over goes on as if it had been there", () => {
  let plainEnds = 0;
  let handOvers = 0;
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const prng = new Prng(seed);
    const trial = trialOf(prng);
    const { options, own } = trial;
    const plain = PlainRead.begin(options, own);
    const coordinator = new ReadCoordinator(options);
    const effects = coordinator.step({ kind: "started" }, 0);
    if (plain === undefined) continue;
    const self = { kind: "ask", to: options.self, want: "cells" } as const;
    const others = plain.asked().map((to) => ({ kind: "ask", to, want: "digest" }) as const);
    assert.deepEqual(effects, [self, ...others]);
    const { cells, collected, flushed } = own;
    const told = { kind: "cells", from: options.self, cells, collected, flushed } as const;
    assert.deepEqual(coordinator.step(told, 0), []);
    const way = followBoth(prng, trial, plain, coordinator);
    if (way === "plain") plainEnds += 1;
    else if (way === "handed-over") handOvers += 1;
  }
  assert.ok(plainEnds > SEEDS / 50, `${plainEnds} ended on the short way`);
  assert.ok(handOvers > SEEDS / 50, `${handOvers} were handed over`);
});

interface Trial {
  readonly options: ReadOptions;
  readonly own: ReturnType<typeof ownRoot>;
  readonly reaches: Map<NodeId, Reach>;
}

function trialOf(prng: Prng): Trial {
  const nodes = Array.from({ length: 2 + prng.below(4) }, (_, index) => nodeIdFrom(index, index));
  const spare = nodeIdFrom(9, 9);
  const reaches = new Map<NodeId, Reach>(nodes.map((node) => [node, "up"]));
  const options: ReadOptions = {
    self: nodes[prng.below(nodes.length)] as NodeId,
    key: KEY,
    selection: { kind: "root" },
    plan: { primaries: nodes, pending: [], fallbacks: [spare] },
    reach: (node) => reaches.get(node) ?? "up",
    r: prng.below(2) === 0 ? undefined : 2 + prng.below(3),
    after: undefined,
    startMs: 0,
    deadlineMs: [10, 1_000][prng.below(2)] as number,
  };
  changeReach(prng, options, reaches);
  return { options, reaches, own: ownRoot(prng) };
}

function changeReach(prng: Prng, { plan }: ReadOptions, reaches: Map<NodeId, Reach>): void {
  if (prng.below(4) > 0) return;
  const node = plan.primaries[prng.below(plan.primaries.length)] as NodeId;
  reaches.set(node, (["up", "slow", "doubtful", "down"] as const)[prng.below(4)] as Reach);
}

function cellAt(ms: number): MergedCell {
  const stamp = stampFrom(ms, 0, 0);
  const cell: RootCell = {
    kind: "value",
    stamp,
    type: "string",
    expiresAtMs: 0,
    cleared: stamp,
    contentType: "",
    payload: Uint8Array.of(ms),
  };
  return { field: undefined, cell, bytes: encodeCell(cell, KEY, undefined) };
}

function ownRoot(prng: Prng): {
  cells: MergedCell[];
  collected: typeof NO_STAMP;
  flushed: typeof NO_STAMP;
} {
  const cells = prng.below(4) === 0 ? [] : [cellAt(20)];
  return { cells, ...stampsOf(prng) };
}

/** Now and then somebody has collected or flushed further than others. */
function stampsOf(prng: Prng): { collected: typeof NO_STAMP; flushed: typeof NO_STAMP } {
  const any = (): typeof NO_STAMP =>
    prng.below(8) > 0 ? NO_STAMP : stampFrom(10 + 10 * prng.below(2), 0, 0);
  return { collected: any(), flushed: any() };
}

/** Tells both the same, in the words of each, until the one or the other has answered. */
function followBoth(
  prng: Prng,
  { options, reaches, own }: Trial,
  plain: PlainRead,
  coordinator: ReadCoordinator,
): "plain" | "handed-over" | "open" {
  let taken: ReadCoordinator | undefined;
  let nowMs = 0;
  const asked = plain.asked();
  for (let turn = 0; turn < 12; turn += 1) {
    nowMs += prng.below(prng.below(6) === 0 ? 30 : 3);
    changeReach(prng, options, reaches);
    const event = anyEvent(prng, asked, own.cells);
    const expected = coordinator.step(event, nowMs);
    if (taken === undefined) {
      const effects = onItsShortWay(plain, event, nowMs);
      if (effects !== undefined) {
        assert.deepEqual(effects, expected);
        if (effects.length > 0) return "plain";
        continue;
      }
      taken = plain.handOver();
    }
    assert.deepEqual(taken.step(event, nowMs), expected);
    assert.equal(taken.isAnswered, coordinator.isAnswered);
  }
  return taken === undefined ? "open" : "handed-over";
}

function anyEvent(prng: Prng, asked: readonly NodeId[], own: readonly MergedCell[]): ReadEvent {
  const from = asked[prng.below(asked.length)] as NodeId;
  const other = prng.below(8) === 0 ? [cellAt([10, 20, 30][prng.below(3)] as number)] : own;
  const digests = other.map(({ field, bytes }) => ({ field, checksum: checksumOf(bytes) }));
  switch (prng.below(16)) {
    case 0:
      return { kind: "lost", from };
    case 1:
      return { kind: "refused", from };
    case 2:
      return { kind: "damaged", from };
    case 3:
      return { kind: "voteless", from };
    case 4:
    case 5:
      return { kind: "tick" };
    case 6:
      return { kind: "cells", from, cells: other, ...stampsOf(prng) };
    default:
      return { kind: "digests", from, digests, ...stampsOf(prng) };
  }
}

/** What a run does of its own accord; `undefined`: a coordinator is to be told. */
function onItsShortWay(
  plain: PlainRead,
  event: ReadEvent,
  nowMs: number,
): ReadEffect[] | undefined {
  if (event.kind === "tick") return plain.isUndisturbed(nowMs) ? [] : undefined;
  if (event.kind !== "digests") return undefined;
  // A reply that is passed on as it came says what it is in words of its own.
  const reply = { ...event, kind: "digest-reply" };
  const verdict = plain.onDigests(event.from, reply, nowMs);
  if (verdict === "over") return undefined;
  return verdict === "waits" ? [] : [{ kind: "answer", verdict }];
}
