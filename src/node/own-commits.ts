/**
 * The numbers of this node's own commits, and what a number that others remember says about its past.
 *
 * Invariant: no two commits of a directory and its copies that others may have heard of are taken for one another. A start
 * leaves out a range of numbers that no boot fills: what others remember from within it was committed before this start,
 * and is beyond what the directory held at the start. Without the gap the first commits of a start, made before any
 * peer has spoken, would take the numbers of the lost ones.
 * Source: docs/ARCHITECTURE.md, "Amnesia"; decision 0011.
 */

/** More commits than one boot makes, and few enough for millions of starts within 2^53. */
const START_GAP = 2 ** 30;

export class OwnCommits {
  readonly #atStart: number;
  #sealed: number;
  #durable: number;

  /** `atStart` is the number of the last commit that the directory knows. */
  constructor(atStart: number) {
    this.#atStart = atStart;
    this.#sealed = atStart + START_GAP;
    this.#durable = atStart;
  }

  /** The greatest durable commit. */
  get durable(): number {
    return this.#durable;
  }

  /** The number of the commit that is about to be written. */
  seal(): number {
    this.#sealed += 1;
    return this.#sealed;
  }

  /** The commit sealed last is durable. */
  noteDurable(): void {
    this.#durable = this.#sealed;
  }

  /** Commits go on above this number. */
  skipTo(commitNumber: number): void {
    this.#sealed = Math.max(this.#sealed, commitNumber);
  }

  /** Whether a commit of this node that somebody has heard of is not in this directory. */
  hasLost(remembered: number): boolean {
    if (remembered > this.#durable) return true;
    return remembered > this.#atStart && remembered <= this.#atStart + START_GAP;
  }
}
