/** Waiting for a member to go: a line of how far it is, on stderr. */
import { setTimeout as wait } from "node:timers/promises";
import { CliError } from "./cli-error.ts";
import { askCluster, type ClusterView } from "./cluster-view.ts";
import { NodeClient } from "./node-client.ts";
import { grouped } from "./output.ts";
import { ProgressLine } from "./progress.ts";

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
  const line = new ProgressLine();
  let most: ClusterView | undefined;
  try {
    for (;;) {
      const view = await viewOf(client);
      if (view === undefined || isOver(view)) return view;
      most = most === undefined || slotsLeft(view) > slotsLeft(most) ? view : most;
      if (!isQuiet) line.show(departureLine(view), departureFraction(view, slotsLeft(most)));
      await wait(POLL_MS);
    }
  } finally {
    if (!isQuiet) line.end();
  }
}

/** How far a departure is: half of it slots that the node asked has still to move, half members that are not yet filled. */
export function departureFraction(view: ClusterView, slotsMost: number): number {
  const staying = view.members.filter(({ intent }) => intent === "active").length;
  const filled = staying - (view.gauges["departure-members-not-filled"] ?? 0);
  const ofMembers = staying === 0 ? 0 : Math.max(0, filled / staying);
  const ofSlots = slotsMost === 0 ? 0 : 1 - slotsLeft(view) / slotsMost;
  return (ofMembers + ofSlots) / 2;
}

function slotsLeft({ gauges }: ClusterView): number {
  return (gauges["slots-to-exchange"] ?? 0) + (gauges["foreign-slots"] ?? 0);
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
