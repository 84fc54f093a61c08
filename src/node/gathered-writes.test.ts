/** Writes that are asked for in one call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { Placement } from "../core/placement/placement.ts";
import { SHARED_CONFIG_DEFAULT } from "../model/config.ts";
import { bootIdFrom, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";
import { Requests } from "./requests.ts";

const SELF = nodeIdFrom(0, 1);

class Trial {
  readonly clock = new HeldClock();
  readonly requests: Requests;
  /** Keys that the replica was asked to take, and what was answered, in order. */
  readonly log: string[] = [];
  isRefusing = false;

  constructor() {
    const { clock } = this;
    const placement = new Placement({
      members: [{ id: SELF, intent: "active", zone: "", weight: 1 }],
      replicas: 1,
    });
    let minted = 0;
    const replica: Pick<Replica, "overwrite" | "write"> = {
      overwrite: (_slot, key, _own, asker, token) => {
        this.log.push(`take ${key}`);
        if (this.isRefusing) return false;
        const said = { kind: "write-reply", result: "stored", held: NO_STAMP } as const;
        clock.defer(() => asker.onReply(SELF, token, { ...said, commitNumber: 1 }));
        return true;
      },
      write: ({ key }, reply) => {
        this.log.push(`write ${key}`);
        reply({ kind: "refused", reason: "overloaded", detail: "" });
      },
    };
    this.requests = new Requests({
      context: {
        self: SELF,
        peers: {} as Peers,
        replica: replica as Replica,
        reach: () => "up",
        counters: new Counters(),
        placement: () => placement,
        monotonicMs: () => clock.monotonicMs(),
        turnMs: () => clock.turnMs(),
        wallMs: () => clock.wallMs(),
        mint: () => stampFrom((minted += 1), 0, 0),
        mintAbove: () => assert.fail("nothing is stamped again"),
        resync: (_node, done) => clock.defer(done),
      },
      clock,
      random: { next32: () => 0, below: () => 0 } as never,
      boot: () => bootIdFrom(1),
      shared: () => SHARED_CONFIG_DEFAULT,
      liveness: () => "alive",
      isLow: () => false,
      onAnswered: () => undefined,
    });
    this.requests.open();
  }

  put(name: string): void {
    const request = { key: keyFromText(name), value: Buffer.from("v"), contentType: "" };
    this.requests.put(request, ({ kind }) => void this.log.push(`${kind} ${name}`));
  }
}

test("what is asked for together is begun when all of it has been asked for, in order", () => {
  const trial = new Trial();
  trial.requests.together(() => {
    trial.put("a");
    trial.requests.together(() => trial.put("b"));
    trial.put("c");
    assert.deepEqual(trial.log, []);
    assert.equal(trial.requests.inFlight, 3);
  });
  assert.deepEqual(trial.log, ["take a", "take b", "take c"]);
  trial.clock.turn();
  assert.deepEqual(trial.log.slice(3), ["written a", "written b", "written c"]);
  trial.put("d");
  assert.deepEqual(trial.log.slice(6), ["take d"], "by itself it is begun at once");
});

test("what has been asked for is begun though asking for more has failed", () => {
  const trial = new Trial();
  const failing = (): void =>
    trial.requests.together(() => {
      trial.put("a");
      throw new Error("no more");
    });
  assert.throws(failing, /no more/);
  trial.put("b");
  trial.clock.turn();
  assert.deepEqual(trial.log, ["take a", "take b", "written a", "written b"]);
});

test("a write that waits for others to be asked for is one that is under way", () => {
  const trial = new Trial();
  trial.requests.together(() => {
    trial.put("a");
    trial.put("b");
    assert.deepEqual(trial.requests.leastStampInFlight(), stampFrom(1, 0, 0));
  });
  assert.deepEqual(trial.requests.leastStampInFlight(), stampFrom(1, 0, 0));
  trial.clock.turn();
  assert.equal(trial.requests.leastStampInFlight(), undefined);
});

test("nobody is answered within the call, also where a write fails as it is begun", () => {
  const trial = new Trial();
  trial.isRefusing = true;
  trial.requests.together(() => trial.put("a"));
  assert.deepEqual(trial.log, ["take a", "write a"]);
  trial.clock.turn();
  assert.deepEqual(trial.log.slice(2), ["failed a"]);
});
