/**
 * `npm run sim`: runs seeds and says what broke and how to see it again.
 *
 *   --seeds N     how many (default 20)      --from N      the first (default 1)
 *   --seed N      just this one; SEED=N too  --seconds S   start no new one after S seconds
 *   --trace       one line an event          --key K, --node I   only lines about these
 *   --jobs J      processes (default: one per core, for more than a few seeds)
 *   --plan JSON   instead of what the seed draws; what it leaves out is drawn
 *   --shrink      with --seed: cuts a failing run down, and prints how to repeat what is left
 *   --double      runs each seed twice: both must have the same trace (I15)
 *   --lying-disks the control: disks that say synced and are not; must end in violations
 */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeFrame } from "./frame-text.ts";
import { parsePlan, planText } from "./plan-text.ts";
import { type RunReport, run } from "./run.ts";
import { drawPlan, type RunPlan } from "./run-plan.ts";
import { shrink } from "./shrink.ts";
import { makeStoreNode } from "./store-node-factory.ts";
import { Totals } from "./totals.ts";
import type { TraceSink } from "./trace.ts";

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    seed: { type: "string" },
    from: { type: "string", default: "1" },
    seconds: { type: "string" },
    trace: { type: "boolean", default: false },
    key: { type: "string" },
    node: { type: "string" },
    jobs: { type: "string" },
    plan: { type: "string" },
    shrink: { type: "boolean", default: false },
    double: { type: "boolean", default: false },
    "lying-disks": { type: "boolean", default: false },
    worker: { type: "boolean", default: false },
  },
});

/** Violations shown of one seed. */
const SHOWN_MAX = 8;
/** With fewer seeds than this a second process costs more than it brings. */
const SEEDS_FOR_JOBS = 4;

function number(text: string, name: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} takes a whole number, not "${text}"\n`);
  return process.exit(2);
}

const sink: TraceSink = (line, node, key) => {
  if (flags.key !== undefined && key !== flags.key) return;
  if (flags.node !== undefined && node !== Number(flags.node)) return;
  process.stdout.write(`${line}\n`);
};

function planOf(seed: number): RunPlan {
  if (flags.plan === undefined) return drawPlan(seed);
  try {
    return parsePlan(seed, flags.plan);
  } catch (error) {
    process.stderr.write(`--plan: ${error instanceof Error ? error.message : String(error)}\n`);
    return process.exit(2);
  }
}

function runSeed(seed: number): RunReport {
  const options = {
    seed,
    makeNode: makeStoreNode,
    hasLyingDisks: flags["lying-disks"],
    plan: planOf(seed),
  };
  const report = run({ ...options, ...(flags.trace ? { sink, describeFrame } : {}) });
  if (!flags.double) return report;
  const { hash } = run(options);
  if (hash === report.hash) return report;
  const detail = `the trace is ${report.hash} once and ${hash} the other time`;
  return { ...report, violations: [...report.violations, { invariant: "I15", detail }] };
}

function shrinkSeed(seed: number): number {
  const makeNode = makeStoreNode;
  const hasLyingDisks = flags["lying-disks"];
  const shrunk = shrink(
    { seed, plan: planOf(seed) },
    {
      run: (failing) => run({ ...failing, makeNode, hasLyingDisks }),
      onCut: (what) => process.stdout.write(`  without ${what}\n`),
    },
  );
  if (shrunk === undefined) {
    process.stdout.write(`seed ${seed} does not fail\n`);
    return 0;
  }
  tell(shrunk.report);
  const { plan, invariant, runs } = shrunk;
  const control = hasLyingDisks ? " --lying-disks" : "";
  process.stdout.write(
    `${invariant} still fails after ${runs} runs, with ${plan.machines} nodes, ${shrunk.report.operations} operations and ${plan.faultMs} ms of ${[...plan.faults.kinds.keys()].join(", ") || "no faults"}:\n` +
      `npm run sim -- --seed ${shrunk.seed}${control} --plan '${planText(plan)}'\n`,
  );
  return 1;
}

function tell(report: RunReport): void {
  if (report.violations.length === 0) return;
  process.stdout.write(`seed ${report.seed}: ${report.violations.length} violations\n`);
  for (const { invariant, detail } of report.violations.slice(0, SHOWN_MAX)) {
    process.stdout.write(`  ${invariant}: ${detail}\n`);
  }
  const control =
    (flags["lying-disks"] ? " --lying-disks" : "") +
    (flags.plan === undefined ? "" : ` --plan '${flags.plan}'`);
  const keys = new Set(report.violations.map(({ key }) => key).filter((key) => key !== undefined));
  const [key] = keys;
  const only = key === undefined ? "" : ` --key '${key}'`;
  process.stdout.write(`  again: npm run sim -- --seed ${report.seed} --trace${control}${only}\n`);
}

/** Deals seeds to child processes, one at a time each. */
async function runMany(
  seeds: Iterator<number>,
  jobs: number,
  onReport: (report: RunReport) => void,
): Promise<void> {
  const told = [
    ...(flags["lying-disks"] ? ["--lying-disks"] : []),
    ...(flags.double ? ["--double"] : []),
    ...(flags.plan === undefined ? [] : ["--plan", flags.plan]),
  ];
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), ["--worker", ...told], {
        serialization: "advanced",
      });
      const deal = (): void => {
        const next = seeds.next();
        if (next.done === true) child.disconnect();
        else child.send(next.value);
      };
      child.on("message", (report) => {
        onReport(report as RunReport);
        deal();
      });
      child.on("error", reject);
      child.on("exit", (code) =>
        code === 0 ? resolve() : reject(new Error(`a worker exited with ${code}`)),
      );
      deal();
    });
  await Promise.all(Array.from({ length: jobs }, one));
}

async function main(): Promise<number> {
  const single = flags.seed ?? process.env["SEED"];
  const from = number(single ?? flags.from, single === undefined ? "from" : "seed");
  if (flags.shrink) return shrinkSeed(from);
  const count = single === undefined ? number(flags.seeds, "seeds") : 1;
  const budgetMs =
    flags.seconds === undefined
      ? Number.POSITIVE_INFINITY
      : number(flags.seconds, "seconds") * 1_000;
  const beganMs = performance.now();
  const totals = new Totals();
  const onReport = (report: RunReport): void => {
    totals.add(report);
    tell(report);
  };
  function* seeds(): Generator<number> {
    for (let index = 0; index < count; index += 1) {
      if (performance.now() - beganMs > budgetMs) return;
      yield from + index;
    }
  }
  const jobs =
    flags.jobs === undefined ? availableParallelism() : Math.max(1, number(flags.jobs, "jobs"));
  if (count < SEEDS_FOR_JOBS || jobs === 1 || flags.trace) {
    for (const seed of seeds()) onReport(runSeed(seed));
  } else {
    await runMany(seeds(), jobs, onReport);
  }
  process.stdout.write(`${totals.text(performance.now() - beganMs)}\n`);
  if (flags.double) process.stdout.write(`${totals.seeds} double runs\n`);
  return totals.failed.length > 0 ? 1 : 0;
}

if (flags.worker) {
  process.on("message", (seed) => process.send?.(runSeed(Number(seed))));
} else {
  process.exitCode = await main();
}
