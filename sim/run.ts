/**
 * One run: a seed in, a report out. Nodes form a cluster, clients work while faults rage, everything is healed,
 * the cluster must settle within bounded virtual time, and the checkers judge what clients saw.
 */

import type { PlacedCell } from "../src/core/operations/backup-difference.ts";
import type { Key } from "../src/model/key.ts";
import { PACE_USUAL, type Pace } from "../src/node/pace.ts";
import { checkAnswers } from "./checkers/answers.ts";
import { BoundsWatch } from "./checkers/bounds.ts";
import { checkCollected } from "./checkers/collected.ts";
import { CollectionWatch } from "./checkers/collection-watch.ts";
import { checkConvergence, checkStampsOfCells } from "./checkers/convergence.ts";
import { CopiesWatch } from "./checkers/copies-watch.ts";
import { checkDurability } from "./checkers/durability.ts";
import { checkExpiry } from "./checkers/expiry.ts";
import type { FinalState, ReplicaDump } from "./checkers/final-state.ts";
import { MembershipWatch } from "./checkers/membership.ts";
import { checkOrder } from "./checkers/order.ts";
import { checkPromises } from "./checkers/promises.ts";
import { checkReads } from "./checkers/reads.ts";
import { checkTypes } from "./checkers/types.ts";
import { type Machine, type NodeFactory, SimCluster } from "./cluster.ts";
import { CorePhase } from "./core-phase.ts";
import { DESTROYING_KINDS } from "./destroying-kinds.ts";
import { dumpOf } from "./dump-of.ts";
import { type FaultKind, FaultPlan } from "./fault-plan.ts";
import { cellsOnDisks, checkFinalBackups } from "./final-backup.ts";
import {
  type History,
  isEnding,
  isWrite,
  type ReadOperation,
  type Span,
  type Violation,
} from "./history.ts";
import { Links } from "./links.ts";
import { Network } from "./network.ts";
import { type SimRandom, Streams } from "./random.ts";
import { drawPlan, type RunPlan } from "./run-plan.ts";
import { Trace, type TraceSink } from "./trace.ts";
import { type TypedQuery, TypedWorkload } from "./typed-workload.ts";
import { Scheduler } from "./virtual-clock.ts";
import { Workload } from "./workload.ts";

export interface RunOptions {
  readonly seed: number;
  readonly makeNode: NodeFactory;
  readonly sink?: TraceSink | undefined;
  /** Makes the frames of a trace readable. */
  readonly describeFrame?:
    | ((frame: Uint8Array) => { readonly text: string; readonly key: string | undefined })
    | undefined;
  /** The control: disks that say synced and are not. The checkers must find it. */
  readonly hasLyingDisks?: boolean;
  /** Disks hold something else than the cells of the real node: copies are not counted. */
  readonly hasNoCells?: boolean;
  /** Replaces what the seed would draw. */
  readonly plan?: Partial<RunPlan>;
}

export interface RunReport {
  readonly seed: number;
  readonly hash: string;
  readonly violations: readonly Violation[];
  readonly virtualMs: number;
  readonly events: number;
  readonly operations: number;
  /** Operations by how they ended. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly fired: Readonly<Record<string, number>>;
  /** Machines at the beginning, and virtual milliseconds under faults: none in a calm run. */
  readonly machines: number;
  readonly faultMs: number;
  /** What the nodes counted, over all their boots. */
  readonly counters: Readonly<Record<string, number>>;
  /** Virtual milliseconds from the end of the faults until all had settled; `undefined` when it did not. */
  readonly settledMs: number | undefined;
}

/** Virtual milliseconds the cluster has to form. */
const FORMING_MS_MAX = 60_000;
/** Virtual milliseconds it has to settle after the faults. */
const SETTLING_MS_MAX = 180_000;
/**
 * Two members compare every 5 to 10 s; each pair does so once in either span. In the first, a node that was damaged
 * in a slot still asks for what it has back already: it claims nothing of a slot until its own comparison has mended
 * it, which finds the slot to differ though the cells are equal.
 */
const QUIET_AFTER_MS = 12_000;
const QUIET_MS = 11_000;
/** While something is collected there may be differences; that comes to an end. */
const QUIET_ROUNDS = 8;
const SAMPLE_MS = 500;
/** Nodes that see one another alive stand in connection after this long: a lost one is dialled anew within 3 s. */
const MEETING_MS = 5_000;
/** How often a key is read at the end before no answer counts as none. */
const READ_ROUNDS = 4;

/** Kinds of faults that set a wall clock. */
const CLOCK_KINDS: readonly FaultKind[] = [
  "clock-step",
  "clock-freeze",
  "clock-back-at-restart",
  "clock-year-ahead",
];

/** Where bits change, all cells are read often enough for the cluster to settle in its time. */
const SCRUB_MS = 30_000;
/** With a longer grace nothing is collected before a run ends. */
const COLLECTING_GRACE_MS_MAX = 600_000;
/** Virtual milliseconds until what is old enough is gone, once all is settled. */
const COLLECTING_MS_MAX = 120_000;
/** Counting copies looks at every key on every disk. */
const COPIES_SAMPLE_MS = 1_000;

/** Runs one seed to its end. */
export function run(options: RunOptions): RunReport {
  return new Run(options).run();
}

class Run {
  readonly #seed: number;
  readonly #plan: RunPlan;
  readonly #streams: Streams;
  readonly #random: SimRandom;
  readonly #trace: Trace;
  readonly #scheduler: Scheduler;
  readonly #cluster: SimCluster;
  readonly #workload: Workload;
  readonly #typed: TypedWorkload;
  readonly #typedFinals: TypedQuery[] = [];
  readonly #faults: FaultPlan;
  readonly #membership: MembershipWatch;
  readonly #bounds: BoundsWatch;
  readonly #copies: CopiesWatch | undefined;
  readonly #collection: CollectionWatch;
  readonly #pace: Pace = { ...PACE_USUAL };
  readonly #topologyChanges: Span[] = [];
  readonly #lostMemory: Span[] = [];
  /** Since when all run, are ready and see one another. */
  #formedSinceMs = 0;
  readonly #hasLyingDisks: boolean;
  readonly #hasNoCells: boolean;
  /** What a backup at the end is taken since: what stood on disks when the faults ended. */
  #backupBase: readonly PlacedCell[] = [];
  #isForming = true;
  #settledMs: number | undefined;

  constructor(options: RunOptions) {
    this.#seed = options.seed;
    this.#plan = { ...drawPlan(options.seed), ...options.plan };
    this.#streams = new Streams(options.seed);
    this.#random = this.#streams.stream("run");
    this.#trace = new Trace(options.sink);
    this.#scheduler = new Scheduler(this.#streams.stream("turns"), this.#trace);
    const links = new Links(this.#plan.faults.delayMs);
    const network = new Network(this.#scheduler, this.#streams.stream("network"), links);
    if (options.describeFrame !== undefined) network.describe = options.describeFrame;
    this.#cluster = new SimCluster(this.#scheduler, network, this.#streams, {
      durability: this.#plan.durability,
      shared: this.#plan.shared,
      makeNode: options.makeNode,
      pace: this.#pace,
      scrubMs: this.#plan.faults.kinds.has("bit-rot") ? SCRUB_MS : undefined,
    });
    this.#hasLyingDisks = options.hasLyingDisks ?? false;
    this.#hasNoCells = options.hasNoCells ?? false;
    this.#workload = new Workload(this.#cluster, this.#streams, this.#plan.workload);
    this.#typed = new TypedWorkload(
      this.#cluster,
      this.#streams,
      this.#plan.typed,
      this.#workload.keys,
    );
    this.#faults = new FaultPlan(this.#cluster, this.#workload, this.#streams, this.#plan.faults);
    const bounds = this.#plan.isCalm
      ? { falselyDeadMs: 0, falselyAliveMs: 10_000 }
      : { falselyDeadMs: 30_000, falselyAliveMs: 60_000 };
    this.#membership = new MembershipWatch(this.#cluster, bounds);
    this.#bounds = new BoundsWatch(this.#cluster);
    const isCounted =
      options.hasNoCells !== true &&
      !DESTROYING_KINDS.some((kind) => this.#plan.faults.kinds.has(kind));
    this.#copies = isCounted
      ? new CopiesWatch(this.#cluster, this.#workload.operations)
      : undefined;
    this.#collection = new CollectionWatch(this.#cluster);
    this.#workload.onShown = (operation, stamp) => this.#copies?.onShown(operation, stamp);
    this.#workload.onAck = (operation, primaries) => this.#copies?.onAck(operation, primaries);
    this.#cluster.onBootEnded = (process) => {
      this.#workload.cutOff(process);
      this.#typed.cutOff(process);
      const machine = this.#cluster.machines[process.machine];
      if (machine !== undefined) this.#faults.onBootEnded(machine);
    };
    this.#cluster.onMemoryLost = () => {
      if (this.#lostMemory.at(-1)?.untilMs === Number.POSITIVE_INFINITY) return;
      const span = { fromMs: this.#scheduler.nowMs, untilMs: Number.POSITIVE_INFINITY };
      this.#lostMemory.push(span);
    };
    this.#cluster.onStartProblem = (machine, problem) => {
      this.#trace.event("start-problem", machine.index, machine.boots, 0, () => problem);
      this.#faults.onStartRefused(machine, problem);
    };
    this.#faults.onDeparture = () => this.#openTopologyChange();
    this.#faults.onJoin = () => {
      this.#openTopologyChange();
      this.#cluster.boot(this.#addMachine());
    };
  }

  run(): RunReport {
    this.#sampleForever();
    this.#countCopiesForever();
    this.#form();
    if (this.#isFormed()) {
      Object.assign(this.#pace, this.#plan.pace);
      this.#faults.begin();
      this.#workload.start();
      if (!this.#hasNoCells) this.#typed.start();
      this.#scheduler.runUntil(this.#scheduler.nowMs + this.#plan.faultMs);
      Object.assign(this.#pace, PACE_USUAL);
      this.#backupBase = cellsOnDisks(this.#cluster.machines);
      this.#typed.stop();
      this.#liveInCore();
      this.#workload.stop();
      this.#faults.heal();
    }
    const final = this.#settle();
    return this.#report(final);
  }

  /** While the rest stays broken, where the plan says so. */
  #liveInCore(): void {
    const { broken, faults } = this.#plan;
    if (broken.length === 0 || broken.length >= this.#cluster.machines.length) return;
    // A copy destroyed and another out of reach are two of three.
    if (DESTROYING_KINDS.some((kind) => faults.kinds.has(kind))) return;
    const random = this.#streams.stream("core");
    new CorePhase(this.#cluster, this.#workload, this.#faults, random, broken).run();
  }

  /** The first node, then all others at once, through whichever they know. */
  #form(): void {
    this.#openTopologyChange();
    for (let index = 0; index < this.#plan.machines; index += 1) this.#addMachine();
    const [first, ...joiners] = this.#cluster.machines;
    if (first !== undefined) this.#cluster.boot(first);
    for (const machine of joiners) {
      const delayMs = this.#random.below(3_000);
      this.#scheduler.after(delayMs, "join-due", undefined, () => this.#cluster.boot(machine));
    }
    const limitMs = this.#scheduler.nowMs + FORMING_MS_MAX;
    while (this.#scheduler.nowMs < limitMs && !this.#isFormed()) {
      this.#scheduler.runUntil(this.#scheduler.nowMs + 100);
    }
    this.#isForming = false;
    if (!this.#isFormed())
      this.#cluster.violate("I10", `no cluster within ${FORMING_MS_MAX} ms: ${this.#views()}`);
  }

  #addMachine(): Machine {
    const { skewMsMax, zones } = this.#plan;
    const known = this.#cluster.staying().map((machine) => machine.address);
    const count = Math.min(known.length, 1 + this.#random.below(3));
    const machine = this.#cluster.addMachine({
      skewMs: this.#random.between(-skewMsMax, skewMsMax),
      zone: zones === 1 ? "" : `z${this.#random.below(zones)}`,
      weight: this.#random.oneIn(4) ? this.#random.between(1, 4) : 1,
      // The first is always among them: two nodes that know only each other would never be let in.
      peers:
        known.length === 0
          ? []
          : [
              ...new Set([
                known[0] as (typeof known)[0],
                ...this.#random.shuffle(known).slice(0, count),
              ]),
            ],
    });
    machine.disk.faults.lies = this.#hasLyingDisks;
    if (this.#copies !== undefined) {
      machine.disk.onBatch = (operations, before) => {
        this.#copies?.onBatch(machine, operations, before);
        this.#collection.onBatch(machine, operations, before);
      };
    }
    return machine;
  }

  /** All who stay run, are ready, and see the same members alive; whoever was to go is gone. */
  #isFormed(): boolean {
    return (
      this.#cluster.machines.every(isDeparted) &&
      this.#cluster.staying().every((machine) => machine.hasStarted) &&
      new Set(this.#viewList()).size === 1
    );
  }

  #viewList(): string[] {
    const staying = this.#cluster.staying();
    return staying.map(({ node, index }) => {
      if (node === undefined) return `n${index} down`;
      const status = node.status();
      const present = status.members.filter(
        ({ record }) => record.intent !== "left" && record.intent !== "removed",
      );
      const members = present.map(
        ({ record, liveness }) => `${record.id.slice(0, 4)} ${record.intent} ${liveness}`,
      );
      const expected = staying.length;
      const count = members.length === expected ? "" : `${members.length} of ${expected}: `;
      const isWell =
        status.phase === "ready" &&
        count === "" &&
        present.every(({ record, liveness }) => record.intent === "active" && liveness === "alive");
      // A view that is not yet what it should be never equals another's.
      return `${isWell ? "" : `n${index} ${status.phase} ${count}`}epoch ${status.epoch} ${members.join(", ")}`;
    });
  }

  #views(): string {
    return [...new Set(this.#viewList())].join(" | ");
  }

  /** What a disk that is put back had acknowledged is known to those who meet its node: when all have, it is over. */
  #noteMemory(): void {
    const { nowMs } = this.#scheduler;
    if (!this.#isFormed()) this.#formedSinceMs = nowMs;
    const open = this.#lostMemory.at(-1);
    if (open?.untilMs !== Number.POSITIVE_INFINITY) return;
    if (nowMs - Math.max(this.#formedSinceMs, open.fromMs) > MEETING_MS) open.untilMs = nowMs;
  }

  #sampleForever(): void {
    this.#scheduler.after(SAMPLE_MS, "sample", undefined, () => {
      this.#noteMemory();
      if (!this.#isForming) this.#membership.sample();
      this.#bounds.sample();
      const open = this.#topologyChanges.at(-1);
      if (open?.untilMs === Number.POSITIVE_INFINITY && this.#isFormed())
        open.untilMs = this.#scheduler.nowMs;
      this.#sampleForever();
    });
  }

  #countCopiesForever(): void {
    if (this.#copies === undefined) return;
    this.#copies.sample((key) => this.#mayBeGone(key));
    this.#scheduler.after(COPIES_SAMPLE_MS, "count", undefined, () => this.#countCopiesForever());
  }

  #openTopologyChange(): void {
    const open = this.#topologyChanges.at(-1);
    if (open?.untilMs === Number.POSITIVE_INFINITY) return;
    this.#topologyChanges.push({
      fromMs: this.#scheduler.nowMs,
      untilMs: Number.POSITIVE_INFINITY,
    });
  }

  /** Waits until views and cells are equal; `undefined` when they do not become so in time. */
  #settle(): FinalState | undefined {
    const fromMs = this.#scheduler.nowMs;
    let problem = "";
    while (this.#scheduler.nowMs < fromMs + SETTLING_MS_MAX) {
      this.#scheduler.runUntil(this.#scheduler.nowMs + 1_000);
      if (!this.#isFormed()) {
        problem = `views differ: ${this.#views()}`;
        continue;
      }
      const stuck = this.#cluster.network.stuckCount(() => true);
      if (stuck > 0) {
        problem = `${stuck} connections that let nothing through are taken to stand`;
        continue;
      }
      const dirty = this.#dirty();
      const underWay = this.#workload.underWay + this.#typed.underWay;
      if (dirty !== "" || underWay > 0) {
        problem = dirty === "" ? `${underWay} requests under way` : dirty;
        continue;
      }
      const state = this.#collect();
      const differences = state === undefined ? [] : checkConvergence(state);
      if (state === undefined || differences.length > 0) {
        problem = `${differences.length} cells differ: ${differences
          .slice(0, 3)
          .map(({ detail }) => detail)
          .join(" | ")}`;
        continue;
      }
      this.#settledMs = this.#scheduler.nowMs - fromMs;
      this.#expectQuiet();
      this.#expectCollected();
      return this.#readAll(this.#collect() ?? state);
    }
    if (problem !== "") {
      const invariant = problem.startsWith("views") ? "I10" : "I4";
      this.#cluster.violate(
        invariant,
        `not settled ${SETTLING_MS_MAX} ms after the faults: ${problem}`,
      );
    }
    return undefined;
  }

  /** I5: equal replicas find nothing to mend, however often they look. */
  #expectQuiet(): void {
    // What was found before all was equal may still be under way.
    this.#scheduler.runUntil(this.#scheduler.nowMs + QUIET_AFTER_MS);
    let count = 0;
    for (let round = 0; round < QUIET_ROUNDS; round += 1) {
      const before = this.#counted("slots-differing");
      const collectedBefore = this.#counted("slots-collected");
      this.#scheduler.runUntil(this.#scheduler.nowMs + QUIET_MS);
      count = this.#counted("slots-differing") - before;
      // In the midst of a round of collection one has named its C, and another has not yet: that is a difference.
      if (count === 0 || this.#counted("slots-collected") === collectedBefore) break;
    }
    if (count > 0) {
      this.#cluster.violate("I5", `replicas that are equal found ${count} slots to differ`);
    }
  }

  /** What is gone for longer than the grace by every clock takes no space any more. */
  #expectCollected(): void {
    if (!this.#isCollecting || !this.#plan.expectsCollection) return;
    const beforeMs = Math.min(...this.#walls()) - this.#plan.shared.graceMs;
    const limitMs = this.#scheduler.nowMs + COLLECTING_MS_MAX;
    let left: readonly Violation[] = [];
    while (this.#scheduler.nowMs < limitMs) {
      left = checkCollected(this.#collect()?.dumps ?? [], beforeMs);
      if (left.length === 0) return;
      this.#scheduler.runUntil(this.#scheduler.nowMs + 2_000);
    }
    this.#cluster.violate(
      "I6",
      `${left.length} cells after ${COLLECTING_MS_MAX} ms: ${left[0]?.detail}`,
    );
  }

  /** Whether what is deleted can be collected before the run ends. */
  get #isCollecting(): boolean {
    return this.#plan.shared.graceMs < COLLECTING_GRACE_MS_MAX;
  }

  /** Whether a key may have no cell left at all: it was deleted, or had a time to live. */
  #mayBeGone(key: Key): boolean {
    return (
      this.#isCollecting &&
      this.#workload.operations.some(
        (operation) => isWrite(operation) && operation.key === key && isEnding(operation),
      )
    );
  }

  /** What the nodes that stay have counted under a name. */
  #counted(name: string): number {
    let count = 0;
    for (const { node } of this.#cluster.staying()) count += node?.status().counters[name] ?? 0;
    return count;
  }

  #dirty(): string {
    const dirty: string[] = [];
    for (const { node, index } of this.#cluster.staying()) {
      for (const member of node?.status().members ?? []) {
        if (member.dirtySlots > 0)
          dirty.push(`n${index} knows ${member.dirtySlots} dirty slots of ${member.record.id}`);
      }
    }
    return dirty.join("; ");
  }

  /** Every node's cells, as far as they can be had now. */
  #collect(): Omit<FinalState, "reads" | "listed"> | undefined {
    const dumps: ReplicaDump[] = [];
    for (const machine of this.#cluster.staying()) {
      const dump = dumpOf(this.#scheduler, machine);
      if (dump === undefined) return undefined;
      dumps.push(dump);
    }
    const node = this.#cluster.staying()[0]?.node;
    if (node === undefined) return undefined;
    return {
      dumps,
      primariesOf: (key) => node.locate(key).primaries,
    };
  }

  /** Reads every key somewhere. Connections may only just stand again: an unanswered read is tried a few times. */
  #readAll(state: Omit<FinalState, "reads" | "listed">): FinalState {
    const reads: ReadOperation[] = [];
    let keys: readonly Key[] = this.#workload.keys;
    for (let round = 1; keys.length > 0 && round <= READ_ROUNDS; round += 1) {
      const asked = keys.map((key) => this.#readOne(key));
      const limitMs = this.#scheduler.nowMs + 10_000;
      while (this.#workload.underWay > 0 && this.#scheduler.nowMs < limitMs) this.#scheduler.step();
      const isAnswered = (read: ReadOperation): boolean =>
        round === READ_ROUNDS || (read.outcome !== undefined && read.outcome.kind !== "failed");
      reads.push(...asked.filter(isAnswered));
      keys = asked.filter((read) => !isAnswered(read)).map(({ key }) => key);
      this.#scheduler.runUntil(this.#scheduler.nowMs + (keys.length > 0 ? 2_000 : 0));
    }
    this.#queryAll();
    const before = this.#walls();
    const listed = this.#listAll();
    const walls = [...before, ...this.#walls()];
    const listedWalls = { leastMs: Math.min(...walls), mostMs: Math.max(...walls) };
    // Last, so that what comes before it is as it would be without.
    this.#backUp();
    return { ...state, reads, listed, listedWalls };
  }

  /** Asks for every hash, set and counter somewhere, as `#readAll` does for plain keys. */
  #queryAll(): void {
    let keys = this.#typed.keys;
    for (let round = 1; keys.length > 0 && round <= READ_ROUNDS; round += 1) {
      const asked = keys.map(({ key, use }) =>
        this.#typed.queryAt(this.#random.pick(this.#cluster.running()), key, use),
      );
      const limitMs = this.#scheduler.nowMs + 10_000;
      while (this.#typed.underWay > 0 && this.#scheduler.nowMs < limitMs) this.#scheduler.step();
      const isAnswered = ({ outcome }: TypedQuery): boolean =>
        round === READ_ROUNDS || outcome?.kind === "answered";
      this.#typedFinals.push(...asked.filter(isAnswered));
      keys = asked.filter((query) => !isAnswered(query)).map(({ key, use }) => ({ key, use }));
      this.#scheduler.runUntil(this.#scheduler.nowMs + (keys.length > 0 ? 2_000 : 0));
    }
  }

  /** I18, while nothing changes any more. */
  #backUp(): void {
    // What nobody holds intact any more fails a backup for good.
    if (this.#hasNoCells || this.#isDamaged) return;
    const random = this.#streams.stream("backup");
    const problem = checkFinalBackups(this.#cluster, random, this.#backupBase);
    if (problem !== undefined) this.#cluster.violate("I18", problem);
  }

  get #isDamaged(): boolean {
    const damaged = "cells-damaged";
    return this.#cluster.staying().some(({ node }) => (node?.status().gauges[damaged] ?? 0) > 0);
  }

  #walls(): number[] {
    return this.#cluster.machines.map(({ clock }) => clock.wallMs());
  }

  #readOne(key: Key): ReadOperation {
    const machines = this.#cluster.running();
    const replicas = Math.min(this.#plan.shared.replicas, machines.length);
    const r = this.#random.oneIn(2) ? replicas : undefined;
    return this.#workload.readAt(this.#random.pick(machines), key, r);
  }

  /** A listing of the whole cluster through one node; tried again while connections come back, as reads are. */
  #listAll(): Set<Key> | undefined {
    let problem = "";
    for (let round = 1; round <= READ_ROUNDS; round += 1) {
      const listed = this.#tryListAll((reason) => {
        problem = reason;
      });
      if (listed !== undefined) return listed;
      this.#scheduler.runUntil(this.#scheduler.nowMs + 2_000);
    }
    this.#cluster.violate("I11", `the final listing failed: ${problem}`);
    return undefined;
  }

  #tryListAll(onProblem: (reason: string) => void): Set<Key> | undefined {
    const machine = this.#random.pick(this.#cluster.running());
    const { node, process } = machine;
    if (node === undefined || process === undefined) return undefined;
    const listed = new Set<Key>();
    let end: "running" | "complete" | "failed" = "running";
    const page = (cursor: string | undefined): void => {
      const limit = 1 + this.#random.below(100);
      node.list({ prefix: "", limit, cursor, withValues: false }, (outcome) => {
        if (outcome.kind === "failed") {
          onProblem(`${outcome.code} ${outcome.detail}`);
          end = "failed";
          return;
        }
        for (const { key } of outcome.entries) {
          if (listed.has(key)) this.#cluster.violate("I2", `the final listing shows ${key} twice`);
          listed.add(key);
        }
        if (outcome.next === undefined) end = "complete";
        else page(outcome.next);
      });
    };
    onProblem("it did not end within 30 s");
    this.#scheduler.deliver(process, "list-all", () => page(undefined));
    const limitMs = this.#scheduler.nowMs + 30_000;
    const isRunning = (): boolean => end === "running";
    while (isRunning() && this.#scheduler.nowMs < limitMs && this.#scheduler.step());
    return isRunning() || (end as string) === "failed" ? undefined : listed;
  }

  #report(final: FinalState | undefined): RunReport {
    const history: History = {
      operations: this.#workload.operations,
      topologyChanges: this.#topologyChanges,
      typedKeys: new Set(this.#typed.keys.map(({ key }) => key)),
      lostMemory: this.#lostMemory,
      isCalm: this.#plan.isCalm,
      isCollecting: this.#isCollecting,
      areClocksSteady: !CLOCK_KINDS.some((kind) => this.#plan.faults.kinds.has(kind)),
    };
    const violations = [
      ...this.#cluster.violations,
      ...this.#membership.violations,
      ...this.#bounds.violations,
      ...(this.#copies?.violations ?? []),
      ...this.#collection.violations,
      ...checkAnswers(history, this.#scheduler.nowMs),
      ...checkReads(history),
      ...checkOrder(history),
      ...checkPromises(history),
      ...checkExpiry(history),
    ];
    if (final !== undefined) {
      violations.push(
        ...checkTypes({
          operations: this.#typed.operations,
          finals: this.#typedFinals,
          isCalm: this.#plan.isCalm,
        }),
      );
      violations.push(...checkDurability(history, final), ...checkStampsOfCells(final.dumps));
    }
    const outcomes: Record<string, number> = {};
    for (const { outcome, isCutOff } of this.#workload.operations) {
      const name = isCutOff
        ? "cut-off"
        : outcome?.kind === "failed"
          ? outcome.code
          : (outcome?.kind ?? "under-way");
      outcomes[name] = (outcomes[name] ?? 0) + 1;
    }
    return {
      seed: this.#seed,
      hash: this.#trace.digest(),
      violations,
      virtualMs: this.#scheduler.nowMs,
      events: this.#trace.events,
      operations: this.#workload.operations.length + this.#typed.operations.length,
      outcomes,
      fired: Object.fromEntries(this.#faults.fired),
      machines: this.#plan.machines,
      faultMs: this.#plan.isCalm ? 0 : this.#plan.faultMs,
      counters: Object.fromEntries(this.#cluster.counters()),
      settledMs: this.#settledMs,
    };
  }
}

/** Whether a machine whose node was to go has seen the end of it. */
function isDeparted({ isLeaving, hasLeft, isLost, process }: Machine): boolean {
  if (!isLeaving && !isLost) return true;
  return (hasLeft || isLost) && process === undefined;
}
