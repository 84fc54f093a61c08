/**
 * One node as a real process that is killed, stopped and started again.
 *
 * Invariant: what is done to it is recorded before it is done, so that a request that suffers from it is never taken
 * for one that a healthy node failed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HttpConnection } from "./http-connection.ts";
import type { MachineRecord, Recorder } from "./recorded.ts";

const PLANT = new URL("../../../sim/mutants/plant-hook.ts", import.meta.url).href;
const DND = fileURLToPath(new URL("../../../bin/dnd", import.meta.url));

export interface NodePorts {
  readonly port: number;
  readonly serverPort: number;
  readonly webPort: number;
}

export class RealNode {
  readonly record: MachineRecord;
  readonly ports: NodePorts;
  readonly folder: string;
  readonly #recorder: Recorder;
  readonly #plantedBug: string | undefined;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isEndWanted = false;
  #isPaused = false;

  constructor(options: {
    readonly recorder: Recorder;
    readonly index: number;
    readonly ports: NodePorts;
    readonly folder: string;
    /** Of the simulator's catalogue: the control. */
    readonly plantedBug?: string | undefined;
  }) {
    this.#recorder = options.recorder;
    this.record = options.recorder.machines[options.index] as MachineRecord;
    this.ports = options.ports;
    this.folder = options.folder;
    this.#plantedBug = options.plantedBug;
  }

  get index(): number {
    return this.record.index;
  }

  get http(): string {
    return `http://127.0.0.1:${this.ports.serverPort}`;
  }

  get peerAddress(): string {
    return `127.0.0.1:${this.ports.port}`;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The launcher runs under this very Node, so it becomes the node without a process in between. */
  start(peers: readonly RealNode[]): void {
    const { port, serverPort, webPort } = this.ports;
    const log = openSync(join(this.folder, `node-${this.index}.log`), "a");
    const args = ["start", "--json", "--log-level", "info"];
    args.push("--port", `${port}`, "--server-port", `${serverPort}`, "--web-port", `${webPort}`);
    args.push("--redis-port", "off");
    args.push("--data-dir", join(this.folder, `node-${this.index}`));
    if (peers.length > 0) args.push("--peers", peers.map((peer) => peer.peerAddress).join(","));
    // The channel ends the node with this process, however that ends.
    const bug = this.#plantedBug;
    const child = spawn(
      process.execPath,
      [...(bug === undefined ? [] : ["--import", PLANT]), DND, ...args],
      {
        stdio: ["ignore", log, log, "ipc"],
        env: bug === undefined ? process.env : { ...process.env, DND_PLANTED_BUG: bug },
      },
    );
    closeSync(log);
    this.#process = child;
    this.#isEndWanted = false;
    this.record.boots += 1;
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => this.#recorder.odd("I11", `cannot be started: ${error}`));
      child.on("close", (code, signal) => {
        if (!this.#isEndWanted) {
          const how = signal ?? `status ${code}`;
          this.#recorder.odd("I14", `n${this.index} ended by itself: ${how}; see its log`);
          this.record.absences.push({ ...openSpan(), boot: this.record.boots });
        }
        this.#process = undefined;
        resolve();
      });
    });
  }

  /** kill -9. Settles once it is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Asks it to drain. Settles once it is gone. */
  async terminate(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    if (this.#process === undefined) return;
    this.#isEndWanted = true;
    if (this.record.absences.at(-1)?.untilMs !== Number.POSITIVE_INFINITY) {
      this.record.absences.push({ ...openSpan(), boot: this.record.boots });
    }
    this.#process.kill(signal);
    // A stopped process dies at once, but its pause is over too.
    if (signal === "SIGKILL") this.#endPause();
    await this.#ended;
  }

  /** SIGSTOP. */
  pause(): void {
    if (this.#process === undefined || this.#isPaused) return;
    this.#isPaused = true;
    this.record.pauses.push(openSpan());
    this.#process.kill("SIGSTOP");
  }

  /** SIGCONT. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#process?.kill("SIGCONT");
    this.#endPause();
  }

  #endPause(): void {
    this.#isPaused = false;
    const last = this.record.pauses.at(-1);
    if (last?.untilMs === Number.POSITIVE_INFINITY) last.untilMs = performance.now();
  }

  /** Whether it says that it serves. */
  async isReady(): Promise<boolean> {
    if (this.#process === undefined || this.#isPaused) return false;
    const { boots } = this.record;
    const connection = await HttpConnection.open(this.ports.serverPort);
    const reply = await connection?.ask({ method: "GET", target: "/ready" });
    connection?.close();
    const isReady = reply?.status === 200;
    const absence = this.record.absences.at(-1);
    if (isReady && absence !== undefined && boots > absence.boot) {
      absence.untilMs = Math.min(absence.untilMs, performance.now());
    }
    return isReady;
  }
}

function openSpan(): { fromMs: number; untilMs: number } {
  return { fromMs: performance.now(), untilMs: Number.POSITIVE_INFINITY };
}
