/**
 * Runs of members that come and go: `node sim/departures-cli.ts --seeds 200`.
 *
 *   --seeds N, --from N    how many, and the first     --kind K, --disturbance D   only these, see departures.ts
 *   --seed N --trace       one, a line an event        --key K, --node I           only lines about these
 */
import { parseArgs } from "node:util";
import {
  DEPARTURE_KINDS,
  type DeparturePlan,
  DISTURBANCES,
  drawDepartures,
  runDepartures,
} from "./departures.ts";
import { describeFrame } from "./frame-text.ts";
import { makeStoreNode } from "./store-node-factory.ts";
import type { TraceSink } from "./trace.ts";

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    seed: { type: "string" },
    from: { type: "string", default: "1" },
    kind: { type: "string" },
    disturbance: { type: "string" },
    trace: { type: "boolean", default: false },
    key: { type: "string" },
    node: { type: "string" },
  },
});

const SHOWN_MAX = 4;
const first = Number(flags.seed ?? flags.from);
const count = flags.seed === undefined ? Number(flags.seeds) : 1;
const kind = DEPARTURE_KINDS.find((name) => name === flags.kind);
const disturbance = DISTURBANCES.find((name) => name === flags.disturbance);
const sink: TraceSink = (line, node, key) => {
  if (flags.key !== undefined && key !== undefined && key !== flags.key) return;
  if (flags.node !== undefined && node !== Number(flags.node)) return;
  process.stdout.write(`${line}\n`);
};

const tallies = new Map<string, { runs: number; failed: number }>();
const changedMs: number[] = [];
let operations = 0;
let samples = 0;
let failed = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const drawn = drawDepartures(seed);
  const plan: Partial<DeparturePlan> = {
    ...(kind === undefined ? {} : { kind }),
    ...(disturbance === undefined ? {} : { disturbance }),
  };
  const wanted = { ...drawn, ...plan };
  const report = runDepartures({
    seed,
    makeNode: makeStoreNode,
    plan,
    ...(flags.trace ? { sink, describeFrame } : {}),
  });
  operations += report.operations;
  samples += report.samples;
  if (report.changedMs !== undefined) changedMs.push(report.changedMs);
  const name = `${wanted.kind}, ${wanted.disturbance}`;
  const tally = tallies.get(name) ?? { runs: 0, failed: 0 };
  tally.runs += 1;
  tallies.set(name, tally);
  if (report.violations.length === 0) continue;
  tally.failed += 1;
  failed += 1;
  process.stdout.write(`seed ${seed} ${JSON.stringify(report.plan)}\n`);
  for (const { invariant, detail } of report.violations.slice(0, SHOWN_MAX)) {
    process.stdout.write(`  ${invariant}: ${detail}\n`);
  }
}
changedMs.sort((a, b) => a - b);
const median = changedMs[changedMs.length >> 1] ?? 0;
for (const [name, tally] of [...tallies].sort(([a], [b]) => (a < b ? -1 : 1))) {
  process.stdout.write(`${name}: ${tally.runs} runs, ${tally.failed} failed\n`);
}
process.stdout.write(
  `${count} seeds, ${failed} failed, ${operations} operations, ${samples} counts of copies, ` +
    `a change took ${median.toFixed(0)} ms in the middle\n`,
);
process.exitCode = failed > 0 ? 1 : 0;
