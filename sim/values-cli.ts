/** Runs of the values that are kept apart: `node sim/values-cli.ts --seeds 10000 [--from 1]`; `--seed N` for one. */
import { parseArgs } from "node:util";
import { runValues, type ValuesProbes } from "./values-run.ts";

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
  },
});
const first = Number(flags.seed ?? flags.from);
const count = flags.seed === undefined ? Number(flags.seeds) : 1;
const totals: Partial<Record<keyof ValuesProbes, number>> = {};
let violated = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const { violations, probes } = runValues(seed);
  if (violations.length > 0) violated += 1;
  for (const violation of violations) process.stdout.write(`seed ${seed}: ${violation}\n`);
  for (const [name, reached] of Object.entries(probes) as [keyof ValuesProbes, number][]) {
    totals[name] = (totals[name] ?? 0) + reached;
  }
}
const reached = Object.entries(totals).map(([name, number]) => `${name} ${number}`);
process.stdout.write(`${count} seeds, ${violated} with violations; ${reached.join(", ")}\n`);
process.exitCode = violated > 0 ? 1 : 0;
