/** `dnd start`: the first node of a cluster, or a known one again. */
import type { Command } from "commander";
import { addNodeFlags, type NodeFlags } from "../node-flags.ts";

export function addStart(program: Command): void {
  const command = program
    .command("start")
    .description("run a node: the first of a new cluster, or one that has data already");
  addNodeFlags(command, "one").action(start);
}

export async function start(flags: NodeFlags): Promise<void> {
  const { resolveSettings } = await import("../settings.ts");
  const settings = await resolveSettings(flags);
  const { runNode } = await import("../run-node.ts");
  await runNode(settings);
}
