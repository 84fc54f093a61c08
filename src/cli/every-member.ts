/** Asks each member of a cluster what it sees and counts, all at once, and how far its clock is from this machine's. */
import { CliError } from "./cli-error.ts";
import { askCluster, type ClusterMember, type ClusterView } from "./cluster-view.ts";
import { MetricTable } from "./metric-table.ts";
import { NodeClient } from "./node-client.ts";
import { readable } from "./output.ts";

/** What one member says of itself. */
export interface MemberAnswer {
  /** Strings in it are printable. */
  readonly view: ClusterView;
  readonly metrics: MetricTable;
  /** When its metrics came, on this process's monotonic clock. */
  readonly atMs: number;
  /** Its wall clock less this machine's, give or take `uncertaintyMs`. */
  readonly offsetMs: number;
  readonly uncertaintyMs: number;
}

export interface MemberReport {
  readonly member: ClusterMember;
  /** Or why there is no answer. */
  readonly answer: MemberAnswer | string;
}

/** A member that is silent for so long is taken for one that does not answer. */
const SILENCE_MS_MAX = 5_000;

/** Whether it belongs to the cluster still. */
export function isPresent({ intent }: ClusterMember): boolean {
  return intent !== "left" && intent !== "removed";
}

/** One report for each member that belongs here, in order of id. */
export async function askEveryMember(view: ClusterView): Promise<readonly MemberReport[]> {
  const members = readable(view.members.filter(isPresent));
  return await Promise.all(
    members.map(async (member) => ({ member, answer: await askMember(member) })),
  );
}

async function askMember({ httpAddress }: ClusterMember): Promise<MemberAnswer | string> {
  if (httpAddress === "") return "it has no HTTP port";
  let client: NodeClient | undefined;
  try {
    client = new NodeClient(httpAddress, SILENCE_MS_MAX);
    const view = readable(await askCluster(client));
    // Over a connection that stands, so that the time is that of one exchange.
    const startMs = performance.now();
    const startWallMs = Date.now();
    const { body } = await client.ask({ method: "GET", target: "/metrics" });
    const atMs = performance.now();
    const metrics = new MetricTable(body.toString("utf8"));
    const uncertaintyMs = (atMs - startMs) / 2;
    const theirsMs = 1_000 * (metrics.sum("dnd_time_seconds") ?? Number.NaN);
    return { view, metrics, atMs, offsetMs: theirsMs - startWallMs - uncertaintyMs, uncertaintyMs };
  } catch (error) {
    if (error instanceof CliError) return error.message;
    // A node of ours says nothing that cannot be read: something else listens there.
    if (error instanceof SyntaxError || error instanceof TypeError) return "it is no node of dnd";
    throw error;
  } finally {
    client?.close();
  }
}
