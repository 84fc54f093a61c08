/**
 * Where a node's time goes: CPU profiles of a coordinator and a replica under the loads of comparisons (b) and (c). All clients are
 * at the first node, so that it coordinates everything, and the second does only what replicas do.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Generators } from "../load/generators.ts";
import type { Load } from "../load/load.ts";
import { baseLoad } from "../plan/base.ts";
import type { RunOptions } from "../plan/select.ts";
import { threadSeconds } from "../processes/usage.ts";
import { Filler } from "../run/fill.ts";
import type { BenchNode } from "../systems/bench-node.ts";
import { openSystem } from "../systems/open-system.ts";
import type { System, SystemName } from "../systems/system.ts";
import { flameGraph } from "./flame-graph.ts";
import { type Folded, fold } from "./fold.ts";

const FUNCTIONS_SHOWN = 25;
/** A turn is short for a profile. */
const TURNS = 3;
const SYSTEMS: readonly (readonly [group: string, system: SystemName])[] = [
  ["b", "dnd-1-fsync"],
  ["c", "dnd-3-fsync"],
];

export interface ProfileOptions {
  readonly options: RunOptions;
  readonly directory: string;
  /** Where profiles, flame graphs and the summary go. */
  readonly target: string;
}

/** One node under one load. */
interface Profiled {
  readonly name: string;
  readonly folded: Folded;
  readonly requests: number;
  /** CPU seconds meanwhile. */
  readonly mainSeconds: number;
  readonly otherSeconds: number;
}

export async function profile({ options, directory, target }: ProfileOptions): Promise<void> {
  await mkdir(target, { recursive: true });
  const generators = new Generators();
  const summaries: string[] = [];
  try {
    for (const [group, name] of SYSTEMS) {
      const folder = join(directory, name);
      await mkdir(folder, { recursive: true });
      const system = await openSystem(name, folder);
      try {
        for (const [loadName, load] of loads(options.keyCount)) {
          const found = await profileLoad(generators, {
            group,
            name,
            loadName,
            load,
            system,
            options,
          });
          for (const one of found) {
            summaries.push(summaryOf(one));
            const graph = flameGraph(one.name, one.folded);
            await writeFile(join(target, `${one.name.replaceAll(/[^\w]+/g, "-")}.svg`), graph);
          }
        }
      } finally {
        await system.close();
      }
    }
  } finally {
    await generators.close();
  }
  const text = summaries.join("\n\n");
  await writeFile(join(target, "summary.txt"), `${text}\n`);
  console.log(text);
  console.log(`\nflame graphs are in ${target}`);
}

function loads(keyCount: number): (readonly [name: string, load: Load])[] {
  const base = baseLoad(keyCount);
  return [
    ["set", base],
    ["set, 16 in flight", { ...base, inFlight: 16 }],
    ["get", { ...base, operation: "get" }],
  ];
}

interface LoadProfile {
  readonly group: string;
  readonly name: SystemName;
  readonly loadName: string;
  readonly load: Load;
  readonly system: System;
  readonly options: RunOptions;
}

async function profileLoad(generators: Generators, of: LoadProfile): Promise<Profiled[]> {
  const { group, loadName, load, system, options, name } = of;
  const side = { label: "dnd", system: name, protocol: "resp" } as const;
  const row = {
    name: loadName,
    group,
    tier: "full",
    load,
    sides: [side],
    stage: 0,
    isSynced: true,
  } as const;
  await new Filler(generators, options.generators).fillFor([row], new Map([[name, system]]));
  const ports = system.ports("resp").slice(0, 1);
  const aim = { protocol: "resp", ports, seed: 1, generators: options.generators } as const;
  await generators.run(load, { ...aim, ms: options.ms });
  const nodes = system.nodes.slice(0, 2);
  const before = nodes.map(({ pid }) => threadSeconds(pid));
  for (const node of nodes) await node.startProfile();
  const { requests } = await generators.run(load, { ...aim, ms: TURNS * options.ms });
  const profiles = await Promise.all(nodes.map((node) => node.stopProfile()));
  return nodes.map((node: BenchNode, index) => {
    const after = threadSeconds(node.pid);
    const role = index === 0 ? "coordinator" : "replica";
    const profiled = profiles[index];
    if (profiled === undefined) throw new Error(`${node.name} has no profile`);
    return {
      name: `${group} ${loadName}, ${role}`,
      folded: fold(profiled),
      requests,
      mainSeconds: after.main - (before[index]?.main ?? 0),
      otherSeconds: after.others - (before[index]?.others ?? 0),
    };
  });
}

function summaryOf({ name, folded, requests, mainSeconds, otherSeconds }: Profiled): string {
  const { stages, functions, busyUs } = folded;
  const each = (us: number): string => (us / requests).toFixed(2).padStart(8);
  return [
    `${name}: ${requests} requests; us each:`,
    ...stages.map(({ stage, us }) => `  ${stage.padEnd(14)}${each(us)}`),
    `  ${"main thread".padEnd(14)}${each(busyUs)}  (by the kernel ${each(mainSeconds * 1e6).trim()})`,
    `  ${"other threads".padEnd(14)}${each(otherSeconds * 1e6)}  (LevelDB, compilation, garbage)`,
    ...functions
      .slice(0, FUNCTIONS_SHOWN)
      .map((one) => `    ${each(one.selfUs)}  ${one.stage.padEnd(13)} ${one.name}`),
  ].join("\n");
}
