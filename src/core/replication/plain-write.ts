/**
 * The short way of a write: all primaries within reach, nobody pending, and acks are all that comes back. Nearly every write ends
 * on it, and there is nothing to decide but when the acks suffice.
 *
 * Invariant: as long as it says so, a `WriteCoordinator` that was told the same would have asked the same, at the same moments, and
 * answered the same. Whatever else happens goes to one that takes over (`handOver`), and that is told it first.
 */
import type { NodeId } from "../../model/ids.ts";
import type { QuorumReport } from "../../model/outcome.ts";
import { majority } from "./quorum.ts";
import { PATIENCE_MS, WriteCoordinator, type WriteOptions } from "./write-coordinator.ts";

/** `over`: it was not taken in, and a coordinator goes on. */
type PlainTurn = "waits" | "answered" | "answered-and-finished" | "finished" | "over";

export class PlainWrite {
  readonly #options: WriteOptions;
  readonly #acksNeeded: number;
  /** This node, where it is a primary: one bit, as below. */
  readonly #own: number;
  /** Primaries that hold the write durably: one bit each, by their place in the plan. */
  #acked = 0;
  #ackCount = 0;
  #isAnswered = false;

  /** `undefined` for a write that needs more than this from the beginning. Then to be sent to every primary of its plan. */
  static begin(options: WriteOptions): PlainWrite | undefined {
    const { mode, plan, w } = options;
    const { length } = plan.primaries;
    const acksNeeded = w ?? majority(length);
    if (mode !== "blind" || plan.pending.length > 0 || acksNeeded > length) return undefined;
    const plain = new PlainWrite(options, acksNeeded);
    return plain.#isAnyDoubtful(0) ? undefined : plain;
  }

  private constructor(options: WriteOptions, acksNeeded: number) {
    this.#options = options;
    this.#acksNeeded = acksNeeded;
    // Nobody at place −1: that bit is beyond those of REPLICAS_MAX primaries.
    this.#own = 1 << options.plan.primaries.indexOf(options.self);
  }

  /** Whether enough have acked, which the client was told then. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** What the answer says of the acks so far. */
  get quorum(): QuorumReport {
    return { acks: this.#ackCount, of: this.#options.plan.primaries.length, hinted: 0 };
  }

  /** A primary holds the write. @param place Of it, in the plan. */
  onStored(place: number, nowMs: number): PlainTurn {
    const { plan } = this.#options;
    const bit = 1 << place;
    if ((this.#acked & bit) !== 0 || !this.#isInTime(nowMs)) return "over";
    if (!this.#isAnswered && this.#isAnyDoubtful(bit)) return "over";
    this.#acked |= bit;
    this.#ackCount += 1;
    const isFinished = this.#ackCount === plan.primaries.length;
    if (this.#isAnswered) return isFinished ? "finished" : "waits";
    if (this.#ackCount < this.#acksNeeded) return "waits";
    this.#isAnswered = true;
    return isFinished ? "answered-and-finished" : "answered";
  }

  /** Whether time has changed nothing yet. */
  isUndisturbed(nowMs: number): boolean {
    return this.#isInTime(nowMs) && (this.#isAnswered || !this.#isAnyDoubtful(0));
  }

  /** One that has seen, and done, all that this one has. */
  handOver(): WriteCoordinator {
    return WriteCoordinator.goingOn(this.#options, this.#acked, this.#isAnswered);
  }

  #isInTime(nowMs: number): boolean {
    const { startMs, deadlineMs } = this.#options;
    return nowMs - startMs < PATIENCE_MS && nowMs < deadlineMs;
  }

  /** Whether a fallback is to be asked for a primary that has not acked; `spared` just has. */
  #isAnyDoubtful(spared: number): boolean {
    const { plan, reach } = this.#options;
    const settled = this.#acked | this.#own | spared;
    for (let place = 0; place < plan.primaries.length; place += 1) {
      if ((settled & (1 << place)) !== 0) continue;
      const reached = reach(plan.primaries[place] as NodeId);
      if (reached !== "up" && reached !== "slow") return true;
    }
    return false;
  }
}
