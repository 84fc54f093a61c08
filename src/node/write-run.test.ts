import assert from "node:assert/strict";
import { test } from "node:test";
import { TOMBSTONE } from "../core/operations/changes.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { WriteVerdict } from "../core/replication/write-coordinator.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { Intent } from "../model/member.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { Replica } from "./replica.ts";
import type { RequestContext } from "./request-context.ts";
import { WriteRun } from "./write-run.ts";

const KEY = keyFromText("k");
const [SELF, LEFT, RIGHT, JOINER] = [1, 2, 3, 4].map((n) => nodeIdFrom(n, n)) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
];
const STORED: PeerReply = {
  kind: "write-reply",
  result: "stored",
  held: NO_STAMP,
  commitNumber: 1,
};

/** A write of three replicas, of whom this node is one. */
class Trial {
  readonly verdicts: WriteVerdict[] = [];
  readonly run: WriteRun;
  placement = placementOf("removed");
  #sent: { readonly to: NodeId; readonly sink: ReplySink; readonly token: number }[] = [];

  constructor() {
    const context: RequestContext = {
      self: SELF,
      peers: {
        reach: () => "up",
        tell: () => undefined,
        request: (to: NodeId, _body: unknown, _ms: number, sink: ReplySink, token: number) => {
          this.#sent.push({ to, sink, token });
          return true;
        },
      } as unknown as Peers,
      replica: {
        write: (_request: unknown, reply: (reply: PeerReply) => void) => reply(STORED),
        mark: () => undefined,
      } as unknown as Replica,
      reach: () => "up",
      counters: new Counters(),
      placement: () => this.placement,
      monotonicMs: () => 0,
      turnMs: () => 0,
      wallMs: () => 0,
      mint: () => NO_STAMP,
      mintAbove: ({ ms }: Stamp) => stampFrom(ms + 1, 0, 0),
      resync: () => assert.fail("nothing is disputed"),
    };
    this.run = new WriteRun({
      context,
      key: KEY,
      changes: [TOMBSTONE],
      stamp: stampFrom(10, 0, 0),
      bases: undefined,
      w: undefined,
      deadlineMs: 1_000,
      onVerdict: (verdict) => void this.verdicts.push(verdict),
      onFinished: () => undefined,
    });
  }

  /** The last request to a node is answered. */
  answer(from: NodeId, reply: PeerReply): void {
    const index = this.#sent.findLastIndex(({ to }) => to === from);
    const [request] = this.#sent.splice(index, 1);
    assert.ok(index >= 0 && request !== undefined, "it was asked");
    request.sink.onReply(from, request.token, reply);
  }

  kinds(): string[] {
    return this.verdicts.map(({ kind }) => kind);
  }
}

/** The fourth has so much weight that it is to hold the key once it is let in. */
function placementOf(fourth: Intent): Placement {
  const members = [SELF, LEFT, RIGHT].map((id) => {
    return { id, intent: "active" as Intent, zone: "", weight: 1 };
  });
  members.push({ id: JOINER, intent: fourth, zone: "", weight: 64 });
  return new Placement({ members, replicas: 3 });
}

test("a write that is under way when a node is let in waits for its acknowledgement too", () => {
  const trial = new Trial();
  trial.run.start();
  trial.placement = placementOf("joining");
  assert.deepEqual(trial.placement.pending(slotOfKey(KEY)), [JOINER]);
  trial.answer(LEFT, STORED);
  assert.deepEqual(trial.kinds(), [], "two of three, and not the one who will be one of them");
  trial.answer(JOINER, STORED);
  assert.deepEqual(trial.kinds(), ["written"]);
});

test("a push-back by a floor is no acknowledgement: nothing is stored by it", () => {
  const trial = new Trial();
  trial.run.start();
  const below = { ...STORED, result: "below", held: stampFrom(50, 0, 0) } as const;
  trial.answer(LEFT, below);
  assert.deepEqual(trial.kinds(), ["below"], "it is to be stamped above the floor");
});
