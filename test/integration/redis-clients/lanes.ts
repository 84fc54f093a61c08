/**
 * Lanes of writes through the clients of programs, while a node dies: what each was acknowledged,
 * and how long it had to wait for it. A lane does what a program does: one write after another,
 * each again until it is acknowledged.
 */
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";

/** What a lane does with a client. */
export interface LaneClient {
  readonly name: string;
  set(key: string, value: string): Promise<unknown>;
  hset(key: string, field: string, value: string): Promise<unknown>;
  sadd(key: string, member: string): Promise<unknown>;
  incr(key: string): Promise<unknown>;
}

/** What a cluster must hold afterwards. */
export class Acknowledged {
  readonly values = new Map<string, string>();
  /** Fields by hash, members by set. */
  readonly fields = new Map<string, Set<string>>();
  readonly members = new Map<string, Set<string>>();
  readonly counts = new Map<string, number>();
}

/** Containers and counters of a lane: enough for every node to be the first primary of some. */
const KEYS_OF_A_KIND = 16;
const RETRY_MS = 20;
/** Lanes are there to look, not to load. */
const PAUSE_MS = 2;

export class Lane {
  readonly #client: LaneClient;
  readonly #prefix: string;
  readonly #acknowledged: Acknowledged;
  readonly #ended: Promise<void>;
  #isStopped = false;
  #lastMs = performance.now();
  /**
   * Acknowledged writes, failed calls and the longest time between two acknowledgements, since
   * `watch`.
   */
  count = 0;
  failures = 0;
  silenceMs = 0;

  constructor(client: LaneClient, index: number, acknowledged: Acknowledged) {
    this.#client = client;
    this.#prefix = `${client.name}:${index}`;
    this.#acknowledged = acknowledged;
    this.#ended = this.#run();
  }

  get name(): string {
    return this.#client.name;
  }

  watch(): void {
    this.count = 0;
    this.failures = 0;
    this.silenceMs = 0;
    this.#lastMs = performance.now();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#ended;
  }

  async #run(): Promise<void> {
    for (let sequence = 0; !this.#isStopped; sequence += 1) {
      await this.#write(sequence);
      await wait(PAUSE_MS);
    }
  }

  async #write(sequence: number): Promise<void> {
    const container = `${Math.floor(sequence / 4) % KEYS_OF_A_KIND}`;
    const name = `${sequence}`;
    const { values, fields, members, counts } = this.#acknowledged;
    switch (sequence % 4) {
      case 0: {
        const key = `${this.#prefix}:value:${name}`;
        const isDone = await this.#untilDone(() => this.#client.set(key, name));
        if (isDone) values.set(key, name);
        return;
      }
      case 1: {
        const key = `${this.#prefix}:hash:${container}`;
        if (await this.#untilDone(() => this.#client.hset(key, name, name))) {
          namesAt(fields, key).add(name);
        }
        return;
      }
      case 2: {
        const key = `${this.#prefix}:set:${container}`;
        if (await this.#untilDone(() => this.#client.sadd(key, name))) {
          namesAt(members, key).add(name);
        }
        return;
      }
      default: {
        // Not again: one that was not acknowledged may count.
        const key = `${this.#prefix}:count:${container}`;
        if (await this.#isDone(() => this.#client.incr(key))) {
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
      }
    }
  }

  async #untilDone(attempt: () => Promise<unknown>): Promise<boolean> {
    while (!this.#isStopped) {
      if (await this.#isDone(attempt)) return true;
      await wait(RETRY_MS);
    }
    return false;
  }

  async #isDone(attempt: () => Promise<unknown>): Promise<boolean> {
    try {
      await attempt();
    } catch {
      this.failures += 1;
      return false;
    }
    const nowMs = performance.now();
    this.silenceMs = Math.max(this.silenceMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.count += 1;
    return true;
  }
}

/** How what is there is read. */
export interface Reader {
  get(key: string): Promise<string | null>;
  hkeys(key: string): Promise<readonly string[]>;
  smembers(key: string): Promise<readonly string[]>;
}

/** Everything that was acknowledged is there. */
export async function checkAcknowledged(acknowledged: Acknowledged, reader: Reader): Promise<void> {
  const { values, fields, members, counts } = acknowledged;
  for (const [key, value] of values) assert.equal(await reader.get(key), value, key);
  for (const [key, names] of fields) assertHolds(await reader.hkeys(key), names, key);
  for (const [key, names] of members) assertHolds(await reader.smembers(key), names, key);
  for (const [key, count] of counts) {
    const found = Number(await reader.get(key));
    assert.ok(found >= count, `${key} is ${found}, acknowledged ${count} times`);
  }
}

function assertHolds(found: readonly string[], names: ReadonlySet<string>, key: string): void {
  const there = new Set(found);
  const missing = [...names].filter((name) => !there.has(name));
  assert.deepEqual(missing, [], key);
}

function namesAt(all: Map<string, Set<string>>, key: string): Set<string> {
  const names = all.get(key) ?? new Set();
  all.set(key, names);
  return names;
}
