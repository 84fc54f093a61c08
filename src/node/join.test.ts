import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import {
  type Address,
  bootIdFrom,
  type ClusterId,
  clusterIdFrom,
  nodeIdFrom,
} from "../model/ids.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { type JoinResult, joinCluster } from "./join.ts";
import { ownRecord } from "./own-record.ts";
import type { CallDone } from "./peer-connection.ts";
import type { Peers } from "./peers.ts";

const CLUSTER = clusterIdFrom(0, 7);
const NOT_READY: PeerReply = { kind: "refused", reason: "not-ready", detail: "starting" };

interface Answer {
  readonly reply: PeerReply | undefined;
  readonly clusterId?: ClusterId;
}

/** A node that asks `contacts`, each of which answers as the test says. */
class Trial {
  readonly clock = new HeldClock();
  readonly asked: Address[] = [];
  readonly answers = new Map<string, Answer>();
  contacts: readonly string[] = [];
  isKnown = true;
  result: JoinResult | undefined;

  start(isFounder: boolean): void {
    const config = {
      address: "10.0.0.1:5000" as Address,
      httpAddress: "",
      redisAddress: "",
      zone: "",
      weight: 1,
      peers: [],
      isFounder,
      shared: {},
    };
    const identity = { nodeId: nodeIdFrom(0, 1), clusterId: undefined, boots: 1, shared: {} };
    const call = (address: Address, _message: unknown, done: CallDone): void => {
      this.asked.push(address);
      const answer = this.answers.get(address);
      this.clock.after(10, () => done(answer?.reply, answer?.clusterId));
    };
    joinCluster({
      record: ownRecord(config, identity as never, bootIdFrom(1), "joining"),
      config,
      peers: { call } as unknown as Peers,
      clock: this.clock,
      log: { log: () => undefined },
      findContacts: (done) => done(this.contacts as readonly Address[], this.isKnown),
      isStopped: () => false,
      done: (result) => {
        assert.equal(this.result, undefined, "told once");
        this.result = result;
      },
    });
  }
}

test("a founder to whom nobody answers takes itself to be the first, after four times", () => {
  const trial = new Trial();
  trial.contacts = ["a:1", "b:1"];
  trial.answers.set("b:1", { reply: NOT_READY });
  trial.start(true);
  trial.clock.advance(10_000);
  assert.deepEqual(trial.result, { kind: "alone" });
  assert.equal(trial.asked.length, 8);
});

test("nobody but the founder ever founds", () => {
  const trial = new Trial();
  trial.start(false);
  trial.clock.advance(600_000);
  assert.equal(trial.result, undefined);
});

test("a founder waits as long as somebody answers that belongs to a cluster, though it lets nobody in", () => {
  const trial = new Trial();
  trial.contacts = ["a:1"];
  trial.answers.set("a:1", { reply: NOT_READY, clusterId: CLUSTER });
  trial.start(true);
  trial.clock.advance(60_000);
  assert.equal(trial.result, undefined);
  trial.answers.delete("a:1");
  trial.clock.advance(1_000);
  assert.equal(trial.result, undefined, "it counts anew");
  trial.clock.advance(10_000);
  assert.deepEqual(trial.result, { kind: "alone" });
});

test("a founder that cannot find out whether there is anybody does not found", () => {
  const trial = new Trial();
  trial.isKnown = false;
  trial.start(true);
  trial.clock.advance(60_000);
  assert.equal(trial.result, undefined);
});

test("contacts are looked for each time, and who lets the node in ends it", () => {
  const trial = new Trial();
  trial.start(false);
  trial.clock.advance(5_000);
  const state = { records: [], liveness: [] };
  trial.contacts = ["c:1"];
  trial.answers.set("c:1", {
    reply: { kind: "join-reply", clusterId: CLUSTER, shared: {} as never, state },
    clusterId: CLUSTER,
  });
  trial.clock.advance(5_000);
  assert.equal(trial.result?.kind, "joined");
  assert.equal(trial.asked.length, 1);
});

test("a refusal that will not change ends it", () => {
  const trial = new Trial();
  trial.contacts = ["a:1"];
  trial.answers.set("a:1", { reply: { kind: "refused", reason: "config", detail: "no" } });
  trial.start(true);
  trial.clock.advance(1_000);
  assert.deepEqual(trial.result, { kind: "refused", problem: "a:1 refused: no" });
});
