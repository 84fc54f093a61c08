/** The shape of a run, drawn from its seed: how large the cluster is, what clients ask of it, what breaks. */
import { type Durability, SHARED_CONFIG_DEFAULT, type SharedConfig } from "../src/model/config.ts";
import { PACE_USUAL, type Pace } from "../src/node/pace.ts";
import { type Breakage, drawBreakages } from "./core-phase.ts";
import { drawFaults, type FaultConfig } from "./fault-plan.ts";
import { type SimRandom, Streams } from "./random.ts";
import type { TypedWorkloadConfig } from "./typed-workload.ts";
import { OPERATIONS_MAX, type WorkloadConfig } from "./workload.ts";

/** The shape of a run, drawn from its seed. */
export interface RunPlan {
  readonly isCalm: boolean;
  /** How often background work looks for something to do, until the faults end. */
  readonly pace: Readonly<Pace>;
  readonly machines: number;
  readonly durability: Durability;
  readonly shared: SharedConfig;
  readonly zones: number;
  readonly skewMsMax: number;
  readonly faultMs: number;
  readonly workload: WorkloadConfig;
  /** Clients of hashes, sets and counters. */
  readonly typed: TypedWorkloadConfig;
  readonly faults: FaultConfig;
  /** Whether what is deleted must be gone from all disks within a bounded time, where the grace allows it. */
  readonly expectsCollection: boolean;
  /** What stays broken for good while a core must live; nothing where the phase is left out. */
  readonly broken: readonly Breakage[];
}

/** While these strike, who belongs to a core is not settled. */
const MEMBER_KINDS = ["join", "leave", "remove", "wipe", "bit-rot-facts"] as const;

/** Draws the shape of a run. */
export function drawPlan(seed: number): RunPlan {
  const streams = new Streams(seed);
  const random = streams.stream("plan");
  const isCalm = random.oneIn(12);
  const machines = random.pick([3, 3, 3, 4, 5, 5, 6, 7]);
  const durability = random.oneIn(6) ? "os" : "fsync";
  const replicas = random.pick([1, 2, 3, 3, 3, 3, 3, 4, 5]);
  const plan: Draft = {
    isCalm,
    pace: PACE_USUAL,
    machines,
    durability,
    shared: { ...SHARED_CONFIG_DEFAULT, replicas, graceMs: drawGrace(seed) },
    expectsCollection: true,
    zones: random.pick([1, 1, 2, 3]),
    skewMsMax: random.pick([0, 5, 500, 30_000, 600_000]),
    faultMs: random.between(60_000, 90_000),
    workload: {
      ...drawWorkload(random, Math.min(replicas, machines)),
      ...drawLifetimes(new Streams(seed).stream("plan lifetimes")),
    },
    typed: drawTyped(new Streams(seed).stream("plan typed")),
    faults: drawFaults(
      random,
      streams.stream("plan later faults"),
      (purpose) => streams.stream(purpose),
      { isCalm, machinesMax: machines + 2, durability },
    ),
  };
  if (!isCalm) crowd(plan, new Streams(seed).stream("plan pace"));
  const broken = drawBreakages(new Streams(seed).stream("plan core"), {
    isCalm,
    doMembersChange: MEMBER_KINDS.some((kind) => plan.faults.kinds.has(kind)),
    replicas: Math.min(replicas, machines),
  });
  return { ...plan, broken };
}

const SKEW_MS_CROWDED = 1_200_000;

type Draft = { -readonly [Field in Exclude<keyof RunPlan, "broken">]: RunPlan[Field] };

/**
 * One run in three is crowded: few keys, in fewer slots, that are written, deleted and forgotten all the time, repairs that
 * come late, and a grace shorter than a slow link. What else takes months to meet, a replica that is behind, a frame that
 * was on its way for too long and a round of collection, meet within seconds.
 */
function crowd(plan: Draft, random: SimRandom): void {
  const isCrowded = random.oneIn(3);
  const pace = { repairs: random.pick([1, 10, 30]), collection: random.pick([1, 0.2]) };
  const graceMs = random.pick([100, 500, 2_000]);
  const keys = random.pick([3, 8, 20, 40]);
  const slots = random.pick([1, 2, 4, 16]);
  const deletes = random.between(2, 6);
  const retiredEvery = random.oneIn(3) ? undefined : random.pick([2, 5]);
  const ttlMsMax = random.oneIn(3) ? undefined : random.pick([2_000, 8_000]);
  const joinMeanMs = random.between(5_000, 20_000);
  const isSlowJoining = random.oneIn(3);
  if (!isCrowded) return;
  const { workload } = plan;
  if (isSlowJoining) {
    // A clock too far behind to follow what it hears: what its node stamps is below what others have collected.
    plan.skewMsMax = SKEW_MS_CROWDED;
    plan.faults = { ...plan.faults, kinds: new Map([...plan.faults.kinds, ["join", joinMeanMs]]) };
  }
  plan.pace = pace;
  plan.shared = { ...plan.shared, graceMs };
  plan.workload = {
    ...workload,
    keys,
    slots,
    retiredEvery,
    ttlMsMax,
    mix: { ...workload.mix, delete: deletes },
  };
}

/** In half of the runs so short that what is deleted is collected before they end. */
function drawGrace(seed: number): number {
  const random = new Streams(seed).stream("plan grace");
  const graceMs = random.pick([1_000, 5_000, 20_000]);
  return random.oneIn(2) ? graceMs : SHARED_CONFIG_DEFAULT.graceMs;
}

/** A stream of its own, as below. */
function drawTyped(random: SimRandom): TypedWorkloadConfig {
  return {
    lanes: random.pick([1, 2, 4]),
    operationsMax: random.pick([60, 150, 300]),
    thinkMs: random.pick([100, 300, 800]),
  };
}

/** A stream of its own, so that seeds recorded before keys could expire still tell the same. */
function drawLifetimes(random: SimRandom): Pick<WorkloadConfig, "ttlMsMax" | "retiredEvery"> {
  const ttlMsMax = random.pick([3_000, 15_000, 60_000]);
  const retiredEvery = random.pick([2, 5]);
  return {
    ttlMsMax: random.oneIn(2) ? ttlMsMax : undefined,
    retiredEvery: random.oneIn(2) ? retiredEvery : undefined,
  };
}

function drawWorkload(random: SimRandom, replicas: number): WorkloadConfig {
  return {
    lanes: random.between(3, 10),
    keys: random.pick([3, 20, 100, 300]),
    hotKeys: random.between(1, 4),
    thinkMs: random.pick([200, 500, 1_000]),
    mix: {
      put: random.between(4, 10),
      delete: random.between(0, 3),
      conditional: random.between(0, 4),
      read: random.between(2, 8),
      list: random.between(0, 1),
    },
    asksQuorums: random.oneIn(3),
    hasShortDeadlines: random.oneIn(3),
    valueBytesMax: random.pick([64, 2_000, 100_000, 700_000]),
    replicas,
    operationsMax: OPERATIONS_MAX,
  };
}
