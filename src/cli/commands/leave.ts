/** `dnd leave`: a node hands its data on, leaves its cluster and ends. */
import type { Command } from "commander";
import { failure } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import type { ClusterView } from "../cluster-view.ts";
import { follow, intentSeenBy } from "../departure.ts";
import type { NodeClient } from "../node-client.ts";
import { printJson, printLine } from "../output.ts";

export function addLeave(program: Command): void {
  const command = program
    .command("leave")
    .description("have a node hand its data on, leave the cluster, and end");
  addClientFlags(command).action(leave);
}

async function leave(flags: ClientFlags): Promise<void> {
  const node = await withClient(flags, (client) => leaveAndWait(client, flags.json === true));
  if (flags.json === true) printJson({ node, intent: "left" });
  else printLine(`node ${node} has left`);
}

async function leaveAndWait(client: NodeClient, isQuiet: boolean): Promise<string> {
  const answer = await client.ask({ method: "POST", target: "/cluster/leave" });
  let last = JSON.parse(answer.body.toString("utf8")) as ClusterView;
  const { node } = last;
  await follow(
    client,
    (view) => {
      last = view;
      return view.node !== node;
    },
    isQuiet,
  );
  // It ended. Whether it left, or was cut off before, the others know.
  const intent = await intentSeenBy(last, node);
  if (intent === "left") return node;
  throw failure(
    "not-left",
    `node ${node} ended and is ${intent ?? "not known to anybody who answers"}`,
    "start it again: it goes on leaving; or remove it with `dnd remove`",
  );
}
