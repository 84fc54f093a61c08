/**
 * Goal: a checker that has never caught anything proves nothing. Method: histories as real clients would have recorded
 * them, each sound one beside the same one with a single lie planted; the lie must be found, under its own name.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FinalState } from "../../../sim/checkers/final-state.ts";
import { contentTypeOf, valueOf, type WriteOperation } from "../../../sim/history.ts";
import type { RootCell } from "../../../src/model/cell.ts";
import type { NodeId } from "../../../src/model/ids.ts";
import { keyFromText } from "../../../src/model/key.ts";
import type { Failure, WriteOutcome } from "../../../src/model/outcome.ts";
import { slotFrom } from "../../../src/model/slot.ts";
import { formatStamp, NO_STAMP, type Stamp } from "../../../src/model/stamp.ts";
import type { DumpEntry } from "../../../src/node/store.ts";
import { judge, plainWritesFailed } from "./judge.ts";
import { Recorder } from "./recorded.ts";

const KEY = keyFromText("k");
const OTHER = keyFromText("other");
const NODES = ["aaaa", "bbbb", "cccc"] as unknown as readonly NodeId[];
const QUORUM = { acks: 2, of: 3, hinted: 0 };
const VALUE_BYTES = 40;

function stamp(ms: number): Stamp {
  return { ms, counter: 0, boot: 7 };
}

function failed(stored: "no" | "maybe"): Failure {
  return { kind: "failed", code: "timed-out", detail: "late", stored, quorum: QUORUM };
}

/** A history in the making: one client asks n0, one thing after the other, ten milliseconds each. */
class Story {
  readonly recorder = new Recorder(3);
  #nowMs = 1_000;

  put(stampMs: number, outcome?: WriteOutcome, key = KEY): WriteOperation {
    return this.#write(VALUE_BYTES, outcome ?? written(stampMs), key);
  }

  delete(stampMs: number, outcome?: WriteOutcome): WriteOperation {
    return this.#write(undefined, outcome ?? written(stampMs), KEY);
  }

  /** What a client read: the value of put `id`, or nothing, which a tombstone's stamp may explain. */
  read(found: { readonly id?: number; readonly stampMs?: number }, root?: RootCell): void {
    const { id, stampMs } = found;
    const operation = this.recorder.beginRead(this.#ask());
    this.#nowMs += 10;
    const outcome =
      id === undefined || stampMs === undefined
        ? ({
            kind: "absent",
            stamp: stampMs === undefined ? undefined : stamp(stampMs),
            quorum: QUORUM,
          } as const)
        : ({
            kind: "found",
            root: this.recorder.keep(root ?? rootOf(id, stampMs)),
            quorum: QUORUM,
          } as const);
    this.recorder.end(operation, outcome, this.#nowMs);
  }

  cutOff(): WriteOperation {
    const operation = this.recorder.beginWrite(this.#ask(), { bytes: VALUE_BYTES });
    this.#nowMs += 10;
    this.recorder.end(operation, undefined, this.#nowMs);
    return operation;
  }

  late(byMs: number): void {
    const operation = this.recorder.beginWrite(this.#ask(), { bytes: VALUE_BYTES });
    this.#nowMs += 1_000 + byMs;
    this.recorder.end(operation, written(5_000), this.#nowMs);
  }

  /** Names of the rules broken, each once. */
  verdict(final?: FinalState): string[] {
    const violations = judge(this.recorder.history(), final, this.#nowMs);
    return [...new Set(violations.map(({ invariant }) => invariant))];
  }

  #write(bytes: number | undefined, outcome: WriteOutcome, key: typeof KEY): WriteOperation {
    const operation = this.recorder.beginWrite(this.#ask(key), { bytes });
    this.#nowMs += 10;
    this.recorder.end(operation, outcome, this.#nowMs);
    return operation;
  }

  #ask(key = KEY) {
    const [machine] = this.recorder.machines;
    assert.ok(machine !== undefined);
    this.#nowMs += 10;
    return { machine, key, deadlineMs: 1_000, nowMs: this.#nowMs };
  }
}

function written(stampMs: number): WriteOutcome {
  return { kind: "written", stamp: stamp(stampMs), quorum: QUORUM };
}

function rootOf(id: number, stampMs: number): RootCell {
  return {
    kind: "value",
    stamp: stamp(stampMs),
    type: "string",
    expiresAtMs: 0,
    cleared: NO_STAMP,
    contentType: contentTypeOf(id),
    payload: valueOf(id, VALUE_BYTES),
  };
}

function cell(stampMs: number, kind = "value", checksum = stampMs): DumpEntry {
  return {
    slot: slotFrom(1),
    key: KEY,
    field: undefined,
    kind,
    stamp: formatStamp(stamp(stampMs)),
    checksum,
    expiresAtMs: 0,
  };
}

/** All three replicas hold `cells`, unless some are given their own. */
function finalOf(
  cells: readonly DumpEntry[],
  own: Record<string, readonly DumpEntry[]> = {},
): FinalState {
  return {
    dumps: NODES.map((nodeId) => ({ nodeId, entries: own[nodeId] ?? cells })),
    primariesOf: () => NODES,
    reads: [],
    listed: undefined,
  };
}

test("a sound history breaks no rule", () => {
  const story = new Story();
  story.read({});
  const first = story.put(10);
  story.read({ id: first.id, stampMs: 10 });
  story.put(20, failed("no"));
  const maybe = story.put(30, failed("maybe"));
  story.read({ id: maybe.id, stampMs: 30 });
  story.delete(40);
  story.read({ stampMs: 40 });
  const last = story.put(50);
  story.read({ id: last.id, stampMs: 50 });
  assert.deepEqual(story.verdict(finalOf([cell(50)])), []);
});

test("I1: an acknowledged write that the disks lack, or hold under another's stamp, is lost", () => {
  const story = new Story();
  story.put(10);
  story.put(20);
  assert.deepEqual(story.verdict(finalOf([cell(10)])), ["I1"]);
  assert.deepEqual(story.verdict(finalOf([])), ["I1"]);
  assert.deepEqual(story.verdict(finalOf([cell(20)])), []);
});

test("I1: a deletion that nobody asked for is a loss", () => {
  const story = new Story();
  story.put(10);
  assert.deepEqual(story.verdict(finalOf([cell(15, "tombstone")])), ["I1"]);
});

test("I2: a value that nobody wrote, one of another key, and one with a changed byte are inventions", () => {
  const nobody = new Story();
  nobody.put(10);
  nobody.read({ id: 99, stampMs: 10 });
  assert.deepEqual(nobody.verdict(), ["I2"]);

  const elsewhere = new Story();
  const other = elsewhere.put(10, undefined, OTHER);
  elsewhere.read({ id: other.id, stampMs: 10 });
  assert.deepEqual(elsewhere.verdict(), ["I2"]);

  const changed = new Story();
  const put = changed.put(10);
  const root = rootOf(put.id, 10);
  root.payload[VALUE_BYTES - 1] = 255;
  changed.read({ id: put.id, stampMs: 10 }, root);
  assert.deepEqual(changed.verdict(), ["I2"]);
});

test("I3: the value of a write that was said never to have happened is read", () => {
  const story = new Story();
  const never = story.put(10, failed("no"));
  story.read({ id: never.id, stampMs: 10 });
  assert.deepEqual(story.verdict(), ["I3"]);
});

test("I4: replicas that differ, and a cell where it does not belong, are found", () => {
  const story = new Story();
  story.put(10);
  const differing = finalOf([cell(10)], { bbbb: [cell(10, "value", 999)] });
  assert.ok(story.verdict(differing).includes("I4"));
  const missing = finalOf([cell(10)], { bbbb: [] });
  assert.deepEqual(story.verdict(missing), ["I4"]);
  const strangers = { ...finalOf([cell(10)]), primariesOf: () => NODES.slice(0, 2) };
  assert.deepEqual(story.verdict(strangers), ["I4"]);
});

test("I6: a deleted key that is back, by an older write of greater stamp, is found", () => {
  const story = new Story();
  story.put(10);
  story.put(60, failed("maybe"));
  story.delete(40);
  assert.deepEqual(story.verdict(finalOf([cell(60)])), ["I6"]);
  assert.deepEqual(story.verdict(finalOf([cell(40, "tombstone")])), []);
});

test("I6: a write under way while the delete was, may win", () => {
  const story = new Story();
  const [machine] = story.recorder.machines;
  assert.ok(machine !== undefined);
  const ask = { machine, key: KEY, deadlineMs: 9_000, nowMs: 900 };
  const beside = story.recorder.beginWrite(ask, { bytes: VALUE_BYTES });
  story.delete(40);
  story.recorder.end(beside, written(60), 1_500);
  assert.deepEqual(story.verdict(finalOf([cell(60)])), []);
});

test("I7: a write begun after another's answer, with a lower stamp, has lost to it", () => {
  const story = new Story();
  story.put(20);
  story.put(10);
  // On one wall clock that is also a stamp going back.
  assert.deepEqual(story.verdict(finalOf([cell(20)])), ["I7", "I9"]);
});

test("a read by a quorum that misses an acknowledged write is stale", () => {
  const story = new Story();
  story.put(10);
  story.read({});
  assert.deepEqual(story.verdict(finalOf([cell(10)])), ["fresh"]);
});

test("I12: an answer long after its deadline is late, unless its process stood still", () => {
  const story = new Story();
  story.late(7_000);
  assert.deepEqual(story.verdict(), ["I12"]);
  const prompt = new Story();
  prompt.late(0);
  assert.deepEqual(prompt.verdict(), []);
  const paused = new Story();
  paused.recorder.machines[0]?.pauses.push({ fromMs: 1_100, untilMs: 8_500 });
  paused.late(7_000);
  assert.deepEqual(paused.verdict(), []);
});

test("I12: a connection that breaks while nothing was done to its process is found", () => {
  const story = new Story();
  story.cutOff();
  assert.deepEqual(story.verdict(), ["I12"]);
  const killed = new Story();
  killed.recorder.machines[0]?.absences.push({ fromMs: 1_015, untilMs: 9_000, boot: 0 });
  killed.cutOff();
  assert.deepEqual(killed.verdict(), []);
  const elsewhere = new Story();
  elsewhere.recorder.machines[1]?.absences.push({ fromMs: 1_015, untilMs: 9_000, boot: 0 });
  elsewhere.cutOff();
  assert.deepEqual(elsewhere.verdict(), ["I12"]);
});

test("a plain write that failed is counted where nothing was done to its node", () => {
  const story = new Story();
  story.put(10, failed("no"));
  // The story's writes have less time than usual.
  assert.equal(plainWritesFailed(story.recorder.history()), 0);
  const [machine] = story.recorder.machines;
  assert.ok(machine !== undefined);
  const ask = { machine, key: KEY, deadlineMs: 5_000, nowMs: 3_000 };
  story.recorder.end(
    story.recorder.beginWrite(ask, { bytes: VALUE_BYTES }),
    failed("maybe"),
    3_010,
  );
  assert.equal(plainWritesFailed(story.recorder.history()), 1);
  machine.pauses.push({ fromMs: 2_900, untilMs: 3_100 });
  assert.equal(plainWritesFailed(story.recorder.history()), 0);
});

test("what the clients could not make sense of is a violation as it stands", () => {
  const story = new Story();
  story.recorder.odd("I12", "status 500");
  assert.deepEqual(story.verdict(), ["I12"]);
});
