import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { encodeCell } from "../core/causality/cell-codec.ts";
import { cellKey } from "../core/causality/storage-key.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { EncodedCell } from "../model/cell.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import type { CellAnswer } from "./cell-answer.ts";
import { CellStore, decodeAll } from "./cell-store.ts";
import { Counters } from "./counters.ts";
import { GroupCommit } from "./group-commit.ts";
import { Heals } from "./heal.ts";

const K = keyFromText("k");
const SLOT = slotOfKey(K);
const [SELF, LEFT, RIGHT] = [nodeIdFrom(1, 1), nodeIdFrom(2, 2), nodeIdFrom(3, 3)];

function cellAt(ms: number): EncodedCell {
  const stamp = stampFrom(ms, 0, 0);
  const root = {
    kind: "value",
    stamp,
    type: "string",
    expiresAtMs: 0,
    cleared: stamp,
    contentType: "",
    payload: new Uint8Array(1),
  } as const;
  return { field: undefined, bytes: encodeCell(root, K, undefined) };
}

function held(ms: number): CellAnswer {
  const cell = decodeAll(K, [cellAt(ms)])?.[0];
  assert.ok(cell !== undefined);
  return { kind: "held", cell, collected: NO_STAMP };
}

class Trial {
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly counters = new Counters();
  readonly damagedSlots: number[] = [];
  answers = new Map<NodeId, CellAnswer>();
  collected: Stamp = NO_STAMP;
  asked = 0;
  placement: Placement;
  readonly cells: CellStore;
  readonly heals: Heals;

  constructor(members: readonly NodeId[] = [SELF, LEFT, RIGHT]) {
    const { storage, clock } = this;
    const commit = new GroupCommit({
      storage,
      clock,
      seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
      onFailed: () => undefined,
    });
    this.placement = placementOf(members);
    this.cells = new CellStore({
      commit,
      storage,
      floor: stampFrom(90, 0, 0),
      onDamaged: (place) => this.heals.add(place),
    });
    this.heals = new Heals({
      self: SELF,
      cells: this.cells,
      clock,
      counters: this.counters,
      log: { log: () => undefined },
      placement: () => this.placement,
      admit: (work) => work(() => undefined),
      collected: () => this.collected,
      ask: (to, _place, done) => {
        this.asked += 1;
        done(this.answers.get(to) ?? { kind: "silent" });
      },
      onDamaged: (slot) => this.damagedSlots.push(slot),
    });
  }

  answer(left: CellAnswer, right: CellAnswer): void {
    this.answers = new Map([
      [LEFT, left],
      [RIGHT, right],
    ]);
  }

  /** Rots the cell and finds it. */
  rot(): void {
    const bytes = Uint8Array.from(cellAt(50).bytes);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    this.storage.plant(cellKey(SLOT, K, undefined), bytes);
    assert.equal(this.find(), "damaged");
  }

  /** What stands there: its stamp, or why there is none. */
  find(): number | string {
    const found = this.cells.find(SLOT, K, undefined);
    return found.kind === "held" ? found.cell.stamp.ms : found.kind;
  }
}

function placementOf(members: readonly NodeId[], removing?: NodeId): Placement {
  return new Placement({
    members: members.map((id) => {
      const intent = id === removing ? "removing" : "active";
      return { id, intent, zone: "", weight: 1 };
    }),
    replicas: 3,
  });
}

test("a damaged cell takes the greatest of what the others hold, at once and never within the call", () => {
  const trial = new Trial();
  trial.answer(held(40), held(50));
  trial.rot();
  assert.equal(trial.asked, 0);
  assert.deepEqual(trial.damagedSlots, [SLOT]);
  trial.clock.advance(1);
  assert.equal(trial.find(), 50);
  assert.equal(trial.counters.get("cells-found-damaged"), 1);
  assert.equal(trial.counters.get("cells-mended"), 1);
  assert.equal(trial.cells.damaged, 0);
});

test("one of two others is not enough, and is asked again until both answer", () => {
  const trial = new Trial();
  trial.answer(held(40), { kind: "silent" });
  trial.rot();
  trial.clock.advance(60_000);
  assert.equal(trial.find(), "damaged");
  const { asked } = trial;
  assert.ok(asked > 4 && asked < 30, `${asked} questions in a minute`);
  trial.answer(held(40), held(50));
  trial.clock.advance(61_000);
  assert.equal(trial.find(), 50);
});

test("one of two others is enough when the other is being removed and does not answer", () => {
  const trial = new Trial();
  trial.placement = placementOf([SELF, LEFT, RIGHT], RIGHT);
  trial.answer(held(40), { kind: "silent" });
  trial.rot();
  trial.clock.advance(1);
  assert.equal(trial.find(), 40);
});

test("a cell that is damaged everywhere stays until it is written", () => {
  const trial = new Trial();
  trial.answer({ kind: "damaged" }, { kind: "damaged" });
  trial.rot();
  trial.clock.advance(1);
  assert.equal(trial.find(), "damaged");
  assert.equal(trial.heals.beyondHelp, 1);
  const write = decodeAll(K, [cellAt(95)]);
  assert.equal(trial.cells.merge(SLOT, K, write ?? []).kind, "merged");
  trial.clock.advance(61_000);
  assert.equal(trial.find(), 95);
  assert.equal(trial.heals.beyondHelp, 0);
  assert.equal(trial.counters.get("cells-mended"), 0, "the write did");
});

test("a cell that nobody else holds is lost, and counted", () => {
  const trial = new Trial();
  trial.answer({ kind: "absent", collected: NO_STAMP }, { kind: "absent", collected: NO_STAMP });
  trial.rot();
  trial.clock.advance(1);
  assert.equal(trial.find(), "absent");
  assert.equal(trial.counters.get("cells-lost"), 1);
});

test("who waits for this node to be mended is not waited for: it would be for good", () => {
  const trial = new Trial();
  const past = held(40);
  assert.ok(past.kind === "held");
  trial.answer(held(50), { kind: "voteless", cell: past.cell });
  trial.rot();
  trial.clock.advance(1);
  assert.equal(trial.find(), 50);
});

test("what only a past holds does not come back once it may have been collected", () => {
  const past = held(40);
  assert.ok(past.kind === "held");
  for (const [collectedMs, expected] of [
    [39, 40],
    [40, "absent"],
  ] as const) {
    for (const own of [true, false]) {
      const trial = new Trial();
      const collected = stampFrom(collectedMs, 1, 0);
      if (own) trial.collected = collected;
      const voice = { kind: "absent", collected: own ? NO_STAMP : collected } as const;
      trial.answer(voice, { kind: "voteless", cell: past.cell });
      trial.rot();
      trial.clock.advance(1);
      assert.equal(trial.find(), expected, `${own ? "its own" : "another's"} C of ${collectedMs}`);
    }
  }
});

test("a node that is alone keeps what is damaged", () => {
  const trial = new Trial([SELF]);
  trial.rot();
  trial.clock.advance(10_000);
  assert.equal(trial.find(), "damaged");
});

test("answers of another placement do not count", () => {
  const trial = new Trial();
  trial.answer(held(40), held(50));
  const answers = trial.answers;
  trial.answers = new Map([[LEFT, held(40)]]);
  Object.defineProperty(trial, "answers", {
    get() {
      trial.placement = placementOf([SELF, LEFT, RIGHT, nodeIdFrom(trial.asked + 9, 9)]);
      return answers;
    },
  });
  trial.rot();
  trial.clock.advance(1);
  assert.equal(trial.find(), "damaged");
});

test("a disk that cannot be read while it is mended leaves it to be mended later", () => {
  const trial = new Trial();
  trial.answer(held(40), held(50));
  trial.rot();
  trial.cells.rebuild();
  trial.storage.isUnreadable = true;
  trial.clock.advance(1);
  trial.storage.isUnreadable = false;
  assert.equal(trial.find(), "damaged");
  trial.clock.advance(2_000);
  assert.equal(trial.find(), 50);
});
