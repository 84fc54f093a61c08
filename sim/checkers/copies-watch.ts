/**
 * I16 beside all faults, watched while the run goes on: what was acknowledged by so many nodes stands on the disks of as
 * many, up to N, from the very moment of the answer on. Slots change hands, foreign cells are dropped, nodes crash: none
 * of that may take a copy before another has one. Where bytes are destroyed on purpose there is nothing to count.
 */
import { decodeCell } from "../../src/core/causality/cell-codec.ts";
import { parseCellKey } from "../../src/core/causality/storage-key.ts";
import { blockingCount, majority } from "../../src/core/replication/quorum.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type { Key } from "../../src/model/key.ts";
import { compareStamps, formatStamp, type Stamp } from "../../src/model/stamp.ts";
import type { StorageKey, StorageOperation } from "../../src/ports/storage.ts";
import type { Machine, SimCluster, SimNode } from "../cluster.ts";
import { deletedBy, hasCollected, holdersOf, nodeIdOf } from "../copies.ts";
import {
  ackOf,
  describeOperation,
  isWrite,
  type Operation,
  type ReadOperation,
  type Violation,
  type WriteOperation,
} from "../history.ts";

interface Acked {
  readonly stamp: Stamp;
  readonly copies: number;
  readonly what: string;
  /** So many primaries acknowledged it that every quorum of reads meets one. */
  readonly isOverlapping: boolean;
}

export class CopiesWatch {
  readonly violations: Violation[] = [];
  readonly #cluster: SimCluster;
  readonly #operations: readonly Operation[];
  /** The greatest acknowledged write of each key, and how many nodes said that they hold it. */
  readonly #acked = new Map<Key, Acked>();
  readonly #reported = new Set<Key>();
  /** Operations up to here have been taken in, but for those still under way. */
  #seen = 0;
  #underWay: Operation[] = [];

  constructor(cluster: SimCluster, operations: readonly Operation[]) {
    this.#cluster = cluster;
    this.#operations = operations;
  }

  /** Counts the copies of every key; `mayBeGone` says for which keys nothing need be left. */
  sample(mayBeGone: (key: Key) => boolean): void {
    this.#takeIn();
    // A node that has left has handed everything on, and counts no more.
    const machines = this.#cluster.machines.filter(({ hasLeft, isLost }) => !hasLeft && !isLost);
    const view = this.#commonView();
    for (const [key, { stamp, copies, what, isOverlapping }] of this.#acked) {
      const held = holdersOf(machines, key, stamp);
      const wanted = Math.min(copies, this.#cluster.staying().length);
      const isMet = held.length >= wanted && (!isOverlapping || isFound(view, key, held));
      if (isMet || this.#reported.has(key) || mayBeGone(key)) continue;
      this.#reported.add(key);
      this.#tell(key, stamp, what, copies, held);
    }
  }

  /** A node that sees the members as most do. */
  #commonView(): SimNode | undefined {
    const views = new Map<number, SimNode[]>();
    const running = this.#cluster.staying().filter(({ hasStarted }) => hasStarted);
    for (const { node } of running) {
      if (node === undefined) continue;
      const { epoch } = node.status();
      views.set(epoch, [...(views.get(epoch) ?? []), node]);
    }
    const common = [...views.values()].find((nodes) => 2 * nodes.length > running.length);
    return common?.[0];
  }

  /**
   * A write was acknowledged this moment: whoever was counted has it on disk by now, primaries as such. `primaries` are
   * those that the node which was asked sees.
   */
  onAck(operation: WriteOperation, primaries: readonly NodeId[]): void {
    const stamp = ackOf(operation);
    if (stamp === undefined || operation.outcome?.kind !== "written") return;
    const { key } = operation;
    const { acks, hinted, of } = operation.outcome.quorum;
    const held = holdersOf(this.#cluster.machines, key, stamp);
    const atPrimaries = held.filter((machine) => isOneOf(primaries, machine));
    // A conditional write is carried out, and counted, by another node, perhaps under another placement.
    const areEnough = operation.condition !== undefined || atPrimaries.length >= acks;
    const isMet = areEnough && held.length >= Math.min(of, acks + hinted);
    if (isMet || this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#tell(key, stamp, describeOperation(operation), acks + hinted, held);
  }

  /** A value was shown this moment: a crash of all must not be able to take it back. */
  onShown(operation: ReadOperation, stamp: Stamp): void {
    const { key } = operation;
    const { machines } = this.#cluster;
    if (this.#reported.has(key) || holdersOf(machines, key, stamp).length > 0) return;
    // It may have been deleted, and collected, while the read waited for another replica.
    if (machines.some((machine) => hasCollected(machine, key, stamp))) return;
    this.#reported.add(key);
    const at = this.#cluster.scheduler.nowMs.toFixed(0);
    const what = `key ${key} ${formatStamp(stamp)}, shown by ${describeOperation(operation)}`;
    this.violations.push({ invariant: "I3", key, detail: `at ${at} ${what}, is on no disk` });
  }

  /** A batch was applied to a machine's disk; `before` is what stood there. */
  onBatch(
    machine: Machine,
    operations: readonly StorageOperation[],
    before: readonly StorageOperation[],
  ): void {
    for (const [key, value] of deletedBy(operations, before)) this.#onDeleted(machine, key, value);
  }

  /**
   * A machine deletes what stood on its disk. What it kept of a slot that is not its own, N others have by now; what it
   * drops of its own slots is collected, and judged by what becomes of it.
   */
  #onDeleted(machine: Machine, storageKey: StorageKey, value: Uint8Array): void {
    const place = parseCellKey(storageKey);
    const { node } = machine;
    if (place === undefined || node === undefined) return;
    const { key, field } = place;
    const cell = decodeCell(value, key, field);
    const { primaries, pending } = node.locate(key);
    const self = node.status().nodeId;
    if (cell === "damaged" || [...primaries, ...pending].includes(self)) return;
    const others = this.#cluster.machines.filter((one) => one !== machine);
    if (others.some((other) => hasCollected(other, key, cell.stamp))) return;
    const held = holdersOf(others, key, cell.stamp, field);
    if (held.length >= primaries.length || this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#tell(key, cell.stamp, `a copy dropped by n${machine.index}`, primaries.length, held);
  }

  #tell(key: Key, stamp: Stamp, what: string, copies: number, held: readonly Machine[]): void {
    const where = held.map(({ index }) => `n${index}`).join(", ") || "no disk";
    const at = this.#cluster.scheduler.nowMs.toFixed(0);
    this.violations.push({
      invariant: "I16",
      key,
      detail: `at ${at} key ${key} ${formatStamp(stamp)} of ${what}, acknowledged by ${copies}, is on ${where}`,
    });
  }

  #takeIn(): void {
    const fresh = this.#operations.slice(this.#seen);
    this.#seen = this.#operations.length;
    const underWay: Operation[] = [];
    for (const operation of [...this.#underWay, ...fresh]) {
      if (operation.endMs === undefined) underWay.push(operation);
      else this.#note(operation);
    }
    this.#underWay = underWay;
  }

  #note(operation: Operation): void {
    if (!isWrite(operation) || operation.outcome?.kind !== "written") return;
    const stamp = ackOf(operation);
    const known = this.#acked.get(operation.key);
    if (stamp === undefined || (known !== undefined && compareStamps(known.stamp, stamp) >= 0))
      return;
    // What a fallback kept beside all primaries it drops.
    const { acks, hinted, of } = operation.outcome.quorum;
    const what = describeOperation(operation);
    const copies = Math.min(of, acks + hinted);
    const isOverlapping = acks >= majority(of);
    this.#acked.set(operation.key, { stamp, copies, what, isOverlapping });
  }
}

function isOneOf(nodes: readonly NodeId[], machine: Machine): boolean {
  const id = nodeIdOf(machine);
  return id !== undefined && nodes.includes(id);
}

/** Whether every quorum of today's primaries has one that holds what `held` do. */
function isFound(view: SimNode | undefined, key: Key, held: readonly Machine[]): boolean {
  if (view === undefined) return true;
  const { primaries } = view.locate(key);
  const count = held.filter((machine) => isOneOf(primaries, machine)).length;
  return count >= blockingCount(primaries.length);
}
