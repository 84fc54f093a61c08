/** All planted bugs. Those that no invariant can see are argued in docs/reliability.md, and not kept here. */
import { COLLECTING } from "./collecting.ts";
import { CONVERGING } from "./converging.ts";
import { JOURNALING } from "./journaling.ts";
import type { Mutant } from "./mutant.ts";
import { REPLICATING } from "./replicating.ts";
import { SEPARATING } from "./separating.ts";
import { STORING } from "./storing.ts";
import { TYPING } from "./typing.ts";

export const MUTANTS: readonly Mutant[] = [
  ...STORING,
  ...REPLICATING,
  ...CONVERGING,
  ...COLLECTING,
  ...TYPING,
  ...JOURNALING,
  ...SEPARATING,
];
