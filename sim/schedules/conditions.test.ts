/**
 * Schedules of conditional writes that a blind one overtakes on its way, in every order in which its frames can reach the
 * primaries. The ids are those of the list of schedules; N = 3, W = R = 2.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Condition } from "../../src/model/condition.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { WriteOutcome } from "../../src/model/outcome.ts";
import { compareStamps, type Stamp } from "../../src/model/stamp.ts";
import { Stage, written } from "./stage.ts";

/** Coordinates the blind writes, and is no primary. */
const BLIND = 3;
const PRIMARIES = [0, 1, 2] as const;
/** Between the primaries: a read takes two of these, the write after it two more. */
const WIRE_MS = 20;
/** To the primary that hears of the blind write last; below the patience of a write. */
const LATE_MS = 150;

interface Scene {
  readonly stage: Stage;
  /** The first primary of all keys. */
  readonly executor: number;
  readonly keys: readonly Key[];
  /** How often a try was pushed back so far. */
  readonly pushedBack: () => number;
}

function setScene(seed: number, keyCount: number): Scene {
  let count = 0;
  const sink = (line: string): void => {
    if (line.includes('"result":"behind"')) count += 1;
  };
  const stage = new Stage({ machines: 4, seed, sink });
  const first = stage.node(0).locate(stage.keyOn(...PRIMARIES)).primaries[0];
  const executor = PRIMARIES.find((index) => stage.id(index) === first);
  assert.ok(executor !== undefined);
  const keys: Key[] = [];
  for (let index = 0; keys.length < keyCount; index += 1) {
    const key = keyFromText(`c${index}`);
    const { primaries } = stage.node(0).locate(key);
    if (primaries[0] === first && !primaries.includes(stage.id(BLIND))) keys.push(key);
  }
  for (const from of PRIMARIES) {
    for (const to of PRIMARIES) if (from !== to) stage.links.link(from, to).delayMs = WIRE_MS;
  }
  return { stage, executor, keys, pushedBack: () => count };
}

interface Race {
  readonly outcome: WriteOutcome;
  /** Of the blind write. */
  readonly over: Stamp;
}

/** A conditional "v1x" at the executor, and after `offsetMs` a blind "v2" whose frame to `late` is slow. */
function race(
  { stage, executor }: Scene,
  options: { key: Key; condition: Condition; late: number; offsetMs: number },
): Race {
  const { key, condition, late, offsetMs } = options;
  const link = stage.links.link(BLIND, late);
  const { delayMs } = link;
  link.delayMs = LATE_MS;
  // Both by full quorums, however long a frame takes: those meet.
  const patient = { w: 2, deadlineMs: 10_000 };
  const conditional = stage.startPut(executor, key, "v1x", { condition, ...patient });
  stage.runFor(offsetMs);
  const blind = stage.startPut(BLIND, key, "v2", patient);
  const outcome = stage.answer(conditional);
  const over = written(stage.answer(blind)).stamp;
  link.delayMs = delayMs;
  return { outcome, over };
}

/** Fails unless an answer is true; then tells what may stand in the end. */
function endsOf(kind: Condition["kind"], { outcome, over }: Race): readonly string[] {
  const where = JSON.stringify({ outcome, over });
  if (outcome.kind === "written") {
    if (compareStamps(outcome.stamp, over) < 0) return ["v2"];
    assert.equal(kind, "exists", where);
    return ["v1x"];
  }
  if (outcome.kind === "condition-failed") {
    assert.notEqual(kind, "exists", where);
    assert.deepEqual(outcome.current, over, where);
    return ["v2"];
  }
  assert.equal(`${outcome.code} ${outcome.stored}`, "contended maybe", where);
  return ["v1x", "v2"];
}

function expectEnds({ stage }: Scene, ends: ReadonlyMap<Key, readonly string[]>): void {
  stage.settle();
  for (const [key, texts] of ends) {
    const held = PRIMARIES.map((index) => stage.heldText(index, key));
    assert.ok(texts.includes(held[0] ?? ""), `${key}: ${held[0]}, not ${texts.join(" or ")}`);
    assert.equal(new Set(held).size, 1, `${key}: ${held.join()}`);
  }
  stage.end();
}

// Goal: a try that all others push back leaves nothing behind, and the condition is judged anew on what they hold.
// Method: the blind write reaches the two others after they were read, before the try comes, and the executor long after.
for (const kind of ["stamp-is", "exists", "absent"] as const) {
  test(`E3: a conditional write pushed back by all others is judged anew on what they hold: ${kind}`, () => {
    for (const seed of [1, 2]) {
      const scene = setScene(seed, 8);
      const { stage, executor, keys } = scene;
      const conditions = new Map<Key, Condition>();
      for (const key of keys) {
        if (kind === "absent") conditions.set(key, { kind });
        else {
          const { stamp } = written(stage.put(BLIND, key, "v1", { w: 3 }));
          conditions.set(key, kind === "exists" ? { kind } : { kind, stamp });
        }
      }
      const before = scene.pushedBack();
      const ends = new Map<Key, readonly string[]>();
      for (const [key, condition] of conditions) {
        const timing = { late: executor, offsetMs: 1.5 * WIRE_MS };
        ends.set(key, endsOf(kind, race(scene, { key, condition, ...timing })));
      }
      // Two push-backs a try. A few frames take far longer than the rest: then somebody may have kept one.
      assert.ok(scene.pushedBack() - before >= keys.length, `seed ${seed}: tries were pushed back`);
      const anew = kind === "exists" ? "v1x" : "v2";
      const judgedAnew = [...ends.values()].filter((texts) => texts.join() === anew).length;
      assert.ok(judgedAnew >= 5, `seed ${seed}: ${judgedAnew} of ${keys.length}`);
      expectEnds(scene, ends);
    }
  });
}

// Goal: a try that one replica kept, and the others pushed back, is not read as what others wrote.
// Method: the blind write reaches one of the three late, at every moment of the conditional one. Whatever is answered must
// be true of what stands in the end; where a try may have been kept that is "maybe", and "condition failed" names the rival.
test("E3: a pushed-back conditional write does not take its own half-stored try for another's", () => {
  let halfStored = 0;
  for (const seed of [1, 2]) {
    const offsetsMs = Array.from({ length: 16 }, (_none, index) => 6 * index);
    const scene = setScene(seed, 3 * offsetsMs.length);
    const ends = new Map<Key, readonly string[]>();
    for (const [index, key] of scene.keys.entries()) {
      const late = PRIMARIES[index % 3] ?? 0;
      const offsetMs = offsetsMs[Math.floor(index / 3)] ?? 0;
      const condition = { kind: "absent" } as const;
      ends.set(key, endsOf("absent", race(scene, { key, condition, late, offsetMs })));
    }
    halfStored += [...ends.values()].filter((texts) => texts.length > 1).length;
    expectEnds(scene, ends);
  }
  assert.ok(halfStored > 0, "some try was half stored");
});
