/**
 * Loaded before a node's own sources (`node --import`): plants one of the simulator's bugs in a real process. The control:
 * a checker of real histories that never caught a real process at fault would prove nothing.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { MUTANTS } from "../../../sim/mutants/catalogue.ts";
import { plant } from "../../../sim/mutants/mutant.ts";

const ROOT = new URL("../../../", import.meta.url);
const name = process.env["DND_PLANTED_BUG"];
const mutant = MUTANTS.find((candidate) => candidate.name === name);
if (mutant === undefined) throw new Error(`no planted bug is called ${name}`);
const target = new URL(mutant.file, ROOT).href;

registerHooks({
  load(url, context, nextLoad) {
    if (url !== target) return nextLoad(url, context);
    const source = plant(mutant, readFileSync(fileURLToPath(url), "utf8"));
    return { format: "module-typescript", source, shortCircuit: true };
  },
});
