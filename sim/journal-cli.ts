/** Runs of the journal alone: `node sim/journal-cli.ts --seeds 10000 [--from 1]`; `--seed N` for one. */
import { runJournal } from "./journal-run.ts";
import { runSeeds } from "./seed-runs.ts";

await runSeeds(runJournal);
