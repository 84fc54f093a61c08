/**
 * Clients of hashes, sets and counters, beside those of plain keys and on keys of their own. Each value names the
 * operation that wrote it. Some keys change their type all the time: of those only convergence is asked.
 */
import { bytesFromBinary } from "../src/base/binary.ts";
import { flushKeyOf } from "../src/core/placement/flush-keys.ts";
import { slotOfKey } from "../src/core/placement/slot-of-key.ts";
import { type Key, keyFromText } from "../src/model/key.ts";
import type { Operation, OperationOutcome, Query, QueryOutcome } from "../src/model/operation.ts";
import type { WriteOutcome } from "../src/model/outcome.ts";
import type { Slot } from "../src/model/slot.ts";
import type { Machine, SimCluster } from "./cluster.ts";
import type { SimRandom, Streams } from "./random.ts";
import type { Process } from "./virtual-clock.ts";

/** What a key is used for, all of the run. */
export type TypedUse =
  | "counter"
  | "hash-counter"
  | "wiped-counter"
  | "wiped-hash-counter"
  | "hash"
  | "set"
  | "mixed";

export interface TypedOperation {
  readonly id: number;
  readonly use: TypedUse;
  readonly key: Key;
  readonly machine: number;
  /** `remove` is a blind delete of the key, `flush` takes away all that its slot holds. */
  readonly asked: Operation | { readonly kind: "remove" } | { readonly kind: "flush" };
  readonly startMs: number;
  endMs: number | undefined;
  isCutOff: boolean;
  outcome: OperationOutcome | WriteOutcome | undefined;
}

export interface TypedQuery {
  readonly id: number;
  readonly key: Key;
  readonly use: TypedUse;
  readonly query: Query;
  readonly startMs: number;
  endMs: number | undefined;
  outcome: QueryOutcome | undefined;
}

export interface TypedWorkloadConfig {
  readonly lanes: number;
  readonly operationsMax: number;
  readonly thinkMs: number;
}

const KEYS_PER_USE = 2;
const USES: readonly TypedUse[] = [
  "counter",
  "hash-counter",
  "wiped-counter",
  "wiped-hash-counter",
  "hash",
  "set",
  "mixed",
];
const NAMES: readonly string[] = ["a", "b", "c", "d", "e"];
const DEADLINE_MS = 5_000;

export class TypedWorkload {
  readonly operations: TypedOperation[] = [];
  readonly queries: TypedQuery[] = [];
  readonly keys: readonly { readonly key: Key; readonly use: TypedUse }[];
  readonly #cluster: SimCluster;
  readonly #plainSlots: ReadonlySet<Slot>;
  readonly #random: SimRandom;
  readonly #config: TypedWorkloadConfig;
  readonly #underWay = new Map<TypedOperation | TypedQuery, Process>();
  #isOn = false;
  #asked = 0;

  constructor(
    cluster: SimCluster,
    streams: Streams,
    config: TypedWorkloadConfig,
    plainKeys: readonly Key[],
  ) {
    this.#cluster = cluster;
    this.#plainSlots = new Set(plainKeys.map(slotOfKey));
    this.#random = streams.stream("typed workload");
    this.#config = config;
    this.keys = USES.flatMap((use) =>
      Array.from({ length: KEYS_PER_USE }, (_none, index) => ({
        // Some share a slot with plain keys.
        key: keyFromText(index === 0 ? `{t1}${use}` : `${use}${index}`),
        use,
      })),
    );
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  start(): void {
    this.#isOn = true;
    for (let lane = 0; lane < this.#config.lanes; lane += 1) this.#think();
  }

  stop(): void {
    this.#isOn = false;
  }

  cutOff(process: Process): void {
    for (const [operation, asked] of this.#underWay) {
      if (asked !== process) continue;
      if ("isCutOff" in operation) operation.isCutOff = true;
      this.#ended(operation);
    }
  }

  /** Asks one machine for all of a key, outside the lanes. */
  queryAt(machine: Machine, key: Key, use: TypedUse): TypedQuery {
    const isCounter = use === "counter" || use === "wiped-counter";
    const query: Query = isCounter ? { kind: "value" } : { kind: "whole", type: "either" };
    return this.#query(machine, key, use, query);
  }

  #think(): void {
    if (!this.#isOn || this.#asked >= this.#config.operationsMax) return;
    const delayMs = this.#random.oneIn(3)
      ? this.#random.fraction() * 2
      : this.#random.longTail(this.#config.thinkMs);
    this.#cluster.scheduler.after(delayMs, "think-typed", undefined, () => this.#ask());
  }

  #ask(): void {
    if (!this.#isOn) return;
    const machines = this.#cluster.serving().filter(({ hasStarted }) => hasStarted);
    if (machines.length === 0) return this.#think();
    this.#asked += 1;
    const machine = this.#random.pick(machines);
    const { key, use } = this.#random.pick(this.keys);
    if (this.#random.oneIn(5)) this.queryAt(machine, key, use);
    else this.#operate(machine, key, use);
  }

  #operate(machine: Machine, key: Key, use: TypedUse): void {
    const { process } = machine;
    if (process === undefined) return this.#think();
    const id = this.operations.length + 1;
    const operation: TypedOperation = {
      id,
      use,
      key,
      machine: machine.index,
      asked: this.#isAlone(key) && this.#isFlushing(use) ? { kind: "flush" } : this.#draw(use, id),
      startMs: this.#cluster.scheduler.nowMs,
      endMs: undefined,
      isCutOff: false,
      outcome: undefined,
    };
    this.operations.push(operation);
    this.#underWay.set(operation, process);
    this.#trace("ask-typed", operation, () => `~${id} ${JSON.stringify(operation.asked, plain)}`);
    this.#cluster.scheduler.deliver(process, "request", () => {
      const { node } = machine;
      const done = (outcome: OperationOutcome | WriteOutcome): void => {
        if (operation.outcome !== undefined) {
          this.#cluster.violate("I12", `~${id} was answered twice`);
          return;
        }
        operation.outcome = outcome;
        this.#ended(operation);
      };
      const { asked } = operation;
      if (asked.kind === "remove" || asked.kind === "flush") {
        // As a flush of this one slot does it; this way its stamp is told.
        const removed = asked.kind === "flush" ? flushKeyOf(slotOfKey(key)) : key;
        node?.delete({ key: removed, deadlineMs: DEADLINE_MS }, done);
      } else node?.operate({ key, operation: asked, deadlineMs: DEADLINE_MS }, done);
    });
  }

  #query(machine: Machine, key: Key, use: TypedUse, query: Query): TypedQuery {
    const id = this.queries.length + 1;
    const asked: TypedQuery = {
      id,
      key,
      use,
      query,
      startMs: this.#cluster.scheduler.nowMs,
      endMs: undefined,
      outcome: undefined,
    };
    this.queries.push(asked);
    const { process } = machine;
    if (process === undefined) return asked;
    this.#underWay.set(asked, process);
    this.#cluster.scheduler.deliver(process, "request", () => {
      machine.node?.query(
        { key, query, r: undefined, after: undefined, deadlineMs: DEADLINE_MS },
        (outcome) => {
          asked.outcome = outcome;
          this.#ended(asked);
        },
      );
    });
    return asked;
  }

  /** Whether nothing else is in the slot of a key. */
  #isAlone(key: Key): boolean {
    const slot = slotOfKey(key);
    const inSlot = this.keys.filter((other) => slotOfKey(other.key) === slot);
    return inSlot.length === 1 && !this.#plainSlots.has(slot);
  }

  #isFlushing(use: TypedUse): boolean {
    return (use === "hash" || use === "set" || use === "mixed") && this.#random.oneIn(24);
  }

  #draw(use: TypedUse, id: number): TypedOperation["asked"] {
    const random = this.#random;
    const name = random.pick(NAMES);
    switch (use) {
      case "counter":
        return { kind: "add", delta: 1n };
      case "hash-counter":
        return { kind: "hash-add", name: random.pick(NAMES.slice(0, 2)), delta: 1n };
      case "wiped-counter":
        return random.oneIn(6) ? { kind: "remove" } : { kind: "add", delta: 1n };
      case "wiped-hash-counter":
        if (random.oneIn(12)) return { kind: "remove" };
        if (random.oneIn(6)) return { kind: "hash-delete", names: ["a"] };
        return { kind: "hash-add", name: "a", delta: 1n };
      case "hash": {
        if (random.oneIn(24)) return { kind: "remove" };
        if (random.oneIn(4)) return { kind: "hash-delete", names: [name] };
        const names = random.oneIn(3) ? NAMES.slice(0, 1 + random.below(4)) : [name];
        const entries = names.map((one) => [one, bytesFromBinary(`v${id}`)] as const);
        return { kind: "hash-set", entries, when: "always" };
      }
      case "set":
        if (random.oneIn(24)) return { kind: "remove" };
        if (random.oneIn(12)) return { kind: "set-pop", count: 1 };
        if (random.oneIn(3)) return { kind: "set-remove", members: [name] };
        return { kind: "set-add", members: random.oneIn(3) ? NAMES.slice(1, 4) : [name] };
      case "mixed":
        return this.#drawMixed(name, id);
    }
  }

  #drawMixed(name: string, id: number): TypedOperation["asked"] {
    const random = this.#random;
    const number = bytesFromBinary(String(id));
    const kinds: readonly TypedOperation["asked"][] = [
      { kind: "remove" },
      { kind: "add", delta: 3n },
      { kind: "hash-add", name, delta: 2n },
      { kind: "hash-set", entries: [[name, number]], when: "always" },
      { kind: "hash-delete", names: [name] },
      { kind: "set-add", members: [name] },
      { kind: "set-remove", members: [name] },
      { kind: "set-replace", members: NAMES.slice(0, 2), expiresAtMs: 0, when: "always" },
      { kind: "set", value: number, expiry: 0, when: "always", wantsOld: false },
      { kind: "append", bytes: number },
      { kind: "persist" },
      {
        kind: "expire",
        when: "always",
        expiresAtMs: Math.floor(this.#cluster.machines[0]?.clock.wallMs() ?? 0) + 3_000,
      },
    ];
    return random.pick(kinds);
  }

  #ended(operation: TypedOperation | TypedQuery): void {
    this.#underWay.delete(operation);
    operation.endMs = this.#cluster.scheduler.nowMs;
    if ("asked" in operation) {
      this.#trace(
        "answer-typed",
        operation,
        () => `~${operation.id} ${JSON.stringify(operation.outcome, plain) ?? "cut off"}`,
      );
    }
    this.#think();
  }

  #trace(kind: string, { machine, id, key }: TypedOperation, describe: () => string): void {
    this.#cluster.scheduler.trace.event(kind, machine, id, 1, describe, key);
  }
}

/** Integers beyond doubles, and bytes, for a trace. */
function plain(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
}
