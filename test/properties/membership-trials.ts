/** Trials of failure detection, one seed each: shared by the tests and by the on-demand figures. */
import { MembershipCluster, type Network } from "./membership-cluster.ts";

/** Cluster sizes that every figure is taken over. */
export const SIZES: readonly number[] = [3, 4, 5, 7, 9, 16, 24, 32];

const PATIENCE_MS = 60_000;

export interface CrashTrial {
  /** From the crash until the last survivor calls the member dead. */
  readonly deadMs: number;
  /** From the restart until all nodes call all alive, with equal records. */
  readonly backMs: number;
  /** Times a node that was up was called anything but alive by a node that had met it. */
  readonly falseAccusations: number;
}

/** One random member of a settled cluster crashes, stays away for up to 20 s, and starts again. */
export function crashTrial(seed: number, size: number, network: Partial<Network> = {}): CrashTrial {
  const cluster = new MembershipCluster({ seed, size, network });
  settle(cluster, seed);
  cluster.run(cluster.random.below(3_000));
  const settledCount = cluster.changes.length;
  const victim = cluster.random.pick(cluster.nodes);
  cluster.crash(victim);
  const deadMs = cluster.runUntil(
    () => cluster.up().every((node) => cluster.livenessOf(victim, node) === "dead"),
    PATIENCE_MS,
  );
  if (deadMs === undefined) throw new Error(`seed ${seed}: a crash was not found within 60 s`);
  cluster.run(cluster.random.below(20_000));
  cluster.start(victim);
  const backMs = cluster.runUntil(() => cluster.isSettled(), PATIENCE_MS);
  if (backMs === undefined) throw new Error(`seed ${seed}: no agreement 60 s after a return`);
  const falseAccusations = cluster.changes
    .slice(settledCount)
    .filter((change) => change.liveness !== "alive" && change.id !== victim.id).length;
  return { deadMs, backMs, falseAccusations };
}

/** Half of the members of a settled cluster crash at once: milliseconds until all others know of all of them. */
export function halfTrial(
  seed: number,
  size: number,
): { readonly deadMs: number; readonly falseAccusations: number } {
  const cluster = new MembershipCluster({ seed, size });
  settle(cluster, seed);
  cluster.run(cluster.random.below(3_000));
  const settledCount = cluster.changes.length;
  const victims = cluster.random.shuffle(cluster.nodes).slice(0, Math.ceil(size / 2));
  for (const victim of victims) cluster.crash(victim);
  const deadMs = cluster.runUntil(
    () =>
      cluster
        .up()
        .every((node) => victims.every((victim) => cluster.livenessOf(victim, node) === "dead")),
    PATIENCE_MS,
  );
  if (deadMs === undefined) throw new Error(`seed ${seed}: crashes were not found within 60 s`);
  const ids = new Set(victims.map((victim) => victim.id));
  const falseAccusations = cluster.changes
    .slice(settledCount)
    .filter((change) => !ids.has(change.id)).length;
  return { deadMs, falseAccusations };
}

export interface LossTrial {
  readonly suspected: number;
  readonly declaredDead: number;
  readonly bytesPerNodeSecond: number;
}

/** A settled cluster on a network that loses datagrams. */
export function lossTrial(
  seed: number,
  size: number,
  forMs: number,
  network: Partial<Network> = { lossPercent: 20 },
): LossTrial {
  const cluster = new MembershipCluster({ seed, size });
  settle(cluster, seed);
  Object.assign(cluster.network, network);
  const settledCount = cluster.changes.length;
  const bytesBefore = cluster.bytes;
  cluster.run(forMs);
  const changes = cluster.changes.slice(settledCount);
  return {
    suspected: changes.filter((change) => change.liveness === "suspect").length,
    declaredDead: changes.filter((change) => change.liveness === "dead").length,
    bytesPerNodeSecond: Math.round(((cluster.bytes - bytesBefore) * 1_000) / forMs / size),
  };
}

/** The value below which `percent` of the sorted values lie. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.slice().sort((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.ceil((sorted.length * percent) / 100) - 1);
  return sorted[Math.max(0, index)] ?? Number.NaN;
}

function settle(cluster: MembershipCluster, seed: number): void {
  const tookMs = cluster.runUntil(() => cluster.isSettled(), PATIENCE_MS);
  if (tookMs === undefined) throw new Error(`seed ${seed}: no agreement 60 s after the start`);
}
