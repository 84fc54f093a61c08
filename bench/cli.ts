/**
 * `npm run bench`: this store beside what people would pick instead, on this machine, in one run, with the same durability.
 *
 *   npm run bench                         five rounds of 1.5 s; about 35 minutes on two cores
 *   npm run bench -- --quick              does it run: one short round of a few rows, about a minute
 *   npm run bench -- --full               two factors at a time, 10^7 keys; hours
 *   npm run bench -- --only 'c/*,e/put'   rows by name, whole groups by theirs
 *   npm run bench -- --figures            the rows that the figures to reach are made from, about ten minutes
 *   npm run bench -- --list               the rows, and about how long they take
 *   npm run bench -- --profile            where a node's time goes, under (b) and (c)
 *
 * How it measures and why: docs/decisions/0016. Figures and how to read them: docs/performance.md. Each run is kept as
 * JSON in bench/results/ and shown in bench/report.html.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Generators } from "./load/generators.ts";
import { allGroups } from "./plan/groups.ts";
import type { Group } from "./plan/row.ts";
import { estimatedMs, type RunOptions, select } from "./plan/select.ts";
import { Child } from "./processes/child.ts";
import { profile } from "./profile/run-profile.ts";
import { FIGURE_ROWS, figures, figureTable } from "./report/figures.ts";
import { keep } from "./report/keep.ts";
import { summarize } from "./report/summary.ts";
import { table } from "./report/table.ts";
import { GroupRun } from "./run/group-run.ts";
import { emptyResults, type Results } from "./run/results.ts";

const RESULTS = fileURLToPath(new URL("results/", import.meta.url));
const ECHO = fileURLToPath(new URL("load/echo.ts", import.meta.url));
const MINUTE_MS = 60_000;

async function main(): Promise<void> {
  const { options, isList, isProfile } = parseOptions();
  const groups = select(allGroups(options.keyCount), options);
  if (groups.length === 0) throw new Error(`--only ${options.only ?? ""}: no row has such a name`);
  if (isList) return list(groups, options);
  await mkdir(RESULTS, { recursive: true });
  // On the disk of the checkout: the system's folder for temporary files may be memory, where a sync costs nothing.
  const directory = await mkdtemp(join(RESULTS, "data-"));
  try {
    if (isProfile) await profile({ options, directory, target: join(RESULTS, "profile") });
    else await run(groups, options, directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function run(groups: readonly Group[], options: RunOptions, directory: string) {
  const minutes = Math.ceil(estimatedMs(groups, options) / MINUTE_MS);
  note(`about ${minutes} minutes`);
  const results = emptyResults();
  const generators = new Generators();
  const echo = new Child<"open", number>("echo", ECHO);
  try {
    const echoPort = await echo.order("open");
    for (const group of groups) {
      const groupRun = new GroupRun(group, {
        options,
        directory,
        generators,
        echoPort,
        results,
        note,
      });
      // What the others have measured is worth showing; why this one could not is shown with it.
      await groupRun.measure().catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        note(`${group.name}: ${error instanceof Error ? (error.stack ?? why) : why}`);
        results.missing.add(`the rest of ${group.title}: ${why}`);
      });
    }
  } finally {
    await Promise.all([generators.close(), echo.end()]);
  }
  await show(groups, options, results);
}

async function show(groups: readonly Group[], options: RunOptions, results: Results) {
  const cells = summarize(
    groups.flatMap(({ rows }) => rows),
    results,
  );
  const reached = figures({ cells, ...results });
  console.log(table(cells));
  console.log(`\n${figureTable(reached)}`);
  for (const missing of results.missing) console.log(`left out: ${missing}`);
  const paths = await keep({ directory: RESULTS, options, groups, results, cells, reached });
  console.log(`\nkept in ${paths.join(" and ")}`);
}

function list(groups: readonly Group[], options: RunOptions): void {
  for (const { title, rows } of groups) {
    console.log(title);
    for (const { name, sides } of rows) {
      console.log(`  ${name.padEnd(34)} ${sides.map(({ label }) => label).join("; ")}`);
    }
  }
  console.log(`about ${Math.ceil(estimatedMs(groups, options) / MINUTE_MS)} minutes`);
}

function parseOptions(): {
  readonly options: RunOptions;
  readonly isList: boolean;
  readonly isProfile: boolean;
} {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      figures: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      keys: { type: "string" },
      generators: { type: "string" },
      only: { type: "string" },
    },
  });
  const isQuick = values.quick;
  const options: RunOptions = {
    tier: isQuick ? "quick" : values.full ? "full" : "default",
    rounds: positive("--rounds", values.rounds) ?? (isQuick ? 1 : 5),
    ms: (positive("--seconds", values.seconds) ?? (isQuick ? 0.5 : 1.5)) * 1_000,
    keyCount: positive("--keys", values.keys) ?? (isQuick ? 2_000 : 100_000),
    generators: positive("--generators", values.generators) ?? 2,
    only: values.figures ? FIGURE_ROWS : values.only,
  };
  return { options, isList: values.list, isProfile: values.profile };
}

function positive(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`${flag} is ${text}: must be a number above 0`);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main();
