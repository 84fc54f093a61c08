/** `dnd join HOST:PORT`: a new node of an existing cluster. The same as `dnd start --peers HOST:PORT`. */
import type { Command } from "commander";
import { addNodeFlags, type NodeFlags } from "../node-flags.ts";
import { start } from "./start.ts";

export function addJoin(program: Command): void {
  const command = program
    .command("join")
    .argument("<peer>", "any member, host:port of its peer port")
    .description("run a node that joins a cluster through any of its members");
  addNodeFlags(command, "one").action(join);
}

async function join(peer: string, flags: NodeFlags): Promise<void> {
  const peers = typeof flags["peers"] === "string" ? `${peer},${flags["peers"]}` : peer;
  await start({ ...flags, peers });
}
