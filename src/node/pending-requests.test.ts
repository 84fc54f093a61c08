import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { PendingRequest, PendingRequests } from "./pending-requests.ts";

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
    this.pending.add(id, new PendingRequest(sink, id, sentMs, deadlineMs));
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

test("numbers find their requests however many wait, and however long the first of them", () => {
  const trial = new Trial();
  const { pending } = trial;
  const waiting = [trial.send(0, 1e9)];
  const numbers = new Set(waiting);
  for (let turn = 1; turn < 20_000; turn += 1) {
    const id = trial.send(turn, 1e9);
    assert.ok(!numbers.has(id) && id > 0, "a number of its own");
    numbers.add(id);
    waiting.push(id);
    // It grows to a thousand and shrinks again; the first is never answered.
    const isMany = turn % 4_000 < 2_000 ? waiting.length > 1_000 : waiting.length > 1;
    if (isMany) assert.equal(pending.take(waiting.splice(1, 1)[0] as number)?.sentMs !== 0, true);
    if (isMany && waiting.length > 1 && turn % 4_000 >= 2_000)
      pending.take(waiting.pop() as number);
  }
  assert.equal(pending.size, waiting.length);
  assert.equal(pending.oldestSentMs(), 0);
  for (const id of waiting) assert.equal(pending.take(id)?.token, id);
  assert.equal(pending.size, 0);
});
