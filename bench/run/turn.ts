/** One turn: one row's load on one system, once; what it took, of everybody who took part. */
import type { Generators, Measured } from "../load/generators.ts";
import { sum } from "../load/generators.ts";
import type { Load } from "../load/load.ts";
import type { Row, Side } from "../plan/row.ts";
import { usageOf } from "../processes/usage.ts";
import type { System } from "../systems/system.ts";

/** Above this share of a core a generator may be what is measured. */
export const GENERATOR_SHARE_MAX = 0.8;

export interface Turn {
  readonly row: string;
  readonly label: string;
  /** From 1. */
  readonly round: number;
  readonly measured: Measured;
  /** Of the system's processes. */
  readonly cpuSeconds: readonly { readonly name: string; readonly seconds: number }[];
  /** CPU seconds a second of the busiest generator; 0 where the callers are in the system itself. */
  readonly generatorShare: number;
  /** By all of the system's processes. */
  readonly bytesWritten: number;
  /** Of the node whose event loop was latest; absent for other systems. */
  readonly loopDelayMsP99?: number;
  /** Of an open loop: what was asked for. */
  readonly ratePerSecond?: number;
}

export interface TurnOptions {
  readonly row: Row;
  readonly side: Side;
  readonly system: System;
  readonly round: number;
  readonly ms: number;
  /** Processes to use. */
  readonly generatorCount: number;
  readonly ratePerSecond?: number;
}

export async function measureTurn(generators: Generators, options: TurnOptions): Promise<Turn> {
  const { row, side, system, round, ratePerSecond } = options;
  const load: Load = ratePerSecond === undefined ? row.load : { ...row.load, ratePerSecond };
  const run = await prepare(generators, load, options);
  await Promise.all(system.nodes.map((node) => node.watchLoop()));
  const before = system.processes.map(({ pid }) => usageOf(pid));
  const measured = await run();
  const after = system.processes.map(({ pid }) => usageOf(pid));
  const delays = await Promise.all(system.nodes.map((node) => node.loopDelayMsP99()));
  const busiest = Math.max(0, ...measured.generatorCpuSeconds);
  return {
    row: row.name,
    label: side.label,
    round,
    measured,
    cpuSeconds: system.processes.map(({ name }, index) => ({
      name,
      seconds: (after[index]?.cpuSeconds ?? 0) - (before[index]?.cpuSeconds ?? 0),
    })),
    generatorShare: busiest / measured.seconds,
    bytesWritten: after.reduce(
      (bytes, usage, index) => bytes + usage.bytesWritten - (before[index]?.bytesWritten ?? 0),
      0,
    ),
    ...(delays.length === 0 ? {} : { loopDelayMsP99: Math.max(...delays) }),
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
  };
}

async function prepare(
  generators: Generators,
  load: Load,
  { side, system, ms, round, generatorCount }: TurnOptions,
): Promise<() => Promise<Measured>> {
  const { protocol } = side;
  if (protocol !== "embedded") {
    const ports = system.ports(protocol);
    return await generators.prepare(load, {
      protocol,
      ports,
      ms,
      seed: round,
      generators: generatorCount,
    });
  }
  const [node] = system.nodes;
  if (node === undefined) throw new Error(`${side.system} embeds nothing`);
  return async () => {
    const result = await node.call({
      operation: load.operation === "get" ? "get" : "set",
      callers: load.connections,
      keyCount: load.keys === "one" ? 1 : load.keyCount,
      ms,
      ...(side.label.endsWith("r=1") ? { readReplicas: 1 } : {}),
    });
    return { ...sum([result]), generatorCpuSeconds: [] };
  };
}

export function rateOf({ measured }: Turn): number {
  return measured.requests / measured.seconds;
}

/** Why a turn says nothing about its system, or `undefined`. */
export function voidReason(generatorShare: number): string | undefined {
  if (generatorShare <= GENERATOR_SHARE_MAX) return undefined;
  return `a generator used ${Math.round(generatorShare * 100)} % of a core`;
}
