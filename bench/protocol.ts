/** What a benchmark's parent tells its child processes, and what they answer: one answer to each order, in turn. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { OpenNodeOptions } from "../src/open-node.ts";
import type { Measured } from "./measure.ts";

export type Order =
  | { readonly kind: "open-node"; readonly options: OpenNodeOptions }
  | { readonly kind: "open-echo" }
  | { readonly kind: "http-load"; readonly load: HttpLoad }
  | { readonly kind: "cpu" }
  | { readonly kind: "status" }
  | { readonly kind: "socket-bytes" }
  | { readonly kind: "close" };

export interface HttpLoad {
  readonly port: number;
  readonly operation: Operation;
  readonly connections: number;
  readonly ms: number;
  readonly keyCount: number;
}

export type Operation = "write" | "read";

export type Answer =
  | { readonly kind: "opened"; readonly httpPort: number; readonly address?: string }
  | {
      readonly kind: "status";
      readonly status: {
        readonly counters: Readonly<Record<string, number>>;
        readonly gauges: Readonly<Record<string, number>>;
      };
    }
  | { readonly kind: "socket-bytes"; readonly bytes: number }
  | { readonly kind: "measured"; readonly measured: Measured }
  | { readonly kind: "cpu"; readonly seconds: number }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly problem: string };

export const VALUE_BYTES = 100;

export function keyOf(index: number): string {
  return `bench:${index}`;
}

/** Differs from one write to the next, so that nothing is spared by being equal. */
export function valueOf(count: number): string {
  return `${count}:`.padEnd(VALUE_BYTES, "x");
}

/** User and system time of the calling process so far. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** A child process that takes orders. */
export class BenchChild {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(name: string, execArgv: readonly string[] = []) {
    this.name = name;
    this.#process = fork(fileURLToPath(new URL("child.ts", import.meta.url)), [], {
      execArgv: [...execArgv],
    });
    this.#ended = new Promise((resolve) => {
      this.#process.on("exit", () => resolve());
    });
  }

  order(order: Order): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error(`${this.name} ended`));
      this.#process.once("exit", onExit);
      this.#process.once("message", (answer: Answer) => {
        this.#process.off("exit", onExit);
        if (answer.kind === "failed") reject(new Error(`${this.name}: ${answer.problem}`));
        else resolve(answer);
      });
      this.#process.send(order);
    });
  }

  async cpuSeconds(): Promise<number> {
    const answer = await this.order({ kind: "cpu" });
    return answer.kind === "cpu" ? answer.seconds : Number.NaN;
  }

  async close(): Promise<void> {
    await this.order({ kind: "close" });
    await this.#ended;
  }
}
