/**
 * Members that go, while everything else goes wrong as well: by their own decision, by an operator's, or with their disk.
 * An operator repeats a command until it is taken, as people do, also after the faults are over.
 *
 * Invariant: only what other disks hold too is taken away for good: what a removed node held alone is given up by
 * promise, and nothing could be checked then.
 */
import type { NodeId } from "../src/model/ids.ts";
import type { Member } from "../src/model/member.ts";
import type { Machine, SimCluster } from "./cluster.ts";
import { isHeldElsewhere } from "./copies.ts";
import type { SimRandom } from "./random.ts";

/** Members that stay at least: fewer would make other faults meaningless. */
const STAYING_MIN = 3;
const AGAIN_MS = 1_000;

export class MemberFaults {
  /** Told before members change. */
  onChange: () => void = () => {};
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;

  constructor(cluster: SimCluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** A graceful departure; `undefined` when too few would stay. */
  leave(victim: Machine): string | undefined {
    if (!this.#mayGo(victim)) return undefined;
    this.onChange();
    victim.isLeaving = true;
    this.#leaveAgain(victim);
    return `n${victim.index} leaves`;
  }

  /** A node that dies for good and is removed; sometimes it returns all the same, later. */
  remove(victim: Machine): string | undefined {
    const id = victim.node?.status().nodeId;
    if (id === undefined || !this.#mayGo(victim) || !this.#isSpare(victim)) return undefined;
    this.onChange();
    victim.isLost = true;
    this.#cluster.crash(victim, "power");
    this.#removeLater(id);
    if (!this.#random.oneIn(3)) return `n${victim.index} for good`;
    this.#cluster.scheduler.after(this.#random.between(5_000, 40_000), "return", undefined, () => {
      if (victim.process !== undefined) return;
      // Back before it was removed it can be told to leave; after that its start says what became of it.
      victim.isLost = false;
      victim.isReturned = true;
      victim.isLeaving = true;
      this.#cluster.boot(victim);
      this.#leaveAgain(victim);
    });
    return `n${victim.index}, which comes back`;
  }

  /** A disk dies and is replaced by an empty one: a new node at the old address; the old one is removed. */
  wipe(victim: Machine): string | undefined {
    const id = victim.node?.status().nodeId;
    if (id === undefined || victim.index === 0 || victim.isLeaving) return undefined;
    if (!victim.hasStarted || !this.#isSpare(victim)) return undefined;
    this.#cluster.crash(victim, "power");
    this.replaceDisk(victim, id);
    return `the disk of n${victim.index}`;
  }

  /** The next boot finds nothing; the node that was there is removed. */
  replaceDisk(machine: Machine, id: NodeId): void {
    this.onChange();
    machine.disk.replace([]);
    machine.rotten = undefined;
    machine.owner = undefined;
    this.#removeLater(id);
  }

  /** The first machine stays: one address must, for those who come. */
  #mayGo(victim: Machine): boolean {
    const isActive = victim.node?.status().phase === "ready";
    return isActive && victim.index > 0 && this.#cluster.staying().length > STAYING_MIN;
  }

  #isSpare(victim: Machine): boolean {
    return isHeldElsewhere(victim, this.#cluster.kept());
  }

  #leaveAgain(machine: Machine): void {
    const { process, node } = machine;
    if (machine.hasLeft || machine.isLost) return;
    if (process !== undefined && node !== undefined && machine.hasStarted) {
      this.#cluster.scheduler.deliver(process, "leave", () => {
        node.leave(() => {});
      });
    }
    this.#cluster.scheduler.after(AGAIN_MS, "command", undefined, () => this.#leaveAgain(machine));
  }

  #removeLater(id: NodeId): void {
    this.#cluster.scheduler.after(AGAIN_MS, "command", undefined, () => this.#removeAgain(id));
  }

  #removeAgain(id: NodeId): void {
    const operators = this.#cluster.staying().filter(({ hasStarted }) => hasStarted);
    if (operators.length === 0) return this.#removeLater(id);
    const { process, node } = this.#random.pick(operators);
    if (process === undefined || node === undefined) return this.#removeLater(id);
    this.#cluster.scheduler.deliver(process, "remove", () => {
      node.remove(id, () => {});
    });
    // A command may be lost with the node that took it, also after that node has shown it done: given again until all do.
    const isShown = ({ record }: Pick<Member, "record">): boolean =>
      record.id === id && /^(left|removed)$/.test(record.intent);
    const isDone = this.#cluster
      .staying()
      .every((machine) => machine.node?.status().members.some(isShown) === true);
    if (!isDone) this.#removeLater(id);
  }
}
