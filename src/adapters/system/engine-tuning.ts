/** Settings of the engine for a process that is a node and nothing else; whoever embeds a node has settings of their own. */
import { setFlagsFromString } from "node:v8";

/**
 * What a program that becomes a node is started with: half of the room for new objects that the engine would take (docs/performance.md).
 * `bin/dnd`, which old Nodes read, has the same.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=32"];

/**
 * Settings that can still be changed in a process that runs; to be called before much is allocated or compiled. A runtime that does not
 * know one says so on its standard error, and goes on.
 *
 * - Buffers outside the heap count with the heap when a full collection is due, instead of by themselves. Values of 64 KiB pass through
 *   some ten buffers on three nodes, and every 64 MB of those began a full collection of each: six a second, of 15 ms each.
 * - Nothing is allocated among what is old. Where most of what a literal made had outlived a few collections, the engine makes the next
 *   ones old from the beginning: requests under way are that while the room for new objects is still small. They die as quickly as
 *   before, but what they point to is kept, copied twice, and thrown away by full collections only (decision 0033).
 * - The compiler takes more of the functions that one calls into it, 2 500 bytes of bytecode instead of 920: the way of a request is many
 *   short functions, and what passes between those in one piece of code need not be made as objects (decision 0034).
 */
export function tuneEngine(): void {
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  setFlagsFromString("--no-allocation-site-pretenuring");
  setFlagsFromString("--max-inlined-bytecode-size-cumulative=2500");
}
