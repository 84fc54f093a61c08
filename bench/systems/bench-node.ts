/** One dnd node in a process of its own, as its benchmark sees it. */

import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../src/adapters/system/engine-tuning.ts";
import type { LoadResult } from "../load/load.ts";
import { Child } from "../processes/child.ts";
import type {
  CpuProfile,
  EmbeddedLoad,
  NodeAnswer,
  NodeOrder,
  NodeSettings,
  NodeStatus,
} from "./node-order.ts";

const PROGRAM = fileURLToPath(new URL("node-process.ts", import.meta.url));
/** The source tree that this file belongs to. */
export const OWN_TREE = fileURLToPath(new URL("../../", import.meta.url));
const READY_MS_MAX = 120_000;
const POLL_MS = 50;

export class BenchNode {
  readonly name: string;
  readonly #child: Child<NodeOrder, NodeAnswer>;
  address = "";
  httpPort = 0;
  redisPort = 0;

  constructor(name: string) {
    this.name = name;
    this.#child = new Child(name, PROGRAM, [], NODE_FLAGS);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async open(settings: NodeSettings, tree: string = OWN_TREE): Promise<void> {
    const answer = await this.#ask({ kind: "open", settings, tree }, "opened");
    this.address = answer.address;
    this.httpPort = answer.httpPort;
    this.redisPort = answer.redisPort;
  }

  async status(): Promise<NodeStatus> {
    return (await this.#ask({ kind: "status" }, "status")).status;
  }

  async socketBytes(): Promise<number> {
    return (await this.#ask({ kind: "socket-bytes" }, "socket-bytes")).bytes;
  }

  /** Begins to watch how late the node's event loop is. */
  async watchLoop(): Promise<void> {
    await this.#ask({ kind: "watch-loop" }, "done");
  }

  /** Ends watching: the 99th percentile of its delay since, in milliseconds. */
  async loopDelayMsP99(): Promise<number> {
    return (await this.#ask({ kind: "loop-delay" }, "loop-delay")).msP99;
  }

  async call(call: EmbeddedLoad): Promise<LoadResult> {
    return (await this.#ask({ kind: "call", call }, "called")).result;
  }

  async startProfile(): Promise<void> {
    await this.#ask({ kind: "start-profile" }, "done");
  }

  async stopProfile(): Promise<CpuProfile> {
    return (await this.#ask({ kind: "stop-profile" }, "profile")).profile;
  }

  /** Settles when this node sees so many active members. */
  async settled(count: number): Promise<void> {
    const endMs = performance.now() + READY_MS_MAX;
    while ((await this.status()).activeMembers < count) {
      if (performance.now() > endMs) throw new Error(`${count} nodes did not become ready`);
      await wait(POLL_MS);
    }
  }

  async close(): Promise<void> {
    await this.#ask({ kind: "close" }, "done");
    await this.#child.end();
  }

  async #ask<Kind extends NodeAnswer["kind"]>(
    order: NodeOrder,
    kind: Kind,
  ): Promise<Extract<NodeAnswer, { readonly kind: Kind }>> {
    const answer = await this.#child.order(order);
    if (answer.kind !== kind) throw new Error(`${this.name} answered ${answer.kind}, not ${kind}`);
    return answer as Extract<NodeAnswer, { readonly kind: Kind }>;
  }
}
