/**
 * Writes that are asked for in one call of a front door: all of them are taken, then all are encoded, then all are begun, instead of
 * one after the other from end to end.
 *
 * What a write goes through from the socket to the commit is more machine code than the processor keeps at hand (32 KB of it), so that one write
 * after the other fetches all of it anew; step by step a part of it is fetched once for many writes (docs/decisions/0040).
 *
 * Invariant: what is gathered is begun within the same call, in the order in which it was asked for, each as if by itself.
 */
import type { Stamp } from "../model/stamp.ts";
import type { BlindWrite } from "./blind-write.ts";

export class GatheredWrites {
  #gathered: BlindWrite[] | undefined;

  /** Gathers what is begun during a call, and begins it when that is over, however it ends. */
  gather(during: () => void): void {
    if (this.#gathered !== undefined) return during();
    this.#gathered = [];
    try {
      during();
    } finally {
      const gathered = this.#gathered;
      this.#gathered = undefined;
      for (const write of gathered) write.encode();
      for (const write of gathered) write.begin();
    }
  }

  /** Begins a write, now or when what it is gathered with is begun. */
  begin(write: BlindWrite): void {
    if (this.#gathered === undefined) write.begin();
    else this.#gathered.push(write);
  }

  /** Stamps of those that are not begun yet. */
  *stamps(): Iterable<Stamp> {
    for (const { stamp } of this.#gathered ?? []) yield stamp;
  }
}
