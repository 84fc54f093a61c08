import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../base/prng.ts";
import type { GossipMessage, GossipUpdate } from "../../model/gossip-message.ts";
import {
  type Address,
  bootIdFrom,
  clusterIdFrom,
  type NodeId,
  nodeIdFrom,
} from "../../model/ids.ts";
import type { Liveness, MemberRecord } from "../../model/member.ts";
import { Membership } from "./membership.ts";
import type { MembershipEffect, MembershipEvent } from "./membership-event.ts";
import { SWIM_CONFIG_DEFAULT } from "./swim-config.ts";

const config = SWIM_CONFIG_DEFAULT;
const FIRST_INCARNATION = 2 ** 20;

function recordOf(index: number): MemberRecord {
  return {
    id: nodeIdFrom(0, index),
    address: `10.0.0.${index}:5000` as Address,
    httpAddress: "",
    redisAddress: "",
    intent: "active",
    zone: "",
    weight: 1,
    boots: 1,
    version: 0,
    boot: bootIdFrom(100 + index),
  };
}

/** One machine, member 0, driven by hand: its timers run when time passes, its effects are kept. */
class Bench {
  readonly machine: Membership;
  nowMs = 1_000;
  effects: MembershipEffect[] = [];
  #timers: { readonly atMs: number; readonly event: MembershipEvent }[] = [];

  constructor(size: number, peers: readonly Address[] = []) {
    const records = Array.from({ length: size }, (_, index) => recordOf(index));
    this.machine = new Membership({
      self: recordOf(0),
      clusterId: clusterIdFrom(0, 1),
      known: records,
      peers,
      config,
      random: new Prng(1),
    });
    this.step({ kind: "started" });
    for (let index = 1; index < size; index += 1) this.hear(index, { kind: "gossip" });
    this.effects = [];
  }

  step(event: MembershipEvent): void {
    for (const effect of this.machine.step(event, this.nowMs)) {
      this.effects.push(effect);
      if (effect.kind === "set-timer") this.#timers.push(effect);
    }
  }

  /** A message of member `index`. */
  hear(
    index: number,
    message:
      | { readonly kind: "gossip" }
      | { readonly kind: "ack" | "nack"; readonly probe: number; readonly target: NodeId }
      | { readonly kind: "ping"; readonly probe: number; readonly target: NodeId | undefined },
    updates: readonly GossipUpdate[] = [],
    incarnation: number = FIRST_INCARNATION,
  ): void {
    const { id, boot, boots, version, address } = recordOf(index);
    const sender = { id, boot, boots, version, incarnation };
    const full = { ...message, sender, updates } as GossipMessage;
    this.step({ kind: "datagram", from: address, message: full });
  }

  /** Lets time pass with every timer in time. */
  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= untilMs);
      const first = due.sort((a, b) => a.atMs - b.atMs)[0];
      if (first === undefined) break;
      this.#timers.splice(this.#timers.indexOf(first), 1);
      this.nowMs = Math.max(this.nowMs, first.atMs);
      this.step(first.event);
    }
    this.nowMs = untilMs;
  }

  /** Time passes, but the node does not run; then its timers do, all late. */
  stall(forMs: number): void {
    this.nowMs += forMs;
    this.run(0);
  }

  sent(kind: GossipMessage["kind"]): Extract<MembershipEffect, { kind: "send-datagram" }>[] {
    return this.effects
      .filter((effect) => effect.kind === "send-datagram")
      .filter((effect) => effect.message.kind === kind);
  }

  pushPulls(): Address[] {
    return this.effects.filter((effect) => effect.kind === "push-pull").map((effect) => effect.to);
  }

  liveness(index: number): Liveness | undefined {
    return this.machine.livenessOf(nodeIdFrom(0, index));
  }
}

function claim(
  index: number,
  liveness: Liveness,
  by: number,
  incarnation: number = FIRST_INCARNATION,
): GossipUpdate {
  return {
    kind: "liveness",
    id: nodeIdFrom(0, index),
    liveness,
    incarnation,
    by: nodeIdFrom(0, by),
  };
}

test("a member that nobody spoke of is dead until it speaks", () => {
  const bench = new Bench(3);
  assert.equal(bench.liveness(1), "alive");
  bench.step({ kind: "push-pull-received", state: { records: [recordOf(7)], liveness: [] } });
  assert.equal(bench.liveness(7), "dead");
  assert.deepEqual(bench.effects.at(-1), { kind: "records-changed" });
  bench.run(1_000);
  bench.effects = [];
  bench.hear(7, { kind: "gossip" });
  assert.equal(bench.liveness(7), "alive");
  assert.deepEqual(bench.pushPulls(), [recordOf(7).address], "met again: states are exchanged");
});

test("silence leads to helpers and TCP, then to suspicion, then to death", () => {
  const bench = new Bench(2);
  bench.run(2 * config.probeIntervalMs + 100);
  assert.ok(bench.effects.some((effect) => effect.kind === "probe-by-tcp"));
  assert.equal(bench.liveness(1), "suspect");
  bench.run((3 * config.suspicionMinMs) / 2);
  assert.equal(bench.liveness(1), "dead");
});

test("an ack in time, from the target itself or a helper that was asked, ends a probe", () => {
  const bench = new Bench(4);
  for (let round = 0; round < 40; round += 1) {
    bench.effects = [];
    bench.run(config.probeTimeoutMs + 10);
    for (const { to, message } of bench.sent("ping-request")) {
      assert.ok(message.kind === "ping-request");
      const index = Number(/\.(\d+):/.exec(to)?.[1]);
      bench.hear(index, { kind: "ack", probe: message.probe, target: message.target });
    }
  }
  assert.deepEqual(
    [1, 2, 3].map((index) => bench.liveness(index)),
    ["alive", "alive", "alive"],
  );
});

test("an ack from somebody who was not asked ends no probe", () => {
  const bench = new Bench(2);
  bench.step({ kind: "push-pull-received", state: { records: [recordOf(9)], liveness: [] } });
  bench.run(config.probeIntervalMs);
  const [ping] = bench.sent("ping").filter((effect) => effect.message.kind === "ping");
  assert.ok(ping?.message.kind === "ping");
  bench.hear(9, { kind: "ack", probe: ping.message.probe, target: nodeIdFrom(0, 1) });
  bench.run(2 * config.probeIntervalMs);
  assert.equal(bench.liveness(1), "suspect");
});

test("a suspect is told so in the ping that probes it, and its refutation counts", () => {
  const bench = new Bench(4);
  bench.hear(2, { kind: "gossip" }, [claim(1, "suspect", 2)]);
  assert.equal(bench.liveness(1), "suspect");
  const pings = bench.sent("ping").filter((effect) => effect.to === recordOf(1).address);
  assert.deepEqual(pings[0]?.message.updates[0], claim(1, "suspect", 2));
  bench.hear(1, { kind: "gossip" });
  assert.equal(bench.liveness(1), "suspect", "its old word is no refutation");
  bench.hear(1, { kind: "gossip" }, [], FIRST_INCARNATION + 1);
  assert.equal(bench.liveness(1), "alive");
});

test("a suspect is told so for as long as it is one, also when that is news to nobody else", () => {
  const bench = new Bench(4);
  bench.hear(2, { kind: "gossip" }, [claim(1, "suspect", 2)]);
  for (let probe = 1; probe < 40; probe += 1) {
    bench.hear(3, { kind: "ping", probe, target: undefined });
  }
  bench.run(3 * config.probeIntervalMs);
  bench.effects = [];
  bench.step({ kind: "doubted", id: nodeIdFrom(0, 1) });
  bench.hear(1, { kind: "ping", probe: 41, target: undefined });
  for (const { message } of [...bench.sent("ping"), ...bench.sent("ack")]) {
    assert.equal(message.updates[0]?.kind, "liveness");
  }
  assert.equal(bench.sent("ack").length, 1);
});

test("a change of one's own record does not take a refutation back", () => {
  const bench = new Bench(3);
  bench.hear(1, { kind: "gossip" }, [claim(0, "dead", 2)]);
  bench.step({ kind: "changed-self", change: { weight: 2 } });
  assert.equal(bench.machine.self().version, 1);
  assert.equal(bench.machine.get(nodeIdFrom(0, 0))?.incarnation, FIRST_INCARNATION + 1);
});

test("this node refutes what is said of it, above what was said, once", () => {
  const bench = new Bench(3);
  bench.hear(1, { kind: "gossip" }, [claim(0, "dead", 2, FIRST_INCARNATION + 5)]);
  const own = bench.machine.get(nodeIdFrom(0, 0));
  assert.equal(own?.liveness, "alive");
  assert.equal(own?.incarnation, FIRST_INCARNATION + 6);
  assert.equal(bench.machine.selfDoubt, 1);
  bench.hear(1, { kind: "gossip" }, [claim(0, "dead", 2, FIRST_INCARNATION + 5)]);
  assert.equal(bench.machine.get(nodeIdFrom(0, 0))?.incarnation, FIRST_INCARNATION + 6);
});

test("independent suspicions shorten one another, repeated ones do not", () => {
  const repeated = new Bench(6);
  const confirmed = new Bench(6);
  for (const by of [2, 2, 2]) repeated.hear(by, { kind: "gossip" }, [claim(1, "suspect", by)]);
  for (const by of [2, 3, 4]) confirmed.hear(by, { kind: "gossip" }, [claim(1, "suspect", by)]);
  for (const bench of [repeated, confirmed]) bench.run(config.suspicionMinMs - 1);
  assert.deepEqual([repeated.liveness(1), confirmed.liveness(1)], ["suspect", "suspect"]);
  confirmed.run(1);
  assert.equal(confirmed.liveness(1), "dead");
  assert.equal(repeated.liveness(1), "suspect");
});

test("a stall delays the death of a suspect until its answer could be read", () => {
  const bench = new Bench(6);
  for (const by of [2, 3, 4]) bench.hear(by, { kind: "gossip" }, [claim(1, "suspect", by)]);
  bench.run(config.suspicionMinMs - 10);
  bench.stall(60_000);
  assert.equal(bench.liveness(1), "suspect");
  assert.ok(bench.machine.selfDoubt > 0);
  bench.run(config.probeIntervalMs - 10);
  assert.equal(bench.liveness(1), "suspect");
  bench.run(20);
  assert.equal(bench.liveness(1), "dead", "but not for ever");
});

test("a stall at the very end of a probe gives the probe its time again", () => {
  const bench = new Bench(2);
  while (!bench.effects.some((effect) => effect.kind === "probe-by-tcp")) bench.run(10);
  bench.run(config.probeIntervalMs - config.probeTimeoutMs - 20);
  bench.stall(5_000);
  assert.equal(bench.liveness(1), "alive");
  const [probed] = bench.effects.filter((effect) => effect.kind === "probe-by-tcp");
  bench.step({ kind: "probe-by-tcp-ended", probe: probed?.probe ?? 0, isOk: true });
  bench.run(config.probeTimeoutMs);
  assert.equal(bench.liveness(1), "alive");
});

test("a measured delay of the event loop makes this node doubt itself, and is counted once", () => {
  const bench = new Bench(3);
  bench.run(config.probeIntervalMs);
  bench.step({ kind: "stalled", lagMs: config.stallMs - 1 });
  assert.equal(bench.machine.selfDoubt, 0);
  bench.step({ kind: "stalled", lagMs: config.stallMs });
  bench.step({ kind: "stalled", lagMs: config.stallMs });
  assert.equal(bench.machine.selfDoubt, 1);
});

test("a suspect that answers by TCP gets the accusation by push/pull", () => {
  const bench = new Bench(6);
  bench.hear(2, { kind: "gossip" }, [claim(1, "suspect", 2)]);
  while (!bench.effects.some((effect) => effect.kind === "probe-by-tcp")) bench.run(10);
  const [probed] = bench.effects.filter((effect) => effect.kind === "probe-by-tcp");
  assert.equal(probed?.to, nodeIdFrom(0, 1));
  bench.effects = [];
  bench.step({ kind: "probe-by-tcp-ended", probe: probed?.probe ?? 0, isOk: true });
  assert.deepEqual(bench.pushPulls(), [recordOf(1).address]);
});

test("a state that accuses a living member is put to the accused, not believed", () => {
  const bench = new Bench(4);
  const { id, address } = recordOf(1);
  const accused = { id, liveness: "dead", incarnation: FIRST_INCARNATION } as const;
  bench.step({ kind: "push-pull-received", state: { records: [], liveness: [accused] } });
  assert.equal(bench.liveness(1), "alive");
  const pings = bench.sent("ping").filter((effect) => effect.to === address);
  assert.deepEqual(pings[0]?.message.updates[0], claim(1, "dead", 0));
});

test("a member that calls itself dead in its own state is believed at once, and that is a goodbye", () => {
  const bench = new Bench(4);
  const { id } = recordOf(1);
  const liveness = [{ id, liveness: "dead", incarnation: FIRST_INCARNATION } as const];
  const state = { records: [], liveness };
  bench.step({ kind: "push-pull-received", state, from: nodeIdFrom(0, 2) });
  assert.equal(bench.liveness(1), "alive", "another's word is an accusation");
  bench.effects = [];
  bench.step({ kind: "push-pull-received", state, from: id });
  assert.equal(bench.liveness(1), "dead");
  const changes = bench.effects.filter((effect) => effect.kind === "liveness-changed");
  assert.deepEqual(changes, [{ kind: "liveness-changed", id, liveness: "dead", isGoodbye: true }]);
});

test("a member found dead by its probes has not said goodbye", () => {
  const bench = new Bench(2);
  bench.run(60_000);
  const changes = bench.effects.filter((effect) => effect.kind === "liveness-changed");
  assert.deepEqual(
    changes.map(({ liveness, isGoodbye }) => [liveness, isGoodbye]),
    [
      ["suspect", false],
      ["dead", false],
    ],
  );
});

test("contacts that were found are asked at once, and take the place of the former ones", () => {
  const [old, fresh] = ["10.0.1.1:5000", "10.0.1.2:5000"] as const satisfies readonly string[];
  const bench = new Bench(2, [old as Address]);
  bench.step({ kind: "contacts-found", addresses: [fresh as Address, recordOf(1).address] });
  assert.deepEqual(bench.pushPulls(), [fresh], "who is known to be alive is not asked");
  assert.deepEqual(
    bench.sent("ping").map(({ to }) => to),
    [fresh],
  );
  bench.effects = [];
  bench.run(120_000);
  assert.equal(bench.sent("ping").filter(({ to }) => to === old).length, 0);
  assert.ok(bench.sent("ping").some(({ to }) => to === fresh));
});

test("what is said of strangers, of those who left, and beyond a known start changes nothing", () => {
  const bench = new Bench(3);
  const left = { ...recordOf(2), intent: "left", version: 1 } as const;
  bench.step({ kind: "push-pull-received", state: { records: [left], liveness: [] } });
  bench.effects = [];
  bench.hear(1, { kind: "gossip" }, [
    claim(2, "dead", 1),
    claim(9, "dead", 1),
    claim(1, "dead", 1, 2 * FIRST_INCARNATION),
  ]);
  assert.deepEqual(
    bench.effects.filter((effect) => effect.kind === "liveness-changed"),
    [],
  );
  bench.run(20_000);
  const toLeft = bench.effects.filter(
    (effect) => effect.kind === "send-datagram" && effect.to === recordOf(2).address,
  );
  assert.deepEqual(toLeft, [], "who left is not probed");
});

test("a doubted member is probed at once, a dead or unknown one is not", () => {
  const bench = new Bench(3);
  for (const index of [1, 9]) bench.step({ kind: "doubted", id: nodeIdFrom(0, index) });
  assert.deepEqual(
    bench.sent("ping").map((effect) => effect.to),
    [recordOf(1).address],
  );
});

test("push/pulls are bounded however many strangers and differences ask for them", () => {
  const bench = new Bench(4);
  for (let times = 0; times < 100; times += 1) {
    bench.hear(50 + times, { kind: "gossip" });
    bench.step({ kind: "epoch-differs", id: nodeIdFrom(0, 1 + (times % 3)) });
  }
  assert.ok(bench.pushPulls().length <= 4);
});

test("a node that was removed answers nobody's wish that it were not", () => {
  const bench = new Bench(3);
  const removed = { ...recordOf(0), intent: "removed" } as const;
  bench.step({ kind: "push-pull-received", state: { records: [removed], liveness: [] } });
  bench.step({ kind: "changed-self", change: { intent: "active" } });
  bench.step({
    kind: "push-pull-received",
    state: { records: [{ ...recordOf(0), version: 9 }], liveness: [] },
  });
  assert.equal(bench.machine.self().intent, "removed");
});

test("after a goodbye the machine is silent", () => {
  const bench = new Bench(3);
  bench.step({ kind: "stopping" });
  const goodbyes = bench.sent("gossip");
  assert.deepEqual(
    goodbyes.map((effect) => effect.message.updates[0]),
    [claim(0, "dead", 0), claim(0, "dead", 0)],
  );
  bench.effects = [];
  bench.hear(1, { kind: "ping", probe: 1, target: undefined });
  bench.run(10_000);
  assert.deepEqual(bench.effects, []);
});

test("an accusation from before a refutation changes nothing", () => {
  const bench = new Bench(4);
  bench.hear(1, { kind: "gossip" }, [], FIRST_INCARNATION + 1);
  bench.hear(2, { kind: "gossip" }, [claim(1, "suspect", 2), claim(1, "dead", 2)]);
  assert.equal(bench.liveness(1), "alive");
  bench.hear(2, { kind: "gossip" }, [claim(1, "suspect", 2, FIRST_INCARNATION + 1)]);
  assert.equal(bench.liveness(1), "suspect");
});

test("who was found dead is tried again, for ever", () => {
  const bench = new Bench(2);
  bench.run(60_000);
  assert.equal(bench.liveness(1), "dead");
  bench.effects = [];
  bench.run(60_000);
  const tried = bench.sent("ping").filter((effect) => effect.to === recordOf(1).address);
  assert.ok(tried.length > 10, `${tried.length} pings in a minute`);
});

test("a goodbye is believed at once; others' word of a death begins a suspicion", () => {
  const bench = new Bench(4);
  bench.hear(3, { kind: "gossip" }, [claim(1, "dead", 1), claim(2, "dead", 3)]);
  assert.equal(bench.liveness(1), "dead");
  assert.equal(bench.liveness(2), "suspect");
});
