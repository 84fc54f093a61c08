/** Runs of the values that are kept apart: `node sim/values-cli.ts --seeds 10000 [--from 1]`; `--seed N` for one. */
import { runSeeds } from "./seed-runs.ts";
import { runValues } from "./values-run.ts";

await runSeeds(runValues);
