import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { PendingRequests } from "./pending-requests.ts";

const PEER = nodeIdFrom(0, 2);

class Trial {
  readonly pending = new PendingRequests();
  readonly unanswered: number[] = [];

  /** Its number is its token. */
  send(sentMs: number, deadlineMs: number): number {
    const id = this.pending.nextId();
    const onNoAnswer = (from: NodeId, token: number): void => {
      assert.equal(from, PEER);
      this.unanswered.push(token);
    };
    const sink = { onReply: assert.fail, onNoAnswer };
    this.pending.add(id, { sink, token: id, sentMs, deadlineMs });
    return id;
  }
}

test("who has waited longest is the next one, once that is answered, given up or told of the end", () => {
  const trial = new Trial();
  const { pending } = trial;
  assert.equal(pending.oldestSentMs(), undefined);
  const first = trial.send(10, 1_000);
  const second = trial.send(20, 25);
  trial.send(30, 1_000);
  assert.equal(pending.oldestSentMs(), 10);
  assert.equal(pending.take(first)?.token, first);
  assert.equal(pending.take(first), undefined, "once");
  assert.equal(pending.oldestSentMs(), 20);
  pending.expire(PEER, 25);
  assert.deepEqual(trial.unanswered, [second]);
  assert.equal(pending.oldestSentMs(), 30);
  pending.end(PEER);
  assert.equal(pending.oldestSentMs(), undefined);
  assert.equal(pending.size, 0);
});

test("one that is answered out of its turn leaves who has waited longest alone", () => {
  const trial = new Trial();
  trial.send(10, 1_000);
  const second = trial.send(20, 1_000);
  assert.equal(trial.pending.oldestSentMs(), 10);
  trial.pending.take(second);
  assert.equal(trial.pending.oldestSentMs(), 10);
});
