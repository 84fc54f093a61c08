/**
 * Clients of a kill run: each lane is one connection to one node, asks, waits for the answer, and asks again. A lane never
 * retries: what was cut off stays indeterminate. Lanes belong to their node, so that a stopped one holds up its own.
 */
import { setTimeout as wait } from "node:timers/promises";
import { contentTypeOf, type ReadOperation, type WriteOperation } from "../../../sim/history.ts";
import type { SimRandom } from "../../../sim/random.ts";
import type { Condition } from "../../../src/model/condition.ts";
import { type Key, keyFromText } from "../../../src/model/key.ts";
import { DEADLINE_MS_DEFAULT } from "../../../src/model/limits.ts";
import { formatStamp, type Stamp } from "../../../src/model/stamp.ts";
import { HttpConnection, type HttpReply } from "./http-connection.ts";
import { readOutcome, writeOutcome } from "./http-outcome.ts";
import type { RealNode } from "./real-node.ts";
import type { Ask, Recorder } from "./recorded.ts";

export interface ClientConfig {
  readonly lanesPerNode: number;
  /** Keys beside the hot ones. */
  readonly keys: number;
  /** Keys that a quarter of all operations is about; others after every few cycles. */
  readonly hotKeys: number;
  readonly replicas: number;
}

/** Weights of the kinds of operations. */
const MIX = { put: 60, delete: 8, conditional: 8, read: 24 };
/** A lane that finds nobody listening looks again after this. */
const ABSENT_MS = 25;

export class Clients {
  /** Times that nobody listened: nothing was sent, nothing is recorded. */
  refused = 0;
  readonly #recorder: Recorder;
  readonly #random: SimRandom;
  readonly #config: ClientConfig;
  readonly #lanes: Promise<void>[] = [];
  /** The newest stamp that any client was told for a key. */
  readonly #seen = new Map<Key, Stamp>();
  readonly #keys = new Set<Key>();
  #hotRound = 0;
  #isOn = true;

  constructor(recorder: Recorder, random: SimRandom, config: ClientConfig) {
    this.#recorder = recorder;
    this.#random = random;
    this.#config = config;
  }

  /** Every key that was asked for. */
  get keys(): ReadonlySet<Key> {
    return this.#keys;
  }

  start(nodes: readonly RealNode[]): void {
    for (const node of nodes) {
      for (let lane = 0; lane < this.#config.lanesPerNode; lane += 1) {
        this.#lanes.push(this.#run(node));
      }
    }
  }

  /** New hot keys: the rules compare all writes of a key with each other, so none may have too many. */
  changeHotKeys(): void {
    this.#hotRound += 1;
  }

  /** Settles once every lane has its last answer. */
  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#lanes);
  }

  async #run(node: RealNode): Promise<void> {
    let connection: HttpConnection | undefined;
    while (this.#isOn) {
      if (connection?.isOpen !== true) {
        connection = node.isRunning ? await HttpConnection.open(node.ports.serverPort) : undefined;
        if (connection === undefined) {
          this.refused += 1;
          await wait(ABSENT_MS);
          continue;
        }
      }
      await this.#ask(node, connection);
    }
    connection?.close();
  }

  async #ask(node: RealNode, connection: HttpConnection): Promise<void> {
    const random = this.#random;
    const key = this.#drawKey();
    const deadlineMs = random.oneIn(10) ? random.between(200, 2_000) : DEADLINE_MS_DEFAULT;
    const ask = { machine: node.record, key, deadlineMs, nowMs: performance.now() };
    const roll = random.below(MIX.put + MIX.delete + MIX.conditional + MIX.read);
    if (roll < MIX.read) await this.#read(ask, connection);
    else if (roll < MIX.read + MIX.put) {
      await this.#write(ask, connection, { bytes: this.#drawBytes(), condition: undefined });
    } else if (roll < MIX.read + MIX.put + MIX.delete) {
      await this.#write(ask, connection, { bytes: undefined, condition: undefined });
    } else {
      const bytes = random.oneIn(4) ? undefined : this.#drawBytes();
      await this.#write(ask, connection, { bytes, condition: this.#drawCondition(key) });
    }
  }

  async #write(
    ask: Ask,
    connection: HttpConnection,
    drawn: { readonly bytes: number | undefined; readonly condition: Condition | undefined },
  ): Promise<void> {
    const w = this.#drawQuorum();
    const operation = this.#recorder.beginWrite(ask, { ...drawn, w });
    const reply = await connection.ask({
      method: operation.kind === "put" ? "PUT" : "DELETE",
      target: targetOf(ask, "w", w),
      headers: headersOf(operation),
      body: operation.value,
    });
    const outcome = reply === undefined ? undefined : writeOutcome(reply);
    if (outcome?.kind === "odd") return this.#odd(operation, reply, outcome.detail);
    this.#recorder.end(operation, outcome, performance.now());
    if (outcome?.kind === "written") this.#seen.set(ask.key, outcome.stamp);
  }

  async #read(ask: Ask, connection: HttpConnection): Promise<void> {
    const r = this.#drawQuorum();
    const after = this.#random.oneIn(4) ? this.#seen.get(ask.key) : undefined;
    await this.ask(ask, connection, { r, after });
  }

  /** One read, recorded. */
  async ask(
    ask: Ask,
    connection: HttpConnection,
    { r, after }: { readonly r?: number | undefined; readonly after?: Stamp | undefined },
  ): Promise<ReadOperation> {
    const operation = this.#recorder.beginRead(ask, { r, after });
    const reply = await connection.ask({
      method: "GET",
      target: targetOf(ask, "r", r),
      ...(after === undefined ? {} : { headers: { "Dnd-After": `"${formatStamp(after)}"` } }),
    });
    const outcome = reply === undefined ? undefined : readOutcome(reply);
    if (outcome?.kind === "odd") {
      this.#odd(operation, reply, outcome.detail);
      return operation;
    }
    if (outcome?.kind !== "found") {
      this.#recorder.end(operation, outcome, performance.now());
      return operation;
    }
    const root = this.#recorder.keep(outcome.root);
    this.#recorder.end(operation, { ...outcome, root }, performance.now());
    this.#seen.set(ask.key, root.stamp);
    return operation;
  }

  /** An answer that is none: its request stays indeterminate. */
  #odd(
    operation: WriteOperation | ReadOperation,
    reply: HttpReply | undefined,
    detail: string,
  ): void {
    operation.endMs = performance.now();
    this.#recorder.odd("I12", `#${operation.id} ${operation.kind}: ${detail}`, operation.key);
    if (reply?.status === 0) throw new Error(`an answer cannot be read: ${detail}`);
  }

  #drawKey(): Key {
    const { hotKeys, keys } = this.#config;
    const random = this.#random;
    let key: Key;
    if (random.oneIn(4)) key = keyFromText(`hot-${this.#hotRound}-${random.below(hotKeys)}`);
    else {
      const index = random.below(keys);
      // Tags put some keys into one slot, so that a slot holds more than one.
      key = keyFromText(index % 4 === 3 ? `{t${index % 64}}k${index}` : `k${index}`);
    }
    this.#keys.add(key);
    return key;
  }

  #drawBytes(): number {
    if (this.#random.oneIn(2_000)) return 300_000;
    // Kept apart, and so many of them that their files are cleaned.
    if (this.#random.oneIn(8)) return 8_000 + this.#random.below(12_000);
    return this.#random.oneIn(50) ? 5_000 : 8 + this.#random.below(120);
  }

  #drawQuorum(): number | undefined {
    return this.#random.oneIn(8) ? this.#random.between(1, this.#config.replicas) : undefined;
  }

  #drawCondition(key: Key): Condition {
    const seen = this.#seen.get(key);
    const roll = this.#random.below(3);
    if (roll > 0 && seen !== undefined) return { kind: "stamp-is", stamp: seen };
    return roll === 1 ? { kind: "exists" } : { kind: "absent" };
  }
}

function targetOf(ask: Ask, quorumName: "r" | "w", quorum: number | undefined): string {
  const parameters: string[] = [];
  if (ask.deadlineMs !== DEADLINE_MS_DEFAULT) {
    parameters.push(`deadline=${(ask.deadlineMs / 1_000).toFixed(3)}`);
  }
  if (quorum !== undefined) parameters.push(`${quorumName}=${quorum}`);
  const query = parameters.length === 0 ? "" : `?${parameters.join("&")}`;
  return `/kv/${encodeURIComponent(ask.key)}${query}`;
}

function headersOf({ kind, id, condition }: WriteOperation): Record<string, string> {
  const headers: Record<string, string> = {};
  if (kind === "put") headers["Content-Type"] = contentTypeOf(id);
  if (condition?.kind === "stamp-is") headers["If-Match"] = `"${formatStamp(condition.stamp)}"`;
  else if (condition?.kind === "exists") headers["If-Match"] = "*";
  else if (condition?.kind === "absent") headers["If-None-Match"] = "*";
  return headers;
}
