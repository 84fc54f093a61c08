/**
 * `npm run bench:members`: what membership and placement cost as members grow, from 10 to 1 000.
 *
 *   npm run bench:members -- --sizes 10,100
 *
 * Membership machines alone, on virtual time, over a network that delays 1 to 10 ms and loses nothing; real codecs. At each
 * size: what a node sends at rest, how long until all know of a member that joins, and of one that crashed; then, on real
 * time, a placement of that many members made and asked for every slot. Shown by the report of `npm run bench`.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ByteWriter } from "../src/base/byte-writer.ts";
import { Prng } from "../src/base/prng.ts";
import { Membership } from "../src/core/membership/membership.ts";
import { Placement } from "../src/core/placement/placement.ts";
import { clusterIdFrom } from "../src/model/ids.ts";
import { SLOT_COUNT } from "../src/model/limits.ts";
import { slotFrom } from "../src/model/slot.ts";
import { writeState } from "../src/protocol/peer/member-codec.ts";
import { MembershipCluster, type SimulatedNode } from "../test/properties/membership-cluster.ts";
import { MEMBERS_PATH, type MembersRow } from "./report/members.ts";
import { median } from "./report/statistics.ts";

const SIZES = "10,30,100,300,1000";
const CLUSTER = clusterIdFrom(1, 1);
const REST_MS = 20_000;
const REST_SPANS_MAX = 30;
const REST_DIFFERENCE = 0.02;
const PATIENCE_MS = 300_000;
const CHECK_MS = 50;
const TRIALS = 3;

async function main(): Promise<void> {
  setFlagsFromString("--expose-gc");
  globalThis.gc = runInNewContext("gc") as typeof globalThis.gc;
  const { values } = parseArgs({ options: { sizes: { type: "string", default: SIZES } } });
  const rows: MembersRow[] = [];
  console.log(
    "members  bytes/s a node: gossip, states   join ms  death ms  placement ms  MiB  member KiB",
  );
  for (const size of values.sizes.split(",").map(Number)) {
    const row = measure(size);
    rows.push(row);
    console.log(
      [
        String(size).padStart(7),
        row.gossipBytesPerSecond.toFixed(0).padStart(24),
        row.stateBytesPerSecond.toFixed(0).padStart(8),
        row.joinMs.toFixed(0).padStart(10),
        row.deathMs.toFixed(0).padStart(10),
        row.placementMs.toFixed(1).padStart(14),
        (row.placementBytes / 1_024 ** 2).toFixed(1).padStart(5),
        (row.membershipBytes / 1_024).toFixed(0).padStart(12),
      ].join(""),
    );
  }
  await mkdir(dirname(MEMBERS_PATH), { recursive: true });
  await writeFile(MEMBERS_PATH, `${JSON.stringify(rows, undefined, 1)}\n`);
}

function measure(size: number): MembersRow {
  const heapBefore = usedBytes();
  const cluster = startedTogether(size);
  const membershipBytes = Math.max(0, usedBytes() - heapBefore) / size;
  atRest(cluster);

  const { bytes, pushPulls } = cluster;
  cluster.run(REST_MS);
  const perNodeSecond = (REST_MS / 1_000) * size;
  const stateBytes = stateBytesOf(cluster.nodes[0]);
  const joins: number[] = [];
  const deaths: number[] = [];
  const gossipBytesPerSecond = (cluster.bytes - bytes) / perNodeSecond;
  // A state goes each way.
  const stateBytesPerSecond = ((cluster.pushPulls - pushPulls) * 2 * stateBytes) / perNodeSecond;
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const newcomer = cluster.add(CLUSTER);
    joins.push(
      reached(cluster, () =>
        cluster.up().every((node) => cluster.livenessOf(newcomer, node) === "alive"),
      ),
    );
    cluster.run(REST_MS);
    cluster.crash(newcomer);
    deaths.push(
      reached(cluster, () =>
        cluster.up().every((node) => cluster.livenessOf(newcomer, node) === "dead"),
      ),
    );
    cluster.run(REST_MS);
  }
  return {
    size,
    gossipBytesPerSecond,
    stateBytesPerSecond,
    joinMs: median(joins),
    deathMs: median(deaths),
    membershipBytes,
    ...placementOf(cluster.nodes.slice(0, size)),
  };
}

/** A cluster that has long been together: every member knows all others' records, so that none of them is news. */
function startedTogether(size: number): MembershipCluster {
  const cluster = new MembershipCluster({ seed: size, size });
  const known = cluster.nodes.map((node) => node.membership.self());
  for (const node of cluster.nodes) {
    // What the former life has set itself does not reach this one.
    node.life += 1;
    node.stored = known;
    node.membership = new Membership({
      self: node.membership.self(),
      clusterId: CLUSTER,
      known,
      peers: [],
      config: cluster.config,
      random: new Prng(cluster.random.next53()),
    });
    cluster.step(node, { kind: "started" });
  }
  const [first] = cluster.nodes;
  const others = cluster.nodes.slice(1);
  reached(cluster, () =>
    others.every((node) => first !== undefined && cluster.livenessOf(node, first) === "alive"),
  );
  return cluster;
}

/** Runs until what all have to tell of their start has been told: two spans send about as much. */
function atRest(cluster: MembershipCluster): void {
  let before = Number.POSITIVE_INFINITY;
  for (let span = 0; span < REST_SPANS_MAX; span += 1) {
    const { bytes } = cluster;
    cluster.run(REST_MS);
    const sent = cluster.bytes - bytes;
    if (Math.abs(sent / before - 1) < REST_DIFFERENCE) return;
    before = sent;
  }
}

function placementOf(nodes: readonly SimulatedNode[]) {
  const [first] = nodes;
  const members = (first?.membership.records() ?? []).slice(0, nodes.length);
  const bytesBefore = usedBytes();
  const startMs = performance.now();
  const placement = new Placement({ members, replicas: 3 });
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) placement.primaries(slotFrom(slot));
  const placementMs = performance.now() - startMs;
  const placementBytes = Math.max(0, usedBytes() - bytesBefore);
  // Asked once more, so that it is still held when memory is counted.
  if (placement.memberIds.length !== nodes.length) throw new Error("members are missing");
  return { placementMs, placementBytes };
}

function stateBytesOf(node: SimulatedNode | undefined): number {
  const writer = new ByteWriter();
  if (node !== undefined) writeState(writer, node.membership.state());
  return writer.finish().length;
}

function reached(cluster: MembershipCluster, isReached: () => boolean): number {
  const ms = cluster.runUntil(isReached, PATIENCE_MS, CHECK_MS);
  if (ms === undefined) throw new Error(`not reached within ${PATIENCE_MS} ms of virtual time`);
  return ms;
}

/** After a collection. */
function usedBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

await main();
