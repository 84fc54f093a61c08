/**
 * Whether this node has caught up with what happened while it was away: until then others answer better than it does.
 *
 * Invariant: caught up means that the hashes of all cells are built, every slot has its vote, and with each member that is
 * not dead everything that was found to differ has been exchanged once since this start. Once caught up it stays so: a
 * member that comes later has to catch up itself. It serves all the while.
 */
import type { NodeId } from "../model/ids.ts";
import type { Liveness } from "../model/member.ts";
import type { NodePhase, Wait } from "./store.ts";

/** A start believes everybody to be dead until it hears of them, so nobody is given up sooner. */
const CONTACT_MS = 3_000;
/** Who is alive, by gossip, and cannot be compared with for so long (no TCP, say) is not waited for. */
const PATIENCE_MS = 60_000;

export interface ReadinessOptions {
  readonly self: NodeId;
  readonly monotonicMs: () => number;
  readonly phase: () => NodePhase;
  /** Whether it takes its clients' requests yet. */
  readonly isOpen: () => boolean;
  readonly areHashesBuilt: () => boolean;
  readonly slotsWithoutVote: () => number;
  readonly memberIds: () => readonly NodeId[];
  readonly liveness: (node: NodeId) => Liveness | undefined;
  /** Whether what differed from a member has been exchanged since this start. */
  readonly hasMet: (node: NodeId) => boolean;
}

export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #startMs: number;
  #isCaughtUp = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
    this.#startMs = options.monotonicMs();
  }

  /** `undefined`: it is ready. */
  get waitsFor(): Wait | undefined {
    const phase = this.#options.phase();
    if (phase === "starting") return "start";
    if (phase === "joining") return "share";
    if (phase === "leaving") return "leave";
    if (phase !== "ready") return "stop";
    if (this.#isCaughtUp) return undefined;
    if (!this.#options.isOpen()) return "start";
    const wait = this.#catchingUp();
    this.#isCaughtUp = wait === undefined;
    return wait;
  }

  #catchingUp(): Wait | undefined {
    const { areHashesBuilt, slotsWithoutVote, memberIds, self } = this.#options;
    if (!areHashesBuilt()) return "hashes";
    const isComplete = memberIds().every((node) => node === self || this.#isMet(node));
    if (!isComplete) return "comparison";
    return slotsWithoutVote() > 0 ? "votes" : undefined;
  }

  #isMet(node: NodeId): boolean {
    const { hasMet, liveness, monotonicMs } = this.#options;
    if (hasMet(node)) return true;
    const elapsedMs = monotonicMs() - this.#startMs;
    if (elapsedMs >= PATIENCE_MS) return true;
    return elapsedMs >= CONTACT_MS && liveness(node) === "dead";
  }
}
