/**
 * Departures: members that leave, or are removed, go only when those who take over hold what they are to hold.
 *
 * Invariant: `left` and `removed` are decided after every member that stays has said, under the present epoch, that it
 * is filled. Until then a member that goes keeps its places, each node that takes over is pending and raises W by one,
 * so the placement that follows misses nothing that was acknowledged. A leaver also exchanges its slots with every
 * member that stays, and after it has left hands over, as foreign cells, whatever it still holds. Members go one after
 * another: of N+p nodes a write misses at most N−W, and where fewer than N stay, two that went at once might be
 * all that had it.
 * Source: docs/decisions/0009-departures.md.
 */
import { holdsSlots, type Placement } from "../core/placement/placement.ts";
import type { Epoch, NodeId } from "../model/ids.ts";
import type { Member } from "../model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { AbsentMembers } from "./absent-members.ts";
import type { Convergence } from "./convergence.ts";
import type { MembershipRunner } from "./membership-runner.ts";
import { askPeer, type ExchangePorts } from "./slot-exchange.ts";
import type { Decided } from "./store.ts";

const TICK_MS = 250;

export interface DeparturesOptions {
  readonly ports: ExchangePorts;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly convergence: Convergence;
  readonly placement: () => Placement;
  readonly membership: () => MembershipRunner | undefined;
  /** Whether this node knows of slots in which that member may lack something. */
  readonly hasDirtySlots: (node: NodeId) => boolean;
  readonly log: Log;
  /** See `NodeConfig`. */
  readonly removeAfterMs: number | undefined;
  /** This node has left, and holds nothing any more. */
  readonly onLeft: () => void;
}

export class Departures {
  readonly #options: DeparturesOptions;
  readonly #absentMembers: AbsentMembers;
  #notEqual = 0;
  #notFilled = 0;
  /** Members that said they are filled, and the epoch under which they did. */
  readonly #filled = new Map<NodeId, Epoch>();
  readonly #asked = new Set<NodeId>();
  #isClosed = false;

  constructor(options: DeparturesOptions) {
    this.#options = options;
    this.#absentMembers = new AbsentMembers({
      ...options,
      members: () => options.membership()?.members() ?? [],
      remove: (node, done) => this.remove(node, done),
    });
  }

  start(): void {
    this.#absentMembers.start();
    this.#tickLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#absentMembers.close();
  }

  /** Of those who stay, how many this leaver has still to be compared and exchanged with. */
  get notEqual(): number {
    return this.#notEqual;
  }

  /** Of those who stay, how many have not said that they hold all they are to hold, where this node asks. */
  get notFilled(): number {
    return this.#notFilled;
  }

  /** See `Store.leave`. */
  leave(done: Decided): void {
    this.#whenOnDisk(this.#leave(), done);
  }

  #leave(): string | undefined {
    const membership = this.#options.membership();
    if (membership === undefined) return "this node belongs to no cluster yet";
    const { intent } = membership.self();
    if (intent === "leaving" || intent === "left") return undefined;
    if (intent !== "active") return `this node is ${intent}; only an active one can leave`;
    if (!this.#staying(membership).some(({ record }) => record.intent === "active")) {
      return "no other active member would hold the data";
    }
    membership.deliver({ kind: "changed-self", change: { intent: "leaving" } });
    return undefined;
  }

  /** See `Store.remove`. */
  remove(node: NodeId, done: Decided): void {
    this.#whenOnDisk(this.#remove(node), done);
  }

  #remove(node: NodeId): string | undefined {
    const { self, membership } = this.#options;
    const runner = membership();
    if (runner === undefined) return "this node belongs to no cluster yet";
    const member = runner.members().find(({ record }) => record.id === node);
    if (member === undefined) return `no member has the id ${node}`;
    if (node === self) return "a node cannot remove itself; let it leave";
    const { intent } = member.record;
    if (intent === "removing" || intent === "removed") return undefined;
    if (intent === "left") return "this member has left already";
    if (member.liveness !== "dead") return `this member is ${member.liveness}; let it leave`;
    if (intent === "joining") {
      // It holds no place yet, so nothing hangs on it; removing it by stages would make it a primary.
      runner.deliver({ kind: "decided", id: node, intent: "removed" });
      return undefined;
    }
    const isLast = !runner
      .members()
      .some(({ record }) => record.id !== node && record.intent === "active");
    if (isLast) return "no other active member would hold the data";
    runner.deliver({ kind: "decided", id: node, intent: "removing" });
    return undefined;
  }

  /** A decision goes into the forming commit as it is made. */
  #whenOnDisk(obstacle: string | undefined, done: Decided): void {
    if (obstacle !== undefined) return done(obstacle);
    this.#options.ports.commit.whenDurable((error) =>
      done(error === undefined ? undefined : `the disk refused: ${error.message}`),
    );
  }

  #tickLater(): void {
    this.#options.clock.after(TICK_MS, () => {
      if (this.#isClosed) return;
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    const membership = this.#options.membership();
    if (membership === undefined) return;
    this.#notEqual = 0;
    this.#notFilled = 0;
    const { intent } = membership.self();
    if (intent === "removing") {
      // Taken for lost, and back: what it holds need not be given up.
      this.#options.log.log("warn", "removal-became-leave");
      membership.deliver({ kind: "changed-self", change: { intent: "leaving" } });
    }
    if (intent === "leaving") this.#tryToLeave(membership);
    if (intent === "left") this.#endWhenEmpty();
    const removing = membership.members().filter(({ record }) => record.intent === "removing");
    if (removing.length > 0 && intent === "active") this.#tryToRemove(membership, removing);
  }

  #tryToLeave(membership: MembershipRunner): void {
    const { convergence, hasDirtySlots, log } = this.#options;
    const staying = this.#staying(membership);
    const unequal = staying.filter(
      ({ record: { id } }) => !convergence.isEqualTo(id) || hasDirtySlots(id),
    );
    this.#notEqual = unequal.length;
    const areFilled = this.#areFilled(staying);
    // Others that go as well keep what they hold until they have handed it on themselves.
    if (unequal.length > 0 || !areFilled || !this.#isNextToGo(membership)) return;
    // Kept for others, perhaps as the only copy: an end of this process after it left must not strand it.
    if (convergence.foreign().length > 0) return;
    log.log("info", "node-left");
    membership.deliver({ kind: "changed-self", change: { intent: "left" } });
  }

  /** Decided by the members alone, so that all who share a placement agree: removals first, then by id. */
  #isNextToGo(membership: MembershipRunner): boolean {
    const { self } = this.#options;
    return membership
      .members()
      .every(
        ({ record: { id, intent } }) =>
          intent !== "removing" && (intent !== "leaving" || id >= self),
      );
  }

  /** Writes that only this node got while it left are foreign cells now, and go to their owners like any. */
  #endWhenEmpty(): void {
    const { ports, onLeft } = this.#options;
    if (!ports.cells.isBuilt || ports.cells.hashes.cells > 0) return;
    this.#isClosed = true;
    onLeft();
  }

  /** One node decides, so that the others need not ask everybody: the first of the active ones that are alive. */
  #tryToRemove(membership: MembershipRunner, removing: readonly Member[]): void {
    const { self, convergence, log } = this.#options;
    const staying = this.#staying(membership);
    const first = [
      ...staying.filter(isActiveAndAlive).map(({ record }) => record.id),
      self,
    ].sort()[0];
    if (first !== self) return;
    const areFilled = this.#areFilled(staying);
    if (!areFilled || !convergence.isFilled) return;
    for (const { record, liveness } of removing) {
      // One that is back turns its removal into a leave.
      if (liveness !== "dead") continue;
      log.log("info", "member-removed", { node: record.id });
      membership.deliver({ kind: "decided", id: record.id, intent: "removed" });
    }
  }

  /** The other members that will hold slots when all departures are done. */
  #staying(membership: MembershipRunner): readonly Member[] {
    return membership.members().filter(({ record: { id, intent } }) => {
      if (id === this.#options.self || intent === "removing" || intent === "leaving") return false;
      return intent === "joining" || holdsSlots(intent);
    });
  }

  /** Asks whoever has not said so under the present epoch; a member that is away holds the departure up. */
  #areFilled(members: readonly Member[]): boolean {
    const { ports, placement } = this.#options;
    const { epoch } = placement();
    for (const id of this.#filled.keys()) {
      if (this.#filled.get(id) !== epoch) this.#filled.delete(id);
    }
    for (const { record } of members) {
      const { id } = record;
      if (this.#filled.get(id) === epoch) continue;
      this.#notFilled += 1;
      if (this.#asked.has(id)) continue;
      this.#asked.add(id);
      askPeer(ports, id, { kind: "filled" }, "filled-reply", (reply) => {
        this.#asked.delete(id);
        // The peer judged under the epoch the question carried, or it would have refused.
        if (reply?.isFilled === true) this.#filled.set(id, epoch);
      });
    }
    return this.#notFilled === 0;
  }
}

function isActiveAndAlive({ record, liveness }: Member): boolean {
  return record.intent === "active" && liveness === "alive";
}
