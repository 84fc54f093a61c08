/**
 * A kill run: a real cluster, clients that never retry, nodes that are killed, stopped and started, and at the end the
 * judgement of what the clients saw against what the disks hold.
 *
 * Invariant: whatever fails, no process outlives the run; data and logs of a run with violations are kept.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FinalState } from "../../../sim/checkers/final-state.ts";
import { isWrite, neverHappened, type Violation } from "../../../sim/history.ts";
import { Streams } from "../../../sim/random.ts";
import { SHARED_CONFIG_DEFAULT } from "../../../src/model/config.ts";
import { RealCluster } from "../real-cluster.ts";
import { type ClientConfig, Clients } from "./clients.ts";
import { type DisturbanceCounts, Disturber, type DisturberConfig } from "./disturber.ts";
import { judge, latenessMs, plainWritesFailed } from "./judge.ts";
import { RealNode } from "./real-node.ts";
import { type RealHistory, Recorder } from "./recorded.ts";
import { type Cells, converge, listAll, readAll } from "./settle.ts";

export interface KillRunOptions extends DisturberConfig, Omit<ClientConfig, "replicas"> {
  readonly seed: number;
  readonly nodes: number;
  readonly cycles: number;
  /** Begin no new cycle after this many seconds. */
  readonly secondsMax: number;
  /** A bug of the simulator's catalogue in every node: the control, which must end in violations. */
  readonly plantedBug?: string | undefined;
  /** What is going on, a line at a time. */
  readonly say: (line: string) => void;
}

export interface KillRunReport extends DisturbanceCounts {
  readonly seed: number;
  readonly cycles: number;
  readonly seconds: number;
  readonly operations: number;
  readonly acknowledged: number;
  readonly deletesAcknowledged: number;
  /** Answered `stored: maybe`, or cut off. */
  readonly indeterminate: number;
  /** Answered `stored: no`, or a condition that did not hold. */
  readonly neverHappened: number;
  readonly reads: number;
  readonly readsFailed: number;
  /** Plain writes that failed at a node to which nothing was done. */
  readonly plainWritesFailed: number;
  /** Failed requests of either kind, by code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly keys: number;
  /** The latest answer, after its deadline; negative when none was late. */
  readonly latestMs: number;
  /** From the last fault until all replicas were equal. */
  readonly settledMs: number | undefined;
  readonly cells: number;
  readonly violations: readonly Violation[];
  /** Kept only where there are violations. */
  readonly folder: string;
}

const CYCLES_PER_HOT_KEYS = 3;
const FORMING_MS_MAX = 60_000;
const SETTLING_MS_MAX = 300_000;
const REPLICAS = SHARED_CONFIG_DEFAULT.replicas;
/** How often it is looked whether this process stood still, and what counts as standing. */
const HEARTBEAT_MS = 50;
const STALL_MS_MIN = 100;
const SHOWN_OPERATIONS_MAX = 2_000;

export async function killRun(options: KillRunOptions): Promise<KillRunReport> {
  const cluster = await RealCluster.create(options.nodes);
  const run = new KillRun(options, cluster);
  let report: KillRunReport;
  try {
    report = await run.run();
  } finally {
    await run.end();
  }
  if (report.violations.length === 0) await cluster.close();
  return report;
}

class KillRun {
  readonly #options: KillRunOptions;
  readonly #cluster: RealCluster;
  readonly #recorder: Recorder;
  readonly #nodes: readonly RealNode[];
  readonly #streams: Streams;
  readonly #log: WriteStream;
  readonly #startMs = performance.now();
  #cycles = 0;
  #settledMs: number | undefined;

  constructor(options: KillRunOptions, cluster: RealCluster) {
    this.#options = options;
    this.#cluster = cluster;
    this.#recorder = new Recorder(options.nodes);
    this.#streams = new Streams(options.seed);
    this.#log = createWriteStream(join(cluster.folder, "disturbances.log"));
    const { port, serverPort, webPort } = cluster.ports;
    this.#nodes = this.#recorder.machines.map(({ index }) => {
      const ports = {
        port: port + index,
        serverPort: serverPort + index,
        webPort: webPort + index,
      };
      const { plantedBug } = options;
      const { folder } = cluster;
      return new RealNode({ recorder: this.#recorder, index, ports, folder, plantedBug });
    });
  }

  async run(): Promise<KillRunReport> {
    const { cycles, secondsMax, say, lanesPerNode, keys, hotKeys } = this.#options;
    say(`${this.#nodes.length} nodes below ${this.#cluster.folder}`);
    await this.#form();
    const clients = new Clients(this.#recorder, this.#streams.stream("clients"), {
      lanesPerNode,
      keys,
      hotKeys,
      replicas: Math.min(REPLICAS, this.#nodes.length),
    });
    const disturber = new Disturber(
      this.#nodes,
      this.#streams.stream("disturbances"),
      this.#options,
      (line) => this.#note(line),
    );
    const heartbeat = this.#watchOwnStalls();
    clients.start(this.#nodes);
    const endMs = performance.now() + secondsMax * 1_000;
    while (this.#cycles < cycles && performance.now() < endMs) {
      await disturber.cycle();
      this.#cycles += 1;
      if (this.#cycles % CYCLES_PER_HOT_KEYS === 0) clients.changeHotKeys();
      if (this.#cycles % 10 === 0) say(this.#progress());
    }
    const problem = await disturber.calm();
    const calmMs = performance.now();
    if (problem !== undefined) this.#recorder.odd("I11", problem);
    await clients.stop();
    say(`${this.#progress()}; waiting until all replicas are equal`);
    const final = await this.#settle(clients, calmMs);
    clearInterval(heartbeat);
    return await this.#report(final, disturber.counts, clients);
  }

  /** Ends whatever still runs, stopped processes too. */
  async end(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }

  async #form(): Promise<void> {
    const [first, ...others] = this.#nodes;
    if (first === undefined) throw new Error("a cluster has a node");
    const untilMs = performance.now() + FORMING_MS_MAX;
    for (const group of [[first], others]) {
      for (const node of group) node.start(node === first ? [] : [first]);
      for (const node of group) {
        while (!(await node.isReady())) {
          if (performance.now() > untilMs) throw new Error(`n${node.index} does not become ready`);
          await new Promise((resolve) => setTimeout(resolve, HEARTBEAT_MS));
        }
      }
    }
    const formed = await converge(this.#nodes, new Set(), FORMING_MS_MAX, (line) =>
      this.#note(line),
    );
    if (typeof formed === "string") throw new Error(`no cluster: ${formed}`);
  }

  /** While this process stands still, answers lie unread: that is nobody's lateness. */
  #watchOwnStalls(): NodeJS.Timeout {
    let lastMs = performance.now();
    return setInterval(() => {
      const nowMs = performance.now();
      if (nowMs - lastMs > HEARTBEAT_MS + STALL_MS_MIN) {
        this.#recorder.stalls.push({ fromMs: lastMs + HEARTBEAT_MS, untilMs: nowMs });
      }
      lastMs = nowMs;
    }, HEARTBEAT_MS);
  }

  async #settle(clients: Clients, calmMs: number): Promise<FinalState | undefined> {
    const cells: Cells | string = await converge(
      this.#nodes,
      clients.keys,
      SETTLING_MS_MAX,
      (line) => this.#note(line),
    );
    if (typeof cells === "string") {
      this.#recorder.odd("I4", `not settled ${SETTLING_MS_MAX} ms after the last fault: ${cells}`);
      return undefined;
    }
    this.#settledMs = performance.now() - calmMs;
    const random = this.#streams.stream("final");
    const replicas = Math.min(REPLICAS, this.#nodes.length);
    const reads = await readAll(this.#nodes, clients, random, replicas);
    return { ...cells, reads, listed: await listAll(random.pick(this.#nodes)) };
  }

  async #report(
    final: FinalState | undefined,
    counts: DisturbanceCounts,
    clients: Clients,
  ): Promise<KillRunReport> {
    const nowMs = performance.now();
    const history = this.#recorder.history();
    const violations = judge(history, final, nowMs);
    if (violations.length > 0) await this.#keepEvidence(history, violations);
    const report = {
      seed: this.#options.seed,
      cycles: this.#cycles,
      seconds: Math.round((nowMs - this.#startMs) / 1_000),
      ...counts,
      ...tally(history),
      plainWritesFailed: plainWritesFailed(history),
      keys: clients.keys.size,
      latestMs: Math.round(latenessMs(history, nowMs)),
      settledMs: this.#settledMs === undefined ? undefined : Math.round(this.#settledMs),
      cells: final?.dumps.reduce((sum, { entries }) => sum + entries.length, 0) ?? 0,
      violations,
      folder: this.#cluster.folder,
    };
    return report;
  }

  /** All violations, and all operations on their keys. */
  async #keepEvidence(history: RealHistory, violations: readonly Violation[]): Promise<void> {
    const lines = violations.map((violation) => JSON.stringify(violation));
    await writeFile(join(this.#cluster.folder, "violations.ndjson"), lines.join("\n"));
    const keys = new Set(violations.map(({ key }) => key).filter((key) => key !== undefined));
    const told = history.operations
      .filter((operation) => operation.kind !== "list" && keys.has(operation.key))
      .slice(-SHOWN_OPERATIONS_MAX)
      .map((operation) =>
        JSON.stringify(operation, (name, value: unknown) =>
          name === "payload" || name === "value" ? undefined : value,
        ),
      );
    await writeFile(join(this.#cluster.folder, "operations.ndjson"), told.join("\n"));
  }

  #progress(): string {
    const seconds = Math.round((performance.now() - this.#startMs) / 1_000);
    return `${this.#cycles} cycles, ${this.#recorder.operations.length} operations, ${seconds} s`;
  }

  #note(line: string): void {
    const wall = new Date().toISOString();
    this.#log.write(`${wall} ${performance.now().toFixed(1)} ${line}\n`);
  }
}

type Tally = Pick<
  KillRunReport,
  | "operations"
  | "acknowledged"
  | "deletesAcknowledged"
  | "indeterminate"
  | "neverHappened"
  | "reads"
  | "readsFailed"
  | "failures"
>;

function tally(history: RealHistory): Tally {
  const failures: Record<string, number> = {};
  const sum = {
    operations: history.operations.length,
    acknowledged: 0,
    deletesAcknowledged: 0,
    indeterminate: 0,
    neverHappened: 0,
    reads: 0,
    readsFailed: 0,
  };
  for (const operation of history.operations) {
    const { outcome } = operation;
    if (outcome?.kind === "failed") failures[outcome.code] = (failures[outcome.code] ?? 0) + 1;
    if (!isWrite(operation)) {
      sum.reads += 1;
      if (outcome === undefined || outcome.kind === "failed") sum.readsFailed += 1;
    } else if (outcome?.kind === "written") {
      sum.acknowledged += 1;
      if (operation.kind === "delete") sum.deletesAcknowledged += 1;
    } else if (neverHappened(operation)) sum.neverHappened += 1;
    else sum.indeterminate += 1;
  }
  return { ...sum, failures };
}
