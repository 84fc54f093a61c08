/**
 * Schedules in which so many primaries have lost commits that those who have a vote are too few to mend them. The ids are
 * those of the list of schedules.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { StorageEntry } from "../../src/ports/storage.ts";
import { Stage, written } from "./stage.ts";

const VOTES_BACK_MS_MAX = 30_000;
const SHOWN_MS_MAX = 10_000;
/** Longer than it takes until what was heard of others' commits is on disk. */
const HEARD_MS = 5_000;

function putBack(stage: Stage, index: number, contents: readonly StorageEntry[]): void {
  stage.crash(index);
  stage.machine(index).disk.replace(contents);
}

function awaitTold(stage: Stage, indexes: readonly number[]): void {
  const isTold = (index: number): boolean =>
    stage.machine(index).hasStarted && (stage.status(index).counters["amnesia-found"] ?? 0) > 0;
  stage.until("all are told what they lost", () => indexes.every(isTold));
}

function voteless(stage: Stage, index: number): number {
  return stage.status(index).gauges["slots-without-vote"] ?? 0;
}

/** Until all votes are back, nothing that somebody holds is said to be absent; then it is all there again. */
function expectMended(
  stage: Stage,
  primaries: readonly number[],
  { held, lost }: { held: readonly Key[]; lost: readonly Key[] },
): void {
  stage.until(
    "all votes are back",
    () => {
      for (const at of primaries) {
        for (const key of held) {
          const shown = stage.shown(at, key, { deadlineMs: 200 });
          assert.match(shown, /^(v|quorum-unreachable|timed-out)$/, `${key} at n${at}`);
        }
      }
      return primaries.every((index) => voteless(stage, index) === 0);
    },
    VOTES_BACK_MS_MAX,
  );
  const r = primaries.length;
  const all = stage.cluster.staying().map(({ index }) => index);
  const isAll = (keys: readonly Key[], shown: string): boolean =>
    all.every((at) => keys.every((key) => stage.shown(at, key, { r }) === shown));
  stage.until("all that is held is shown", () => isAll(held, "v"), SHOWN_MS_MAX);
  stage.until("all that is lost is absent", () => isAll(lost, "absent"), SHOWN_MS_MAX);
  stage.settle();
  stage.end();
}

// Goal: primaries of whom too few have a vote mend each other; what none of them holds is lost, and said to be absent.
// Method: their disks are put back to different moments, all at once; a fourth, which is no primary, has heard of later
// commits. What was written last is on the one disk that stays; a copy that is damaged there, and is nowhere else, is given up.
for (const amnesiacs of [
  [0, 1],
  [0, 1, 2],
]) {
  test(`E6: amnesia of ${amnesiacs.length} of three primaries does not block reads for ever`, () => {
    for (const seed of [1, 2]) {
      const stage = new Stage({ machines: 4, seed });
      const tag = stage.keyOn(0, 1, 2);
      const key = (text: string): Key => keyFromText(`{${tag}}${text}`);
      const keys: Key[] = [];
      const rotten = key("rotten");
      const copies = [0, 1, 2].map((index) => {
        keys.push(key(`before${index}`));
        written(stage.put(3, key(`before${index}`), "v", { w: 3 }));
        if (index === 2) written(stage.put(3, rotten, "v", { w: 3 }));
        stage.runFor(HEARD_MS);
        return stage.machine(index).disk.contents();
      });
      written(stage.put(3, key("after"), "v", { w: 3 }));
      stage.runFor(HEARD_MS);
      for (const index of amnesiacs) putBack(stage, index, copies[index] ?? []);
      stage.crash(2);
      assert.ok(stage.machine(2).disk.rot((storageKey) => storageKey.includes(rotten)));
      for (const index of [0, 1, 2])
        if (stage.machine(index).process === undefined) stage.boot(index);
      awaitTold(stage, amnesiacs);
      for (const index of amnesiacs) assert.ok(voteless(stage, index) > 0);
      const isAfterHeld = !amnesiacs.includes(2);
      expectMended(stage, [0, 1, 2], {
        held: isAfterHeld ? [...keys, key("after")] : keys,
        lost: isAfterHeld ? [rotten] : [rotten, key("after")],
      });
      assert.equal(stage.cluster.counters().get("cells-lost"), 1);
    }
  });
}

// Method: the one is put back while the other is there to tell it; the other then, before the first has its votes again.
test("E6: amnesia of both nodes of a cluster of two does not block reads for ever", () => {
  for (const seed of [1, 2, 3]) {
    const stage = new Stage({ machines: 2, seed });
    const keys = [0, 1, 2].map((index) => keyFromText(`k${index}`));
    const copies: (readonly StorageEntry[])[] = [];
    for (const [index, key] of keys.entries()) {
      written(stage.put(index % 2, key, "v", { w: 2 }));
      stage.runFor(HEARD_MS);
      if (index < 2) copies.push(stage.machine(index).disk.contents());
    }
    putBack(stage, 1, copies[1] ?? []);
    stage.boot(1);
    awaitTold(stage, [1]);
    putBack(stage, 0, copies[0] ?? []);
    assert.ok(voteless(stage, 1) > 0);
    stage.boot(0);
    awaitTold(stage, [0]);
    for (const index of [0, 1]) assert.ok(voteless(stage, index) > 0);
    expectMended(stage, [0, 1], { held: keys.slice(0, 2), lost: keys.slice(2) });
  }
});
