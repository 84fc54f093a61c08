/**
 * Cuts a failing run down: fewer nodes, kinds of faults, operations, keys, less time. A cut is kept when the same
 * invariant still fails; the loop ends when no cut is kept, or after so many runs.
 *
 * Any change of a plan changes what happens from the first event on, so a cut is tried with a few seeds: the
 * plan is kept apart from the seed for that.
 * Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (TSE 2002), in spirit.
 */
import type { FaultConfig, FaultKind } from "./fault-plan.ts";
import type { RunReport } from "./run.ts";
import type { RunPlan } from "./run-plan.ts";
import type { WorkloadConfig } from "./workload.ts";

/** A plan, and a seed under which it fails. */
export interface Failing {
  readonly seed: number;
  readonly plan: RunPlan;
}

export interface Shrunk extends Failing {
  /** What fails still. */
  readonly invariant: string;
  readonly report: RunReport;
  readonly runs: number;
}

export interface ShrinkOptions {
  readonly run: (failing: Failing) => RunReport;
  /** Told of each cut that was kept. */
  readonly onCut?: (what: string) => void;
  readonly runsMax?: number;
}

const RUNS_MAX = 300;
/** Seeds that each cut is tried with, the one that failed last first. */
const SEEDS_A_CUT = 3;
const FAULT_MS_MIN = 2_000;
const OPERATIONS_MIN = 4;

interface Cut {
  readonly what: string;
  readonly plan: RunPlan;
}

/** `undefined` when the run does not fail at all. */
export function shrink(first: Failing, options: ShrinkOptions): Shrunk | undefined {
  const runsMax = options.runsMax ?? RUNS_MAX;
  let report = options.run(first);
  const invariant = report.violations[0]?.invariant;
  if (invariant === undefined) return undefined;
  let failing = first;
  let runs = 1;
  const tryCut = (plan: RunPlan): boolean => {
    for (let index = 0; index < SEEDS_A_CUT && runs < runsMax; index += 1) {
      const next = { seed: failing.seed + index, plan };
      runs += 1;
      const outcome = options.run(next);
      if (!outcome.violations.some((violation) => violation.invariant === invariant)) continue;
      failing = next;
      report = outcome;
      return true;
    }
    return false;
  };
  let isCut = true;
  while (isCut && runs < runsMax) {
    isCut = false;
    const refused = new Set<string>();
    for (let cut = nextCut(failing.plan, refused); cut !== undefined; ) {
      if (tryCut(cut.plan)) {
        isCut = true;
        options.onCut?.(cut.what);
      } else {
        refused.add(cut.what);
      }
      cut = runs < runsMax ? nextCut(failing.plan, refused) : undefined;
    }
  }
  return { ...failing, invariant, report, runs };
}

function nextCut(plan: RunPlan, refused: ReadonlySet<string>): Cut | undefined {
  return cutsOf(plan).find(({ what }) => !refused.has(what));
}

/** What can be left out, what makes the most difference first. */
function cutsOf(plan: RunPlan): Cut[] {
  return [
    ...cutsOfFaults(plan),
    ...cutsOfNumbers(plan),
    ...cutsOfWorkload(plan),
    ...cutsOfShape(plan),
  ];
}

function cutsOfFaults(plan: RunPlan): Cut[] {
  const { faults } = plan;
  const cut = (what: string, change: Partial<FaultConfig>): Cut => ({
    what,
    plan: { ...plan, faults: { ...faults, ...change } },
  });
  const kinds = [...faults.kinds];
  const cuts: Cut[] = [];
  if (kinds.length > 3) {
    const half = kinds.length >> 1;
    cuts.push(cut("the first half of the kinds", { kinds: new Map(kinds.slice(half)) }));
    cuts.push(cut("the second half of the kinds", { kinds: new Map(kinds.slice(0, half)) }));
  }
  for (const [kind] of kinds) cuts.push(cut(kind, { kinds: without(faults.kinds, kind) }));
  for (const name of [
    "lossPerMille",
    "duplicatePerMille",
    "corruptPerMille",
    "holdPerMille",
  ] as const) {
    if (faults[name] > 0) cuts.push(cut(name, { [name]: 0 }));
  }
  return cuts;
}

function without(kinds: ReadonlyMap<FaultKind, number>, kind: FaultKind): Map<FaultKind, number> {
  const rest = new Map(kinds);
  rest.delete(kind);
  return rest;
}

function cutsOfNumbers(plan: RunPlan): Cut[] {
  const { workload } = plan;
  const cuts: Cut[] = [];
  const halve = (what: keyof WorkloadConfig, value: number, least: number): void => {
    const half = Math.max(least, value >> 1);
    if (half >= value) return;
    cuts.push({
      what: `half of ${what} ${value}`,
      plan: { ...plan, workload: { ...workload, [what]: half } },
    });
  };
  halve("operationsMax", workload.operationsMax, OPERATIONS_MIN);
  halve("lanes", workload.lanes, 1);
  halve("keys", workload.keys, 1);
  halve("hotKeys", workload.hotKeys, 1);
  const faultMs = Math.max(FAULT_MS_MIN, plan.faultMs >> 1);
  if (faultMs < plan.faultMs)
    cuts.push({ what: `half of ${plan.faultMs} ms`, plan: { ...plan, faultMs } });
  if (plan.machines > 1) {
    const machines = plan.machines - 1;
    cuts.push({ what: `a node of ${plan.machines}`, plan: { ...plan, machines } });
  }
  return cuts;
}

function cutsOfWorkload(plan: RunPlan): Cut[] {
  const { workload } = plan;
  const cuts: Cut[] = [];
  const cut = (what: string, change: Partial<WorkloadConfig>): void => {
    cuts.push({ what, plan: { ...plan, workload: { ...workload, ...change } } });
  };
  for (const kind of ["list", "conditional", "delete", "read"] as const) {
    if (workload.mix[kind] > 0) cut(`${kind}s`, { mix: { ...workload.mix, [kind]: 0 } });
  }
  if (plan.typed.operationsMax > 0) {
    const typed = { ...plan.typed, operationsMax: 0 };
    cuts.push({ what: "hashes, sets and counters", plan: { ...plan, typed } });
  }
  if (workload.ttlMsMax !== undefined) cut("times to live", { ttlMsMax: undefined });
  if (workload.retiredEvery !== undefined) cut("retired keys", { retiredEvery: undefined });
  if (workload.asksQuorums) cut("quorums", { asksQuorums: false });
  if (workload.hasShortDeadlines) cut("short deadlines", { hasShortDeadlines: false });
  if (workload.valueBytesMax > 64) cut("large values", { valueBytesMax: 64 });
  return cuts;
}

function cutsOfShape(plan: RunPlan): Cut[] {
  const cuts: Cut[] = [];
  if (plan.broken.length > 0) cuts.push({ what: "the core phase", plan: { ...plan, broken: [] } });
  if (plan.zones > 1) cuts.push({ what: "zones", plan: { ...plan, zones: 1 } });
  if (plan.skewMsMax > 0) cuts.push({ what: "skew", plan: { ...plan, skewMsMax: 0 } });
  return cuts;
}
