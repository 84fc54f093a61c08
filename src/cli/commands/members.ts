/** `dnd members`: who belongs to the cluster, and who answers. */
import type { Command } from "commander";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { askCluster, MEMBER_HEADINGS, memberRow } from "../cluster-view.ts";
import { printJson, printPainted, table } from "../output.ts";

export function addMembers(program: Command): void {
  const command = program
    .command("members")
    .description("list the members; * is the node that was asked");
  addClientFlags(command).action(members);
}

async function members(flags: ClientFlags): Promise<void> {
  const view = await withClient(flags, askCluster);
  if (flags.json === true) {
    for (const member of view.members) printJson(member);
    return;
  }
  printPainted(
    table(
      MEMBER_HEADINGS,
      view.members.map((member) => memberRow(member, view.node)),
    ),
  );
}
