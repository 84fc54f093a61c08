/**
 * Liveness while part of the cluster stays broken for good: the faults stop, a core is made well, and the rest is left as
 * broken as can be. The core alone must then agree, hold the same, find nothing more to mend, and serve.
 *
 * Invariant: of every slot a majority of primaries is in the core, so that nothing asked of it needs the rest.
 */
import { majority } from "../src/core/replication/quorum.ts";
import type { NodeId } from "../src/model/ids.ts";
import { checkConvergence } from "./checkers/convergence.ts";
import type { ReplicaDump } from "./checkers/final-state.ts";
import type { Machine, SimCluster } from "./cluster.ts";
import { dumpOf } from "./dump-of.ts";
import type { FaultPlan } from "./fault-plan.ts";
import { describeOperation, isWrite, type Operation } from "./history.ts";
import type { SimRandom } from "./random.ts";
import { WORLD } from "./trace.ts";
import type { Workload } from "./workload.ts";

/** Ways to be broken for good. */
export const BREAKAGES = [
  "dead", // without power
  "stopped", // a process that never goes on
  "deaf", // hears nobody, and is heard
  "mute", // hears everybody, and is not heard
  "cut-off",
  "full-disk",
  "unreadable-disk",
] as const;
export type Breakage = (typeof BREAKAGES)[number];

/** Broken like this, a node is found dead by everybody in the core. Who is deaf is heard, and may seem to be back. */
const FOUND_DEAD: readonly Breakage[] = ["dead", "stopped", "mute", "cut-off"];

/** Virtual milliseconds the core has until it agrees and holds the same. */
const CORE_SETTLING_MS_MAX = 150_000;
/** How long clients ask it then. */
const SERVING_MS = 8_000;
const QUIET_MS = 11_000;
const FAIR_DEADLINE_MS = 2_000;

/** How so many of the primaries of every slot at most are to be broken; drawn from the seed. */
export function drawBreakages(
  random: SimRandom,
  options: { isCalm: boolean; doMembersChange: boolean; replicas: number },
): readonly Breakage[] {
  const isOn = random.oneIn(3);
  const most = options.replicas - majority(options.replicas);
  const count = 1 + random.below(Math.max(1, most));
  const breakages = Array.from({ length: count }, () => random.pick(BREAKAGES));
  // Who comes or goes cannot finish while somebody whom it needs is out of reach.
  const isPossible = !options.isCalm && !options.doMembersChange && most > 0;
  return isOn && isPossible ? breakages : [];
}

export class CorePhase {
  readonly #cluster: SimCluster;
  readonly #workload: Workload;
  readonly #faults: FaultPlan;
  readonly #core: readonly Machine[];
  readonly #broken: readonly (readonly [Machine, Breakage])[];

  constructor(
    cluster: SimCluster,
    workload: Workload,
    faults: FaultPlan,
    random: SimRandom,
    breakages: readonly Breakage[],
  ) {
    this.#cluster = cluster;
    this.#workload = workload;
    this.#faults = faults;
    const machines = random.shuffle(cluster.machines);
    // Where addresses change, the one that never does is how those who moved at once find each other: it stays well.
    const [first] = cluster.machines;
    if (faults.doAddressesChange)
      machines.sort((a, b) => Number(a === first) - Number(b === first));
    this.#broken = breakages.map((breakage, index) => [machines[index] as Machine, breakage]);
    this.#core = machines.slice(breakages.length);
  }

  /** Runs the phase to its end; what breaks is told to the cluster. */
  run(): void {
    this.#workload.stop();
    this.#faults.stop();
    // Not only open: at a few bytes a millisecond no core would settle in its time.
    this.#faults.healWires();
    for (const machine of this.#core) this.#faults.healMachine(machine);
    for (const [machine, breakage] of this.#broken) this.#break(machine, breakage);
    if (!this.#settle()) return;
    this.#serve();
    if (this.#settle()) this.#expectQuiet();
  }

  #break(machine: Machine, breakage: Breakage): void {
    const { scheduler, network } = this.#cluster;
    scheduler.trace.event("broken", WORLD, machine.index, 0, () => `n${machine.index} ${breakage}`);
    this.#faults.fired.set(breakage, (this.#faults.fired.get(breakage) ?? 0) + 1);
    if (breakage === "dead") {
      this.#faults.keepDown(machine, true);
      this.#cluster.crash(machine, "process");
      return;
    }
    this.#faults.healMachine(machine);
    const cut = (from: number, to: number): void => {
      Object.assign(network.links.link(from, to), { blocksStreams: true, blocksDatagrams: true });
    };
    for (const { index } of this.#cluster.machines) {
      if (index === machine.index) continue;
      if (breakage === "deaf" || breakage === "cut-off") cut(index, machine.index);
      if (breakage === "mute" || breakage === "cut-off") cut(machine.index, index);
    }
    if (breakage === "full-disk") machine.disk.fault({ isFull: true });
    if (breakage === "unreadable-disk") machine.disk.fault({ failsReads: true });
    machine.mayFail ||= breakage === "full-disk";
    if (breakage === "stopped" && machine.process !== undefined) scheduler.pause(machine.process);
  }

  #settle(): boolean {
    const { scheduler } = this.#cluster;
    const limitMs = scheduler.nowMs + CORE_SETTLING_MS_MAX;
    let problem = "";
    while (scheduler.nowMs < limitMs) {
      scheduler.runUntil(scheduler.nowMs + 1_000);
      problem = this.#whatIsMissing();
      if (problem === "") return true;
    }
    const rest = this.#broken.map(([{ index }, breakage]) => `n${index} ${breakage}`).join(", ");
    const invariant = problem.startsWith("views") ? "I10" : "I4";
    this.#cluster.violate(
      invariant,
      `the core has not settled after ${CORE_SETTLING_MS_MAX} ms beside ${rest}: ${problem}`,
    );
    return false;
  }

  #whatIsMissing(): string {
    const ids = new Set<NodeId>();
    const epochs = new Set<number>();
    for (const { node, hasStarted, index } of this.#core) {
      if (node === undefined || !hasStarted) return `views: n${index} does not run`;
      ids.add(node.status().nodeId);
    }
    const gone = new Set<NodeId>();
    for (const [{ owner }, breakage] of this.#broken) {
      if (owner !== undefined && FOUND_DEAD.includes(breakage)) gone.add(owner);
    }
    for (const { node, index } of this.#core) {
      if (node === undefined) continue;
      const { epoch, members, phase } = node.status();
      epochs.add(epoch);
      for (const { record, liveness, dirtySlots } of members) {
        if (gone.has(record.id) && liveness !== "dead")
          return `views: n${index} sees ${record.id} ${liveness}, who is gone`;
        if (!ids.has(record.id)) continue;
        if (phase !== "ready" || record.intent !== "active" || liveness !== "alive")
          return `views: n${index} is ${phase}, and sees ${record.id} ${record.intent} ${liveness}`;
        if (dirtySlots > 0) return `n${index} knows ${dirtySlots} dirty slots of ${record.id}`;
      }
    }
    if (epochs.size > 1) return "views: epochs differ";
    const core = new Set(this.#core.map(({ index }) => index));
    const stuck = this.#cluster.network.stuckCount((from, to) => core.has(from) && core.has(to));
    if (stuck > 0) return `${stuck} connections that let nothing through are taken to stand`;
    // What a machine was asked that has stopped since is answered when it goes on.
    const underWay = this.#workload.underWayAt(this.#core);
    if (underWay > 0) return `${underWay} requests under way`;
    return this.#whatDiffers(ids);
  }

  /** Cells kept for those who are broken may stay where they are. */
  #whatDiffers(core: ReadonlySet<NodeId>): string {
    const dumps: ReplicaDump[] = [];
    for (const machine of this.#core) {
      const dump = dumpOf(this.#cluster.scheduler, machine);
      if (dump === undefined) return `n${machine.index} shows nothing`;
      dumps.push(dump);
    }
    const node = this.#core[0]?.node;
    if (node === undefined) return "views: nobody runs";
    const differences = checkConvergence(
      {
        dumps,
        primariesOf: (key) => node.locate(key).primaries.filter((id) => core.has(id)),
      },
      (key) => node.locate(key).primaries.some((id) => !core.has(id)),
    );
    return differences.length === 0
      ? ""
      : `${differences.length} cells differ: ${differences[0]?.detail}`;
  }

  /** I11: what asks for nothing special is done, whatever the others are. */
  #serve(): void {
    const { scheduler } = this.#cluster;
    const first = this.#workload.operations.length;
    this.#workload.resumeAt(this.#core);
    scheduler.runUntil(scheduler.nowMs + SERVING_MS);
    this.#workload.stop();
    const limitMs = scheduler.nowMs + 10_000;
    while (this.#workload.underWayAt(this.#core) > 0 && scheduler.nowMs < limitMs) scheduler.step();
    for (const operation of this.#workload.operations.slice(first)) {
      if (!isPlain(operation) || operation.isCutOff) continue;
      if (operation.outcome?.kind !== "failed" && operation.outcome !== undefined) continue;
      this.#cluster.violate("I11", `${describeOperation(operation)} failed in a core that is well`);
    }
  }

  /** I5, within the core. */
  #expectQuiet(): void {
    const { scheduler } = this.#cluster;
    const differing = (): number =>
      this.#core.reduce(
        (sum, { node }) => sum + (node?.status().counters["slots-differing"] ?? 0),
        0,
      );
    scheduler.runUntil(scheduler.nowMs + 3_000);
    const before = differing();
    scheduler.runUntil(scheduler.nowMs + QUIET_MS);
    const count = differing() - before;
    if (count > 0) this.#cluster.violate("I5", `an equal core found ${count} slots to differ`);
  }
}

/** Not judged: what demands more than a core can have, or nodes that only the rest can satisfy. */
function isPlain(operation: Operation): boolean {
  if (operation.deadlineMs < FAIR_DEADLINE_MS) return false;
  if (isWrite(operation)) return operation.w === undefined && operation.condition === undefined;
  if (operation.kind === "read") return operation.r === undefined && operation.after === undefined;
  return true;
}
