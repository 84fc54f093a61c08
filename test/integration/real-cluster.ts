/** Real processes for integration tests: `bin/dnd`, free ports, a folder of its own, and an end for all of it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const DND = fileURLToPath(new URL("../../bin/dnd", import.meta.url));
const POLL_MS = 50;

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `dnd` to its end. `input` is its stdin. */
export async function dnd(
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string } = {},
): Promise<Finished> {
  const running = new RunningDnd(args, options.cwd);
  running.process.stdin?.end(options.input ?? "");
  const status = await running.ended;
  return { status, stdout: running.stdout, stderr: running.stderr };
}

/** Node and a launcher. */
export type Program = readonly [node: string, launcher: string];

/** A `dnd` that goes on by itself. */
export class RunningDnd {
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
  stdout = "";
  stderr = "";

  /** @param program what to run it with: Node and a launcher; those of this checkout unless told. */
  constructor(
    args: readonly string[],
    cwd: string = tmpdir(),
    program: Program = [process.execPath, DND],
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.process = spawn(program[0], [program[1], ...args], {
      cwd,
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // One that has ended takes nothing any more: its status says why.
    this.process.stdin?.on("error", () => undefined);
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.process.on("close", (code) => resolve(code));
    });
  }

  /** Settles once stdout matches; fails when the process ends before, or after `ms`. */
  async said(pattern: RegExp, ms = 30_000): Promise<RegExpExecArray> {
    return await eventually(`dnd to say ${pattern}`, ms, () => {
      if (this.process.exitCode !== null)
        throw new Error(`dnd ended:\n${this.stdout}${this.stderr}`);
      return pattern.exec(this.stdout) ?? undefined;
    });
  }
}

/** Asks again until there is an answer that is not `undefined`; fails after `ms`. */
export async function eventually<Found>(
  what: string,
  ms: number,
  ask: () => Found | undefined | Promise<Found | undefined>,
): Promise<Found> {
  const endMs = performance.now() + ms;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await wait(POLL_MS);
  }
}

export interface UpNode {
  readonly node: number;
  readonly pid: number;
  readonly peers: string;
  readonly http: string;
  readonly redis: string;
  readonly data: string;
}

/** The ports of the first node; the others' are counted up. */
export interface BasePorts {
  readonly port: number;
  readonly serverPort: number;
  readonly webPort: number;
  readonly redisPort: number;
}

/** A local cluster in a folder of its own. */
export class RealCluster {
  readonly folder: string;
  readonly ports: BasePorts;
  readonly #started: RunningDnd[] = [];

  private constructor(folder: string, ports: BasePorts) {
    this.folder = folder;
    this.ports = ports;
  }

  static async create(nodeCount = 3): Promise<RealCluster> {
    const folder = await mkdtemp(join(tmpdir(), "dnd-cluster-"));
    return new RealCluster(folder, await freePorts(nodeCount));
  }

  /** Where a node listens, from 0. */
  portFlags(index: number): string[] {
    const { port, serverPort, webPort, redisPort } = this.ports;
    return [
      `--port=${port + index}`,
      `--server-port=${serverPort + index}`,
      `--web-port=${webPort + index}`,
      `--redis-port=${redisPort + index}`,
    ];
  }

  /** `program` and `environment`: as for `RunningDnd`. */
  run(
    args: readonly string[],
    program?: Program,
    environment?: Readonly<Record<string, string>>,
  ): RunningDnd {
    const running = new RunningDnd(args, this.folder, program, environment);
    this.#started.push(running);
    return running;
  }

  async up(...flags: string[]): Promise<{ up: RunningDnd; nodes: readonly UpNode[] }> {
    const up = this.run(["up", "--json", ...this.portFlags(0), ...flags]);
    // Processes of a busy machine take their time.
    const [line] = await up.said(/\{"event":"ready".*\}/, 120_000);
    return { up, nodes: (JSON.parse(line) as { nodes: UpNode[] }).nodes };
  }

  /** Ends what still runs, however it has to, and removes the folder. */
  async close(): Promise<void> {
    for (const running of this.#started) {
      if (running.process.exitCode === null) running.process.kill("SIGKILL");
      await running.ended;
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** Whether a process still runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Ports this process has given out: who has them may not listen yet. */
const given = new Set<number>();

/** Four bases from each of which `count` ports upwards are free, on TCP and UDP, and given to nobody else here. */
export async function freePorts(count: number): Promise<BasePorts> {
  for (let tryCount = 0; tryCount < 50; tryCount += 1) {
    // Below the range that systems hand out for outgoing connections.
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const bases = {
      port,
      serverPort: port + count,
      webPort: port + 2 * count,
      redisPort: port + 3 * count,
    };
    const block = Array.from({ length: 4 * count }, (_, index) => port + index);
    if (block.some((each) => given.has(each))) continue;
    for (const each of block) given.add(each);
    if ((await Promise.all(block.map(isFree))).every((free) => free)) return bases;
  }
  throw new Error("no free ports");
}

async function isFree(port: number): Promise<boolean> {
  return (await isTcpFree(port)) && (await isUdpFree(port));
}

function isTcpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function isUdpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.on("error", () => resolve(false));
    socket.bind(port, "127.0.0.1", () => socket.close(() => resolve(true)));
  });
}

/** Stdout of a `dnd` that must succeed. */
export async function dndOk(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await dnd(args);
  assert.equal(status, 0, `dnd ${args.join(" ")}: ${stderr}`);
  return stdout;
}
