import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { encodeCell } from "../core/causality/cell-codec.ts";
import { cellKey } from "../core/causality/storage-key.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { type Key, keyFromText } from "../model/key.ts";
import { SLOT_COUNT } from "../model/limits.ts";
import { stampFrom } from "../model/stamp.ts";
import { CellStore } from "./cell-store.ts";
import { Counters } from "./counters.ts";
import { GroupCommit } from "./group-commit.ts";
import { loadScrub, type ScrubProgress, scrubOperation } from "./node-state.ts";
import { Scrub } from "./scrub.ts";

const PERIOD_MS = 100_000;
const PASS_MS = 90_000;

class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly counters = new Counters();
  readonly saved: ScrubProgress[] = [];
  readonly found: string[] = [];
  readonly cells: CellStore;

  constructor() {
    const { storage, clock } = this;
    const commit = new GroupCommit({
      storage,
      clock,
      seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
      onFailed: () => undefined,
    });
    this.cells = new CellStore({
      commit,
      storage,
      floor: stampFrom(1, 0, 0),
      onDamaged: ({ key }) => this.found.push(key),
    });
  }

  start(progress?: ScrubProgress): Scrub {
    const { cells, storage, clock, counters } = this;
    const scrub = new Scrub({
      cells,
      storage,
      clock,
      counters,
      admit: (work) => work(() => undefined),
      periodMs: PERIOD_MS,
      progress,
      save: (saved) => this.saved.push(saved),
    });
    scrub.start();
    return scrub;
  }

  plant(key: Key, isRotten = false): void {
    const stamp = stampFrom(1, 0, 0);
    const bytes = encodeCell(
      {
        kind: "value",
        stamp,
        type: "string",
        expiresAtMs: 0,
        cleared: stamp,
        contentType: "",
        payload: Uint8Array.of(1),
      },
      key,
      undefined,
    );
    if (isRotten) bytes[bytes.length - 1] = 2;
    this.storage.plant(cellKey(slotOfKey(key), key, undefined), bytes);
  }

  /** Lets time pass, the disk answering at once. */
  advance(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      this.storage.endScans();
    }
  }
}

test("a pass reads every cell within nine tenths of its time, and finds what has rotted", () => {
  const trial = new Trial();
  for (let index = 0; index < 2_000; index += 1) {
    trial.plant(keyFromText(`k${index}`), index % 1_000 === 7);
  }
  trial.start();
  trial.advance(PASS_MS + 1_000);
  assert.equal(trial.counters.get("scrub-passes"), 1);
  assert.deepEqual(trial.found.toSorted(), ["k1007", "k7"]);
  assert.equal(trial.counters.get("scrub-cells-damaged"), 2);
  const cells = trial.counters.get("scrub-cells");
  assert.ok(cells >= 2_000 && cells < 2_100, `${cells} cells`);
});

// Seed 1982 of the simulator: an idle node, whose clients had asked for that key last.
test("damage to the cell that was looked up last is found too", () => {
  const trial = new Trial();
  const key = keyFromText("k");
  trial.plant(key);
  assert.equal(trial.cells.find(slotOfKey(key), key, undefined).kind, "held");
  trial.plant(key, true);
  trial.start();
  trial.advance(PASS_MS + 1_000);
  assert.deepEqual(trial.found, ["k"]);
});

test("a pass is spread over its time, and so keeps away from the disk", () => {
  const trial = new Trial();
  const scrub = trial.start();
  for (const percent of [25, 50, 75]) {
    trial.advance(PASS_MS / 4);
    const done = (100 * scrub.slotsDone) / SLOT_COUNT;
    assert.ok(Math.abs(done - percent) < 1, `${done} % after ${percent} % of the time`);
  }
});

test("the next start goes on where the former one stood, and catches up", () => {
  const trial = new Trial();
  const former = trial.start();
  trial.advance(PASS_MS / 2);
  former.save();
  former.close();
  const progress = trial.saved.at(-1);
  assert.equal(progress?.slotsDone, former.slotsDone);
  trial.clock.advance(PASS_MS / 4);
  const next = trial.start(progress);
  assert.equal(next.slotsDone, former.slotsDone);
  trial.advance(500);
  assert.ok(next.slotsDone / SLOT_COUNT > 0.74, `${next.slotsDone} slots`);
});

test("progress is stored rarely", () => {
  const trial = new Trial();
  trial.start();
  trial.advance(PASS_MS);
  assert.ok(trial.saved.length > 30 && trial.saved.length <= 65, `${trial.saved.length} times`);
});

test("what cannot be read is counted and passed over, slot by slot", () => {
  const trial = new Trial();
  trial.plant(keyFromText("k"));
  const scrub = trial.start();
  trial.storage.isUnreadable = true;
  trial.advance(1_000);
  const { slotsDone } = scrub;
  assert.ok(slotsDone > 0);
  assert.equal(trial.counters.get("scrub-slots-unreadable"), slotsDone);
  trial.storage.isUnreadable = false;
  trial.advance(PASS_MS);
  assert.equal(trial.counters.get("scrub-slots-unreadable"), slotsDone);
  assert.equal(trial.counters.get("scrub-passes"), 1);
});

test("a wall clock that is set back does not hold a pass up", () => {
  const trial = new Trial();
  const scrub = trial.start({ startedMs: 1e12, slotsDone: 1_000 });
  trial.advance(PASS_MS / 4);
  assert.ok(scrub.slotsDone > 5_000 && scrub.slotsDone < 5_300, `${scrub.slotsDone} slots`);
});

test("progress is read back as stored; a damaged note begins anew", () => {
  const storage = new HeldStorage();
  assert.equal(loadScrub(storage), undefined);
  const progress = { startedMs: 5, slotsDone: 77 };
  const { key, value } = scrubOperation(progress);
  storage.plant(key, value);
  assert.deepEqual(loadScrub(storage), progress);
  storage.plant(key, Uint8Array.from(value ?? []).fill(9, 0, 1));
  assert.equal(loadScrub(storage), undefined);
});
