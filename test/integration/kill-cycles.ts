/**
 * `npm run kill-cycles`: nodes of a real cluster are killed, stopped and started under load, and the history of every
 * request is checked. Ends with 1 if anything was lost, invented, brought back or left different.
 *
 *   --cycles N    rounds of kill -9 (default 100)        --nodes N     processes (default 5)
 *   --seed N      what is done to whom (default: drawn)  --seconds S   begin no new cycle after S seconds
 *   --lanes N     connections to each node (default 8)   --keys N      beside the hot ones (default 8000)
 *   --json        the report as one line of JSON
 *   --plant NAME  the control: a bug of sim/mutants/ in every node; must end in violations
 *
 * The seed decides the faults and the requests, in their order; the machine decides how they meet. What a seed found
 * once it may find again, and need not.
 */
import { parseArgs } from "node:util";
import { type KillRunReport, killRun } from "./history/kill-run.ts";

const { values: flags } = parseArgs({
  options: {
    cycles: { type: "string", default: "100" },
    nodes: { type: "string", default: "5" },
    seed: { type: "string" },
    seconds: { type: "string", default: "86400" },
    lanes: { type: "string", default: "8" },
    keys: { type: "string", default: "8000" },
    plant: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

const SHOWN_MAX = 20;

function number(name: "cycles" | "nodes" | "seconds" | "lanes" | "keys", min: number): number {
  return checked(name, flags[name], min);
}

function checked(name: string, text: string, min: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min) return value;
  process.stderr.write(`--${name} takes a whole number from ${min}, not "${text}"\n`);
  return process.exit(2);
}

function tell(report: KillRunReport): void {
  const { violations, failures, folder, ...numbers } = report;
  for (const [name, value] of Object.entries(numbers)) {
    process.stdout.write(`  ${name.padEnd(20)} ${value?.toLocaleString("en") ?? "never"}\n`);
  }
  process.stdout.write(`  failures             ${JSON.stringify(failures)}\n`);
  process.stdout.write(`${violations.length} violations\n`);
  for (const { invariant, detail } of violations.slice(0, SHOWN_MAX)) {
    process.stdout.write(`  ${invariant}: ${detail}\n`);
  }
  if (violations.length > 0) process.stdout.write(`data and logs are kept in ${folder}\n`);
}

const seed =
  flags.seed === undefined ? Math.floor(Math.random() * 1e9) : checked("seed", flags.seed, 0);
const options = {
  seed,
  nodes: number("nodes", 1),
  cycles: number("cycles", 1),
  secondsMax: number("seconds", 1),
  lanesPerNode: number("lanes", 1),
  keys: number("keys", 1),
  hotKeys: 6,
  calmMs: 4_000,
  absentMsMax: 8_000,
  pauseMsMax: 15_000,
  plantedBug: flags.plant,
  say: (line: string): void => {
    process.stderr.write(`${line}\n`);
  },
};
process.stderr.write(
  `again: npm run kill-cycles -- --cycles ${options.cycles} --nodes ${options.nodes} --lanes ${options.lanesPerNode} --keys ${options.keys} --seed ${seed}\n`,
);
const report = await killRun(options);
if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else tell(report);
process.exitCode = report.violations.length === 0 ? 0 : 1;
