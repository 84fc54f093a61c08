import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeIdFrom } from "../model/ids.ts";
import type { Intent, MemberRecord } from "../model/member.ts";
import { Counters } from "./counters.ts";
import { Timeline } from "./timeline.ts";

const [A, B] = [nodeIdFrom(0, 1), nodeIdFrom(0, 2)];

function record(id: typeof A, intent: Intent): MemberRecord {
  return { id, intent } as MemberRecord;
}

function timeline() {
  let nowMs = 0;
  const counters = new Counters();
  const clock = {
    monotonicMs: () => nowMs,
    turnMs: () => nowMs,
    wallMs: () => 1_000_000 + nowMs,
    after: () => undefined,
    defer: () => undefined,
  };
  const subject = new Timeline(clock, counters);
  const kinds = (since = 0) => subject.since(since).map(({ kind }) => kind);
  return { subject, counters, kinds, pass: (ms: number) => (nowMs += ms) };
}

test("members that were there at first are no news; who comes and goes afterwards is", () => {
  const { subject, kinds } = timeline();
  subject.noteRecords([record(A, "active")]);
  assert.deepEqual(kinds(), []);
  subject.noteRecords([record(A, "active"), record(B, "joining")]);
  subject.noteRecords([record(A, "active"), record(B, "active")]);
  subject.noteRecords([record(A, "active"), record(B, "active")]);
  subject.noteRecords([record(A, "active"), record(B, "removing")]);
  assert.deepEqual(kinds(), ["joining", "joined", "removing"]);
  assert.ok(subject.since(0).every(({ node }) => node === B));
});

test("a suspect that answers refuted, a dead one that does returned", () => {
  const { subject, kinds } = timeline();
  subject.noteLiveness(B, "alive");
  subject.noteLiveness(B, "suspect");
  subject.noteLiveness(B, "alive");
  subject.noteLiveness(B, "suspect");
  subject.noteLiveness(B, "dead");
  subject.noteLiveness(B, "alive");
  assert.deepEqual(kinds(), ["suspected", "refuted", "suspected", "died", "returned"]);
  assert.deepEqual(kinds(3), ["died", "returned"]);
});

test("what is counted often is summed up over seconds, and drives no member out", () => {
  const { subject, counters, kinds, pass } = timeline();
  subject.noteLiveness(B, "dead");
  counters.add("values-discarded", 3);
  subject.tick();
  assert.deepEqual(kinds(), ["died"]);
  for (let round = 0; round < 1_000; round += 1) {
    counters.add("values-discarded-in-merges", 2);
    pass(5_000);
    subject.tick();
  }
  const events = subject.since(0);
  assert.equal(events[0]?.kind, "died");
  assert.equal(events.length, 201);
  assert.ok(events.slice(1).every(({ kind, count }) => kind === "discarded" && count === 2));
  assert.ok(events.every(({ number }, index) => number > (events[index - 1]?.number ?? 0)));
});
