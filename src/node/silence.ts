/**
 * Whether a connection still lets anything through: what was asked over it, and how long nothing has come since.
 *
 * Invariant: any frame that comes ends the silence, and one over which nothing is asked is never silent. Looks are counted,
 * not milliseconds: while this node stands still, answers may lie in the socket.
 */

/** Milliseconds from one look to the next. */
export const LOOK_MS = 100;
/** After 5 s without anything the peer is asked for any answer at all, which it gives at once whatever holds up others. */
const QUIET_LOOKS = 50;
/** 15 s is longer than any step between nodes may take. */
const SILENT_LOOKS = 150;
/** How long that answer is waited for. */
export const SIGN_OF_LIFE_MS = (SILENT_LOOKS - QUIET_LOOKS) * LOOK_MS;

export class Silence {
  #isAsked = false;
  #looks = 0;

  onAsked(): void {
    this.#isAsked = true;
  }

  onHeard(): void {
    this.#isAsked = false;
    this.#looks = 0;
  }

  /** Called every LOOK_MS. `quiet` is told once: a sign of life is to be asked for; `silent`: nothing comes any more. */
  look(): "heard" | "quiet" | "silent" {
    if (!this.#isAsked) return "heard";
    this.#looks += 1;
    if (this.#looks >= SILENT_LOOKS) return "silent";
    return this.#looks === QUIET_LOOKS ? "quiet" : "heard";
  }
}
