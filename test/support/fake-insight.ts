/** What a fake store shows beyond its status: a test sets what it wants to be seen. */
import { Histogram } from "../../src/base/histogram.ts";
import type { Reach } from "../../src/core/replication/quorum.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type { Key } from "../../src/model/key.ts";
import type { Slot } from "../../src/model/slot.ts";
import type { Insight, KeyCopy } from "../../src/node/store.ts";
import type { TimelineEvent } from "../../src/node/timeline.ts";
import type { Traffic } from "../../src/node/traffic.ts";

const NO_TRAFFIC: Traffic = { framesSent: 0, bytesSent: 0, framesReceived: 0, bytesReceived: 0 };

export class FakeInsight implements Insight {
  readonly latencies = { read: new Histogram(), write: new Histogram() };
  events: readonly TimelineEvent[] = [];
  copies: readonly KeyCopy[] = [];
  missing: Uint8Array | undefined;

  readonly timeline = {
    since: (number: number): readonly TimelineEvent[] =>
      this.events.filter((event) => event.number > number),
  };

  traffic(_member: NodeId): Traffic {
    return NO_TRAFFIC;
  }

  reach(_member: NodeId): Reach {
    return "up";
  }

  pendingOf(_slot: Slot): readonly NodeId[] {
    return [];
  }

  missingAt(_member: NodeId): Uint8Array | undefined {
    return this.missing;
  }

  copiesOf(_key: Key, done: (copies: readonly KeyCopy[]) => void): void {
    setImmediate(() => done(this.copies));
  }
}
