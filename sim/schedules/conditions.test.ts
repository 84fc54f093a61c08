/**
 * Schedules of conditional writes that a blind one overtakes on its way, in every order in which its frames can reach the
 * primaries. The ids are those of the list of schedules; N = 3, W = R = 2.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { WriteOutcome } from "../../src/model/outcome.ts";
import type { Condition } from "../../src/model/request.ts";
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
  /** The first primary of all keys, and the two others. */
  readonly executor: number;
  readonly others: readonly [number, number];
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
  const ordered = PRIMARIES.toSorted(
    (a, b) => Number(stage.id(b) === first) - Number(stage.id(a) === first),
  );
  const [executor, ...others] = ordered as [number, number, number];
  const keys: Key[] = [];
  for (let index = 0; keys.length < keyCount; index += 1) {
    const key = keyFromText(`c${index}`);
    const { primaries } = stage.node(0).locate(key);
    if (primaries[0] === first && !primaries.includes(stage.id(BLIND))) keys.push(key);
  }
  for (const from of PRIMARIES) {
    for (const to of PRIMARIES) if (from !== to) stage.links.link(from, to).delayMs = WIRE_MS;
  }
  return { stage, executor, others, keys, pushedBack: () => count };
}

/** A conditional "v1x" at the executor, and after `offsetMs` a blind "v2" whose frame to `late` is slow. */
function race(
  { stage, executor }: Scene,
  options: { key: Key; condition: Condition; late: number; offsetMs: number },
): { outcome: WriteOutcome; over: Stamp } {
  const { key, condition, late, offsetMs } = options;
  const link = stage.links.link(BLIND, late);
  const { delayMs } = link;
  link.delayMs = LATE_MS;
  const conditional = stage.startPut(executor, key, "v1x", { condition });
  stage.runFor(offsetMs);
  const blind = stage.startPut(BLIND, key, "v2");
  const outcome = stage.answer(conditional);
  const over = written(stage.answer(blind)).stamp;
  link.delayMs = delayMs;
  return { outcome, over };
}

function expectHeld({ stage }: Scene, key: Key, text: string): void {
  for (const index of PRIMARIES) assert.equal(stage.heldText(index, key), text, `${key} n${index}`);
}

// Goal: a try that all others push back leaves nothing behind, and the condition is judged anew on what they hold.
// Method: the blind write reaches the two others after they were read, before the try comes, and the executor long after.
for (const kind of ["stamp-is", "exists", "absent"] as const) {
  test(`E3: a conditional write pushed back by all others is judged anew on what they hold: ${kind}`, () => {
    for (const seed of [1, 2]) {
      const scene = setScene(seed, 6);
      const { stage, executor, keys } = scene;
      const conditions = keys.map((key): Condition => {
        if (kind === "absent") return { kind };
        const { stamp } = written(stage.put(BLIND, key, "v1", { w: 3 }));
        return kind === "exists" ? { kind } : { kind, stamp };
      });
      const before = scene.pushedBack();
      for (const [index, key] of keys.entries()) {
        const condition = conditions[index];
        assert.ok(condition !== undefined);
        const timing = { late: executor, offsetMs: 1.5 * WIRE_MS };
        const { outcome, over } = race(scene, { key, condition, ...timing });
        const where = `seed ${seed}, ${key}: ${JSON.stringify(outcome)}`;
        if (kind === "exists") {
          assert.ok(compareStamps(written(outcome).stamp, over) > 0, where);
        } else {
          assert.ok(outcome.kind === "condition-failed", where);
          assert.deepEqual(outcome.current, over, where);
        }
      }
      // Two push-backs a try.
      assert.ok(scene.pushedBack() - before >= keys.length, `seed ${seed}: tries were pushed back`);
      stage.settle();
      for (const key of keys) expectHeld(scene, key, kind === "exists" ? "v1x" : "v2");
      stage.end();
    }
  });
}

// Goal: a try that one replica kept, and the others pushed back, is not read as what others wrote.
// Method: the blind write reaches one of the three late, at every moment of the conditional one. Whatever is answered must
// be true of what stands in the end; where a try may have been kept that is "maybe", and "condition failed" names the rival.
test("E3: a pushed-back conditional write does not take its own half-stored try for another's", () => {
  let contended = 0;
  for (const seed of [1, 2, 3]) {
    const offsetsMs = Array.from({ length: 16 }, (_none, index) => 6 * index);
    const scene = setScene(seed, 3 * offsetsMs.length);
    const { stage, executor, others } = scene;
    const keys = scene.keys.values();
    const ends: { readonly key: Key; readonly texts: readonly string[]; readonly where: string }[] =
      [];
    for (const late of [executor, ...others]) {
      for (const offsetMs of offsetsMs) {
        const key = keys.next().value as Key;
        const { outcome, over } = race(scene, {
          key,
          condition: { kind: "absent" },
          late,
          offsetMs,
        });
        const where = `seed ${seed}, late n${late}, ${offsetMs} ms: ${JSON.stringify(outcome)}`;
        if (outcome.kind === "written") assert.ok(compareStamps(over, outcome.stamp) > 0, where);
        else if (outcome.kind === "condition-failed")
          assert.deepEqual(outcome.current, over, where);
        else assert.equal(`${outcome.code} ${outcome.stored}`, "contended maybe", where);
        const isOpen = outcome.kind === "failed";
        if (isOpen) contended += 1;
        ends.push({ key, texts: isOpen ? ["v1x", "v2"] : ["v2"], where });
      }
    }
    stage.settle();
    for (const { key, texts, where } of ends) {
      const text = stage.heldText(executor, key);
      assert.ok(texts.includes(text), `${where}: ${text}`);
      expectHeld(scene, key, text);
    }
    stage.end();
  }
  assert.ok(contended > 0, "some try was half stored");
});
