/**
 * What is published, and what is heard of it: every node publishes and listens, and whatever is
 * heard is judged at once.
 *
 * Held: a listener hears each message at most once, as it was published, and those of one start of
 * a node in the order in which that node published them, whatever their sizes and channels. A
 * question how many heard it is answered once.
 */
import assert from "node:assert/strict";
import { CHUNK_BYTES_MAX } from "../src/model/limits.ts";
import type { Delivery, Subscriber } from "../src/node/subscriptions.ts";
import type { Machine, SimNode } from "./cluster.ts";
import type { SimRandom } from "./random.ts";
import type { Stage } from "./schedules/stage.ts";

const HEAD_BYTES = 12;
/** One in so many is larger than what travels in one piece. */
const LARGE_ONE_IN = 16;

/** A message: whose, and which. */
interface Said {
  readonly machine: number;
  readonly boot: number;
  readonly number: number;
  /** What its publisher was told. */
  receivers: number | undefined;
}

/** What one start of a node has heard. */
class Ear implements Subscriber {
  readonly name: string;
  readonly heard = new Set<string>();
  readonly problems: string[];
  readonly #last = new Map<string, number>();

  constructor(name: string, problems: string[]) {
    this.name = name;
    this.problems = problems;
  }

  deliver({ channel, message }: Delivery): void {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
    const [machine, boot] = [bytes.readUInt16BE(0), bytes.readUInt16BE(2)];
    const number = bytes.readUInt32BE(4);
    const start = `${machine}.${boot}`;
    const name = `${start}.${number}`;
    const isWhole = bytes.readUInt32BE(8) === bytes.length && isFilled(bytes, number);
    if (!isWhole || channel !== channelOf(number)) this.problems.push(`${this.name}: ${name} bad`);
    const last = this.#last.get(start) ?? -1;
    if (number <= last) this.problems.push(`${this.name}: ${name} after ${last}`);
    this.#last.set(start, Math.max(last, number));
    this.heard.add(name);
  }
}

export class Publishing {
  /** What was heard and must not have been. */
  readonly problems: string[] = [];
  readonly said: Said[] = [];
  readonly #stage: Stage;
  readonly #random: SimRandom;
  readonly #ears = new Map<SimNode, Ear>();
  readonly #counts = new Map<string, number>();

  constructor(stage: Stage, random: SimRandom) {
    this.#stage = stage;
    this.#random = random;
  }

  /** The ears of the nodes that run. */
  get ears(): readonly Ear[] {
    return this.#stage.cluster.machines.flatMap(({ node }) => {
      const ear = node === undefined ? undefined : this.#ears.get(node);
      return ear ?? [];
    });
  }

  /** Has every node listen that does not yet. */
  listen(): void {
    for (const { index, boots, node, hasStarted } of this.#stage.cluster.machines) {
      if (node === undefined || !hasStarted || this.#ears.has(node)) continue;
      const ear = new Ear(`n${index}.${boots}`, this.problems);
      node.subscriptions.add("pattern", "c*", ear);
      node.subscriptions.add("shard", "shard", ear);
      this.#ears.set(node, ear);
    }
  }

  /** Publishes at random nodes for so long, a few messages in each turn. */
  run(ms: number): void {
    const untilMs = this.#stage.scheduler.nowMs + ms;
    while (this.#stage.scheduler.nowMs < untilMs) {
      this.listen();
      for (const machine of this.#stage.cluster.machines) {
        if (machine.hasStarted && this.#random.oneIn(4)) this.#publishSome(machine);
      }
      this.#stage.runFor(this.#random.between(1, 150));
    }
  }

  #publishSome(machine: Machine): void {
    const { process, node, index, boots } = machine;
    assert.ok(process !== undefined && node !== undefined);
    const start = `${index}.${boots}`;
    this.#stage.scheduler.deliver(process, "request", () => {
      for (let count = this.#random.between(1, 6); count > 0; count -= 1) {
        const number = this.#counts.get(start) ?? 0;
        this.#counts.set(start, number + 1);
        const said: Said = { machine: index, boot: boots, number, receivers: undefined };
        this.said.push(said);
        node.publish(
          {
            channel: channelOf(number),
            message: this.#messageOf(said),
            isSharded: isSharded(number),
          },
          (receivers) => {
            if (said.receivers !== undefined) this.problems.push(`${start}.${number} told twice`);
            said.receivers = receivers;
          },
        );
      }
    });
  }

  #messageOf({ machine, boot, number }: Said): Buffer {
    const length = this.#random.oneIn(LARGE_ONE_IN)
      ? this.#random.between(CHUNK_BYTES_MAX - 1_000, CHUNK_BYTES_MAX + 1_000)
      : this.#random.between(HEAD_BYTES, 400);
    const bytes = Buffer.alloc(length, number & 0xff);
    bytes.writeUInt16BE(machine, 0);
    bytes.writeUInt16BE(boot, 2);
    bytes.writeUInt32BE(number, 4);
    bytes.writeUInt32BE(length, 8);
    return bytes;
  }
}

/** The name by which an ear knows a message. */
export function nameOf({ machine, boot, number }: Said): string {
  return `${machine}.${boot}.${number}`;
}

function isSharded(number: number): boolean {
  return number % 5 === 0;
}

function channelOf(number: number): string {
  return isSharded(number) ? "shard" : `c${number % 3}`;
}

function isFilled(bytes: Buffer, number: number): boolean {
  const fill = bytes.subarray(HEAD_BYTES);
  return fill.equals(Buffer.alloc(fill.length, number & 0xff));
}
