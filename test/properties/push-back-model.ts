/**
 * A small model of push-back: one key on three replicas, written and read through four coordinators whose clocks are
 * up to two minutes off. The coordinators, clocks and the merge are the real ones; replicas and network are toys.
 *
 * Messages take any time, come twice, or are lost with their connection; nothing is retried. A request takes less
 * than a second either way, so nobody is given up as silent: what is promised is promised of overlapping quorums.
 */
import { Heap } from "../../src/base/heap.ts";
import { Prng } from "../../src/base/prng.ts";
import { checksumOf, decodeRoot, encodeCell } from "../../src/core/causality/cell-codec.ts";
import { HybridClock } from "../../src/core/causality/hybrid-clock.ts";
import { mergeRoots } from "../../src/core/causality/merge.ts";
import type { SlotPlan } from "../../src/core/replication/quorum.ts";
import {
  HEDGE_MS,
  ReadCoordinator,
  type ReadEvent,
} from "../../src/core/replication/read-coordinator.ts";
import {
  OUTVOTE_MS,
  PATIENCE_MS,
  WriteCoordinator,
  type WriteEvent,
} from "../../src/core/replication/write-coordinator.ts";
import type { Attempt } from "../../src/core/replication/write-tally.ts";
import type { EncodedCell, RootCell } from "../../src/model/cell.ts";
import { bootIdFrom, type NodeId } from "../../src/model/ids.ts";
import { keyFromText } from "../../src/model/key.ts";
import { ROOT_ONLY } from "../../src/model/selection.ts";
import { compareStamps, formatStamp, NO_STAMP, type Stamp } from "../../src/model/stamp.ts";

const KEY = keyFromText("k");
const REPLICAS = ["a", "b", "c"] as NodeId[];
const COORDINATORS = [...REPLICAS, "d" as NodeId];
const PLAN: SlotPlan = { primaries: REPLICAS, pending: [], fallbacks: [] };
const SKEW_MS_MAX = 120_000;
const EPOCH_MS = 1_000_000_000;
const DEADLINE_MS = 5_000;
/** One way; there and back stays below the second after which a replica is given up. */
const DELAY_MS_MAX = 450;
const OPERATIONS = 10;

export interface ModelOptions {
  readonly seed: number;
  /** Connections break, so that a request or its answer is lost. */
  readonly hasLosses: boolean;
  /** The planted bug: replicas merge whatever comes. */
  readonly hasPushBack?: boolean;
  /** The planted bug: reads are content with so many. */
  readonly r?: number;
}

export interface ModelReport {
  readonly violations: readonly string[];
  readonly restamps: number;
  readonly acknowledged: number;
}

interface Operation {
  readonly kind: "write" | "read";
  readonly startMs: number;
  readonly endMs: number;
  readonly stamp: Stamp;
}

class Model {
  readonly #options: ModelOptions;
  readonly #random: Prng;
  readonly #queue = new Heap<() => void>();
  readonly #held = new Map<NodeId, RootCell>();
  readonly #clocks = new Map<NodeId, { readonly clock: HybridClock; readonly skewMs: number }>();
  readonly #done: Operation[] = [];
  readonly #slowness: number;
  #nowMs = 0;
  #restamps = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.#random = new Prng(options.seed);
    for (const [index, node] of COORDINATORS.entries()) {
      const clock = new HybridClock({
        boot: bootIdFrom(index + 1),
        floor: { ms: 0, counter: 0 },
      });
      const skewMs = this.#random.below(2 * SKEW_MS_MAX) - SKEW_MS_MAX;
      this.#clocks.set(node, { clock, skewMs });
    }
    this.#slowness = this.#random.below(3);
  }

  run(): ModelReport {
    const spanMs = 50 + this.#random.below(1_500);
    for (let index = 0; index < OPERATIONS; index += 1) {
      const node = this.#random.pick(COORDINATORS);
      const isWrite = this.#random.below(3) < 2;
      this.#at(this.#random.below(spanMs), () => {
        if (isWrite) this.#write(node);
        else this.#read(node);
      });
    }
    for (let next = this.#queue.leastRank; next < Infinity; next = this.#queue.leastRank) {
      this.#nowMs = next;
      this.#queue.pop()?.();
    }
    return {
      violations: this.#violations(),
      restamps: this.#restamps,
      acknowledged: this.#done.filter(({ kind }) => kind === "write").length,
    };
  }

  #write(self: NodeId): void {
    const startMs = this.#nowMs;
    let stamp = this.#clockOf(self).clock.mint(this.#wallMs(self));
    const coordinator = new WriteCoordinator({
      self,
      plan: PLAN,
      reach: () => "up",
      stamp,
      w: undefined,
      mode: "blind",
      startMs,
      deadlineMs: startMs + DEADLINE_MS,
    });
    const step = (event: WriteEvent): void => {
      for (const effect of coordinator.step(event, this.#nowMs)) {
        if (effect.kind === "send") {
          const { to, attempt } = effect;
          const root = rootAt(coordinator.stamp);
          this.#ask(
            self === to,
            () => this.#store(to, root, attempt),
            (answer) => step(answer ?? { kind: "lost", from: to, attempt }),
          );
        } else if (effect.kind === "restamp") {
          this.#restamps += 1;
          stamp = this.#clockOf(self).clock.mintAbove(effect.above, this.#wallMs(self));
          step({ kind: "restamped", stamp });
        } else if (effect.kind === "answer" && effect.verdict.kind === "written") {
          if (effect.verdict.quorum.acks >= 2) this.#note("write", startMs, coordinator.stamp);
        }
      }
    };
    step({ kind: "started" });
    for (const ms of [OUTVOTE_MS, PATIENCE_MS, DEADLINE_MS]) {
      this.#at(ms, () => step({ kind: "tick" }));
    }
  }

  /** A replica as `Replica` is: a first attempt below what is held is pushed back, all else is merged. */
  #store(node: NodeId, root: RootCell, attempt: Attempt): WriteEvent {
    const held = this.#held.get(node);
    const isBelow = held !== undefined && compareStamps(held.stamp, root.stamp) > 0;
    const hasPushBack = this.#options.hasPushBack ?? true;
    if (attempt === "first" && isBelow && hasPushBack) {
      return { kind: "behind", from: node, attempt, held: held.stamp };
    }
    this.#held.set(node, held === undefined ? root : mergeRoots(held, root));
    return { kind: isBelow ? "superseded" : "stored", from: node, attempt };
  }

  #read(self: NodeId): void {
    const startMs = this.#nowMs;
    const coordinator = new ReadCoordinator({
      self,
      selection: ROOT_ONLY,
      key: KEY,
      plan: PLAN,
      reach: () => "up",
      r: this.#options.r,
      after: undefined,
      startMs,
      deadlineMs: startMs + DEADLINE_MS,
    });
    const step = (event: ReadEvent): void => {
      for (const effect of coordinator.step(event, this.#nowMs)) {
        if (effect.kind === "ask") {
          const { to, want } = effect;
          this.#ask(
            self === to,
            () => this.#look(to, want),
            (answer) => step(answer ?? { kind: "lost", from: to }),
          );
        } else if (effect.kind === "repair") {
          const { to, cells } = effect;
          this.#ask(
            self === to,
            () => {
              const root = decodeRoot((cells[0] as EncodedCell).bytes, KEY);
              if (root !== "damaged") this.#store(to, root, "final");
              return { kind: "repaired", from: to } as const;
            },
            (answer) => step(answer ?? { kind: "not-repaired", from: to }),
          );
        } else if (effect.verdict.kind === "read") {
          const { cells, quorum } = effect.verdict;
          const isVoid = quorum.acks < (this.#options.r ?? 2);
          if (!isVoid) this.#note("read", startMs, cells[0]?.cell.stamp ?? NO_STAMP);
        }
      }
    };
    step({ kind: "started" });
    for (const ms of [HEDGE_MS, 3 * HEDGE_MS, PATIENCE_MS, 2 * PATIENCE_MS, DEADLINE_MS]) {
      this.#at(ms, () => step({ kind: "tick" }));
    }
  }

  #look(node: NodeId, want: "cells" | "digest"): ReadEvent {
    const held = this.#held.get(node);
    const cells: EncodedCell[] =
      held === undefined ? [] : [{ field: undefined, bytes: encodeCell(held, KEY, undefined) }];
    if (want === "cells") return { kind: "cells", from: node, cells, collected: NO_STAMP };
    const digests = cells.map(({ field, bytes }) => ({ field, checksum: checksumOf(bytes) }));
    return { kind: "digests", from: node, digests, collected: NO_STAMP };
  }

  /** There and back, perhaps twice, perhaps not at all: then `answer` hears `undefined`. */
  #ask<Answer>(
    isLocal: boolean,
    serve: () => Answer,
    answer: (answer: Answer | undefined) => void,
  ): void {
    const fate = isLocal ? 0 : this.#random.below(20);
    if (this.#options.hasLosses && fate < 3 && !isLocal) {
      // The connection ends before, or after, the request was served.
      if (fate === 0) this.#at(this.#delayMs(), () => void serve());
      this.#at(this.#delayMs(), () => answer(undefined));
      return;
    }
    const times = fate === 19 ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      this.#at(isLocal ? this.#random.below(3) : this.#delayMs(), () => {
        const served = serve();
        const backMs = isLocal ? this.#random.below(3) : this.#delayMs();
        for (let copy = 0; copy < times; copy += 1) this.#at(backMs, () => answer(served));
      });
    }
  }

  #delayMs(): number {
    const isSlow = this.#random.below(4) < this.#slowness;
    return 1 + this.#random.below(isSlow ? DELAY_MS_MAX : 20);
  }

  #at(delayMs: number, run: () => void): void {
    this.#queue.push(this.#nowMs + delayMs, run);
  }

  #note(kind: Operation["kind"], startMs: number, stamp: Stamp): void {
    this.#done.push({ kind, startMs, endMs: this.#nowMs, stamp });
  }

  #clockOf(node: NodeId): { readonly clock: HybridClock; readonly skewMs: number } {
    const found = this.#clocks.get(node);
    if (found === undefined) throw new Error("every coordinator has a clock");
    return found;
  }

  #wallMs(node: NodeId): number {
    return EPOCH_MS + Math.floor(this.#nowMs) + this.#clockOf(node).skewMs;
  }

  /** What began after a write was acknowledged is above it, if it wrote, and not below it, if it read. */
  #violations(): string[] {
    const found: string[] = [];
    for (const before of this.#done) {
      if (before.kind !== "write") continue;
      for (const after of this.#done) {
        if (after.startMs <= before.endMs) continue;
        const order = compareStamps(after.stamp, before.stamp);
        if (order > 0 || (order === 0 && after.kind === "read")) continue;
        found.push(
          `a ${after.kind} begun at ${after.startMs} has ${formatStamp(after.stamp)}, below ` +
            `${formatStamp(before.stamp)}, acknowledged at ${before.endMs}`,
        );
      }
    }
    return found;
  }
}

/** Plays one seed to its end. */
export function playModel(options: ModelOptions): ModelReport {
  return new Model(options).run();
}

function rootAt(stamp: Stamp): RootCell {
  return {
    kind: "value",
    stamp,
    type: "string",
    expiresAtMs: 0,
    cleared: stamp,
    contentType: "",
    payload: new Uint8Array(0),
  };
}
