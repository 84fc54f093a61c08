/**
 * Removes members that have been dead for longer than the operator allows (`remove-after`): a dead member holds up the
 * collection of what was deleted, and keeps its places empty.
 *
 * Invariant: only where more than half of all members that hold slots are alive: the smaller side of a partition must not
 * take the greater one for lost. Time counts from when this very start of this node found the member dead.
 */
import { holdsSlots } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import type { Member } from "../model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Decided } from "./store.ts";

const TICK_MS = 1_000;

export interface AbsentMembersOptions {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly log: Log;
  /** `undefined`: nobody is ever removed unasked. */
  readonly removeAfterMs: number | undefined;
  readonly members: () => readonly Member[];
  /** What is in the way, or nothing. */
  readonly remove: (node: NodeId, done: Decided) => void;
}

export class AbsentMembers {
  readonly #options: AbsentMembersOptions;
  readonly #deadSinceMs = new Map<NodeId, number>();
  #isClosed = false;

  constructor(options: AbsentMembersOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.removeAfterMs !== undefined) this.#tickLater();
  }

  close(): void {
    this.#isClosed = true;
  }

  #tickLater(): void {
    this.#options.clock.after(TICK_MS, () => {
      if (this.#isClosed) return;
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    const { clock, members, removeAfterMs, self, remove, log } = this.#options;
    const nowMs = clock.monotonicMs();
    const holders = members().filter(({ record }) => holdsSlots(record.intent));
    const holderIds = new Set(holders.map(({ record }) => record.id));
    for (const node of this.#deadSinceMs.keys()) {
      // Removed, or gone, by somebody else's hand.
      if (!holderIds.has(node)) this.#deadSinceMs.delete(node);
    }
    for (const { record, liveness } of holders) {
      if (liveness !== "dead") this.#deadSinceMs.delete(record.id);
      else if (!this.#deadSinceMs.has(record.id)) this.#deadSinceMs.set(record.id, nowMs);
    }
    const alive = holders.filter(
      ({ record, liveness }) => record.id === self || liveness === "alive",
    );
    if (2 * alive.length <= holders.length) return;
    for (const [node, sinceMs] of this.#deadSinceMs) {
      if (nowMs - sinceMs < (removeAfterMs ?? Number.POSITIVE_INFINITY)) continue;
      this.#deadSinceMs.delete(node);
      remove(node, (problem) =>
        log.log("warn", "absent-member-removed", { node, problem: problem ?? "" }),
      );
    }
  }
}
