/** Runs seeds of one simulation by the flags of a command line: `--seeds N [--from 1]`, or `--seed N` for one. */
import { parseArgs } from "node:util";

interface SeededRun {
  readonly violations: readonly string[];
  /** What was reached, how often. */
  readonly probes: object;
}

/** Prints what is violated and what was reached; ends the process with 1 where anything was violated. */
export async function runSeeds(
  run: (seed: number) => SeededRun | Promise<SeededRun>,
): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
    },
  });
  const first = Number(flags.seed ?? flags.from);
  const count = flags.seed === undefined ? Number(flags.seeds) : 1;
  const totals = new Map<string, number>();
  let violated = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const { violations, probes } = await run(seed);
    if (violations.length > 0) violated += 1;
    for (const violation of violations) process.stdout.write(`seed ${seed}: ${violation}\n`);
    for (const [name, reached] of Object.entries(probes) as [string, number][]) {
      totals.set(name, (totals.get(name) ?? 0) + reached);
    }
  }
  const reached = [...totals].map(([name, number]) => `${name} ${number}`);
  process.stdout.write(`${count} seeds, ${violated} with violations; ${reached.join(", ")}\n`);
  process.exitCode = violated > 0 ? 1 : 0;
}
