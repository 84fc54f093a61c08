/** One node of `dnd up`: a process of its own, tied to its parent by a channel. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { NODE_FLAGS } from "../adapters/system/engine-tuning.ts";
import { type CliError, failure } from "./cli-error.ts";

/** What a child tells its parent. */
export type ChildMessage =
  /** It takes requests and copies its share of the data, which takes as long as it takes. */
  | { readonly kind: "joining" }
  | { readonly kind: "ready"; readonly node: string }
  | {
      readonly kind: "failed";
      readonly message: string;
      readonly code: string;
      readonly hint: string | undefined;
    };

export interface ChildPlan {
  /** From 1. */
  readonly number: number;
  readonly port: number;
  readonly serverPort: number;
  readonly webPort: number;
  /** `undefined`: none. */
  readonly redisPort: number | undefined;
  readonly dataDir: string;
  /** How long it takes to stop, at most: notice and drain. */
  readonly drainMs: number;
}

const SEMI_SPACE = /--max[-_]semi[-_]space[-_]size\b/;
const READY_MS_MAX = 60_000;
/** A child that is late by so much hangs, and cannot even end itself. */
const OVERDUE_MS = 10_000;

export class ClusterChild {
  readonly plan: ChildPlan;
  readonly #process: ChildProcess;
  readonly #ended: Promise<string>;
  #hasEnded = false;

  /** @param args of `dnd start`. */
  constructor(plan: ChildPlan, args: readonly string[]) {
    this.plan = plan;
    // What somebody chose for this program, or for all (NODE_OPTIONS), is meant for its nodes.
    const chosen = process.execArgv.filter((flag) => SEMI_SPACE.test(flag));
    const isForAll = SEMI_SPACE.test(process.env["NODE_OPTIONS"] ?? "");
    const flags = chosen.length > 0 || isForAll ? chosen : NODE_FLAGS;
    this.#process = spawn(process.execPath, [...flags, process.argv[1] ?? "", "start", ...args], {
      env: { ...process.env, DND_UP_CHILD: String(plan.number) },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#hasEnded = true;
        resolve(how);
      };
      this.#process.on("error", (error) => end(error.message));
      this.#process.on("exit", (code, signal) =>
        end(signal === null ? `status ${code}` : `killed by ${signal}`),
      );
    });
    const { stderr } = this.#process;
    if (stderr !== null) {
      createInterface({ input: stderr }).on("line", (line) => {
        process.stderr.write(`node ${plan.number} | ${line}\n`);
      });
    }
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Settles with how the process ended. */
  get ended(): Promise<string> {
    return this.#ended;
  }

  /** Settles with the node's id once it takes requests; rejects with the child's own reason. */
  ready(): Promise<string> {
    const name = `node ${this.plan.number}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(failure("not-ready", `${name} was not ready within ${READY_MS_MAX / 1_000} s`));
      }, READY_MS_MAX);
      this.#process.on("message", (message: ChildMessage) => {
        clearTimeout(timer);
        if (message.kind === "ready") resolve(message.node);
        else if (message.kind === "failed")
          reject(failure(message.code, `${name}: ${message.message}`, message.hint));
      });
      void this.#ended.then((how) => {
        clearTimeout(timer);
        reject(failure("child-ended", `${name} ended before it was ready: ${how}`));
      });
    });
  }

  /** Asks it to drain, and ends it if it does not. Settles once it is gone. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#process.kill("SIGTERM");
    const limitMs = this.plan.drainMs + OVERDUE_MS;
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), limitMs);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** In a child of `dnd up`: tells the parent. `false`: this is no child. */
export function tellParent(message: ChildMessage): boolean {
  if (process.send === undefined || process.env["DND_UP_CHILD"] === undefined) return false;
  return process.send(message);
}

/** In a child: why it could not start, for the parent to print. */
export function reportToParent({ message, code, hint }: CliError): boolean {
  return tellParent({ kind: "failed", message, code, hint });
}
