import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { clusterIdFrom } from "../../src/model/ids.ts";
import type { MemberRecord } from "../../src/model/member.ts";
import { addressOf, MembershipCluster, type SimulatedNode } from "./membership-cluster.ts";
import { crashTrial, halfTrial, lossTrial, percentile, SIZES } from "./membership-trials.ts";

const SEED = Number(process.env["SEED"] ?? 1);
const SEEDS = Array.from({ length: 3 }, (_, index) => SEED + index);

function settled(options: ConstructorParameters<typeof MembershipCluster>[0]): MembershipCluster {
  const cluster = new MembershipCluster(options);
  const tookMs = cluster.runUntil(() => cluster.isSettled(), 30_000);
  assert.notEqual(tookMs, undefined, `seed ${options.seed}: ${options.size} nodes agree`);
  return cluster;
}

function nodeAt(cluster: MembershipCluster, index: number): SimulatedNode {
  const node = cluster.nodes[index];
  assert.ok(node !== undefined);
  return node;
}

/** Nobody who is up is called dead by anybody, since the changes numbered `since`. */
function assertNobodyDead(cluster: MembershipCluster, since: number, claim: string): void {
  const dead = cluster.changes.slice(since).filter((change) => change.liveness === "dead");
  assert.deepEqual(dead, [], claim);
}

// Goal: the promised bounds at a share of the published run (membership-figures.ts makes the whole one).
// Method: one member of a settled cluster crashes, and starts again later.
test("a crash is known to all survivors within 5 s, a return within 3 s, and nobody else is accused", () => {
  const dead: number[] = [];
  for (const size of SIZES) {
    for (let seed = SEED; seed < SEED + 4; seed += 1) {
      const trial = crashTrial(seed, size);
      dead.push(trial.deadMs);
      assert.ok(
        trial.backMs <= 3_000,
        `seed ${seed}, ${size} nodes: back after ${trial.backMs} ms`,
      );
      assert.equal(trial.falseAccusations, 0, `seed ${seed}, ${size} nodes`);
    }
  }
  const p99 = percentile(dead, 99);
  assert.ok(p99 <= 5_000, `dead after ${p99} ms`);
});

test("a crash is found among lost, late and doubled datagrams too", () => {
  for (const seed of SEEDS) {
    const trial = crashTrial(seed, 7, { lossPercent: 20, duplicatePercent: 20, delayMaxMs: 60 });
    assert.ok(trial.deadMs <= 10_000, `seed ${seed}: ${trial.deadMs} ms`);
    assert.ok(trial.backMs <= 5_000, `seed ${seed}: ${trial.backMs} ms`);
  }
});

test("of a half that crashes at once every member is found, and nobody else is accused", () => {
  for (const size of [3, 5, 8]) {
    for (const seed of SEEDS) {
      const trial = halfTrial(seed, size);
      assert.ok(trial.deadMs <= 20_000, `seed ${seed}, ${size} nodes: ${trial.deadMs} ms`);
      assert.equal(trial.falseAccusations, 0, `seed ${seed}, ${size} nodes`);
    }
  }
});

test("on 20 % packet loss nobody is declared dead", () => {
  for (const size of [3, 5, 9]) {
    const trial = lossTrial(SEED, size, 10 * 60_000);
    assert.deepEqual([trial.suspected, trial.declaredDead], [0, 0], `${size} nodes`);
  }
});

test("on 20 % packet loss nobody is declared dead even if no probe by TCP succeeds", () => {
  for (const size of [3, 9]) {
    const trial = lossTrial(SEED, size, 5 * 60_000, { lossPercent: 20, tcpLossPercent: 100 });
    assert.ok(trial.suspected > 0, "the case is one: there were suspicions");
    assert.equal(trial.declaredDead, 0, `${size} nodes`);
  }
});

test("a graceful stop is known to all at once", () => {
  for (const seed of SEEDS) {
    const cluster = settled({ seed, size: 9 });
    const leaver = nodeAt(cluster, 4);
    cluster.stop(leaver);
    cluster.run(cluster.network.delayMaxMs);
    for (const node of cluster.up()) assert.equal(cluster.livenessOf(leaver, node), "dead");
    assert.equal(leaver.membership.step({ kind: "stopping" }, cluster.nowMs).length, 0);
  }
});

// Goal: no partition is for ever. Method: two halves apart until each calls the other dead, then joined.
test("a partition of ten minutes heals within 5 s without anybody being called dead again", () => {
  for (const seed of SEEDS.slice(0, 2)) {
    const cluster = settled({ seed, size: 10 });
    const half = new Set(cluster.nodes.slice(0, 5).map((node) => node.address));
    cluster.network.passes = (from, to) => half.has(from) === half.has(to);
    cluster.run(600_000);
    for (const node of cluster.nodes) {
      for (const other of cluster.nodes) {
        const isSameSide = half.has(node.address) === half.has(other.address);
        const liveness = cluster.livenessOf(other, node);
        assert.equal(liveness, isSameSide ? "alive" : "dead", `seed ${seed}`);
      }
    }
    cluster.network.passes = () => true;
    const since = cluster.changes.length;
    const tookMs = cluster.runUntil(() => cluster.isSettled(), 5_000);
    assert.notEqual(tookMs, undefined, `seed ${seed}: healed`);
    cluster.run(30_000);
    assertNobodyDead(cluster, since, `seed ${seed}`);
    assert.ok(cluster.isSettled(), `seed ${seed}: it stays so`);
  }
});

test("nobody is accused where one pair cannot reach each other but others reach both", () => {
  const cluster = settled({ seed: SEED, size: 5 });
  const [a, b] = [nodeAt(cluster, 0).address, nodeAt(cluster, 1).address];
  cluster.network.passes = (from, to) => !(from === a && to === b) && !(from === b && to === a);
  const since = cluster.changes.length;
  cluster.run(600_000);
  assert.deepEqual(cluster.changes.slice(since), []);
});

test("where no datagram passes at all, probes by TCP keep all alive and find a crash", () => {
  const cluster = settled({ seed: SEED, size: 5 });
  cluster.network.lossPercent = 100;
  const since = cluster.changes.length;
  cluster.run(600_000);
  assertNobodyDead(cluster, since, "nobody");
  const victim = nodeAt(cluster, 2);
  cluster.crash(victim);
  const tookMs = cluster.runUntil(
    () => cluster.up().every((node) => cluster.livenessOf(victim, node) === "dead"),
    60_000,
  );
  assert.notEqual(tookMs, undefined);
  cluster.start(victim, [nodeAt(cluster, 0).address]);
  assert.notEqual(
    cluster.runUntil(() => cluster.isSettled(), 120_000),
    undefined,
  );
});

test("a dead member is found again at another address", () => {
  for (const seed of SEEDS) {
    const cluster = settled({ seed, size: 5 });
    const mover = nodeAt(cluster, 2);
    cluster.crash(mover);
    cluster.run(20_000);
    mover.address = addressOf(77);
    cluster.start(mover);
    assert.notEqual(
      cluster.runUntil(() => cluster.isSettled(), 3_000),
      undefined,
      `seed ${seed}`,
    );
    for (const node of cluster.nodes) {
      assert.equal(node.membership.get(mover.id)?.record.address, mover.address);
    }
  }
});

test("a node that restarts within a second is never called dead, and its new start is known to all", () => {
  for (const seed of SEEDS) {
    const cluster = settled({ seed, size: 7 });
    const victim = nodeAt(cluster, 3);
    const since = cluster.changes.length;
    for (let times = 0; times < 5; times += 1) {
      cluster.crash(victim);
      cluster.run(cluster.random.below(1_000));
      cluster.start(victim);
      cluster.run(2_000);
    }
    assert.notEqual(
      cluster.runUntil(() => cluster.isSettled(), 3_000),
      undefined,
      `seed ${seed}`,
    );
    const byOthers = cluster.changes.slice(since).filter((change) => change.observer !== victim.id);
    assert.deepEqual(
      byOthers.filter((change) => change.liveness === "dead"),
      [],
    );
    assert.equal(nodeAt(cluster, 0).membership.get(victim.id)?.record.boots, 6);
  }
});

test("a whole cluster that stopped comes together again from its disks alone", () => {
  const cluster = settled({ seed: SEED, size: 9 });
  for (const node of cluster.nodes) cluster.stop(node);
  cluster.run(3_600_000);
  for (const node of cluster.nodes) cluster.start(node);
  assert.notEqual(
    cluster.runUntil(() => cluster.isSettled(), 3_000),
    undefined,
  );
});

test("a configured peer that is not there yet is tried until it is", () => {
  const cluster = new MembershipCluster({ seed: SEED, size: 1 });
  const late = addressOf(1);
  cluster.add(clusterIdFrom(1, 1), [late]);
  const lonely = nodeAt(cluster, 1);
  cluster.crash(lonely);
  lonely.address = addressOf(50);
  lonely.stored = lonely.stored.filter((record) => record.id === lonely.id);
  cluster.start(lonely, [late]);
  cluster.run(600_000);
  assert.equal(lonely.membership.members().length, 1);
  const peer = nodeAt(cluster, 0);
  cluster.crash(peer);
  peer.address = late;
  cluster.start(peer);
  assert.notEqual(
    cluster.runUntil(() => cluster.isSettled(), 5_000),
    undefined,
  );
});

test("clusters of different ids never merge, though each is told of the other", () => {
  const cluster = new MembershipCluster({ seed: SEED, size: 3 });
  const other = clusterIdFrom(2, 2);
  const [first] = cluster.nodes;
  assert.ok(first !== undefined);
  for (let count = 0; count < 3; count += 1) cluster.add(other, [first.address, addressOf(3)]);
  cluster.run(600_000);
  assert.ok(cluster.strangers > 0, "they did meet");
  for (const node of cluster.nodes) {
    const ids = node.membership.members().map((member) => member.record.id);
    const own = cluster.nodes.filter((peer) => peer.clusterId === node.clusterId);
    assert.deepEqual(ids, own.map((peer) => peer.id).sort());
  }
});

// Goal: a node that stood still doubts itself. Method: pause one node for 0.3 s to 5 min in a lively cluster, and look
// at what it says of others after it wakes. Its socket holds what came meanwhile, its overdue timers run first.
test("a paused node accuses nobody when it wakes, and is alive to all again within 3 s", () => {
  for (const seed of SEEDS) {
    for (const pauseMs of [300, 1_000, 5_000, 30_000, 300_000]) {
      const cluster = settled({ seed, size: 6 });
      cluster.run(cluster.random.below(2_000));
      const sleeper = nodeAt(cluster, 2);
      cluster.pause(sleeper, pauseMs);
      cluster.run(pauseMs);
      const since = cluster.changes.length;
      const tookMs = cluster.runUntil(() => cluster.isSettled(), 3_000);
      assert.notEqual(tookMs, undefined, `seed ${seed}: pause ${pauseMs}`);
      cluster.run(20_000);
      const said = cluster.changes
        .slice(since)
        .filter((change) => change.observer === sleeper.id && change.liveness !== "alive");
      assert.deepEqual(said, [], `seed ${seed}: pause ${pauseMs}`);
    }
  }
});

test("a node that stands still again and again still accuses nobody", () => {
  const cluster = settled({ seed: SEED, size: 5 });
  const since = cluster.changes.length;
  const busy = nodeAt(cluster, 1);
  for (let times = 0; times < 200; times += 1) {
    cluster.pause(busy, 200 + cluster.random.below(400));
    cluster.run(1_000 + cluster.random.below(400));
  }
  assertNobodyDead(cluster, since, "nobody");
});

test("of two processes with one id the one that came later stops", () => {
  for (const seed of SEEDS) {
    const cluster = settled({ seed, size: 4 });
    const original = nodeAt(cluster, 1);
    const clone = cluster.add(original.clusterId);
    cluster.crash(clone);
    cluster.run(10_000);
    const twin: SimulatedNode = { ...clone, id: original.id, stored: original.stored, inbox: [] };
    cluster.nodes.push(twin);
    twin.address = addressOf(60);
    cluster.start(twin);
    const tookMs = cluster.runUntil(() => twin.duplicateSeen || original.duplicateSeen, 30_000);
    assert.notEqual(tookMs, undefined, `seed ${seed}: one of them notices`);
    cluster.run(10_000);
    assert.notEqual(twin.duplicateSeen, original.duplicateSeen, `seed ${seed}: exactly one stops`);
  }
});

test("an old disk put back takes a start above all that the peers have seen", () => {
  const cluster = settled({ seed: SEED, size: 4 });
  const node = nodeAt(cluster, 1);
  const old = node.stored;
  for (let times = 0; times < 6; times += 1) {
    cluster.crash(node);
    cluster.start(node);
    cluster.run(1_000);
  }
  cluster.crash(node);
  node.stored = old.filter((record) => record.id === node.id);
  cluster.start(node, [nodeAt(cluster, 0).address]);
  assert.notEqual(
    cluster.runUntil(() => cluster.isSettled(), 5_000),
    undefined,
  );
  assert.equal(node.duplicateSeen, false);
  assert.equal(node.membership.self().boots, 8);
  assert.equal(node.stored.find((record) => record.id === node.id)?.boots, 8, "it is stored");
});

test("a removed member never returns, and learns that it was removed", () => {
  const cluster = settled({ seed: SEED, size: 5 });
  const removed = nodeAt(cluster, 4);
  cluster.crash(removed);
  cluster.run(10_000);
  const operator = nodeAt(cluster, 0);
  cluster.step(operator, { kind: "decided", id: removed.id, intent: "removing" });
  cluster.step(operator, { kind: "decided", id: removed.id, intent: "removed" });
  cluster.run(3_000);
  cluster.start(removed);
  cluster.run(30_000);
  for (const node of cluster.up()) {
    assert.equal(node.membership.get(removed.id)?.record.intent, "removed");
  }
  assert.equal(removed.membership.self().intent, "removed");
});

// Goal: intent reaches everybody and is equal, whoever changes what, on a bad network.
test("changes made everywhere at once are equal everywhere in the end", () => {
  for (const seed of SEEDS) {
    const network = { lossPercent: 20, duplicatePercent: 20, delayMaxMs: 100 };
    const cluster = new MembershipCluster({ seed, size: 8, network });
    for (let times = 0; times < 60; times += 1) {
      const node = cluster.random.pick(cluster.nodes);
      const weight = 1 + cluster.random.below(64);
      cluster.step(node, { kind: "changed-self", change: { weight, zone: `zone-${weight}` } });
      const id = cluster.random.pick(cluster.nodes).id;
      if (times % 20 === 0) cluster.step(node, { kind: "decided", id, intent: "removing" });
      cluster.run(cluster.random.below(300));
    }
    assert.notEqual(
      cluster.runUntil(() => cluster.isSettled(), 60_000),
      undefined,
      `seed ${seed}`,
    );
    const removing = nodeAt(cluster, 0)
      .membership.records()
      .filter((record) => record.intent === "removing");
    assert.ok(removing.length >= 1, `seed ${seed}: a command is not lost to a change of one's own`);
  }
});

// Goal: nothing that arrives throws, and what was replayed changes no mind for good. Method: every datagram of a run is
// recorded; then old ones, cut ones and ones with flipped bits are thrown at every node while it runs on.
test("replayed, cut and garbled datagrams neither throw nor kill", () => {
  const cluster = settled({ seed: SEED, size: 5, network: { duplicatePercent: 50 } });
  const recorded: Uint8Array[] = [];
  const inject = cluster.inject.bind(cluster);
  cluster.inject = (to, from, bytes) => {
    if (recorded.length < 2_000) recorded.push(bytes);
    inject(to, from, bytes);
  };
  const victim = nodeAt(cluster, 3);
  cluster.crash(victim);
  cluster.run(10_000);
  cluster.start(victim);
  cluster.run(60_000);
  cluster.inject = inject;
  const random = new Prng(SEED);
  const since = cluster.changes.length;
  for (let times = 0; times < 5_000; times += 1) {
    const bytes = Uint8Array.from(random.pick(recorded));
    const way = random.below(3);
    if (way === 1) bytes[random.below(bytes.length)] = random.below(256);
    const sent = way === 2 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
    inject(random.pick(cluster.nodes), addressOf(random.below(8)), sent);
    if (times % 50 === 0) cluster.run(100);
  }
  assert.ok(cluster.malformed > 1_000);
  assertNobodyDead(cluster, since, "a replay kills nobody");
  assert.notEqual(
    cluster.runUntil(() => cluster.isSettled(), 10_000),
    undefined,
  );
});

// Goal: forged fields are survived. Method: well-formed messages with random fields from a random "member".
test("forged messages neither throw nor stop a member from refuting them", () => {
  const cluster = settled({ seed: SEED, size: 5 });
  const random = new Prng(SEED);
  const ids = cluster.nodes.map((node) => node.id);
  const liveness = ["alive", "suspect", "dead"] as const;
  for (let times = 0; times < 300; times += 1) {
    const target = random.pick(cluster.nodes);
    const record = random.pick(cluster.nodes).membership.self();
    const incarnation = random.chance(1, 2)
      ? (record.boots + 1) * 2 ** 20 - 1
      : random.below(2 ** 51);
    const sender = {
      // A message in the receiver's own name is another matter: it cannot be told from a copied disk.
      id: random.pick(ids.filter((id) => id !== target.id)),
      boot: record.boot,
      boots: record.boots,
      version: random.below(2 ** 32),
      incarnation,
    };
    const forged: MemberRecord = { ...record, version: record.version + random.below(3) };
    cluster.step(target, {
      kind: "datagram",
      from: random.pick(cluster.nodes).address,
      message: {
        kind: random.pick(["ping", "ack", "ping-request", "nack"] as const),
        sender,
        probe: random.next32(),
        target: random.pick(ids),
        updates: [
          {
            kind: "liveness",
            id: record.id,
            liveness: random.pick(liveness),
            incarnation,
            by: sender.id,
          },
          { kind: "record", record: forged, liveness: random.pick(liveness), incarnation },
        ],
      },
    });
    cluster.run(random.below(200));
  }
  assert.equal(cluster.up().length, 5);
  assert.notEqual(
    cluster.runUntil(() => cluster.isSettled(), 30_000),
    undefined,
    "they settle again",
  );
});

test("equal seeds give equal runs", () => {
  const runs = [SEED, SEED].map((seed) => {
    const cluster = new MembershipCluster({ seed, size: 9, network: { lossPercent: 10 } });
    cluster.run(60_000);
    return [cluster.datagrams, cluster.bytes, cluster.pushPulls, cluster.changes];
  });
  assert.deepEqual(runs[0], runs[1]);
});

test("no datagram exceeds 1200 bytes, and a quiet cluster stays quiet", () => {
  const cluster = settled({ seed: SEED, size: 32 });
  assert.ok(cluster.bytesMax <= 1_200, `${cluster.bytesMax} bytes`);
  cluster.run(30_000);
  const before = cluster.bytes;
  cluster.run(60_000);
  const perNodeSecond = (cluster.bytes - before) / 60 / 32;
  assert.ok(perNodeSecond < 1_000, `${perNodeSecond} bytes a second and node`);
});
