/** Turns summed up: medians over rounds, of each row and system. */
import type { Percentiles } from "../load/latencies.ts";
import type { Row } from "../plan/row.ts";
import type { Results } from "../run/results.ts";
import { rateOf, type Turn, voidReason } from "../run/turn.ts";
import { median, spread } from "./statistics.ts";

const MILLION = 1e6;

/** One system in one row. */
export interface Cell {
  readonly row: string;
  readonly group: string;
  readonly label: string;
  /** Requests a second: the median of the rounds, and the extremes. */
  readonly rate: number;
  readonly rateMin: number;
  readonly rateMax: number;
  /** From the lowest to the highest, by the median. */
  readonly spread: number;
  /** The first system's rate by this one's, the median of the rounds' ratios; absent for the first. */
  readonly ratio?: number;
  /** Medians of the rounds' percentiles, in milliseconds. */
  readonly latencyMs: Percentiles;
  /** CPU seconds per million requests, of each process; generators together. */
  readonly cpuPerMillion: readonly { readonly name: string; readonly seconds: number }[];
  readonly generatorCpuPerMillion: number;
  /** Bytes written to disk, by all processes, per byte of keys and values stored; absent where little is stored. */
  readonly writtenPerStored?: number;
  /** Calls of fdatasync per thousand requests, all processes together; absent where not counted. */
  readonly syncsPerThousand?: number;
  readonly loopDelayMsP99?: number;
  /** Of an open loop: the rate asked for. */
  readonly ratePerSecond?: number;
  readonly requests: number;
  readonly failed: number;
  readonly problem?: string;
  /** Why the cell says nothing about the system. */
  readonly voidReason?: string;
}

export function summarize(rows: readonly Row[], results: Results): Cell[] {
  return rows.flatMap((row) => {
    const [first] = row.sides;
    const turnsOf = (label: string): Turn[] =>
      results.turns.filter((turn) => turn.row === row.name && turn.label === label);
    const firstTurns = turnsOf(first?.label ?? "");
    return row.sides.flatMap(({ label }) => {
      const [earliest, ...others] = turnsOf(label);
      if (earliest === undefined) return [];
      const turns = [earliest, ...others] as const;
      const ratio = label === first?.label ? undefined : ratioOf(firstTurns, turns);
      return [cellOf(row, label, turns, ratio, results)];
    });
  });
}

/** Round by round, so that what disturbed a round disturbs both sides of its ratio. */
function ratioOf(turns: readonly Turn[], others: readonly Turn[]): number {
  return median(
    turns.flatMap((turn) => {
      const other = others.find(({ round }) => round === turn.round);
      return other === undefined ? [] : [rateOf(turn) / rateOf(other)];
    }),
  );
}

function cellOf(
  row: Row,
  label: string,
  turns: readonly [Turn, ...(readonly Turn[])],
  ratio: number | undefined,
  results: Results,
): Cell {
  const rates = turns.map(rateOf);
  const middle = (of: (turn: Turn) => number): number => median(turns.map(of));
  const percentiles = turns.map(({ measured }) => measured.latencies.percentiles());
  const stored = turns.reduce((bytes, { measured }) => bytes + measured.bytesStored, 0);
  const written = turns.reduce((bytes, { bytesWritten }) => bytes + bytesWritten, 0);
  const syncs = results.syncs.find((sample) => sample.row === row.name && sample.label === label);
  const problem = turns.find(({ measured }) => measured.problem !== undefined)?.measured.problem;
  // The busiest round counts: noise makes a generator slower, not busier.
  const reason = voidReason(Math.max(...turns.map(({ generatorShare }) => generatorShare)));
  const [first] = turns;
  const { cpuSeconds, loopDelayMsP99, ratePerSecond } = first;
  return {
    row: row.name,
    group: row.group,
    label,
    rate: median(rates),
    rateMin: Math.min(...rates),
    rateMax: Math.max(...rates),
    spread: spread(rates),
    ...(ratio === undefined ? {} : { ratio }),
    latencyMs: {
      p50: median(percentiles.map(({ p50 }) => p50)),
      p99: median(percentiles.map(({ p99 }) => p99)),
      p999: median(percentiles.map(({ p999 }) => p999)),
      max: Math.max(...percentiles.map(({ max }) => max)),
    },
    cpuPerMillion: cpuSeconds.map(({ name }, index) => ({
      name,
      seconds: middle(
        (turn) => ((turn.cpuSeconds[index]?.seconds ?? 0) * MILLION) / turn.measured.requests,
      ),
    })),
    generatorCpuPerMillion: middle(
      ({ measured }) =>
        (measured.generatorCpuSeconds.reduce((sum, seconds) => sum + seconds, 0) * MILLION) /
        measured.requests,
    ),
    ...(stored === 0 ? {} : { writtenPerStored: written / stored }),
    ...(syncs === undefined ? {} : { syncsPerThousand: (syncs.calls * 1_000) / syncs.requests }),
    ...(loopDelayMsP99 === undefined
      ? {}
      : { loopDelayMsP99: middle((turn) => turn.loopDelayMsP99 ?? 0) }),
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    requests: turns.reduce((sum, { measured }) => sum + measured.requests, 0),
    failed: turns.reduce((sum, { measured }) => sum + measured.failed, 0),
    ...(problem === undefined ? {} : { problem }),
    ...(reason === undefined ? {} : { voidReason: reason }),
  };
}
