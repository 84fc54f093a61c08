/**
 * What a node shows of itself to people beyond its status: how slots stand, what goes between nodes, how long requests take,
 * what happened of late, and what each holder has of a key.
 *
 * Invariant: looking changes nothing, and what is kept for it is bounded.
 */
import { Histogram } from "../base/histogram.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import type { Reach } from "../core/replication/quorum.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { Slot } from "../model/slot.ts";
import type { Clock } from "../ports/clock.ts";
import { type CopiesPorts, copiesOf } from "./copies.ts";
import type { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { Insight, KeyCopy } from "./store.ts";
import { Timeline } from "./timeline.ts";
import type { Traffic } from "./traffic.ts";

export interface NodeInsightOptions extends Omit<CopiesPorts, "peers" | "monotonicMs"> {
  readonly peers: Peers;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly dirtyMaps: DirtyMaps;
  readonly placement: () => Placement;
}

export class NodeInsight implements Insight {
  readonly #options: NodeInsightOptions;
  readonly timeline: Timeline;
  readonly latencies = { read: new Histogram(), write: new Histogram() };

  constructor(options: NodeInsightOptions) {
    this.#options = options;
    this.timeline = new Timeline(options.clock, options.counters);
  }

  traffic(member: NodeId): Traffic {
    return this.#options.peers.traffic(member);
  }

  reach(member: NodeId): Reach {
    return this.#options.peers.reach(member);
  }

  pendingOf(slot: Slot): readonly NodeId[] {
    return this.#options.placement().pending(slot);
  }

  missingAt(member: NodeId): Uint8Array | undefined {
    return this.#options.dirtyMaps.bits(member);
  }

  copiesOf(key: Key, done: (copies: readonly KeyCopy[]) => void): void {
    const { clock, ...ports } = this.#options;
    copiesOf({ ...ports, monotonicMs: () => clock.monotonicMs() }, key, (copies) => {
      clock.defer(() => done(copies));
    });
  }
}
