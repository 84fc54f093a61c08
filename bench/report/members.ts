/** What `npm run bench:members` has found last, for the report. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Curve, lineChart } from "./line-chart.ts";

export const MEMBERS_PATH: string = fileURLToPath(
  new URL("../results/members.json", import.meta.url),
);
const BYTES_PER_MIB = 1_024 ** 2;

/** At one number of members. */
export interface MembersRow {
  readonly size: number;
  /** Datagrams a node sends at rest. */
  readonly gossipBytesPerSecond: number;
  /** Full states a node sends at rest, asked for or asking. */
  readonly stateBytesPerSecond: number;
  /** Virtual milliseconds until every member knows. */
  readonly joinMs: number;
  readonly deathMs: number;
  /** Of one node's view of all members. */
  readonly membershipBytes: number;
  /** Real time to make a placement and ask it for every slot, and what it then holds. */
  readonly placementMs: number;
  readonly placementBytes: number;
}

/** Nothing where it was never run. */
export function readMembers(): MembersRow[] {
  try {
    return JSON.parse(readFileSync(MEMBERS_PATH, "utf8")) as MembersRow[];
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

export function membersCharts(rows: readonly MembersRow[]): string[] {
  const curve = (label: string, of: (row: MembersRow) => number, isDashed = false): Curve => ({
    label,
    isDashed,
    points: rows.map((row) => ({ x: row.size, y: of(row) })),
  });
  const axes = { xTitle: "members", isXLogarithmic: true };
  return [
    lineChart({
      ...axes,
      title: "sent at rest, bytes/s a node",
      curves: [
        curve("gossip", (row) => row.gossipBytesPerSecond),
        curve("full states", (row) => row.stateBytesPerSecond, true),
      ],
    }),
    lineChart({
      ...axes,
      title: "until all know, ms",
      curves: [curve("a death", (row) => row.deathMs), curve("a join", (row) => row.joinMs, true)],
    }),
    lineChart({
      ...axes,
      title: "making a placement, ms",
      curves: [curve("all slots", (row) => row.placementMs)],
    }),
    lineChart({
      ...axes,
      title: "memory of one node, MiB",
      curves: [
        curve("placement", (row) => row.placementBytes / BYTES_PER_MIB),
        curve("membership", (row) => row.membershipBytes / BYTES_PER_MIB, true),
      ],
    }),
  ].filter(Boolean);
}
