/**
 * An ordered set of strings in chunks of a few hundred: a search is two binary searches, an insertion moves
 * at most one chunk's worth of pointers, and a million strings need no rebalancing tree.
 *
 * Invariant: chunks are never empty, each is in strictly ascending order, and every string of a chunk is
 * below every string of the next. Order is that of `<`: bytewise for binary strings.
 */

/** Twice this many strings split a chunk; measured best between 128 and 1 024 at a million strings. */
const CHUNK_STRINGS = 256;

export class SortedStrings {
  readonly #chunks: string[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds `item`; `false` when it was there. */
  add(item: string): boolean {
    const chunkIndex = Math.max(0, this.#chunkOf(item));
    const chunk = this.#chunks[chunkIndex];
    if (chunk === undefined) {
      this.#chunks.push([item]);
      this.#size = 1;
      return true;
    }
    const index = lowerBound(chunk, item);
    if (chunk[index] === item) return false;
    chunk.splice(index, 0, item);
    this.#size += 1;
    if (chunk.length >= 2 * CHUNK_STRINGS) {
      this.#chunks.splice(chunkIndex + 1, 0, chunk.splice(CHUNK_STRINGS));
    }
    return true;
  }

  /** Takes `item` out; `false` when it was not there. */
  remove(item: string): boolean {
    const chunkIndex = this.#chunkOf(item);
    const chunk = this.#chunks[chunkIndex];
    if (chunk === undefined) return false;
    const index = lowerBound(chunk, item);
    if (chunk[index] !== item) return false;
    chunk.splice(index, 1);
    this.#size -= 1;
    // Small chunks are left alone: they cost a little memory, merging them would cost every removal.
    if (chunk.length === 0) this.#chunks.splice(chunkIndex, 1);
    return true;
  }

  /** Calls `visit` with each string from `from` (inclusive) upwards until it answers `false`. The set must not change meanwhile. */
  forEachFrom(from: string, visit: (item: string) => boolean): void {
    let chunkIndex = Math.max(0, this.#chunkOf(from));
    let chunk = this.#chunks[chunkIndex];
    let index = chunk === undefined ? 0 : lowerBound(chunk, from);
    while (chunk !== undefined) {
      for (; index < chunk.length; index += 1) {
        if (!visit(chunk[index] as string)) return;
      }
      chunkIndex += 1;
      chunk = this.#chunks[chunkIndex];
      index = 0;
    }
  }

  /** The last chunk that begins at or below `item`; -1 when all begin above it. */
  #chunkOf(item: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = (this.#chunks[middle] as string[])[0] as string;
      if (first <= item) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Index of the first string that is not below `item`. */
function lowerBound(sorted: readonly string[], item: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) < item) low = middle + 1;
    else high = middle;
  }
  return low;
}
