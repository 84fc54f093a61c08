/** Programs of other systems: found where Debian puts them, started, and ended with the run. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const FOLDERS = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/bin"];
const OUTPUT_CHARACTERS_MAX = 4_000;
const READY_MS_MAX = 30_000;
const POLL_MS = 50;
const END_MS_MAX = 10_000;

/** Where a program is, or `undefined`. */
export function findProgram(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export class Program {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #output = "";

  constructor(name: string, path: string, args: readonly string[]) {
    this.name = name;
    this.#process = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    const kill = (): void => void this.#process.kill("SIGKILL");
    process.on("exit", kill);
    this.#ended = new Promise((resolve) => {
      this.#process.on("close", () => {
        process.off("exit", kill);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Settles once `isReady` answers true; what it throws is taken for not yet. */
  async ready(isReady: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + READY_MS_MAX;
    while (!(await isReady().catch(() => false))) {
      if (this.#process.exitCode !== null || performance.now() > endMs) {
        throw new Error(`${this.name} did not start:\n${this.#output}`);
      }
      await wait(POLL_MS);
    }
  }

  async end(): Promise<void> {
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), END_MS_MAX);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** Ports that nothing listens on at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    probes.map(
      (probe) =>
        new Promise<number>((resolve, reject) => {
          probe.on("error", reject);
          probe.listen(0, "127.0.0.1", () => resolve((probe.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(probes.map((probe) => new Promise((closed) => probe.close(closed))));
  return ports;
}
