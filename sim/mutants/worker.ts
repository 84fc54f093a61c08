/**
 * Child process of the mutant runner: loads the simulator and the node with one planted bug, then runs the seeds it is
 * sent. Without a name it runs the clean code: the control.
 *
 * The bug is planted by a module hook, which must stand before the first source is loaded: hence the dynamic imports.
 */
import { MUTANTS } from "./catalogue.ts";
import { canShow } from "./mutant.ts";
import { plantAtLoad } from "./plant-at-load.ts";

/** What a run of one seed found. */
export interface SeedResult {
  readonly seed: number;
  /** The run has nothing that the bug needs: it was not begun. */
  readonly isPassedOver: boolean;
  /** Of each violation; `assert` is a node that stopped itself. */
  readonly invariants: readonly string[];
  readonly detail: string;
}

const name = process.argv[2];
const mutant = MUTANTS.find((candidate) => candidate.name === name);
if (name !== undefined && mutant === undefined) throw new Error(`no mutant is called ${name}`);
const isPlanted = mutant === undefined ? () => true : plantAtLoad(mutant);
const { run } = await import("../run.ts");
const { drawPlan } = await import("../run-plan.ts");
const { makeStoreNode } = await import("../store-node-factory.ts");
if (!isPlanted()) throw new Error(`${name}: ${mutant?.file} was never loaded`);

process.on("message", (message) => {
  if (mutant !== undefined && !canShow(mutant, drawPlan(Number(message)))) {
    process.send?.({ seed: Number(message), isPassedOver: true, invariants: [], detail: "" });
    return;
  }
  const { violations } = run({ seed: Number(message), makeNode: makeStoreNode });
  const invariants = [...new Set(violations.map(({ invariant }) => invariant))];
  // What an invariant reports says more than that a node stopped.
  const first = violations.find(({ invariant }) => invariant !== "assert") ?? violations[0];
  const detail = first === undefined ? "" : `${first.invariant}: ${first.detail}`;
  const result: SeedResult = { seed: Number(message), isPassedOver: false, invariants, detail };
  process.send?.(result);
});
