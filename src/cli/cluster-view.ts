/** The parts of `GET /cluster` that the command line shows (docs/http.md). */
import type { NodeClient } from "./node-client.ts";

export interface ClusterMember {
  readonly id: string;
  readonly address: string;
  readonly httpAddress: string;
  readonly redisAddress?: string;
  readonly intent: string;
  readonly liveness: string;
  readonly zone: string;
  readonly weight: number;
  readonly firstSlots: number;
  readonly primarySlots: number;
  readonly dirtySlots: number;
  readonly foreignSlots: number;
}

export interface ClusterView {
  readonly node: string;
  readonly cluster: string | null;
  readonly phase: string;
  readonly epoch: string;
  readonly address: string;
  readonly httpAddress: string;
  readonly shared: Readonly<Record<string, number | string>>;
  readonly members: readonly ClusterMember[];
  readonly counters: Readonly<Record<string, number>>;
  readonly collection: {
    readonly slotsDue: number;
    readonly reason: string | null;
    readonly heldBy: string | null;
  };
  readonly gauges: Readonly<Record<string, number>>;
}

export function askCluster(client: NodeClient): Promise<ClusterView> {
  return client.askJson<ClusterView>("/cluster");
}

/** Members of a table row each. */
export function memberRow(member: ClusterMember, self: string): readonly string[] {
  return [
    member.id === self ? `${member.id} *` : member.id,
    member.address,
    member.httpAddress === "" ? "-" : member.httpAddress,
    member.intent,
    member.liveness,
    member.zone === "" ? "-" : member.zone,
    String(member.weight),
    String(member.firstSlots),
    String(member.primarySlots),
    String(member.dirtySlots),
  ];
}

export const MEMBER_HEADINGS = [
  "NODE",
  "PEERS",
  "HTTP",
  "INTENT",
  "LIVENESS",
  "ZONE",
  "WEIGHT",
  "FIRST",
  "COPIES",
  "DIRTY",
];
