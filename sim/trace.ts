/**
 * The trace of a run: every event folds its time, place and numbers into a running hash, and becomes a line of text
 * when somebody reads along. Equal hashes mean equal runs, event by event (I15).
 */
import { hashBinary, mix32 } from "../src/base/hash.ts";

/** Receives the readable lines; `node` is a machine's number or -1 for the world, `key` what the line is about. */
export type TraceSink = (line: string, node: number, key: string | undefined) => void;

/** The world itself, where an event belongs to no machine. */
export const WORLD = -1;

export class Trace {
  readonly #sink: TraceSink | undefined;
  readonly #kinds = new Map<string, number>();
  #high = 0x9e3779b9 | 0;
  #low = 0x7f4a7c15 | 0;
  #events = 0;
  #nowMs = 0;

  constructor(sink?: TraceSink) {
    this.#sink = sink;
  }

  /** Whether lines are read: callers build text only then. */
  get isRead(): boolean {
    return this.#sink !== undefined;
  }

  /** Events folded in so far. */
  get events(): number {
    return this.#events;
  }

  /** The scheduler's time for the events that follow. */
  advance(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Folds one event in. `text` is only called when the trace is read. */
  event(
    kind: string,
    node: number,
    first = 0,
    second = 0,
    text?: () => string,
    key?: string,
  ): void {
    this.#events += 1;
    this.#fold(this.#kindNumber(kind) ^ Math.imul(node + 2, 0x27d4eb2f));
    const micros = Math.round(this.#nowMs * 1_000);
    this.#fold(micros | 0);
    this.#fold(Math.floor(micros / 0x1_0000_0000) ^ first);
    this.#fold(second);
    if (this.#sink === undefined) return;
    const time = this.#nowMs.toFixed(3).padStart(12);
    const place = node === WORLD ? "  -" : ` n${node}`;
    this.#sink(`${time}${place} ${kind.padEnd(14)} ${text?.() ?? ""}`, node, key);
  }

  /** The hash of everything so far: 16 hex digits. */
  digest(): string {
    return (
      (this.#high >>> 0).toString(16).padStart(8, "0") +
      (this.#low >>> 0).toString(16).padStart(8, "0")
    );
  }

  #fold(value: number): void {
    this.#low = mix32(this.#low ^ value) | 0;
    this.#high = (Math.imul(this.#high, 0x01000193) + this.#low + (this.#high >>> 15)) | 0;
  }

  #kindNumber(kind: string): number {
    let known = this.#kinds.get(kind);
    if (known === undefined) {
      known = hashBinary(kind).low;
      this.#kinds.set(kind, known);
    }
    return known;
  }
}
