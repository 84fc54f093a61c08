/** Loads nothing else: the runner of planted bugs needs it before any source of a node may be loaded. */
import type { FaultKind } from "./fault-plan.ts";

/** Kinds of faults that destroy copies, as no planned change may. */
export const DESTROYING_KINDS: readonly FaultKind[] = [
  "remove",
  "wipe",
  "bit-rot",
  "bit-rot-facts",
  "old-copy",
];
