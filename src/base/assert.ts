/**
 * Assertions for our own mistakes. They stay on in production: a node that continues after one of its
 * invariants broke would spread the damage to its peers, a node that stops is repaired by them.
 */

/** Thrown only for bugs of this code base; nothing catches it, the process ends. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stops the process when `condition` does not hold; `claim` reads as the thing that should be true. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionError(`assertion failed: ${claim}`);
}

/** Ends a `switch` over a union: the compiler refuses a missing branch, the assertion an impossible value. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable variant: ${JSON.stringify(value)}`);
}
