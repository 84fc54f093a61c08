/**
 * One group of rows: its systems started side by side, filled, and measured in turns. Within a round every row is measured at
 * every one of its systems before the next row, so that what else the machine does falls on all of them.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { measureEcho, measureSync } from "../load/calibration.ts";
import type { Generators } from "../load/generators.ts";
import type { Group, Row, Side } from "../plan/row.ts";
import { type RunOptions, warmUpMs } from "../plan/select.ts";
import { countSyncs } from "../processes/sync-count.ts";
import { memoryOf } from "../processes/usage.ts";
import { median } from "../report/statistics.ts";
import { missingPackage, openSystem } from "../systems/open-system.ts";
import type { System, SystemName } from "../systems/system.ts";
import { Filler } from "./fill.ts";
import type { Results } from "./results.ts";
import { measureTurn, rateOf } from "./turn.ts";

const SYNC_COUNT_MS = 700;
const CALIBRATION_MS = 400;
/** A generator busier than this gets help before its row is measured, up to so many processes. */
const HELP_SHARE = 0.7;
const GENERATORS_MAX = 4;

export interface GroupRunOptions {
  readonly options: RunOptions;
  /** On the disk to be measured; removed by the caller. */
  readonly directory: string;
  readonly generators: Generators;
  readonly echoPort: number;
  readonly results: Results;
  readonly note: (text: string) => void;
}

export class GroupRun {
  readonly #group: Group;
  readonly #run: GroupRunOptions;
  readonly #systems = new Map<SystemName, System>();
  readonly #filler: Filler;
  /** Processes that make the load, by row and system. */
  readonly #generatorCounts = new Map<string, number>();

  constructor(group: Group, run: GroupRunOptions) {
    this.#run = run;
    this.#group = { ...group, rows: group.rows.flatMap((row) => this.#withoutMissing(row)) };
    this.#filler = new Filler(run.generators, run.options.generators);
  }

  async measure(): Promise<void> {
    const { rows, name } = this.#group;
    if (rows.length === 0) return;
    const directory = join(this.#run.directory, name);
    try {
      await this.#openSystems(directory);
      this.#sampleMemory(rows, 0);
      for (const stage of new Set(rows.map((row) => row.stage))) {
        await this.#measureStage(rows.filter((row) => row.stage === stage));
      }
    } finally {
      await Promise.allSettled([...this.#systems.values()].map((system) => system.close()));
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** The row without the systems that this machine has not. */
  #withoutMissing(row: Row): Row[] {
    const sides = row.sides.filter(({ system }) => {
      const missing = missingPackage(system);
      if (missing !== undefined) this.#run.results.missing.add(`Debian's ${missing}`);
      return missing === undefined;
    });
    return sides.length === 0 ? [] : [{ ...row, sides }];
  }

  async #openSystems(directory: string): Promise<void> {
    for (const { sides } of this.#group.rows) {
      for (const { system } of sides) {
        if (this.#systems.has(system)) continue;
        this.#run.note(`${this.#group.name}: starting ${system}`);
        const folder = join(directory, system);
        await mkdir(folder, { recursive: true });
        this.#systems.set(system, await openSystem(system, folder));
      }
    }
  }

  async #measureStage(rows: readonly Row[]): Promise<void> {
    const { options, note } = this.#run;
    note(`${this.#group.name}: filling`);
    await this.#filler.fillFor(rows, this.#systems);
    this.#sampleMemory(rows, rows[0]?.load.keyCount ?? 0);
    for (const row of rows) {
      for (const side of row.sides) {
        await this.#warmUp(row, side, warmUpMs(rows, side.system, options));
      }
    }
    for (let round = 1; round <= options.rounds; round += 1) {
      note(`${this.#group.name}: round ${round} of ${options.rounds}, ${rows.length} rows`);
      await this.#calibrate(round);
      for (const row of rows) {
        for (const side of row.sides) await this.#turn(row, side, round);
      }
    }
    for (const row of rows) {
      if (!row.isSynced) continue;
      for (const side of row.sides) await this.#countSyncs(row, side);
    }
  }

  /** Machine code for the hot paths; and whether the load needs more processes than it has. */
  async #warmUp(row: Row, side: Side, ms: number): Promise<void> {
    const key = cellKey(row, side);
    for (let count = this.#run.options.generators; ; count = Math.min(2 * count, GENERATORS_MAX)) {
      this.#generatorCounts.set(key, count);
      const { generatorShare } = await this.#measureTurn(row, side, 0, ms);
      if (generatorShare <= HELP_SHARE || count >= GENERATORS_MAX) return;
    }
  }

  async #turn(row: Row, side: Side, round: number): Promise<void> {
    const { options, results } = this.#run;
    results.turns.push(await this.#measureTurn(row, side, round, options.ms));
  }

  async #measureTurn(row: Row, side: Side, round: number, ms: number) {
    const system = this.#systems.get(side.system);
    if (system === undefined) throw new Error(`${side.system} is not open`);
    const ratePerSecond = this.#rateFor(row, side);
    return await measureTurn(this.#run.generators, {
      row,
      side,
      system,
      round,
      ms,
      generatorCount: this.#generatorCounts.get(cellKey(row, side)) ?? 1,
      ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    });
  }

  #rateFor({ rateOf: wanted }: Row, { label }: Side): number | undefined {
    if (wanted === undefined) return undefined;
    const turns = this.#run.results.turns.filter(
      (turn) => turn.row === wanted.row && turn.label === label,
    );
    return Math.max(1, Math.round(median(turns.map(rateOf)) * wanted.share));
  }

  async #countSyncs(row: Row, side: Side): Promise<void> {
    const { results } = this.#run;
    let requests = 0;
    const { processes = [], nodes = [] } = this.#systems.get(side.system) ?? {};
    const pids = processes.map(({ pid }) => pid);
    // Our nodes write at a position to their journals alone.
    const count = await countSyncs(pids, nodes.length > 0, async () => {
      requests = (await this.#measureTurn(row, side, 0, SYNC_COUNT_MS)).measured.requests;
    });
    if (count === undefined) {
      results.missing.add("perf and strace: calls of fdatasync are not counted");
      return;
    }
    results.syncs.push({ row: row.name, label: side.label, requests, ...count });
  }

  async #calibrate(round: number): Promise<void> {
    const { directory, echoPort, results } = this.#run;
    const sync = await measureSync(directory, CALIBRATION_MS);
    const echo = await measureEcho(echoPort, CALIBRATION_MS);
    results.calibrations.push({
      group: this.#group.name,
      round,
      syncsPerSecond: sync.recorder.requests / sync.seconds,
      syncMs: sync.recorder.latencies.percentiles(),
      echoesPerSecond: echo.recorder.requests / echo.seconds,
      echoMs: echo.recorder.latencies.percentiles(),
    });
  }

  #sampleMemory(rows: readonly Row[], keyCount: number): void {
    for (const { label, system } of rows[0]?.sides ?? []) {
      const memories = this.#systems.get(system)?.processes.map(({ pid }) => memoryOf(pid)) ?? [];
      this.#run.results.memory.push({
        group: this.#group.name,
        label,
        keyCount,
        rssBytes: memories.reduce((bytes, { rssBytes }) => bytes + rssBytes, 0),
        anonymousBytes: memories.reduce((bytes, { anonymousBytes }) => bytes + anonymousBytes, 0),
      });
    }
  }
}

function cellKey(row: Row, side: Side): string {
  return `${row.name} ${side.label}`;
}
