/** `dnd status`: the cluster as one node sees it. */
import type { Command } from "commander";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { askCluster } from "../cluster-view.ts";
import { printJson, printPainted, readable } from "../output.ts";
import { paintFor } from "../paint.ts";
import { statusLines } from "../status-text.ts";

interface StatusFlags extends ClientFlags {
  readonly all?: boolean;
}

export function addStatus(program: Command): void {
  const command = program
    .command("status")
    .description("show the cluster as a node sees it: members, slots, what waits")
    .option("-a, --all", "and every count since the node started");
  addClientFlags(command).action(status);
}

async function status(flags: StatusFlags): Promise<void> {
  const view = await withClient(flags, askCluster);
  if (flags.json === true) {
    printJson(view);
    return;
  }
  const { slotHealths } = await import("../slot-health.ts");
  const lines = statusLines({
    view: readable(view),
    healths: slotHealths(view),
    paint: paintFor(process.stdout),
    withAmounts: flags.all === true,
  });
  printPainted(...lines);
}
