/** `dnd status`: the cluster as one node sees it. */
import type { Command } from "commander";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { askCluster, MEMBER_HEADINGS, memberRow } from "../cluster-view.ts";
import { bold, grouped, printJson, printLine, table } from "../output.ts";

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
  const shared = Object.entries(view.shared).map(([name, value]) => `${name} ${value}`);
  printLine(`node     ${view.node}, ${view.phase}, peers at ${view.address}`);
  printLine(`cluster  ${view.cluster ?? "none yet"}, epoch ${view.epoch}`);
  printLine(`shared   ${shared.join(", ")}`);
  printLine("");
  printLine(
    table(
      MEMBER_HEADINGS,
      view.members.map((member) => memberRow(member, view.node)),
    ),
  );
  printAmounts("now", view.gauges);
  printAmounts("since start", view.counters);
}

/** What is zero is left out: what has happened is what matters. */
function printAmounts(title: string, amounts: Readonly<Record<string, number>>): void {
  const shown = Object.entries(amounts).filter(([, amount]) => amount !== 0);
  if (shown.length === 0) return;
  printLine("");
  printLine(bold(title));
  const width = Math.max(...shown.map(([name]) => name.length));
  for (const [name, amount] of shown) printLine(`  ${name.padEnd(width)}  ${grouped(amount)}`);
}
