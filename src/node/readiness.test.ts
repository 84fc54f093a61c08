import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import type { Liveness } from "../model/member.ts";
import { Readiness } from "./readiness.ts";
import type { NodePhase } from "./store.ts";

const SELF = nodeIdFrom(0, 1);
const NEAR = nodeIdFrom(0, 2);
const FAR = nodeIdFrom(0, 3);

class Trial {
  nowMs = 0;
  phase: NodePhase = "ready";
  isOpen = true;
  areHashesBuilt = true;
  voteless = 0;
  readonly met = new Set<NodeId>();
  readonly liveness = new Map<NodeId, Liveness>([
    [NEAR, "alive"],
    [FAR, "alive"],
  ]);
  readonly readiness = new Readiness({
    self: SELF,
    monotonicMs: () => this.nowMs,
    phase: () => this.phase,
    isOpen: () => this.isOpen,
    areHashesBuilt: () => this.areHashesBuilt,
    slotsWithoutVote: () => this.voteless,
    memberIds: () => [SELF, NEAR, FAR],
    liveness: (node) => this.liveness.get(node),
    hasMet: (node) => this.met.has(node),
  });

  get waitsFor(): string | undefined {
    return this.readiness.waitsFor;
  }
}

test("a node waits for its hashes, then for each member that is not dead, then for its votes", () => {
  const trial = new Trial();
  trial.areHashesBuilt = false;
  trial.voteless = 5;
  assert.equal(trial.waitsFor, "hashes");
  trial.areHashesBuilt = true;
  assert.equal(trial.waitsFor, "comparison");
  trial.met.add(NEAR);
  assert.equal(trial.waitsFor, "comparison");
  trial.met.add(FAR);
  assert.equal(trial.waitsFor, "votes");
  trial.voteless = 0;
  assert.equal(trial.waitsFor, undefined);
});

test("a node that takes no requests yet is not ready, whatever it holds", () => {
  const trial = new Trial();
  for (const node of [NEAR, FAR]) trial.met.add(node);
  trial.isOpen = false;
  assert.equal(trial.waitsFor, "start");
  trial.isOpen = true;
  assert.equal(trial.waitsFor, undefined);
});

test("who is dead is not waited for, but nobody is known to be at first", () => {
  const trial = new Trial();
  trial.liveness.set(NEAR, "dead");
  trial.liveness.set(FAR, "dead");
  assert.equal(trial.waitsFor, "comparison", "a start has not heard of anybody yet");
  trial.nowMs = 3_000;
  assert.equal(trial.waitsFor, undefined);
});

test("a member that gossips and cannot be compared with holds a node up for a minute at most", () => {
  const trial = new Trial();
  trial.met.add(NEAR);
  trial.nowMs = 59_000;
  assert.equal(trial.waitsFor, "comparison");
  trial.nowMs = 60_000;
  assert.equal(trial.waitsFor, undefined);
});

test("once caught up a node stays ready until it goes", () => {
  const trial = new Trial();
  trial.met.add(NEAR).add(FAR);
  assert.equal(trial.waitsFor, undefined);
  trial.met.clear();
  trial.areHashesBuilt = false;
  assert.equal(trial.waitsFor, undefined);
  const waits = (phase: NodePhase): string | undefined => {
    trial.phase = phase;
    return trial.waitsFor;
  };
  assert.equal(waits("draining"), "stop");
  assert.equal(waits("leaving"), "leave");
  assert.equal(waits("stopping"), "stop");
  assert.equal(waits("starting"), "start");
  assert.equal(waits("joining"), "share");
});
