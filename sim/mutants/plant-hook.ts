/**
 * Loaded before any source (`node --import`): plants the bug that DND_PLANTED_BUG names, in a real node or under a test. The
 * control: a check that never went red at a fault would prove nothing.
 */
import { MUTANTS } from "./catalogue.ts";
import { plantAtLoad } from "./plant-at-load.ts";

const name = process.env["DND_PLANTED_BUG"];
const mutant = MUTANTS.find((candidate) => candidate.name === name);
if (mutant === undefined) throw new Error(`no planted bug is called ${name}`);
plantAtLoad(mutant);
