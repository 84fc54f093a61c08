/**
 * How far this node trusts its own hearing: 0 fully, up to 8 hardly.
 *
 * A node that misses acks and nacks, is refuted, or whose event loop stalls, gives others more time before it accuses
 * them. Source: Dadgar et al., "Lifeguard: Local Health Awareness for More Accurate Failure Detection" (2018), LHA-Probe.
 */

/** The paper's S. */
const DOUBT_MAX = 8;

export class LocalHealth {
  #doubt = 0;

  /** Times and intervals of probing are multiplied by this: 1..9. */
  get factor(): number {
    return 1 + this.#doubt;
  }

  worsen(by: number): void {
    this.#doubt = Math.min(DOUBT_MAX, this.#doubt + by);
  }

  improve(): void {
    this.#doubt = Math.max(0, this.#doubt - 1);
  }
}
