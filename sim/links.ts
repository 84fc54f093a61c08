/**
 * The state of the wires: for every ordered pair of machines whether streams and datagrams pass, how long they take,
 * how much is lost. Partitions of all shapes are sets of blocked ordered pairs.
 */
import { assert } from "../src/base/assert.ts";
import { PEER_QUEUE_BYTES_MAX } from "../src/model/limits.ts";
import type { SimRandom } from "./random.ts";

/** One direction between two machines. */
export interface Link {
  blocksStreams: boolean;
  blocksDatagrams: boolean;
  /** Typical one-way delay, before its long tail. */
  delayMs: number;
  /** Bytes a millisecond; `Infinity` is not limited. */
  bytesPerMs: number;
  /** Datagrams lost of a thousand, on top of the network's own loss. */
  lossPerMille: number;
  /** Bytes on their way, or waiting, beyond which a connection takes no frame. One that has none takes any. */
  queueBytesMax: number;
}

/** How a partition splits the machines. */
export type PartitionShape =
  | "halves" // two sides that hear nothing of each other
  | "isolate-one"
  | "bridge" // two sides, and one machine that both hear
  | "ring" // everybody hears only the two beside him
  | "one-way" // one side hears the other, not the reverse
  | "pairs" // random pairs do not hear each other
  | "streams-only" // datagrams are dropped between two sides
  | "datagrams-only"; // streams stall between two sides

export const PARTITION_SHAPES: readonly PartitionShape[] = [
  "halves",
  "isolate-one",
  "bridge",
  "ring",
  "one-way",
  "pairs",
  "streams-only",
  "datagrams-only",
];

const LOOPBACK: Link = {
  blocksStreams: false,
  blocksDatagrams: false,
  delayMs: 0.02,
  bytesPerMs: Number.POSITIVE_INFINITY,
  lossPerMille: 0,
  queueBytesMax: PEER_QUEUE_BYTES_MAX,
};

/** All ordered pairs. Machines are numbers 0..count-1. */
export class Links {
  /** Told after any change that may have opened a blocked direction, or changed a speed. */
  onChanged: () => void = () => {};
  readonly #rows: Link[][] = [];
  #delayMs: number;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  get count(): number {
    return this.#rows.length;
  }

  /** Adds one machine, connected to all. */
  addMachine(): void {
    const row: Link[] = [];
    for (let other = 0; other < this.#rows.length; other += 1) {
      row.push(openLink(this.#delayMs));
      (this.#rows[other] as Link[]).push(openLink(this.#delayMs));
    }
    row.push({ ...LOOPBACK });
    this.#rows.push(row);
  }

  link(from: number, to: number): Link {
    const link = this.#rows[from]?.[to];
    assert(link !== undefined, "a link is between two machines");
    return link;
  }

  /** Sets how long one direction takes. */
  pace(
    from: number,
    to: number,
    { delayMs, bytesPerMs }: Pick<Link, "delayMs" | "bytesPerMs">,
  ): void {
    Object.assign(this.link(from, to), { delayMs, bytesPerMs });
    this.onChanged();
  }

  /** Whether streams and datagrams pass both ways. */
  isOpen(first: number, second: number): boolean {
    const there = this.link(first, second);
    const back = this.link(second, first);
    return !(
      there.blocksStreams ||
      there.blocksDatagrams ||
      back.blocksStreams ||
      back.blocksDatagrams
    );
  }

  /** Removes every block; delays and losses stay. */
  heal(): void {
    for (const row of this.#rows) {
      for (const link of row) {
        link.blocksStreams = false;
        link.blocksDatagrams = false;
      }
    }
    this.onChanged();
  }

  /** Undoes everything: no block, no loss, the network's own delay, queues as long as a node may make them. */
  restore(delayMs: number): void {
    this.#delayMs = delayMs;
    for (let from = 0; from < this.#rows.length; from += 1) {
      for (let to = 0; to < this.#rows.length; to += 1) {
        if (from !== to) Object.assign(this.link(from, to), openLink(delayMs));
      }
    }
    this.onChanged();
  }

  /** Splits the machines; blocks add to those already there. Returns a description for the trace. */
  partition(shape: PartitionShape, random: SimRandom): string {
    const machines = random.shuffle(this.#rows.map((_row, index) => index));
    if (machines.length < 2) return "nobody to split";
    const cut = 1 + random.below(machines.length - 1);
    const left = machines.slice(0, shape === "isolate-one" ? 1 : cut);
    const right = machines.slice(left.length);
    switch (shape) {
      case "halves":
      case "isolate-one":
        this.#block(left, right, "both");
        this.#block(right, left, "both");
        break;
      case "bridge": {
        const [, ...others] = right;
        this.#block(left, others, "both");
        this.#block(others, left, "both");
        break;
      }
      case "ring":
        this.#blockAllButRing(machines);
        break;
      case "one-way":
        this.#block(left, right, "both");
        break;
      case "pairs":
        for (let count = 1 + random.below(machines.length); count > 0; count -= 1) {
          const [first, second] = random.shuffle(machines) as [number, number];
          this.#block([first], [second], "both");
          this.#block([second], [first], "both");
        }
        break;
      case "streams-only":
        this.#block(left, right, "datagrams");
        this.#block(right, left, "datagrams");
        break;
      case "datagrams-only":
        this.#block(left, right, "streams");
        this.#block(right, left, "streams");
        break;
    }
    return `${shape} ${left.join(",")} | ${right.join(",")}`;
  }

  #block(
    from: readonly number[],
    to: readonly number[],
    what: "both" | "streams" | "datagrams",
  ): void {
    for (const source of from) {
      for (const target of to) {
        const link = this.link(source, target);
        if (what !== "datagrams") link.blocksStreams = true;
        if (what !== "streams") link.blocksDatagrams = true;
      }
    }
  }

  #blockAllButRing(machines: readonly number[]): void {
    for (let first = 0; first < machines.length; first += 1) {
      for (let second = 0; second < machines.length; second += 1) {
        const apart = Math.abs(first - second);
        if (apart <= 1 || apart === machines.length - 1) continue;
        this.#block([machines[first] as number], [machines[second] as number], "both");
      }
    }
  }
}

function openLink(delayMs: number): Link {
  return {
    blocksStreams: false,
    blocksDatagrams: false,
    delayMs,
    bytesPerMs: Number.POSITIVE_INFINITY,
    lossPerMille: 0,
    queueBytesMax: PEER_QUEUE_BYTES_MAX,
  };
}
