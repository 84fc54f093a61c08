/**
 * What goes between this node and each other one over their connections, whoever dialled them: whole frames, with their
 * headers, as this side counts them since its start.
 */
import type { NodeId } from "../model/ids.ts";

export interface Traffic {
  readonly framesSent: number;
  readonly bytesSent: number;
  readonly framesReceived: number;
  readonly bytesReceived: number;
}

/** Counts of one peer, or of a connection whose far end has not said who it is. */
export class TrafficCounts implements Traffic {
  framesSent = 0;
  bytesSent = 0;
  framesReceived = 0;
  bytesReceived = 0;

  noteSent(bytes: number): void {
    this.framesSent += 1;
    this.bytesSent += bytes;
  }

  noteReceived(bytes: number): void {
    this.framesReceived += 1;
    this.bytesReceived += bytes;
  }
}

/** Bounded by the members: who is no longer one is forgotten. */
export class TrafficTable {
  readonly #counts = new Map<NodeId, TrafficCounts>();

  of(node: NodeId): TrafficCounts {
    let counts = this.#counts.get(node);
    if (counts === undefined) {
      counts = new TrafficCounts();
      this.#counts.set(node, counts);
    }
    return counts;
  }

  /** Connections that still stand go on counting, for nobody. */
  keepOnly(members: ReadonlySet<NodeId>): void {
    for (const node of this.#counts.keys()) if (!members.has(node)) this.#counts.delete(node);
  }
}
