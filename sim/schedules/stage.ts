/**
 * Where a schedule is played: a few real nodes on steady wires, and the moves to drive them by, step for step. Nothing
 * happens by chance but the delays of frames, which the seed of the stage fixes.
 *
 * Invariant: a move returns when it is done, so that a script reads from top to bottom as the schedule does.
 */
import assert from "node:assert/strict";
import { decodeCell } from "../../src/core/causality/cell-codec.ts";
import { cellKey } from "../../src/core/causality/storage-key.ts";
import type { PlacedCell } from "../../src/core/operations/backup-difference.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import type { BackupRequest, ThinSlots } from "../../src/model/backup.ts";
import type { RootCell } from "../../src/model/cell.ts";
import { SHARED_CONFIG_DEFAULT, type SharedConfig } from "../../src/model/config.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import { SLOT_COUNT } from "../../src/model/limits.ts";
import type { Failure, ReadOutcome, WriteOutcome } from "../../src/model/outcome.ts";
import type { KeyedCell } from "../../src/model/peer-message.ts";
import type { PutRequest, ReadRequest, WriteOptions } from "../../src/model/request.ts";
import { slotFrom } from "../../src/model/slot.ts";
import type { StoreStatus } from "../../src/node/store.ts";
import { checkConvergence } from "../checkers/convergence.ts";
import type { ReplicaDump } from "../checkers/final-state.ts";
import { type Machine, type NodeFactory, SimCluster, type SimNode } from "../cluster.ts";
import { dumpOf } from "../dump-of.ts";
import { describeFrame } from "../frame-text.ts";
import { type Increment, takeIncrement } from "../increments.ts";
import { Links } from "../links.ts";
import { Network } from "../network.ts";
import { Streams } from "../random.ts";
import { makeStoreNode } from "../store-node-factory.ts";
import { Trace, type TraceSink } from "../trace.ts";
import { Scheduler } from "../virtual-clock.ts";

const FORMING_MS_MAX = 60_000;
const SETTLING_MS_MAX = 120_000;
/** Longer than any request may take. */
const ANSWER_MS_MAX = 70_000;
const KEYS_TRIED_MAX = 20_000;

export interface StageOptions {
  readonly machines: number;
  readonly shared?: Partial<SharedConfig>;
  readonly seed?: number;
  /** Receives the trace, frames in words. */
  readonly sink?: TraceSink;
  /** Instead of the very node that production runs. */
  readonly makeNode?: NodeFactory;
}

/** An answer that may still be on its way. */
export interface Asked<Outcome> {
  outcome: Outcome | undefined;
}

const ALL_SLOTS: BackupRequest = {
  cursor: undefined,
  firstSlot: slotFrom(0),
  lastSlot: slotFrom(SLOT_COUNT - 1),
  allowsThin: false,
};

/** All pages of a backup, or the failure of one. */
export type WholeBackup =
  | {
      readonly kind: "backup";
      readonly cells: readonly KeyedCell[];
      readonly thin: readonly ThinSlots[];
    }
  | Failure;

export class Stage {
  readonly cluster: SimCluster;
  readonly links: Links;
  readonly scheduler: Scheduler;

  /** Nodes that have formed a cluster. */
  constructor({ machines, shared, seed = 1, sink, makeNode = makeStoreNode }: StageOptions) {
    const streams = new Streams(seed);
    this.scheduler = new Scheduler(streams.stream("turns"), new Trace(sink));
    this.links = new Links(0.3);
    const network = new Network(this.scheduler, streams.stream("network"), this.links);
    network.describe = describeFrame;
    this.cluster = new SimCluster(this.scheduler, network, streams, {
      durability: "fsync",
      shared: { ...SHARED_CONFIG_DEFAULT, ...shared },
      makeNode,
    });
    for (let index = 0; index < machines; index += 1) this.join();
    this.until("the cluster has formed", () => this.isWhole(), FORMING_MS_MAX);
  }

  /** A machine more, which joins through those that are there. */
  join(): Machine {
    const machine = this.cluster.addMachine({
      skewMs: 0,
      zone: "",
      weight: 1,
      peers: this.cluster.staying().map(({ address }) => address),
    });
    this.cluster.boot(machine);
    return machine;
  }

  machine(index: number): Machine {
    const machine = this.cluster.machines[index];
    assert.ok(machine !== undefined, `there is a machine ${index}`);
    return machine;
  }

  node(index: number): SimNode {
    const { node } = this.machine(index);
    assert.ok(node !== undefined, `n${index} runs`);
    return node;
  }

  id(index: number): NodeId {
    return this.node(index).status().nodeId;
  }

  status(index: number): StoreStatus {
    return this.node(index).status();
  }

  /** A key whose primaries are exactly these machines, in any order. */
  keyOn(...machines: readonly number[]): Key {
    const wanted = machines.map((index) => this.id(index)).sort();
    const asker = this.node(machines[0] ?? 0);
    for (let index = 0; index < KEYS_TRIED_MAX; index += 1) {
      const key = keyFromText(`k${index}`);
      const primaries = asker.locate(key).primaries.toSorted();
      if (primaries.join() === wanted.join()) return key;
    }
    assert.fail(`no key is on ${machines.join(", ")} alone`);
  }

  runFor(ms: number): void {
    this.scheduler.runUntil(this.scheduler.nowMs + ms);
  }

  /** Runs on until something holds; fails when it does not in time. */
  until(what: string, holds: () => boolean, limitMs = SETTLING_MS_MAX): void {
    const untilMs = this.scheduler.nowMs + limitMs;
    while (!holds()) {
      assert.ok(this.scheduler.nowMs < untilMs, `${what} within ${limitMs} ms`);
      this.runFor(20);
    }
  }

  startPut(
    at: number,
    key: Key,
    value: string,
    options: Partial<PutRequest> = {},
  ): Asked<WriteOutcome> {
    const request = { key, value: Buffer.from(value), contentType: "text/plain", ...options };
    return this.#ask(at, (node, done: (outcome: WriteOutcome) => void) => node.put(request, done));
  }

  put(at: number, key: Key, value: string, options: Partial<PutRequest> = {}): WriteOutcome {
    return this.answer(this.startPut(at, key, value, options));
  }

  startDelete(at: number, key: Key, options: WriteOptions = {}): Asked<WriteOutcome> {
    return this.#ask(at, (node, done: (outcome: WriteOutcome) => void) =>
      node.delete({ key, ...options }, done),
    );
  }

  delete(at: number, key: Key, options: WriteOptions = {}): WriteOutcome {
    return this.answer(this.startDelete(at, key, options));
  }

  startRead(at: number, key: Key, options: Partial<ReadRequest> = {}): Asked<ReadOutcome> {
    return this.#ask(at, (node, done: (outcome: ReadOutcome) => void) =>
      node.read({ key, ...options }, done),
    );
  }

  read(at: number, key: Key, options: Partial<ReadRequest> = {}): ReadOutcome {
    return this.answer(this.startRead(at, key, options));
  }

  /** A backup of all slots by one node, page by page; ends with the first page that fails. */
  startBackup(at: number, options: Partial<BackupRequest> = {}): Asked<WholeBackup> {
    const cells: KeyedCell[] = [];
    const thin: ThinSlots[] = [];
    return this.#ask(at, (node, done: (outcome: WholeBackup) => void) => {
      const page = (cursor: string | undefined): void => {
        node.backup({ ...ALL_SLOTS, ...options, cursor }, (outcome) => {
          if (outcome.kind === "failed") return done(outcome);
          cells.push(...outcome.cells);
          thin.push(...outcome.thin);
          if (outcome.next === undefined) done({ kind: "backup", cells, thin });
          else page(outcome.next);
        });
      };
      page(undefined);
    });
  }

  backup(at: number, options: Partial<BackupRequest> = {}): WholeBackup {
    return this.answer(this.startBackup(at, options));
  }

  /** What `dnd backup --since` makes of a backup and what has changed, as a whole one; ends with the first page that fails. */
  startIncrement(
    at: number,
    base: readonly PlacedCell[],
    options: Partial<BackupRequest> = {},
  ): Asked<Increment> {
    return this.#ask(at, (node, done: (outcome: Increment) => void) => {
      takeIncrement(node, base, { ...ALL_SLOTS, ...options }, done);
    });
  }

  increment(
    at: number,
    base: readonly PlacedCell[],
    options: Partial<BackupRequest> = {},
  ): Increment {
    return this.answer(this.startIncrement(at, base, options));
  }

  /** Has one node remove a dead member, and runs until it has confirmed. */
  remove(at: number, id: NodeId): void {
    let isConfirmed = false;
    const again = (): void => {
      const { process, node } = this.machine(at);
      if (isConfirmed || process === undefined || node === undefined) return;
      this.scheduler.deliver(process, "remove", () => {
        node.remove(id, (obstacle) => {
          if (obstacle === undefined) isConfirmed = true;
          else this.scheduler.after(100, "command", undefined, again);
        });
      });
    };
    again();
    this.until(`n${at} has confirmed a removal`, () => isConfirmed);
  }

  /** What a default read shows: the value as text, or the kind of answer. */
  shown(at: number, key: Key, options: Partial<ReadRequest> = {}): string {
    const outcome = this.read(at, key, options);
    if (outcome.kind === "found") return Buffer.from(outcome.root.payload).toString();
    return outcome.kind === "failed" ? outcome.code : outcome.kind;
  }

  answer<Outcome>(asked: Asked<Outcome>): Outcome {
    this.until("an answer", () => asked.outcome !== undefined, ANSWER_MS_MAX);
    assert.ok(asked.outcome !== undefined);
    return asked.outcome;
  }

  /** The root that stands on a machine's disk. */
  held(index: number, key: Key): RootCell | "damaged" | undefined {
    const bytes = this.machine(index).disk.get(cellKey(slotOfKey(key), key, undefined));
    if (bytes === undefined) return undefined;
    return decodeCell(bytes, key, undefined) as RootCell | "damaged";
  }

  heldText(index: number, key: Key): string {
    const cell = this.held(index, key);
    if (cell === undefined || cell === "damaged") return cell ?? "nothing";
    return cell.kind === "tombstone" ? "tombstone" : Buffer.from(cell.payload).toString();
  }

  /** Nothing passes from one machine to another. */
  cutOneWay(from: number, to: number): void {
    Object.assign(this.links.link(from, to), { blocksStreams: true, blocksDatagrams: true });
  }

  /** The connections of one machine to another let nothing through any more that it sends; all else passes, for good. */
  stick(from: number, to: number): void {
    this.cluster.network.stick(from, to);
  }

  /** Nothing passes between these two groups. */
  cut(left: readonly number[], right: readonly number[]): void {
    for (const one of left) {
      for (const other of right) {
        this.cutOneWay(one, other);
        this.cutOneWay(other, one);
      }
    }
  }

  heal(): void {
    this.links.heal();
  }

  crash(index: number): void {
    this.cluster.crash(this.machine(index), "power");
  }

  boot(index: number): void {
    this.cluster.boot(this.machine(index));
  }

  reboot(index: number): void {
    this.boot(index);
    this.until(`n${index} has started`, () => this.machine(index).hasStarted);
  }

  /** How one node sees another. */
  liveness(observer: number, id: NodeId): string | undefined {
    return this.status(observer).members.find(({ record }) => record.id === id)?.liveness;
  }

  /** All who are to stay run, are members, and see each other alive, under one epoch. */
  isWhole(): boolean {
    const staying = this.cluster.staying();
    const epochs = new Set<number>();
    for (const { node, hasStarted } of staying) {
      if (node === undefined || !hasStarted) return false;
      const { phase, epoch, members } = node.status();
      epochs.add(epoch);
      const present = members.filter(({ record }) => !/^(left|removed)$/.test(record.intent));
      const areWell = present.every(
        ({ record, liveness }) => record.intent === "active" && liveness === "alive",
      );
      if (phase !== "ready" || present.length !== staying.length || !areWell) return false;
    }
    return epochs.size === 1;
  }

  /** Waits until all is whole, equal, and nobody knows of anything that another lacks (I4). */
  settle(): void {
    let problem = "";
    const limitMs = this.scheduler.nowMs + SETTLING_MS_MAX;
    while (this.scheduler.nowMs < limitMs) {
      this.runFor(250);
      problem = this.#whatIsUnsettled();
      if (problem === "") return;
    }
    assert.fail(`not settled: ${problem}`);
  }

  /** Nothing that must never be was seen on the way: no throw, no broken contract, no node that gave up. */
  end(): void {
    assert.deepEqual(this.cluster.violations, []);
  }

  #whatIsUnsettled(): string {
    if (!this.isWhole()) return "views differ";
    const dumps: ReplicaDump[] = [];
    for (const machine of this.cluster.staying()) {
      const dirty = machine.node?.status().members.find(({ dirtySlots }) => dirtySlots > 0);
      if (dirty !== undefined) return `n${machine.index} knows what ${dirty.record.id} may lack`;
      const dump = dumpOf(this.scheduler, machine);
      if (dump === undefined) return `n${machine.index} shows nothing`;
      dumps.push(dump);
    }
    const node = this.cluster.staying()[0]?.node;
    if (node === undefined) return "nobody runs";
    const differences = checkConvergence({
      dumps,
      primariesOf: (key) => node.locate(key).primaries,
    });
    return differences[0]?.detail ?? "";
  }

  #ask<Outcome>(
    at: number,
    ask: (node: SimNode, done: (outcome: Outcome) => void) => void,
  ): Asked<Outcome> {
    const asked: Asked<Outcome> = { outcome: undefined };
    const { process } = this.machine(at);
    const node = this.node(at);
    assert.ok(process !== undefined);
    this.scheduler.deliver(process, "request", () =>
      ask(node, (outcome) => {
        assert.equal(asked.outcome, undefined, "a request is answered once");
        asked.outcome = outcome;
      }),
    );
    return asked;
  }
}

/** The acknowledged stamp's quorum, or a failure of the test. */
export function written(outcome: WriteOutcome): Extract<WriteOutcome, { kind: "written" }> {
  assert.equal(outcome.kind, "written", JSON.stringify(outcome));
  return outcome as Extract<WriteOutcome, { kind: "written" }>;
}
