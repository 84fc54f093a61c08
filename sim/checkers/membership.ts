/**
 * I10, watched while the run goes on: a member that is alive, awake and connected to an observer is not called
 * dead by it for long; one whose process is gone is not called alive for long.
 */
import type { NodeId } from "../../src/model/ids.ts";
import type { Machine, SimCluster } from "../cluster.ts";
import type { Violation } from "../history.ts";

/** Since when a pair could hear each other without a break, and since when one was wrongly believed to be what. */
interface Pair {
  connectedSinceMs: number;
  goneSinceMs: number;
  isReported: boolean;
}

/** How long a wrong belief may last. */
export interface MembershipBounds {
  /** Connected, awake, and still called dead. */
  readonly falselyDeadMs: number;
  /** Gone, and still called alive. */
  readonly falselyAliveMs: number;
}

export class MembershipWatch {
  readonly violations: Violation[] = [];
  readonly #cluster: SimCluster;
  readonly #bounds: MembershipBounds;
  readonly #pairs = new Map<string, Pair>();
  readonly #pausedMs = new Map<number, number>();
  readonly #boots = new Map<number, number>();
  /** The id of each machine, from the last time it was running. */
  readonly #idOf = new Map<number, NodeId>();

  constructor(cluster: SimCluster, bounds: MembershipBounds) {
    this.#cluster = cluster;
    this.#bounds = bounds;
  }

  /** Looks at every node's view; called a few times a second of virtual time. */
  sample(): void {
    const nowMs = this.#cluster.scheduler.nowMs;
    const awake = new Set<Machine>();
    for (const machine of this.#cluster.running()) {
      if (machine.node === undefined || !machine.hasStarted || machine.isStopping) continue;
      this.#idOf.set(machine.index, machine.node.status().nodeId);
      const pausedMs = machine.process?.pausedMsTotal ?? 0;
      const wasAsleep =
        machine.process?.isPaused === true || this.#pausedMs.get(machine.index) !== pausedMs;
      this.#pausedMs.set(machine.index, pausedMs);
      // A start between two looks leaves no other trace, and begins by knowing nobody to be alive.
      const isNew = this.#boots.get(machine.index) !== machine.boots;
      this.#boots.set(machine.index, machine.boots);
      if (!wasAsleep && !isNew) awake.add(machine);
    }
    for (const observer of this.#cluster.machines) {
      const views = awake.has(observer) ? this.#viewsOf(observer) : new Map<NodeId, string>();
      for (const target of this.#cluster.machines) {
        if (target !== observer) this.#judge(observer, target, awake, views, nowMs);
      }
    }
  }

  #viewsOf(observer: Machine): Map<NodeId, string> {
    const members = observer.node?.status().members ?? [];
    const present = members.filter(({ record }) => !/^(left|removed)$/.test(record.intent));
    return new Map(present.map((member) => [member.record.id, member.liveness]));
  }

  #judge(
    observer: Machine,
    target: Machine,
    awake: ReadonlySet<Machine>,
    views: ReadonlyMap<NodeId, string>,
    nowMs: number,
  ): void {
    const pair = this.#pairOf(observer, target, nowMs);
    const isConnected =
      awake.has(observer) &&
      awake.has(target) &&
      this.#cluster.network.links.isOpen(observer.index, target.index);
    if (!isConnected) pair.connectedSinceMs = nowMs;
    const isGone = awake.has(observer) && target.process === undefined;
    if (!isGone) pair.goneSinceMs = nowMs;
    const id = this.#idOf.get(target.index);
    const view = id === undefined ? undefined : views.get(id);
    if (view === undefined) return;
    const connectedMs = nowMs - pair.connectedSinceMs;
    const goneMs = nowMs - pair.goneSinceMs;
    if (view === "dead" && connectedMs > this.#bounds.falselyDeadMs) {
      this.#report(
        pair,
        `n${observer.index} has called n${target.index} dead though both were connected for ${connectedMs} ms`,
      );
    } else if (view === "alive" && goneMs > this.#bounds.falselyAliveMs) {
      this.#report(
        pair,
        `n${observer.index} still calls n${target.index} alive, ${goneMs} ms after it ended`,
      );
    } else if (view !== "dead") {
      pair.isReported = false;
    }
  }

  #report(pair: Pair, what: string): void {
    if (pair.isReported) return;
    pair.isReported = true;
    const at = this.#cluster.scheduler.nowMs.toFixed(0);
    this.violations.push({ invariant: "I10", detail: `at ${at}: ${what}` });
  }

  #pairOf(observer: Machine, target: Machine, nowMs: number): Pair {
    const name = `${observer.index}>${target.index}`;
    let pair = this.#pairs.get(name);
    if (pair === undefined) {
      pair = { connectedSinceMs: nowMs, goneSinceMs: nowMs, isReported: false };
      this.#pairs.set(name, pair);
    }
    return pair;
  }
}
