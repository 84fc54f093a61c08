/** Writes what a run has found: JSON for machines, a page for people. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Group } from "../plan/row.ts";
import type { RunOptions } from "../plan/select.ts";
import type { Results } from "../run/results.ts";
import type { Turn } from "../run/turn.ts";
import type { Figure } from "./figures.ts";
import { describeMachine } from "./machine.ts";
import { readMembers } from "./members.ts";
import { page } from "./page.ts";
import type { Cell } from "./summary.ts";

const PAGE = fileURLToPath(new URL("../report.html", import.meta.url));

export interface Kept {
  readonly directory: string;
  readonly options: RunOptions;
  readonly groups: readonly Group[];
  readonly results: Results;
  readonly cells: readonly Cell[];
  readonly reached: readonly Figure[];
}

/** Answers with the paths it wrote. */
export async function keep(kept: Kept): Promise<string[]> {
  const { directory, options, groups, results, cells, reached } = kept;
  const machine = describeMachine();
  const path = join(directory, `${machine.date.replaceAll(":", "-")}.json`);
  const { calibrations, memory, syncs, missing } = results;
  const json = {
    machine,
    options,
    rows: groups.flatMap(({ rows }) => rows),
    cells,
    figures: reached,
    calibrations,
    memory,
    syncs,
    missing: [...missing],
    turns: results.turns.map(turnAsJson),
  };
  await writeFile(path, `${JSON.stringify(json, undefined, 1)}\n`);
  const members = readMembers();
  const content = { machine, options, groups, cells, figures: reached, results, members };
  await writeFile(PAGE, page(content));
  return [path, PAGE];
}

function turnAsJson({ measured, ...turn }: Turn): object {
  const { latencies, ...rest } = measured;
  return { ...turn, ...rest, latencyMs: latencies.percentiles(), histogram: latencies.encode() };
}
