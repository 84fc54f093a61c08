/** `dnd remove NODE`: takes out a dead member that will not come back. */
import type { Command } from "commander";
import { failure, usageError } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { askCluster, type ClusterMember, type ClusterView } from "../cluster-view.ts";
import { follow } from "../departure.ts";
import { type NodeClient, query } from "../node-client.ts";
import { printJson, printLine } from "../output.ts";

export function addRemove(program: Command): void {
  const command = program
    .command("remove <node>")
    .description("remove a dead member that will not come back: id, beginning of it, or address");
  addClientFlags(command).action(remove);
}

async function remove(name: string, flags: ClientFlags): Promise<void> {
  const node = await withClient(flags, (client) =>
    removeAndWait(client, name, flags.json === true),
  );
  if (flags.json === true) printJson({ node, intent: "removed" });
  else printLine(`node ${node} is removed`);
}

async function removeAndWait(client: NodeClient, name: string, isQuiet: boolean): Promise<string> {
  const { id } = chooseMember(await askCluster(client), name);
  await client.ask({ method: "POST", target: `/cluster/remove?${query({ node: id })}` });
  const isOver = (view: ClusterView): boolean => {
    const intent = view.members.find((member) => member.id === id)?.intent;
    return intent === "removed" || intent === "left" || intent === undefined;
  };
  const view = await follow(client, isOver, isQuiet);
  if (view !== undefined) return id;
  throw failure("no-answer", `the connection to ${client.url} was lost; the removal may go on`);
}

/** By id, by the beginning of an id that no other has, or by an address. */
function chooseMember({ members }: ClusterView, name: string): ClusterMember {
  const exact = members.filter(
    ({ id, address, httpAddress }) => id === name || address === name || httpAddress === name,
  );
  const meant = exact.length > 0 ? exact : members.filter(({ id }) => id.startsWith(name));
  // An address outlives its nodes: of those who had it, only one can still be removed.
  const present = meant.filter(({ intent }) => intent !== "left" && intent !== "removed");
  const [member, another] = present.length > 0 ? present : meant;
  if (member === undefined)
    throw usageError(`no member is named by "${name}"`, "see `dnd members`");
  if (another !== undefined) {
    throw usageError(`"${name}" could be ${member.id} or ${another.id}`, "give more of the id");
  }
  return member;
}
