/**
 * Nodes that are stopped and started again one by one while clients go on, each time at other addresses.
 *
 * Invariant: every request of the load is expected to succeed. What was acknowledged last for a key is what every node must
 * answer at the end, by a read of all of the key's primaries.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually, type Program, RealCluster, type RunningDnd } from "./real-cluster.ts";

const LANES = 4;
/** After so many there is nothing more to learn. */
const FAILURES_MAX = 10;
const KEYS_PER_LANE = 20;
const READY_MS_MAX = 90_000;

/** One node, wherever it listens at the moment. */
export interface RollingNode {
  readonly number: number;
  running: RunningDnd;
  /** `host:port` of its HTTP door. */
  http: string;
  peers: string;
  /** Whether clients are sent to it. */
  isOffered: boolean;
}

export interface RollingOptions {
  readonly nodes: number;
  /** The program that each node is first started from; by default this one. */
  readonly program?: Program | undefined;
  /** Flags of each start. */
  readonly flags?: (number: number) => readonly string[];
  /** Makes the folder of a node's data ready; false: there is to be no cluster. */
  readonly prepare?: (number: number, folder: string) => Promise<boolean>;
}

export class RollingCluster {
  readonly nodes: RollingNode[] = [];
  readonly real: RealCluster;
  readonly #options: RollingOptions;
  /** Addresses given out. */
  #places = 0;

  private constructor(real: RealCluster, options: RollingOptions) {
    this.real = real;
    this.#options = options;
  }

  /** Starts a first node, and then the others, which join through it. */
  static async start(
    options: RollingOptions & Required<Pick<RollingOptions, "prepare">>,
  ): Promise<RollingCluster | undefined>;
  static async start(options: RollingOptions): Promise<RollingCluster>;
  static async start(options: RollingOptions): Promise<RollingCluster | undefined> {
    const real = await RealCluster.create(2 * Math.max(4, options.nodes));
    const cluster = new RollingCluster(real, options);
    for (let number = 0; number < options.nodes; number += 1) {
      if ((await options.prepare?.(number, cluster.dataOf(number))) !== false) continue;
      await cluster.close();
      return undefined;
    }
    for (let number = 0; number < options.nodes; number += 1) {
      const first = cluster.nodes[0];
      const peers = first === undefined ? [] : ["--peers", first.peers];
      cluster.nodes.push(cluster.#run(number, peers, options.program));
      if (number === 0) await cluster.ready(cluster.nodes[0] as RollingNode);
    }
    for (const node of cluster.nodes) await cluster.ready(node);
    return cluster;
  }

  /** One node more, with the flags of all. */
  add(): RollingNode {
    const node = this.#run(this.nodes.length, []);
    this.nodes.push(node);
    return node;
  }

  /** Stops a node in order, and starts it on the same disk somewhere else. Nobody is told but by the node itself. */
  async roll(node: RollingNode, program?: Program): Promise<void> {
    await this.stop(node);
    this.startAgain(node, [], program);
    await this.ready(node);
  }

  async stop(node: RollingNode): Promise<void> {
    node.isOffered = false;
    node.running.process.kill("SIGTERM");
    const status = await node.running.ended;
    assert.equal(status, 0, `node ${node.number} ended: ${node.running.stderr}`);
  }

  startAgain(node: RollingNode, flags: readonly string[], program?: Program): void {
    Object.assign(node, this.#run(node.number, flags, program));
  }

  /** Settles when the node says that it has caught up; then clients are sent to it again. */
  async ready(node: RollingNode): Promise<void> {
    await eventually(`node ${node.number} to be ready`, READY_MS_MAX, async () => {
      if (node.running.process.exitCode !== null) {
        throw new Error(`node ${node.number} ended: ${node.running.stderr}`);
      }
      try {
        const reply = await fetch(`http://${node.http}/ready`);
        await reply.text();
        return reply.status === 200 ? true : undefined;
      } catch {
        return undefined;
      }
    });
    node.isOffered = true;
  }

  /** Where a node keeps its data. */
  dataOf(number: number): string {
    return join(this.real.folder, `data-${number}`);
  }

  /** `afterEnd` runs when no node does any more, and before their folders are removed. */
  async close(afterEnd?: () => Promise<unknown>): Promise<void> {
    for (const { running } of this.nodes) {
      if (running.process.exitCode === null) running.process.kill("SIGKILL");
      await running.ended;
    }
    await afterEnd?.();
    await this.real.close();
  }

  #run(number: number, flags: readonly string[], program?: Program): RollingNode {
    const place = this.#places;
    this.#places += 1;
    const own = this.#options.flags?.(number) ?? [];
    const ports = this.real.portFlags(place);
    const dataDir = join(this.dataOf(number), "node");
    const args = ["start", ...ports, "--json", "--data-dir", dataDir, ...own, ...flags];
    const running = this.real.run(args, program);
    const { port, webPort } = this.real.ports;
    const http = `127.0.0.1:${webPort + place}`;
    const peers = `127.0.0.1:${port + place}`;
    return { number, running, http, peers, isOffered: false };
  }
}

interface Answered {
  readonly text: string;
  readonly etag: string;
}

/** Clients that write, count and read without a pause, each at any node that is offered. */
export class Load {
  readonly failures: string[] = [];
  answered = 0;
  readonly #cluster: RollingCluster;
  readonly #last = new Map<string, string>();
  readonly #counted = new Map<string, number>();
  /** Counted perhaps once more than was acknowledged. */
  readonly #unsure = new Set<string>();
  readonly #lanes: Promise<void>[] = [];
  #isStopped = false;

  constructor(cluster: RollingCluster) {
    this.#cluster = cluster;
    for (let lane = 0; lane < LANES; lane += 1) this.#lanes.push(this.#run(lane));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#lanes);
  }

  /** What every node answers for every key. */
  async check(): Promise<void> {
    const counted = [...this.#counted].filter(([key]) => !this.#unsure.has(key));
    const expected = [...this.#last, ...counted.map(([key, count]) => [key, `${count}`] as const)];
    assert.ok(expected.length >= LANES * KEYS_PER_LANE, `${expected.length} keys`);
    for (const node of this.#cluster.nodes) {
      for (const [key, value] of expected) {
        const reply = await fetch(`http://${node.http}/kv/${key}?r=3`);
        assert.equal(await reply.text(), value, `${key} at node ${node.number}`);
      }
    }
  }

  async #run(lane: number): Promise<void> {
    for (let turn = 0; !this.#isStopped && this.failures.length < FAILURES_MAX; turn += 1) {
      const key = `lane${lane}-key${turn % KEYS_PER_LANE}`;
      const value = `${lane}.${turn}`;
      const put = await this.#ask("PUT", `/kv/${key}`, value);
      if (put !== undefined) this.#last.set(key, value);
      const read = await this.#get(`/kv/${key}`);
      if (read !== undefined && put !== undefined && read.text !== value) {
        this.failures.push(`${key} is "${read.text}", and "${value}" was acknowledged`);
      }
      await this.#count(`lane${lane}-count`);
    }
  }

  /**
   * A read-modify-write, which runs at the key's first live primary. It may be told that it cannot be known whether it was
   * stored (docs/consistency.md): then the next one finds out, as a client has to.
   */
  async #count(key: string): Promise<void> {
    const counted = this.#counted.get(key) ?? 0;
    const held = counted === 0 ? undefined : await this.#get(`/kv/${key}`);
    if (counted > 0 && held === undefined) return;
    const now = Number(held?.text ?? 0);
    if (now !== counted && !(this.#unsure.delete(key) && now === counted + 1)) {
      this.failures.push(`${key} is ${now}, and ${counted} was acknowledged`);
    }
    this.#counted.set(key, now);
    const condition = held === undefined ? { "If-None-Match": "*" } : { "If-Match": held.etag };
    const done = await this.#ask("PUT", `/kv/${key}`, `${now + 1}`, condition);
    if (done === "contended") this.#unsure.add(key);
    else if (done !== undefined) this.#counted.set(key, now + 1);
  }

  async #get(path: string): Promise<Answered | undefined> {
    const answered = await this.#ask("GET", path);
    return answered === "contended" ? undefined : answered;
  }

  async #ask(
    method: string,
    path: string,
    body?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answered | "contended" | undefined> {
    const offered = this.#cluster.nodes.filter(({ isOffered }) => isOffered);
    const node = offered[Math.floor(Math.random() * offered.length)];
    if (node === undefined) {
      this.failures.push("no node is offered");
      return undefined;
    }
    const what = `${method} ${path} at node ${node.number}`;
    try {
      const init = { method, headers, ...(body === undefined ? {} : { body }) };
      const reply = await fetch(`http://${node.http}${path}`, init);
      const text = await reply.text();
      this.answered += 1;
      if (reply.ok) return { text, etag: reply.headers.get("etag") ?? "" };
      const isContended = text.includes('"code":"contended"') && "If-Match" in headers;
      if (isContended && text.includes('"stored":"maybe"')) return "contended";
      this.failures.push(`${what}: ${reply.status} ${text}`);
    } catch (error) {
      this.failures.push(`${what}: ${String(error)} ${String((error as Error).cause)}`);
    }
    return undefined;
  }
}
