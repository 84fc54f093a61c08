/**
 * Members come and go under load: leaves, removals of dead nodes, joins, several at once, in calm or while nodes crash in
 * the middle. The seed draws which. A run ends when exactly those are members who should be.
 *
 * Checked: I1, I2, I7, I9 by the common checkers; I4: those who stay hold exactly what they are to hold; I11: nothing
 * fails where nothing was broken; I16: in a planned change an acknowledged write always has min(N, members) durable copies.
 */
import { SHARED_CONFIG_DEFAULT } from "../src/model/config.ts";
import type { NodeId } from "../src/model/ids.ts";
import type { Key } from "../src/model/key.ts";
import { compareStamps, formatStamp, type Stamp } from "../src/model/stamp.ts";
import { checkAnswers } from "./checkers/answers.ts";
import { checkConvergence, checkStampsOfCells } from "./checkers/convergence.ts";
import { checkDurability } from "./checkers/durability.ts";
import type { FinalState, ReplicaDump } from "./checkers/final-state.ts";
import { checkOrder } from "./checkers/order.ts";
import { checkReads } from "./checkers/reads.ts";
import { type Machine, type NodeFactory, SimCluster } from "./cluster.ts";
import { holdersOf } from "./copies.ts";
import { dumpOf } from "./dump-of.ts";
import {
  ackOf,
  describeOperation,
  isWrite,
  type ReadOperation,
  type Violation,
} from "./history.ts";
import { Links, PARTITION_SHAPES } from "./links.ts";
import { Network } from "./network.ts";
import { type SimRandom, Streams } from "./random.ts";
import { Trace, type TraceSink } from "./trace.ts";
import { Scheduler } from "./virtual-clock.ts";
import { OPERATIONS_MAX, Workload } from "./workload.ts";

export const DEPARTURE_KINDS = [
  "leave",
  "join",
  "join-and-leave",
  "remove",
  "replace",
  "remove-two",
  "remove-who-returns",
  "remove-joiner",
] as const;
export type DepartureKind = (typeof DEPARTURE_KINDS)[number];

export const DISTURBANCES = [
  "none",
  "crash-of-one-who-goes",
  "crash-of-one-who-stays",
  "crashes",
  "partition",
  "pause",
] as const;
export type Disturbance = (typeof DISTURBANCES)[number];

export interface DeparturePlan {
  readonly kind: DepartureKind;
  readonly disturbance: Disturbance;
  readonly machines: number;
  readonly replicas: number;
  readonly zones: number;
  readonly leavers: number;
  readonly joiners: number;
}

export interface DepartureReport {
  readonly seed: number;
  readonly plan: DeparturePlan;
  readonly violations: readonly Violation[];
  readonly operations: number;
  readonly hash: string;
  /** Virtual milliseconds from the first command until all was done and equal. */
  readonly changedMs: number | undefined;
  /** Samples in which every acknowledged write's copies were counted. */
  readonly samples: number;
}

const FORMING_MS_MAX = 60_000;
const CHANGING_MS_MAX = 180_000;
const SAMPLE_MS = 40;
/** A write reaches those whom its answer did not wait for within this, where nothing is broken. */
const SPREAD_MS = 1_500;

export function drawDepartures(seed: number): DeparturePlan {
  const random = new Streams(seed).stream("departure-plan");
  const kind = random.pick(DEPARTURE_KINDS);
  const machines = random.pick([3, 3, 4, 5, 5, 6]);
  const isRemoval = kind.startsWith("remove") || kind === "replace";
  // What the only replica took with it is given up by a removal: nothing to check.
  const replicas = isRemoval ? random.pick([2, 3, 3]) : random.pick([1, 2, 3, 3, 3, 5]);
  return {
    kind,
    disturbance: random.oneIn(2) ? "none" : random.pick(DISTURBANCES),
    machines: kind === "remove-two" ? Math.max(machines, 4) : machines,
    replicas: kind === "remove-two" ? 3 : replicas,
    zones: random.pick([1, 1, 2, 3]),
    leavers: kind === "leave" ? random.between(1, machines - 1) : 1,
    joiners: random.between(1, 3),
  };
}

export function runDepartures(options: {
  readonly seed: number;
  readonly makeNode: NodeFactory;
  readonly plan?: Partial<DeparturePlan>;
  readonly sink?: TraceSink | undefined;
}): DepartureReport {
  return new DepartureRun(options).run();
}

interface Acked {
  readonly stamp: Stamp;
  readonly atMs: number;
  readonly acks: number;
  readonly what: string;
}

class DepartureRun {
  readonly #seed: number;
  readonly #plan: DeparturePlan;
  readonly #random: SimRandom;
  readonly #trace: Trace;
  readonly #scheduler: Scheduler;
  readonly #cluster: SimCluster;
  readonly #workload: Workload;
  readonly #links: Links;
  readonly #leaving = new Set<Machine>();
  /** Machines whose node is not to come back. */
  readonly #lost = new Set<Machine>();
  readonly #removing = new Map<Machine, NodeId>();
  readonly #acked = new Map<Key, Acked>();
  #ackedUpTo = 0;
  #samples = 0;
  /** Commands and losses that are still to come. */
  #due = 0;
  #isDisturbed = false;
  #hasReportedCopies = false;

  constructor(options: Parameters<typeof runDepartures>[0]) {
    const { seed } = options;
    this.#seed = seed;
    this.#plan = { ...drawDepartures(seed), ...options.plan };
    const streams = new Streams(seed);
    this.#random = streams.stream("departures");
    this.#trace = new Trace(options.sink);
    this.#scheduler = new Scheduler(streams.stream("turns"), this.#trace);
    this.#links = new Links(this.#random.pick([0.3, 1, 5]));
    const network = new Network(this.#scheduler, streams.stream("network"), this.#links);
    const { replicas } = this.#plan;
    this.#cluster = new SimCluster(this.#scheduler, network, streams, {
      durability: "fsync",
      shared: { ...SHARED_CONFIG_DEFAULT, replicas },
      makeNode: options.makeNode,
    });
    this.#workload = new Workload(this.#cluster, streams, {
      lanes: this.#random.between(4, 12),
      keys: this.#random.pick([20, 80]),
      hotKeys: 3,
      thinkMs: this.#random.pick([40, 100, 200]),
      mix: { put: 6, delete: 1, conditional: this.#random.below(3), read: 5, list: 0 },
      asksQuorums: false,
      hasShortDeadlines: false,
      valueBytesMax: 2_000,
      replicas,
      operationsMax: OPERATIONS_MAX,
    });
    this.#cluster.onBootEnded = (process) => {
      this.#workload.cutOff(process);
      const machine = this.#cluster.machines[process.machine];
      if (machine === undefined || machine.hasLeft || this.#lost.has(machine)) return;
      this.#bootLater(machine);
    };
    this.#cluster.onStartProblem = (machine, problem) => {
      // Gone while its process was down: the others know, and now it does.
      if (/was (left|removed)|has left/.test(problem)) this.#lost.add(machine);
    };
  }

  run(): DepartureReport {
    this.#form();
    let final: FinalState | undefined;
    let changedMs: number | undefined;
    if (this.#isAsExpected()) {
      this.#workload.start();
      this.#runFor(this.#random.between(500, 3_000));
      this.#sampleForever();
      const fromMs = this.#scheduler.nowMs;
      this.#change();
      this.#disturb();
      final = this.#settle(fromMs + CHANGING_MS_MAX);
      if (final !== undefined) changedMs = this.#scheduler.nowMs - fromMs;
    } else {
      this.#cluster.violate("I10", "no cluster formed");
    }
    return this.#report(final, changedMs);
  }

  #form(): void {
    for (let index = 0; index < this.#plan.machines; index += 1) this.#boot(this.#addMachine());
    const limitMs = this.#scheduler.nowMs + FORMING_MS_MAX;
    while (this.#scheduler.nowMs < limitMs && !this.#isAsExpected()) this.#runFor(100);
  }

  #addMachine(): Machine {
    const known = this.#cluster.machines.filter((machine) => !this.#isGoing(machine));
    const { zones } = this.#plan;
    return this.#cluster.addMachine({
      skewMs: this.#random.between(-500, 500),
      zone: zones === 1 ? "" : `z${this.#random.below(zones)}`,
      weight: this.#random.oneIn(4) ? 2 : 1,
      peers: known.slice(0, 2).map(({ address }) => address),
    });
  }

  #boot(machine: Machine): void {
    this.#cluster.boot(machine);
    // An operator's removal may meet a node that is back.
    if (this.#removing.has(machine)) machine.mayFail = true;
  }

  #bootLater(machine: Machine): void {
    const delayMs = this.#random.oneIn(4)
      ? this.#random.between(2_000, 12_000)
      : this.#random.between(5, 1_500);
    this.#scheduler.after(delayMs, "reboot", undefined, () => {
      const isOver = machine.process !== undefined || machine.hasLeft || this.#lost.has(machine);
      if (!isOver) this.#boot(machine);
    });
  }

  #isGoing(machine: Machine): boolean {
    return machine.hasLeft || this.#lost.has(machine) || this.#leaving.has(machine);
  }

  #staying(): Machine[] {
    return this.#cluster.machines.filter((machine) => !this.#isGoing(machine));
  }

  /** Begins what the plan says, each part at a moment of its own or all at once. */
  #change(): void {
    const { kind, leavers, joiners } = this.#plan;
    const spreadMs = this.#random.pick([0, 0, 300, 3_000]);
    const soon = (run: () => void): void => {
      const delayMs = spreadMs === 0 ? 0 : this.#random.below(spreadMs);
      this.#scheduler.after(delayMs, "command", undefined, run);
    };
    const machines = this.#random.shuffle(this.#cluster.machines);
    const isLeaving = kind === "leave" || kind === "join-and-leave";
    if (isLeaving) {
      for (const machine of machines.slice(0, leavers)) {
        this.#leaving.add(machine);
        soon(() => this.#leave(machine));
      }
    }
    if (kind === "join" || kind === "join-and-leave" || kind === "replace") {
      // A joiner asks those who stay: an operator knows whom he has told to go.
      const count = kind === "replace" ? 1 : joiners;
      for (let joined = 0; joined < count; joined += 1) {
        const machine = this.#addMachine();
        soon(() => this.#boot(machine));
      }
    }
    if (kind === "remove-joiner") {
      const machine = this.#addMachine();
      this.#boot(machine);
      this.#due += 1;
      this.#scheduler.after(this.#random.between(100, 3_000), "command", undefined, () => {
        this.#due -= 1;
        this.#loseAndRemove(machine);
      });
      return;
    }
    const removals = kind === "remove-two" ? 2 : 1;
    if (kind.startsWith("remove") || kind === "replace") {
      for (const machine of machines.slice(0, removals)) this.#loseAndRemove(machine);
    }
  }

  /** Repeated like an operator would, until the node says that it goes. */
  #leave(machine: Machine): void {
    const { process, node } = machine;
    if (machine.hasLeft || this.#lost.has(machine)) return;
    if (process !== undefined && node !== undefined && machine.hasStarted) {
      this.#scheduler.deliver(process, "leave", () => node.leave(() => {}));
    }
    this.#scheduler.after(1_000, "command", undefined, () => this.#leave(machine));
  }

  #loseAndRemove(machine: Machine): void {
    const id = machine.node?.status().nodeId;
    if (id === undefined) return;
    this.#lost.add(machine);
    this.#removing.set(machine, id);
    this.#cluster.crash(machine, "power");
    if (this.#plan.kind === "remove-who-returns") {
      this.#scheduler.after(this.#random.between(5_000, 15_000), "return", undefined, () => {
        this.#lost.delete(machine);
        this.#leaving.add(machine);
        this.#boot(machine);
      });
    }
    this.#scheduler.after(2_000, "command", undefined, () => this.#remove(machine, id));
  }

  #remove(machine: Machine, id: NodeId): void {
    const operators = this.#staying().filter(({ hasStarted }) => hasStarted);
    if (operators.length === 0) return this.#removeAgain(machine, id);
    const { process, node } = this.#random.pick(operators);
    if (process === undefined || node === undefined) return this.#removeAgain(machine, id);
    this.#scheduler.deliver(process, "remove", () => {
      node.remove(id, (obstacle) => {
        if (obstacle !== undefined) this.#removeAgain(machine, id);
      });
      // One who came back before the command was given is told to leave instead.
    });
    if (this.#leaving.has(machine)) this.#leave(machine);
  }

  #removeAgain(machine: Machine, id: NodeId): void {
    if (machine.hasLeft) return;
    this.#scheduler.after(1_000, "command", undefined, () => this.#remove(machine, id));
  }

  #disturb(): void {
    const { disturbance } = this.#plan;
    if (disturbance === "none") return;
    this.#isDisturbed = true;
    for (let times = this.#random.between(1, 4); times > 0; times -= 1) {
      this.#scheduler.after(this.#random.below(6_000), "disturb", undefined, () => this.#strike());
    }
  }

  #strike(): void {
    const running = this.#cluster.running().filter((machine) => !machine.isStopping);
    const { disturbance } = this.#plan;
    const going = running.filter((machine) => this.#isGoing(machine));
    const staying = running.filter((machine) => !this.#isGoing(machine));
    const among =
      disturbance === "crash-of-one-who-goes"
        ? going
        : disturbance === "crash-of-one-who-stays"
          ? staying
          : running;
    if (among.length === 0) return;
    const victim = this.#random.pick(among);
    if (disturbance === "partition") {
      this.#links.partition(this.#random.pick(PARTITION_SHAPES), this.#random);
      this.#scheduler.after(this.#random.between(100, 8_000), "heal", undefined, () => {
        this.#links.heal();
      });
    } else if (disturbance === "pause") {
      const { process } = victim;
      if (process === undefined || process.isPaused) return;
      const pause = this.#scheduler.pause(process);
      this.#scheduler.after(this.#random.between(10, 6_000), "resume", undefined, () =>
        this.#scheduler.resume(process, pause),
      );
    } else {
      this.#cluster.crash(victim, this.#random.oneIn(2) ? "power" : "process");
    }
  }

  /** Those who should be members are, alive, active, under one epoch, and nobody else is. */
  #isAsExpected(): boolean {
    return this.#whatIsMissing() === undefined;
  }

  #whatIsMissing(): string | undefined {
    if (this.#due > 0) return "there is more to come";
    for (const machine of this.#leaving) {
      if (!machine.hasLeft && !this.#lost.has(machine)) {
        const status = machine.node?.status();
        const members = status?.members.map(
          ({ record, liveness }) => `${record.id.slice(0, 4)} ${record.intent} ${liveness}`,
        );
        return `n${machine.index} has not left: ${members?.join(", ")} ${JSON.stringify(status?.gauges)}`;
      }
    }
    const staying = this.#staying();
    const epochs = new Set<number>();
    for (const { index, node, hasStarted } of staying) {
      if (node === undefined || !hasStarted) return `n${index} does not run`;
      const { phase, epoch, members } = node.status();
      const present = members.filter(
        ({ record }) => record.intent !== "left" && record.intent !== "removed",
      );
      const isWell =
        phase === "ready" &&
        present.length === staying.length &&
        present.every(({ record, liveness }) => record.intent === "active" && liveness === "alive");
      if (!isWell) {
        const seen = members.map(
          ({ record, liveness }) => `${record.id.slice(0, 4)} ${record.intent} ${liveness}`,
        );
        return `n${index} ${phase} of ${staying.length} sees ${seen.join(", ")}`;
      }
      epochs.add(epoch);
    }
    return epochs.size === 1 ? undefined : "the epochs differ";
  }

  #settle(limitMs: number): FinalState | undefined {
    let problem = "";
    while (this.#scheduler.nowMs < limitMs) {
      this.#runFor(250);
      problem = this.#whatIsMissing() ?? "";
      if (problem !== "") continue;
      this.#workload.stop();
      if (this.#workload.underWay > 0) {
        problem = `${this.#workload.underWay} requests under way`;
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
      return this.#readAll(state);
    }
    this.#cluster.violate("I4", `not done after ${CHANGING_MS_MAX} ms: ${problem}`);
    return undefined;
  }

  #collect(): Omit<FinalState, "reads" | "listed"> | undefined {
    const dumps: ReplicaDump[] = [];
    const staying = this.#staying();
    for (const machine of staying) {
      const dump = dumpOf(this.#scheduler, machine);
      if (dump === undefined) return undefined;
      dumps.push(dump);
    }
    const node = staying[0]?.node;
    if (node === undefined) return undefined;
    return { dumps, primariesOf: (key) => node.locate(key).primaries };
  }

  #readAll(state: Omit<FinalState, "reads" | "listed">): FinalState {
    const reads: ReadOperation[] = this.#workload.keys.map((key) =>
      this.#workload.readAt(this.#random.pick(this.#staying()), key, undefined),
    );
    const limitMs = this.#scheduler.nowMs + 10_000;
    while (this.#workload.underWay > 0 && this.#scheduler.nowMs < limitMs) this.#scheduler.step();
    return { ...state, reads, listed: undefined };
  }

  #runFor(ms: number): void {
    this.#scheduler.runUntil(this.#scheduler.nowMs + ms);
  }

  #sampleForever(): void {
    this.#scheduler.after(SAMPLE_MS, "sample", undefined, () => {
      this.#noteAcked();
      if (!this.#isDisturbed && this.#removing.size === 0) this.#countCopies();
      this.#sampleForever();
    });
  }

  #noteAcked(): void {
    const { operations } = this.#workload;
    // Answers come in any order: only the part that is all answered is left behind.
    let isWhole = true;
    for (let index = this.#ackedUpTo; index < operations.length; index += 1) {
      const operation = operations[index];
      if (operation === undefined || operation.endMs === undefined) {
        isWhole = false;
        continue;
      }
      if (isWhole) this.#ackedUpTo = index + 1;
      if (!isWrite(operation) || operation.outcome?.kind !== "written") continue;
      const stamp = ackOf(operation);
      const known = this.#acked.get(operation.key);
      if (stamp === undefined || (known !== undefined && compareStamps(known.stamp, stamp) >= 0))
        continue;
      const { acks, hinted } = operation.outcome.quorum;
      this.#acked.set(operation.key, {
        stamp,
        atMs: operation.endMs,
        acks: acks + hinted,
        what: describeOperation(operation),
      });
    }
  }

  /** I16. */
  #countCopies(): void {
    this.#samples += 1;
    const machines = this.#cluster.machines.filter(
      (machine) => machine.process !== undefined || !machine.hasLeft,
    );
    const members = machines.filter((machine) => {
      const status = machine.node?.status();
      const self = status?.members.find(({ record }) => record.id === status.nodeId);
      return self?.record.intent === "active" || self?.record.intent === "leaving";
    }).length;
    const wanted = Math.min(this.#plan.replicas, members);
    const nowMs = this.#scheduler.nowMs;
    for (const [key, { stamp, atMs, acks, what }] of this.#acked) {
      const copies = holdersOf(machines, key, stamp);
      const isYoung = nowMs - atMs < SPREAD_MS;
      const least = isYoung ? Math.min(acks, wanted) : wanted;
      if (copies.length >= least || this.#hasReportedCopies) continue;
      this.#hasReportedCopies = true;
      const held = copies.map(({ index }) => `n${index}`).join(", ");
      this.#cluster.violate(
        "I16",
        `at ${nowMs.toFixed(0)} key ${key} ${formatStamp(stamp)} of ${what} is on ${held || "no disk"}: ${least} wanted`,
      );
    }
  }

  #report(final: FinalState | undefined, changedMs: number | undefined): DepartureReport {
    const isPlanned = !this.#isDisturbed && this.#removing.size === 0;
    const history = {
      operations: this.#workload.operations.filter(({ outcome, machine }) => {
        if (outcome?.kind !== "failed") return true;
        if (outcome.code === "shutting-down") return false;
        // One that has left stores nothing itself: it may have nobody to turn to.
        const isOut = this.#cluster.machines[machine]?.hasLeft === true && this.#isDisturbed;
        return !(isOut && outcome.code === "quorum-unreachable");
      }),
      topologyChanges: [],
      isCalm: isPlanned,
      areClocksSteady: true,
    };
    const violations = [
      ...this.#cluster.violations,
      ...checkAnswers(history, this.#scheduler.nowMs),
      ...checkReads(history),
      ...checkOrder(history),
    ];
    for (const operation of history.operations) {
      if (isPlanned && operation.isCutOff) {
        violations.push({
          invariant: "I11",
          detail: `${describeOperation(operation)} in a planned change`,
        });
      }
    }
    if (final !== undefined) {
      violations.push(...checkDurability(history, final), ...checkStampsOfCells(final.dumps));
    }
    return {
      seed: this.#seed,
      plan: this.#plan,
      violations,
      operations: this.#workload.operations.length,
      hash: this.#trace.digest(),
      changedMs,
      samples: this.#samples,
    };
  }
}
