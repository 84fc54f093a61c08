/** Waiting for a member to go: one line of how far it is, on stderr, whenever that changes. */
import { setTimeout as wait } from "node:timers/promises";
import { CliError } from "./cli-error.ts";
import { askCluster, type ClusterView } from "./cluster-view.ts";
import { NodeClient } from "./node-client.ts";
import { grouped, remark } from "./output.ts";

const POLL_MS = 250;

/** What a node that asks the others shows of a departure (docs/http.md). */
export function departureLine({ gauges }: ClusterView): string {
  const amount = (name: string): number => gauges[name] ?? 0;
  const parts = [
    `${grouped(amount("cells"))} cells held`,
    `${amount("departure-members-not-equal")} members to exchange with`,
    `${amount("departure-members-not-filled")} not yet filled`,
  ];
  const toExchange = amount("slots-to-exchange");
  if (toExchange > 0) parts.push(`${grouped(toExchange)} slots to exchange`);
  const foreign = amount("foreign-slots");
  if (foreign > 0) parts.push(`${grouped(foreign)} slots to hand over`);
  return parts.join(", ");
}

/** Follows one member until `isOver` says so of its view; `undefined` when the node answers no more. */
export async function follow(
  client: NodeClient,
  isOver: (view: ClusterView) => boolean,
  isQuiet: boolean,
): Promise<ClusterView | undefined> {
  let said = "";
  for (;;) {
    const view = await viewOf(client);
    if (view === undefined || isOver(view)) return view;
    const line = departureLine(view);
    if (line !== said && !isQuiet) remark(line);
    said = line;
    await wait(POLL_MS);
  }
}

/** What some other member has decided about a node, as far as one of them answers. */
export async function intentSeenBy(view: ClusterView, id: string): Promise<string | undefined> {
  for (const { id: other, httpAddress, intent } of view.members) {
    if (other === id || httpAddress === "" || intent !== "active") continue;
    const client = new NodeClient(httpAddress);
    try {
      const seen = await viewOf(client);
      const member = seen?.members.find((candidate) => candidate.id === id);
      if (member !== undefined) return member.intent;
    } finally {
      client.close();
    }
  }
  return undefined;
}

async function viewOf(client: NodeClient): Promise<ClusterView | undefined> {
  try {
    return await askCluster(client);
  } catch (error) {
    if (error instanceof CliError && (error.code === "no-node" || error.code === "no-answer"))
      return undefined;
    throw error;
  }
}
