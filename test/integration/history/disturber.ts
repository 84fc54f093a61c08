/**
 * What is done to the nodes of a kill run, cycle by cycle. The seed decides what and to whom; the machine decides what
 * the nodes were doing just then.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { SimRandom } from "../../../sim/random.ts";
import type { RealNode } from "./real-node.ts";

export interface DisturberConfig {
  /** Milliseconds between a cycle and the next, on average. */
  readonly calmMs: number;
  /** The longest that a node is away between kill and start. */
  readonly absentMsMax: number;
  /** The longest that a node is stopped. */
  readonly pauseMsMax: number;
}

export interface DisturbanceCounts {
  kills: number;
  pauses: number;
  drains: number;
  /** Cycles in which all nodes were killed at once. */
  blackouts: number;
}

const PAUSE_MS_MIN = 100;
const READY_MS_MAX = 60_000;
const POLL_MS = 50;

export class Disturber {
  readonly counts: DisturbanceCounts = { kills: 0, pauses: 0, drains: 0, blackouts: 0 };
  readonly #nodes: readonly RealNode[];
  readonly #random: SimRandom;
  readonly #config: DisturberConfig;
  readonly #say: (line: string) => void;
  readonly #pauses = new Set<Promise<void>>();

  constructor(
    nodes: readonly RealNode[],
    random: SimRandom,
    config: DisturberConfig,
    say: (line: string) => void,
  ) {
    this.#nodes = nodes;
    this.#random = random;
    this.#config = config;
    this.#say = say;
  }

  /** One cycle: calm, a pause of others perhaps, kill -9 of one, two or all, and their start. */
  async cycle(): Promise<void> {
    const random = this.#random;
    await wait(random.longTail(this.#config.calmMs / 2));
    const victims = this.#drawVictims();
    if (random.oneIn(2)) this.#pauseSome(victims);
    if (random.oneIn(2)) await wait(random.below(500));
    const isBlackout = victims.length === this.#nodes.length;
    if (isBlackout) this.counts.blackouts += 1;
    await Promise.all(victims.map((node) => this.#kill(node)));
    // At once after all went is what finds what was not synced; else each comes back in its own time.
    await Promise.all(victims.map((node) => this.#bringBack(node, isBlackout && random.oneIn(2))));
    if (random.oneIn(8)) await this.#restart(random.pick(this.#nodes));
    // Often the next kill strikes while others still catch up.
    if (random.oneIn(2)) await this.#allReady(victims);
  }

  /** Lets every pause end, starts whoever is missing, and waits until all serve; how long it took, or why not. */
  async calm(): Promise<string | undefined> {
    await Promise.all(this.#pauses);
    for (const node of this.#nodes) if (!node.isRunning) this.#start(node);
    return await this.#allReady(this.#nodes);
  }

  #drawVictims(): RealNode[] {
    const roll = this.#random.below(20);
    const count = roll < 2 ? this.#nodes.length : roll < 7 ? 2 : 1;
    return this.#random.shuffle(this.#nodes).slice(0, count);
  }

  async #kill(node: RealNode): Promise<void> {
    if (!node.isRunning) return;
    this.counts.kills += 1;
    this.#say(`kill n${node.index}${node.isPaused ? " while stopped" : ""}`);
    await node.kill();
  }

  async #bringBack(node: RealNode, isAtOnce: boolean): Promise<void> {
    const random = this.#random;
    const absentMs = isAtOnce || random.oneIn(4) ? 0 : random.below(this.#config.absentMsMax);
    await wait(absentMs);
    this.#start(node);
    // Killed while it opens its data, or just after.
    if (!random.oneIn(5)) return;
    await wait(random.below(1_500));
    await this.#kill(node);
    this.#start(node);
  }

  #start(node: RealNode): void {
    if (node.isRunning) return;
    // A node knows its peers from its disk; told again, it must not mind.
    const peers = this.#random.oneIn(2) ? [] : this.#nodes.filter((other) => other !== node);
    this.#say(`start n${node.index}`);
    node.start(peers);
  }

  /** SIGTERM, and start again. */
  async #restart(node: RealNode): Promise<void> {
    if (!node.isRunning || node.isPaused) return;
    this.counts.drains += 1;
    this.#say(`drain n${node.index}`);
    await node.terminate();
    this.#start(node);
  }

  /** Stops one or two that are not to be killed now; they go on later, whatever happens meanwhile. */
  #pauseSome(victims: readonly RealNode[]): void {
    const others = this.#nodes.filter((node) => !victims.includes(node) && node.isRunning);
    const count = this.#random.oneIn(4) ? 2 : 1;
    for (const node of this.#random.shuffle(others).slice(0, count)) {
      if (node.isPaused) continue;
      // Short ones are the more frequent, as many as lie in each doubling.
      const doublings = Math.floor(Math.log2(this.#config.pauseMsMax / PAUSE_MS_MIN));
      const scale = 2 ** this.#random.below(doublings + 1);
      const ms = Math.min(
        this.#config.pauseMsMax,
        PAUSE_MS_MIN * scale * (1 + this.#random.fraction()),
      );
      const paused = this.#pause(node, ms).finally(() => this.#pauses.delete(paused));
      this.#pauses.add(paused);
    }
  }

  async #pause(node: RealNode, ms: number): Promise<void> {
    this.counts.pauses += 1;
    this.#say(`stop n${node.index} for ${Math.round(ms)} ms`);
    const { boots } = node.record;
    node.pause();
    await wait(ms);
    // Killed and started meanwhile, it is another process.
    if (node.record.boots === boots) node.resume();
  }

  /** `undefined` once all of them serve; who does not, after a while. */
  async #allReady(nodes: readonly RealNode[]): Promise<string | undefined> {
    const untilMs = performance.now() + READY_MS_MAX;
    for (;;) {
      const answers = await Promise.all(nodes.map((node) => node.isReady()));
      const missing = nodes.filter((_node, index) => answers[index] !== true);
      // Who is stopped cannot be waited for here.
      if (missing.every((node) => node.isPaused)) return undefined;
      if (performance.now() > untilMs) {
        return `not ready after ${READY_MS_MAX} ms: ${missing.map((node) => `n${node.index}`).join(", ")}`;
      }
      await wait(POLL_MS);
    }
  }
}
