/** The requests of one generator, one after the other, from its share of a load. */
import { Prng } from "../../src/base/prng.ts";
import { type ChooseKey, keyChooser, zipfRanks } from "./key-chooser.ts";
import type { LoadShare } from "./load.ts";
import type { RequestWriter } from "./request-writer.ts";

/** Of a hundred requests. */
const UPDATES_B = 5;
const INSERTS_D = 5;
/** Ranks of inserted keys that are read: further back is read as the oldest of them. */
const LATEST_COUNT = 10_000;

/** What follows a request once it is answered: a write of this key, or nothing. */
const NOTHING = -1;

export class Workload {
  readonly #share: LoadShare;
  readonly #random: Prng;
  readonly #key: ChooseKey;
  readonly #latest: ChooseKey | undefined;
  #filled: number;
  #inserted = 0;

  constructor(share: LoadShare) {
    this.#share = share;
    this.#random = new Prng(share.seed * 1_000 + share.index);
    this.#key = keyChooser(share.keys, share.keyCount, this.#random);
    this.#latest = share.operation === "ycsb-d" ? zipfRanks(LATEST_COUNT, this.#random) : undefined;
    this.#filled = share.index;
  }

  /** Only a fill ends by itself. */
  get isOver(): boolean {
    return this.#share.operation === "fill" && this.#filled >= this.#share.keyCount;
  }

  /** Writes one request. Answers with the key to write once that is answered, or -1. */
  next(writer: RequestWriter): number {
    const { operation } = this.#share;
    switch (operation) {
      case "fill":
        writer.write(this.#filled);
        this.#filled += this.#share.of;
        return NOTHING;
      case "set":
        writer.write(this.#key());
        return NOTHING;
      case "get":
      case "ycsb-c":
        writer.read(this.#key());
        return NOTHING;
      case "incr":
        writer.increment(this.#key());
        return NOTHING;
      case "hset":
        writer.setField(this.#key());
        return NOTHING;
      case "half":
      case "ycsb-a":
        return this.#readOrWrite(writer, 50);
      case "ycsb-b":
        return this.#readOrWrite(writer, UPDATES_B);
      case "ycsb-d":
        if (this.#random.chance(INSERTS_D, 100)) writer.write(this.#insert());
        else writer.read(this.#latestKey());
        return NOTHING;
      case "ycsb-f": {
        const key = this.#key();
        writer.read(key);
        return this.#random.chance(50, 100) ? key : NOTHING;
      }
    }
  }

  #readOrWrite(writer: RequestWriter, writesPerHundred: number): number {
    if (this.#random.chance(writesPerHundred, 100)) writer.write(this.#key());
    else writer.read(this.#key());
    return NOTHING;
  }

  /** Keys beyond the filled ones, each generator's apart from the others'. */
  #insert(): number {
    this.#inserted += 1;
    return this.#insertedKey(this.#inserted - 1);
  }

  #insertedKey(index: number): number {
    return this.#share.keyCount + index * this.#share.of + this.#share.index;
  }

  /**
   * Of this generator's inserts. The very last ones may still be under way on another connection, so reads stay as far behind
   * them as there are connections; before there are so many, filled keys are read.
   */
  #latestKey(): number {
    const last = this.#inserted - 1 - this.#share.connections * this.#share.inFlight;
    const index = last - (this.#latest?.() ?? 0);
    return index >= 0 ? this.#insertedKey(index) : Math.max(0, this.#share.keyCount + index);
  }
}
