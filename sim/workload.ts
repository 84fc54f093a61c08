/**
 * Clients of a run: each lane asks, waits for the answer, thinks, asks again. Every put carries a value that no
 * other operation ever writes, so that a value read names the write it came from.
 */
import { assert } from "../src/base/assert.ts";
import type { Condition } from "../src/model/condition.ts";
import type { NodeId } from "../src/model/ids.ts";
import { type Key, keyFromText } from "../src/model/key.ts";
import { DEADLINE_MS_DEFAULT } from "../src/model/limits.ts";
import type { Stamp } from "../src/model/stamp.ts";
import type { Machine, SimCluster, SimNode } from "./cluster.ts";
import type { Disk } from "./disk.ts";
import {
  contentTypeOf,
  isWrite,
  type ListOperation,
  type Operation,
  type ReadOperation,
  valueOf,
  type WriteOperation,
} from "./history.ts";
import type { SimRandom, Streams } from "./random.ts";
import type { Process } from "./virtual-clock.ts";

/** Drawn from the seed for each run. */
export interface WorkloadConfig {
  readonly lanes: number;
  readonly keys: number;
  /** All keys lie in so many slots; absent: one in four shares a slot with others. */
  readonly slots?: number;
  /** Of these keys, how many are asked for half of the time. */
  readonly hotKeys: number;
  /** Typical milliseconds between an answer and the next question of a lane. */
  readonly thinkMs: number;
  /** Weights of the kinds of operations. */
  readonly mix: {
    readonly put: number;
    readonly delete: number;
    readonly conditional: number;
    readonly read: number;
    readonly list: number;
  };
  /** Whether some requests ask for their own w and r. */
  readonly asksQuorums: boolean;
  /** Whether some requests have little time. */
  readonly hasShortDeadlines: boolean;
  readonly valueBytesMax: number;
  readonly replicas: number;
  /** Operations at most, the final reads aside. */
  readonly operationsMax: number;
  /** Longest time to live, in milliseconds, of the puts that have one: half of them. Absent: none has one. */
  readonly ttlMsMax?: number | undefined;
  /** Every so many-th key is deleted some time into the run and never written again. Absent: none is. */
  readonly retiredEvery?: number | undefined;
}

/** Enough for one run: more seeds find more than more operations. */
export const OPERATIONS_MAX = 1_500;
/** Enough to see whether a part of the cluster serves. */
const OPERATIONS_RESUMED_MAX = 150;
/** Shortest time to live asked for. */
const TTL_MS_MIN = 1_000;
/** Keys are retired between these moments after the lanes began to work. */
const RETIRING_MS = [5_000, 45_000] as const;

export class Workload {
  readonly operations: Operation[] = [];
  readonly keys: readonly Key[];
  /** Called when a write is acknowledged. */
  onAck: ((operation: WriteOperation, primaries: readonly NodeId[]) => void) | undefined;
  /** Called when a read shows a value of this stamp. */
  onShown: ((operation: ReadOperation, stamp: Stamp) => void) | undefined;
  /** Called once, when the next write is acknowledged: what strikes right then waits here. */
  onNextAck: ((operation: WriteOperation) => void) | undefined;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #config: WorkloadConfig;
  readonly #underWay = new Map<Operation, Process>();
  readonly #diskChanges = new Map<Operation, number>();
  /** The newest stamp that any client has been told for a key. */
  readonly #seen = new Map<Key, Stamp>();
  /** Where the last page of a listing ended: pages go on from there, at whatever node. */
  #cursor: string | undefined;
  /** A stream of its own: keys and conditions are drawn as if there were no expiry. */
  readonly #lifetimes: SimRandom;
  /** When each of the keys to be retired is deleted, and whether a delete since was acknowledged. */
  readonly #retired = new Map<Key, { readonly fromMs: number; isGone: boolean }>();
  /** Once a run is enough: the rest would be the same mistake again. */
  #hasToldOfHaste = false;
  #isOn = false;
  /** Whom the lanes ask; `undefined` is everybody. */
  #asked: ReadonlySet<Machine> | undefined;
  #operationsMax: number;

  constructor(cluster: SimCluster, streams: Streams, config: WorkloadConfig) {
    this.#cluster = cluster;
    this.#random = streams.stream("workload");
    this.#lifetimes = streams.stream("workload lifetimes");
    this.#config = config;
    this.#operationsMax = config.operationsMax;
    // Tags put some keys into one slot, so that a slot holds more than one.
    const { slots } = config;
    this.keys = Array.from({ length: config.keys }, (_none, index) => {
      if (slots !== undefined) return keyFromText(`{t${index % slots}}k${index}`);
      return keyFromText(index % 4 === 3 ? `{t${index % 8}}k${index}` : `k${index}`);
    });
  }

  /** Lets the lanes run until `stop`. */
  start(): void {
    this.#isOn = true;
    this.#planRetirements();
    for (let lane = 0; lane < this.#config.lanes; lane += 1) this.#think();
  }

  stop(): void {
    this.#isOn = false;
  }

  /** Lets the lanes run on, for some operations more, at these machines only. */
  resumeAt(machines: readonly Machine[]): void {
    this.#isOn = true;
    this.#asked = new Set(machines);
    this.#operationsMax = this.operations.length + OPERATIONS_RESUMED_MAX;
    for (let lane = 0; lane < this.#config.lanes; lane += 1) this.#think();
  }

  /** Operations without an answer. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** Operations without an answer that these machines were asked. */
  underWayAt(machines: Iterable<Machine>): number {
    const asked = new Set([...machines].map(({ process }) => process));
    return [...this.#underWay.values()].filter((process) => asked.has(process)).length;
  }

  /** A boot has ended: what it was asked is cut off. */
  cutOff(process: Process): void {
    for (const [operation, asked] of this.#underWay) {
      if (asked !== process) continue;
      operation.isCutOff = true;
      this.#ended(operation, process);
    }
  }

  /** Asks one machine for one key outside the lanes: the final reads. */
  readAt(machine: Machine, key: Key, r: number | undefined): ReadOperation {
    const { process } = machine;
    assert(process !== undefined, "a final read is asked of a running node");
    const operation = this.#newRead(process, key, r, undefined, DEADLINE_MS_DEFAULT);
    this.#issue(operation, process);
    return operation;
  }

  #planRetirements(): void {
    const every = this.#config.retiredEvery;
    if (every === undefined) return;
    const nowMs = this.#cluster.scheduler.nowMs;
    for (let index = every - 1; index < this.keys.length; index += every) {
      const key = this.keys[index];
      const fromMs = nowMs + this.#lifetimes.between(...RETIRING_MS);
      if (key !== undefined) this.#retired.set(key, { fromMs, isGone: false });
    }
  }

  #think(): void {
    if (!this.#isOn || this.operations.length >= this.#operationsMax) return;
    // Bursts between pauses: many at once is what finds races.
    const delayMs = this.#random.oneIn(3)
      ? this.#random.fraction() * 2
      : this.#random.longTail(this.#config.thinkMs);
    this.#cluster.scheduler.after(delayMs, "think", undefined, () => this.#ask());
  }

  #ask(): void {
    if (!this.#isOn) return;
    const machines = this.#cluster
      .serving()
      .filter((machine) => machine.hasStarted && this.#asked?.has(machine) !== false);
    if (machines.length === 0) {
      this.#think();
      return;
    }
    const process = this.#random.pick(machines).process;
    if (process !== undefined)
      this.#issue(this.#unlessRetired(this.#draw(process), process), process);
  }

  /** A retired key is only deleted; once that was acknowledged, only read. */
  #unlessRetired(operation: Operation, process: Process): Operation {
    if (!isWrite(operation)) return operation;
    const { key, w, deadlineMs } = operation;
    const retired = this.#retired.get(key);
    if (retired === undefined || operation.startMs < retired.fromMs) return operation;
    if (retired.isGone) return this.#newRead(process, key, w, undefined, deadlineMs);
    return this.#newWrite(process, key, "delete", undefined, w, deadlineMs);
  }

  #draw(process: Process): Operation {
    const { mix } = this.#config;
    const key = this.#drawKey();
    const deadlineMs =
      this.#config.hasShortDeadlines && this.#random.oneIn(4)
        ? this.#random.between(1, 1_500)
        : DEADLINE_MS_DEFAULT;
    const quorum =
      this.#config.asksQuorums && this.#random.oneIn(4)
        ? this.#random.between(1, this.#config.replicas)
        : undefined;
    let roll = this.#random.below(mix.put + mix.delete + mix.conditional + mix.read + mix.list);
    roll -= mix.put;
    if (roll < 0) return this.#newWrite(process, key, "put", undefined, quorum, deadlineMs);
    roll -= mix.delete;
    if (roll < 0) return this.#newWrite(process, key, "delete", undefined, quorum, deadlineMs);
    roll -= mix.conditional;
    if (roll < 0) {
      const kind = this.#random.oneIn(4) ? "delete" : "put";
      return this.#newWrite(process, key, kind, this.#drawCondition(key), quorum, deadlineMs);
    }
    roll -= mix.read;
    if (roll < 0) {
      const after = this.#random.oneIn(4) ? this.#seen.get(key) : undefined;
      return this.#newRead(process, key, quorum, after, deadlineMs);
    }
    const operation: ListOperation = {
      ...this.#base(process, deadlineMs),
      kind: "list",
      outcome: undefined,
    };
    return operation;
  }

  #drawKey(): Key {
    const bound = this.#random.oneIn(2) ? this.#config.hotKeys : this.keys.length;
    return this.#random.pick(this.keys.slice(0, Math.max(1, bound)));
  }

  #drawCondition(key: Key): Condition {
    const seen = this.#seen.get(key);
    const roll = this.#random.below(3);
    if (roll === 0 && seen !== undefined) return { kind: "stamp-is", stamp: seen };
    return roll === 1 ? { kind: "exists" } : { kind: "absent" };
  }

  #base(process: Process, deadlineMs: number): Omit<ListOperation, "kind" | "outcome"> {
    return {
      id: this.operations.length + 1,
      machine: process.machine,
      boot: process.boot,
      startMs: this.#cluster.scheduler.nowMs,
      deadlineMs,
      pausedBeforeMs: pausedMs(process, this.#cluster.scheduler.nowMs),
      startWallMs: this.#cluster.machines[process.machine]?.clock.wallMs() ?? 0,
      endMs: undefined,
      pausedMs: 0,
      wasDiskWell: false,
      slowestWallMs: 0,
      wallMs: 0,
      isCutOff: false,
    };
  }

  #newWrite(
    process: Process,
    key: Key,
    kind: "put" | "delete",
    condition: Condition | undefined,
    w: number | undefined,
    deadlineMs: number,
  ): WriteOperation {
    const base = this.#base(process, deadlineMs);
    const bytes = this.#random.oneIn(64) ? this.#config.valueBytesMax : 8 + this.#random.below(64);
    const value = kind === "put" ? valueOf(base.id, bytes) : undefined;
    const ttlMs = kind === "put" ? this.#drawTtl() : undefined;
    const written = { kind, key, value, condition, w, ttlMs } as const;
    return { ...base, ...written, isAtPrimary: false, outcome: undefined };
  }

  #drawTtl(): number | undefined {
    const { ttlMsMax } = this.#config;
    if (ttlMsMax === undefined || this.#lifetimes.oneIn(2)) return undefined;
    return this.#lifetimes.between(TTL_MS_MIN, ttlMsMax);
  }

  #newRead(
    process: Process,
    key: Key,
    r: number | undefined,
    after: Stamp | undefined,
    deadlineMs: number,
  ): ReadOperation {
    return { ...this.#base(process, deadlineMs), kind: "read", key, r, after, outcome: undefined };
  }

  #issue(operation: Operation, process: Process): void {
    const scheduler = this.#cluster.scheduler;
    this.operations.push(operation);
    this.#diskChanges.set(operation, this.#diskOf(process)?.changes ?? -1);
    this.#underWay.set(operation, process);
    const key = operation.kind === "list" ? undefined : operation.key;
    scheduler.trace.event(
      "ask",
      process.machine,
      operation.id,
      0,
      () => describeAsk(operation),
      key,
    );
    scheduler.deliver(process, "request", () => {
      const node = this.#cluster.machines[process.machine]?.node;
      if (node === undefined) return;
      let isInside = true;
      const done = (outcome: Operation["outcome"]): void => {
        if (isInside && outcome?.kind !== "failed" && !this.#hasToldOfHaste) {
          this.#hasToldOfHaste = true;
          this.#cluster.violate(
            "contract",
            `#${operation.id} was answered within the call: ${outcome?.kind}`,
          );
        }
        this.#answered(operation, process, outcome);
      };
      const ask = (): void => this.#give(node, operation, done);
      // As doors ask, and as embedding programs do.
      if (operation.id % 2 === 0) node.together(ask);
      else ask();
      isInside = false;
    });
  }

  #give(node: SimNode, operation: Operation, done: (outcome: Operation["outcome"]) => void): void {
    const { deadlineMs } = operation;
    if (operation.kind === "list") {
      const cursor = this.#cursor;
      node.list({ prefix: "", limit: 50, cursor, withValues: true, deadlineMs }, done);
      return;
    }
    if (operation.kind === "read") {
      node.read({ key: operation.key, r: operation.r, after: operation.after, deadlineMs }, done);
      return;
    }
    const { key, w, condition, value, ttlMs } = operation;
    if (value === undefined) return node.delete({ key, w, deadlineMs, condition }, done);
    const contentType = contentTypeOf(operation.id);
    node.put({ key, value, contentType, w, deadlineMs, condition, ttlMs }, done);
  }

  #answered(operation: Operation, process: Process, outcome: Operation["outcome"]): void {
    if (operation.outcome !== undefined) {
      this.#cluster.violate(
        "I12",
        `#${operation.id} was answered twice: ${operation.outcome.kind}, ${outcome?.kind}`,
      );
      return;
    }
    // The kinds of operation and outcome go together by construction of the call above.
    (operation as { outcome: Operation["outcome"] }).outcome = outcome;
    if (isWrite(operation) && outcome?.kind === "written") {
      this.#sees(operation.key, outcome.stamp);
      const retired = this.#retired.get(operation.key);
      if (retired !== undefined && operation.startMs >= retired.fromMs) retired.isGone = true;
      const node = this.#cluster.machines[process.machine]?.node;
      const primaries = node?.locate(operation.key).primaries ?? [];
      operation.isAtPrimary = node !== undefined && primaries.includes(node.status().nodeId);
      this.onAck?.(operation, primaries);
      const strike = this.onNextAck;
      this.onNextAck = undefined;
      strike?.(operation);
    }
    if (operation.kind === "read" && outcome?.kind === "found") {
      this.#sees(operation.key, outcome.root.stamp);
      this.onShown?.(operation, outcome.root.stamp);
    }
    if (outcome?.kind === "page") this.#cursor = outcome.next;
    this.#ended(operation, process);
  }

  #diskOf(process: Process): Disk | undefined {
    return this.#cluster.machines[process.machine]?.disk;
  }

  #sees(key: Key, stamp: Stamp): void {
    this.#seen.set(key, stamp);
  }

  #ended(operation: Operation, process: Process): void {
    const scheduler = this.#cluster.scheduler;
    this.#underWay.delete(operation);
    operation.endMs = scheduler.nowMs;
    const disk = this.#diskOf(process);
    operation.wasDiskWell =
      disk?.isWell === true && disk.changes === this.#diskChanges.get(operation);
    this.#diskChanges.delete(operation);
    const walls = this.#cluster.machines.map(({ clock }) => clock.wallMs());
    operation.slowestWallMs = Math.min(...walls);
    operation.wallMs = walls[process.machine] ?? operation.slowestWallMs;
    operation.pausedMs = pausedMs(process, scheduler.nowMs) - operation.pausedBeforeMs;
    const key = operation.kind === "list" ? undefined : operation.key;
    scheduler.trace.event(
      "answer",
      process.machine,
      operation.id,
      0,
      () => describeAnswer(operation),
      key,
    );
    this.#think();
  }
}

/** Milliseconds that a process has spent paused up to now. */
function pausedMs(process: Process, nowMs: number): number {
  return process.pausedMsTotal + (process.isPaused ? nowMs - process.pausedSinceMs : 0);
}

function describeAsk(operation: Operation): string {
  if (operation.kind === "list") return `#${operation.id} list`;
  const extra = isWrite(operation)
    ? `${operation.condition === undefined ? "" : ` if ${operation.condition.kind}`} w=${operation.w ?? "-"}${operation.ttlMs === undefined ? "" : ` ttl ${operation.ttlMs} ms`}`
    : ` r=${operation.r ?? "-"}`;
  return `#${operation.id} ${operation.kind} ${operation.key}${extra} within ${operation.deadlineMs} ms`;
}

function describeAnswer(operation: Operation): string {
  if (operation.isCutOff) return `#${operation.id} cut off`;
  return `#${operation.id} ${JSON.stringify(operation.outcome, (name, value: unknown) =>
    name === "payload" || name === "entries" ? "..." : value,
  )}`;
}
