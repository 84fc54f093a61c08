/**
 * Open-loop load: requests start when they are due, whether or not earlier ones were answered, without retries.
 *
 * A closed loop would slow down with the store and so hide its pauses; here latency counts from the intended start.
 * Half writes, half reads. Every write's value is new, so that a read tells which write it saw: a value from before
 * the last write of its key that was acknowledged when the read began is `stale`. No key has two writes under way:
 * which of them is the last would be the store's to say.
 */
import { setTimeout as wait } from "node:timers/promises";
import {
  getRequest,
  KeepAliveConnection,
  LOST,
  type OnAnswer,
  putRequest,
} from "./keep-alive-client.ts";

export interface OpenLoopOptions {
  /** HTTP ports, used in turn. */
  readonly ports: readonly number[];
  readonly ratePerSecond: number;
  readonly keyCount: number;
}

/** One request that was answered, or that the connection was lost for. */
interface Completion {
  readonly operation: "put" | "get";
  readonly intendedMs: number;
  readonly endMs: number;
  /** The HTTP status, 0 for a broken connection. */
  readonly status: number;
}

/** What happened in a span of time. Times in milliseconds. */
export interface Span {
  readonly requests: number;
  /** Neither 2xx, nor 404 for a key that was never written. */
  readonly failed: number;
  readonly stale: number;
  /** The longest time in which nothing was answered. */
  readonly gapMs: number;
  /** The same for writes alone, and for reads alone. */
  readonly gapMsPut: number;
  readonly gapMsGet: number;
  readonly latencyMsMax: number;
  readonly latencyMsP99: number;
  /** The longest the load generator itself stood still: a gap of this size is the machine's. */
  readonly ownStallMsMax: number;
}

const VALUE_BYTES = 100;
/** More requests under way than this count as failed: nothing is answered, or not nearly fast enough. */
const WAITING_MAX = 5_000;
const FAILURES_SHOWN_MAX = 10;
const TOO_MANY = Buffer.from("too many requests are under way");

export class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #idle: KeepAliveConnection[][];
  readonly #all: KeepAliveConnection[] = [];
  readonly #completions: Completion[] = [];
  readonly #stale: number[] = [];
  readonly #stalls: { readonly atMs: number; readonly ms: number }[] = [];
  /** Per key: the last write acknowledged; 0 for none. */
  readonly #acked: number[];
  /** Keys without a write under way, the one longest unwritten first. */
  readonly #freeKeys: number[];
  #writtenMax = 0;
  readonly #failures: string[] = [];
  #started = 0;
  #waiting = 0;
  #isRunning = true;

  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.#idle = options.ports.map(() => []);
    this.#acked = Array.from({ length: options.keyCount }, () => 0);
    this.#freeKeys = this.#acked.map((_, index) => index);
  }

  /** Goes on until `stop`, and then until the last request is answered. */
  async run(): Promise<void> {
    const { ratePerSecond } = this.#options;
    const beginMs = performance.now();
    let turnMs = beginMs;
    while (this.#isRunning) {
      const nowMs = performance.now();
      this.#stalls.push({ atMs: nowMs, ms: nowMs - turnMs });
      turnMs = nowMs;
      for (;;) {
        const intendedMs = beginMs + (this.#started * 1_000) / ratePerSecond;
        if (intendedMs > nowMs) break;
        this.#started += 1;
        this.#request(this.#started, intendedMs);
      }
      await wait(1);
    }
    while (this.#waiting > 0) await wait(10);
    for (const connection of this.#all) connection.close();
  }

  stop(): void {
    this.#isRunning = false;
  }

  /** The first failures in words. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** The last acknowledged write of every key that has one. */
  acknowledged(): ReadonlyMap<string, number> {
    return new Map(
      this.#acked
        .map((count, index) => [keyOf(index), count] as const)
        .filter(([, count]) => count > 0),
    );
  }

  /** Of what was answered between two moments of `performance.now()`. */
  span(fromMs: number, toMs: number): Span {
    const isWithin = (atMs: number): boolean => atMs >= fromMs && atMs < toMs;
    const inside = this.#completions.filter(({ endMs }) => isWithin(endMs));
    const latencies = inside.map(({ endMs, intendedMs }) => endMs - intendedMs);
    latencies.sort((a, b) => a - b);
    const gapOf = (completions: readonly Completion[]): number =>
      longestGap([fromMs, ...completions.map(({ endMs }) => endMs), toMs]);
    return {
      requests: inside.length,
      failed: inside.filter(({ status }) => status !== 200).length,
      stale: this.#stale.filter(isWithin).length,
      gapMs: gapOf(inside),
      gapMsPut: gapOf(inside.filter(({ operation }) => operation === "put")),
      gapMsGet: gapOf(inside.filter(({ operation }) => operation === "get")),
      latencyMsMax: latencies.at(-1) ?? 0,
      latencyMsP99: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
      ownStallMsMax: Math.max(
        0,
        ...this.#stalls.filter(({ atMs }) => isWithin(atMs)).map(({ ms }) => ms),
      ),
    };
  }

  #request(count: number, intendedMs: number): void {
    const { ports } = this.#options;
    const portIndex = Math.floor(count / 2) % ports.length;
    const port = ports[portIndex] ?? 0;
    if (count % 2 === 0) {
      const index = this.#freeKeys.shift();
      if (index === undefined) throw new Error("every key has a write under way");
      this.#writtenMax = Math.max(this.#writtenMax, index);
      const request = putRequest(port, `/kv/${keyOf(index)}`, valueOf(count));
      this.#send(portIndex, port, request, (status) => {
        if (status === 200) this.#acked[index] = count;
        this.#freeKeys.push(index);
        this.#completions.push({ operation: "put", intendedMs, endMs: performance.now(), status });
      });
      return;
    }
    const index = Math.floor(Math.random() * (this.#writtenMax + 1));
    const expected = this.#acked[index] ?? 0;
    const request = getRequest(port, `/kv/${keyOf(index)}`);
    this.#send(portIndex, port, request, (status, body) => {
      const endMs = performance.now();
      const found = status === 200 ? countOf(body) : 0;
      if ((status === 200 || status === 404) && found < expected) this.#stale.push(endMs);
      const isEmpty = status === 404 && expected === 0;
      this.#completions.push({
        operation: "get",
        intendedMs,
        endMs,
        status: isEmpty ? 200 : status,
      });
    });
  }

  #send(portIndex: number, port: number, request: string, onAnswer: OnAnswer): void {
    const idle = this.#idle[portIndex] ?? [];
    const answer: OnAnswer = (status, body) => {
      onAnswer(status, body);
      if (status === 200 || status === 404 || this.#failures.length >= FAILURES_SHOWN_MAX) return;
      const [line] = request.split("\r\n");
      this.#failures.push(`${line} at ${port}: ${status} ${body.toString("utf8")}`);
    };
    let connection = idle.pop();
    while (connection?.isClosed === true) connection = idle.pop();
    if (connection === undefined) {
      if (this.#waiting >= WAITING_MAX) {
        answer(LOST, TOO_MANY);
        return;
      }
      connection = new KeepAliveConnection(port);
      this.#all.push(connection);
    }
    const used = connection;
    this.#waiting += 1;
    used.send(request, (status, body) => {
      this.#waiting -= 1;
      if (status !== LOST) idle.push(used);
      answer(status, body);
    });
  }
}

export function keyOf(index: number): string {
  return `load-${index}`;
}

function valueOf(count: number): string {
  return `${count}:`.padEnd(VALUE_BYTES, "x");
}

/** Which write a value is of. */
export function countOf(value: Buffer): number {
  return Number(value.toString("latin1", 0, value.indexOf(":")));
}

function longestGap(timesMs: readonly number[]): number {
  let longest = 0;
  for (let index = 1; index < timesMs.length; index += 1) {
    longest = Math.max(longest, (timesMs[index] ?? 0) - (timesMs[index - 1] ?? 0));
  }
  return longest;
}
