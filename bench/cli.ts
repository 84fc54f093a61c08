/**
 * `npm run bench`: throughput of three nodes on this machine, beside what the machine can do at all.
 *
 *   npm run bench                          3 rounds of 3 s a row
 *   npm run bench -- --quick               1 round of 1 s: does it run, roughly
 *   npm run bench -- --rounds 5 --seconds 5 --only fsync
 *   npm run bench -- --profile DIR         also leaves a CPU profile of the second node
 *
 * N=3, W=2, 100-byte values, one of the three nodes in this process together with its callers. Rows are interleaved:
 * each round measures everything once, calibration included, and the table shows medians. Figures and how to read
 * them: docs/performance.md. The JSON of each run stays in bench/results/.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureEcho, measureSync } from "./calibration.ts";
import { type BenchCluster, type Durability, fill, openCluster } from "./cluster.ts";
import { type Measured, measure, report } from "./measure.ts";
import { BenchChild, keyOf, type Operation, valueOf } from "./protocol.ts";
import { type Row, type Sample, summarize, table } from "./table.ts";

const RESULTS = fileURLToPath(new URL("results/", import.meta.url));
const HTTP_CONNECTIONS = 50;
const CALLERS = [50, 800] as const;
const OPERATIONS: readonly Operation[] = ["write", "read"];
const DURABILITIES: readonly Durability[] = ["fsync", "memory"];

interface Plan {
  readonly rounds: number;
  readonly ms: number;
  readonly keyCount: number;
  readonly durabilities: readonly Durability[];
  readonly profileDirectory: string | undefined;
}

interface Bench {
  readonly plan: Plan;
  readonly directory: string;
  readonly echoPort: number;
  readonly generator: BenchChild;
  readonly samples: Sample[];
}

async function main(): Promise<void> {
  const plan = parsePlan();
  await mkdir(RESULTS, { recursive: true });
  // On the disk of the checkout: the system's folder for temporary files may be memory, where a sync costs nothing.
  const directory = await mkdtemp(join(RESULTS, "data-"));
  const echo = new BenchChild("echo");
  const generator = new BenchChild("HTTP load");
  const samples: Sample[] = [];
  try {
    const answer = await echo.order({ kind: "open-echo" });
    const echoPort = answer.kind === "opened" ? answer.httpPort : 0;
    for (const durability of plan.durabilities) {
      await benchDurability({ plan, directory, echoPort, generator, samples }, durability);
    }
  } finally {
    await Promise.allSettled([echo.close(), generator.close()]);
    await rm(directory, { recursive: true, force: true });
  }
  const rows = summarize(samples);
  console.log(table(rows));
  await keep(plan, samples, rows);
}

async function benchDurability(bench: Bench, durability: Durability): Promise<void> {
  const { plan, directory } = bench;
  const { profileDirectory } = plan;
  note(`${durability}: starting 3 nodes`);
  const cluster = await openCluster({ directory, durability, profileDirectory });
  try {
    await fill(cluster.embedded, plan.keyCount);
    await warmUp(bench, cluster);
    for (let round = 1; round <= plan.rounds; round += 1) {
      note(`${durability}: round ${round} of ${plan.rounds}`);
      await calibrate(bench, durability);
      for (const operation of OPERATIONS) {
        for (const callers of CALLERS) {
          const start = embeddedRequests(cluster, operation, plan.keyCount);
          const run = () => measure(start, { callers, ms: plan.ms });
          await sample(bench, cluster, { durability, operation, way: "openNode", callers }, run);
        }
        const run = () => httpLoad(bench, cluster, operation);
        const subject = { durability, operation, way: "HTTP", callers: HTTP_CONNECTIONS } as const;
        await sample(bench, cluster, subject, run);
      }
    }
  } finally {
    await cluster.close();
  }
}

/** Machine code for the hot paths, and a table or two flushed: neither belongs to the first row measured. */
async function warmUp(bench: Bench, cluster: BenchCluster): Promise<void> {
  const { keyCount, ms } = bench.plan;
  for (const operation of OPERATIONS) {
    await measure(embeddedRequests(cluster, operation, keyCount), { callers: 50, ms });
    await httpLoad(bench, cluster, operation);
  }
}

async function calibrate(bench: Bench, durability: Durability): Promise<void> {
  const { plan, directory, echoPort, samples } = bench;
  const sync = await measureSync(directory, plan.ms);
  samples.push({
    subject: { durability, operation: "write", way: "fdatasync", callers: 1 },
    measured: sync,
    cpuSeconds: [],
  });
  const echoed = await measureEcho(echoPort, plan.ms);
  samples.push({
    subject: { durability, operation: "read", way: "echo", callers: 50 },
    measured: echoed,
    cpuSeconds: [],
  });
}

async function sample(
  bench: Bench,
  cluster: BenchCluster,
  subject: Sample["subject"],
  run: () => Promise<Measured>,
): Promise<void> {
  const before = await allCpuSeconds(bench, cluster);
  const measured = await run();
  const after = await allCpuSeconds(bench, cluster);
  const cpuSeconds = after.map((seconds, index) => seconds - (before[index] ?? 0));
  bench.samples.push({ subject, measured, cpuSeconds });
}

/** Of the three nodes, then of the HTTP load generator. */
async function allCpuSeconds(bench: Bench, cluster: BenchCluster): Promise<number[]> {
  return [...(await cluster.cpuSeconds()), await bench.generator.cpuSeconds()];
}

function embeddedRequests(
  { embedded }: BenchCluster,
  operation: Operation,
  keyCount: number,
): (done: (isOk: boolean) => void) => void {
  const randomKey = (): string => keyOf(Math.floor(Math.random() * keyCount));
  let count = 0;
  if (operation === "read") return (done) => void report(embedded.get(randomKey()), done);
  return (done) => {
    count += 1;
    void report(embedded.put(randomKey(), valueOf(count)), done);
  };
}

async function httpLoad(
  { generator, plan }: Bench,
  { httpPort }: BenchCluster,
  operation: Operation,
): Promise<Measured> {
  const { ms, keyCount } = plan;
  const load = { port: httpPort, operation, connections: HTTP_CONNECTIONS, ms, keyCount };
  const answer = await generator.order({ kind: "http-load", load });
  if (answer.kind !== "measured") throw new Error("the HTTP load generator did not measure");
  return answer.measured;
}

async function keep(plan: Plan, samples: readonly Sample[], rows: readonly Row[]): Promise<void> {
  const date = new Date().toISOString();
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  const path = join(RESULTS, `${date.replaceAll(":", "-")}.json`);
  await writeFile(
    path,
    `${JSON.stringify({ date, machine, plan, rows, samples }, undefined, 2)}\n`,
  );
  console.log(`\n${machine.cpus} x ${machine.model}, Node ${machine.node}; kept in ${path}`);
}

function parsePlan(): Plan {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      keys: { type: "string" },
      only: { type: "string" },
      profile: { type: "string" },
    },
  });
  const quick = values.quick === true;
  return {
    rounds: positive("--rounds", values.rounds) ?? (quick ? 1 : 3),
    ms: (positive("--seconds", values.seconds) ?? (quick ? 1 : 3)) * 1_000,
    keyCount: positive("--keys", values.keys) ?? (quick ? 10_000 : 100_000),
    durabilities: DURABILITIES.filter((one) => values.only === undefined || one === values.only),
    profileDirectory: values.profile,
  };
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
