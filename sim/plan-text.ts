/**
 * Plans as text: what a shrunk run is repeated from, on the command line. Whatever a text leaves out is what the seed
 * draws; kinds of faults are given all or not at all.
 */
import { FAULT_KINDS, type FaultKind } from "./fault-plan.ts";
import { drawPlan, type RunPlan } from "./run-plan.ts";

/** The whole plan, as JSON. */
export function planText(plan: RunPlan): string {
  const kinds = Object.fromEntries(plan.faults.kinds);
  // Left out, a setting would be drawn again: what is switched off is written as null.
  return JSON.stringify({ ...plan, faults: { ...plan.faults, kinds } }, (_name, value: unknown) =>
    value === undefined ? null : value,
  );
}

/** The plan of a seed with what `text` says instead; throws where that is not a plan. */
export function parsePlan(seed: number, text: string): RunPlan {
  const drawn = drawPlan(seed);
  const given: unknown = JSON.parse(text);
  if (!isRecord(given)) throw new Error("a plan is an object");
  const part = (name: string): Readonly<Record<string, unknown>> => {
    const value = given[name] ?? {};
    if (!isRecord(value)) throw new Error(`${name} is an object`);
    return Object.fromEntries(Object.entries(value).map(([field, of]) => [field, of ?? undefined]));
  };
  const plan = {
    ...drawn,
    ...given,
    shared: { ...drawn.shared, ...part("shared") },
    workload: { ...drawn.workload, ...part("workload") },
    typed: { ...drawn.typed, ...part("typed") },
    faults: {
      ...drawn.faults,
      ...part("faults"),
      kinds: kindsOf(part("faults")["kinds"]) ?? drawn.faults.kinds,
    },
  };
  for (const name of Object.keys(given)) {
    if (!(name in drawn)) throw new Error(`a plan has no "${name}"`);
  }
  return plan;
}

function kindsOf(given: unknown): ReadonlyMap<FaultKind, number> | undefined {
  if (given === undefined) return undefined;
  if (!isRecord(given)) throw new Error("kinds is an object");
  const kinds = new Map<FaultKind, number>();
  for (const [name, meanMs] of Object.entries(given)) {
    const kind = FAULT_KINDS.find((known) => known === name);
    if (kind === undefined || typeof meanMs !== "number")
      throw new Error(`no kind of fault is "${name}"`);
    kinds.set(kind, meanMs);
  }
  return kinds;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
