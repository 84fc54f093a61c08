/** Which rows a run measures, how often and how long, and how long that takes in all. */
import type { SystemName } from "../systems/system.ts";
import type { Group, Row, Tier } from "./row.ts";

export interface RunOptions {
  readonly tier: Tier;
  readonly rounds: number;
  /** Of a turn: one row, one system, one round. */
  readonly ms: number;
  readonly keyCount: number;
  /** Row or group names, with `*` for any text; several with commas. Whatever tier they are of. */
  readonly only: string | undefined;
  /** Generator processes to begin with. */
  readonly generators: number;
}

/** Between turns: connecting, reading counters. */
const TURN_OVERHEAD_MS = 200;
/**
 * Engines compile what is hot for about their first ten seconds of load, our generators' and ours (Redis and etcd have no need of it, and
 * get the same): rows of one system share this much before the first round.
 */
const SYSTEM_WARM_UP_MS = 8_000;
/** Long enough to tell a generator that needs help from one that does not. */
const WARM_UP_MS_MIN = 500;
/** Beside the rounds of a row at one system: counting its calls of fdatasync. */
const SYNC_COUNT_MS = 1_200;
const CALIBRATION_MS = 900;
/** Starting and ending the systems of a group. */
const GROUP_OVERHEAD_MS = 6_000;
const MS_PER_KEY_FILLED = 0.08;

const TIERS: readonly Tier[] = ["quick", "default", "full"];

export function select(groups: readonly Group[], { tier, only }: RunOptions): Group[] {
  return groups.flatMap((group) => {
    const chosen = group.rows.filter((row) =>
      only === undefined ? isIn(row.tier, tier) : isNamed(row, only),
    );
    const needed = new Set(chosen.flatMap(({ rateOf }) => rateOf?.row ?? []));
    const rows = group.rows.filter((row) => chosen.includes(row) || needed.has(row.name));
    return rows.length === 0 ? [] : [{ ...group, rows }];
  });
}

function isIn(of: Tier, run: Tier): boolean {
  return TIERS.indexOf(of) <= TIERS.indexOf(run);
}

function isNamed({ name, group }: Row, only: string): boolean {
  return only.split(",").some((pattern) => pattern === group || matches(name, pattern));
}

/** `*` is any text, slashes too. */
export function matches(name: string, pattern: string): boolean {
  const escaped = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`).test(name);
}

/** How long each row of a stage is run at `system` before its rounds, in milliseconds. */
export function warmUpMs(rows: readonly Row[], system: SystemName, { tier }: RunOptions): number {
  if (tier === "quick") return WARM_UP_MS_MIN;
  const sides = rows.flatMap((row) => row.sides).filter((side) => side.system === system).length;
  return Math.max(WARM_UP_MS_MIN, SYSTEM_WARM_UP_MS / Math.max(1, sides));
}

/** About: machines differ, and filling is what differs most. */
export function estimatedMs(groups: readonly Group[], options: RunOptions): number {
  const { rounds, ms } = options;
  let total = 0;
  for (const { rows } of groups) {
    const stages = new Set(rows.map(({ stage }) => stage)).size;
    total += GROUP_OVERHEAD_MS + stages * rounds * CALIBRATION_MS;
    const systems = new Set(rows.flatMap(({ sides }) => sides.map(({ system }) => system)));
    const prefixes = new Map(rows.map(({ load }) => [load.prefix, load.keyCount]));
    for (const keys of prefixes.values()) total += keys * systems.size * MS_PER_KEY_FILLED;
    for (const { sides, isSynced, stage } of rows) {
      const ofStage = rows.filter((row) => row.stage === stage);
      const turnsMs = rounds * (ms + TURN_OVERHEAD_MS) + (isSynced ? SYNC_COUNT_MS : 0);
      for (const { system } of sides) {
        total += turnsMs + warmUpMs(ofStage, system, options) + TURN_OVERHEAD_MS;
      }
    }
  }
  return total;
}
