/** `dnd status`: the cluster as one node sees it. */
import type { Command } from "commander";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { askCluster } from "../cluster-view.ts";
import { printJson, printLine } from "../output.ts";
import { statusLines } from "../status-text.ts";

export function addStatus(program: Command): void {
  const command = program
    .command("status")
    .description("show the node, its cluster, and what it has done since it started");
  addClientFlags(command).action(status);
}

async function status(flags: ClientFlags): Promise<void> {
  const view = await withClient(flags, askCluster);
  if (flags.json === true) {
    printJson(view);
    return;
  }
  for (const line of statusLines(view)) printLine(line);
}
