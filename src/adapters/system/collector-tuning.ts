/** Settings of the engine's collector, for a process that is a node and nothing else; whoever embeds a node has settings of their own. */
import { setFlagsFromString } from "node:v8";

/**
 * What a program that becomes a node is started with: half of the room for new objects that the engine would take (docs/performance.md).
 * `bin/dnd`, which old Nodes read, has the same.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=32"];

/**
 * Has buffers outside the heap count with the heap when a full collection is due, instead of by themselves. Values of 64 KiB pass
 * through some ten buffers on three nodes, and every 64 MB of those began a full collection of each: six a second, of 15 ms each. To be
 * called before much is allocated. A runtime that does not know the setting says so on its standard error, and goes on.
 */
export function tuneCollector(): void {
  setFlagsFromString("--external-memory-accounted-in-global-limit");
}
