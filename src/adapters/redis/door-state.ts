/**
 * What all connections of a door share: the store, who is connected, what has been counted.
 */
import type { SharedConfig } from "../../model/config.ts";
import type { NodeId } from "../../model/ids.ts";
import type { Store } from "../../node/store.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Tracer } from "../../ports/tracer.ts";
import { DoorDurations } from "../metrics/door-durations.ts";
import { ConfigValues } from "./config-values.ts";
import type { RedisLimits } from "./redis-limits.ts";
import { RequestBudget } from "./request-budget.ts";
import type { Session } from "./session.ts";

/**
 * What SCAN, KEYS and DBSIZE cover: all keys, or those this node is the first primary of. And PUBSUB: all who listen, or those at
 * this node.
 */
export type ScanScope = "cluster" | "node";

/** Codes of errors that are counted apart; an error's text may begin with any word. */
const ERROR_CODES_MAX = 128;

/** What every command goes by, as the store said it last. */
export interface KnownSettings {
  readonly shared: SharedConfig;
  readonly nodeId: NodeId;
  /** When that was: wall clock, in milliseconds. */
  readonly atMs: number;
}

export class DoorState {
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: RedisLimits;
  readonly scan: ScanScope;
  readonly durations: DoorDurations;
  /** `undefined`: no command is traced. */
  readonly tracer: Tracer | undefined;
  readonly budget: RequestBudget;
  readonly config: ConfigValues;
  known: KnownSettings | undefined;
  /** By id. */
  readonly sessions = new Map<number, Session>();
  /** Monotonic. */
  readonly startedAtMs: number;
  /** The port listened on; 0 before it is known. */
  port = 0;

  /** Counts since the start, or the last CONFIG RESETSTAT. */
  connectionsReceived = 0;
  connectionsRejected = 0;
  commands = 0;
  errors = 0;
  inputBytes = 0;
  outputBytes = 0;
  /** Error replies by their code. */
  readonly errorCounts = new Map<string, number>();
  #lastId = 0;
  /** When the pace was asked for last, and what had been done by then. */
  #pacedAtMs: number;
  #pacedCommands = 0;

  constructor(options: {
    readonly store: Store;
    readonly clock: Clock;
    readonly limits: RedisLimits;
    readonly scan: ScanScope;
    readonly durations?: DoorDurations | undefined;
    readonly tracer?: Tracer | undefined;
  }) {
    this.durations = options.durations ?? new DoorDurations();
    this.tracer = options.tracer;
    this.store = options.store;
    this.clock = options.clock;
    this.limits = options.limits;
    this.scan = options.scan;
    this.budget = new RequestBudget(options.limits.requestsMax, options.limits.requestBytesMax);
    this.config = new ConfigValues();
    this.startedAtMs = options.clock.monotonicMs();
    this.#pacedAtMs = this.startedAtMs;
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Since this was asked last. */
  commandsPerSecond(): number {
    const nowMs = this.clock.monotonicMs();
    const seconds = Math.max(0.001, (nowMs - this.#pacedAtMs) / 1_000);
    const commands = Math.max(0, this.commands - this.#pacedCommands);
    this.#pacedAtMs = nowMs;
    this.#pacedCommands = this.commands;
    return Math.round(commands / seconds);
  }

  /** Counts an error reply; `text` begins with its code. */
  noteError(text: string): void {
    this.errors += 1;
    const end = text.indexOf(" ");
    const code = end < 0 ? text : text.slice(0, end);
    const count = this.errorCounts.get(code);
    if (count === undefined && this.errorCounts.size >= ERROR_CODES_MAX) return;
    this.errorCounts.set(code, (count ?? 0) + 1);
  }

  resetCounts(): void {
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.commands = 0;
    this.errors = 0;
    this.inputBytes = 0;
    this.outputBytes = 0;
    this.errorCounts.clear();
  }
}
