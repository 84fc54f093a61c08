import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import type { Reach } from "../core/replication/quorum.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { Everybody, WAIT_MS_MAX } from "./everybody.ts";
import type { ReplySink } from "./pending-requests.ts";

const BODY = new Uint8Array(1);
const NEAR = nodeIdFrom(1, 1);
const FAR = nodeIdFrom(2, 2);

interface Posted {
  readonly to: NodeId;
  /** `undefined`: told, not asked. */
  readonly asked: { readonly sink: ReplySink; readonly token: number } | undefined;
}

/** Two peers that answer when the test says so. */
class Trial {
  readonly clock = new HeldClock();
  readonly posted: Posted[] = [];
  readonly reaches = new Map<NodeId, Reach>([
    [NEAR, "up"],
    [FAR, "up"],
  ]);
  isFull = false;
  readonly ended: string[] = [];
  readonly everybody = new Everybody(
    {
      reachable: () => [...this.reaches.keys()],
      reach: (node) => this.reaches.get(node) ?? "down",
      post: (to, _body, asked) => {
        if (this.isFull) return false;
        this.posted.push({ to, asked });
        return true;
      },
    },
    this.clock,
  );

  /** Asks, and notes under `name` with how many receivers it ended. */
  ask(name: string): Posted[] {
    let receivers = 0;
    const before = this.posted.length;
    this.everybody.ask(
      BODY,
      (reply) => {
        if (reply.kind === "publish-reply") receivers += reply.receivers;
      },
      () => this.ended.push(`${name} ${receivers}`),
    );
    return this.posted.slice(before);
  }

  answer({ to, asked }: Posted, receivers: number): void {
    asked?.sink.onReply(to, asked.token, { kind: "publish-reply", receivers });
  }
}

function both(posted: readonly Posted[]): [Posted, Posted] {
  assert.deepEqual(
    posted.map(({ to }) => to),
    [NEAR, FAR],
  );
  return posted as unknown as [Posted, Posted];
}

test("a question ends when all have answered", () => {
  const trial = new Trial();
  const [near, far] = both(trial.ask("first"));
  trial.answer(near, 2);
  assert.deepEqual(trial.ended, []);
  trial.answer(far, 3);
  assert.deepEqual(trial.ended, ["first 5"]);
  trial.clock.advance(2 * WAIT_MS_MAX);
  assert.deepEqual(trial.ended, ["first 5"]);
});

test("a question ends with what came within the wait; what comes later counts for nothing", () => {
  const trial = new Trial();
  const [near, far] = both(trial.ask("first"));
  trial.clock.advance(WAIT_MS_MAX / 2);
  both(trial.ask("second"));
  trial.answer(near, 1);
  trial.clock.advance(WAIT_MS_MAX / 2 - 1);
  assert.deepEqual(trial.ended, []);
  trial.clock.advance(1);
  assert.deepEqual(trial.ended, ["first 1"]);
  trial.answer(far, 7);
  trial.clock.advance(WAIT_MS_MAX / 2);
  assert.deepEqual(trial.ended, ["first 1", "second 0"]);
});

test("an end of the connection is an end of the wait", () => {
  const trial = new Trial();
  const [near, far] = both(trial.ask("first"));
  trial.answer(near, 1);
  far.asked?.sink.onNoAnswer(FAR, far.asked.token);
  assert.deepEqual(trial.ended, ["first 1"]);
});

test("with nobody there, or no room for any frame, a question ends at once", () => {
  const trial = new Trial();
  trial.isFull = true;
  trial.ask("full");
  assert.deepEqual(trial.ended, ["full 0"]);
  trial.reaches.clear();
  assert.equal(trial.everybody.isThere, false);
  trial.ask("alone");
  assert.deepEqual(trial.ended, ["full 0", "alone 0"]);
});

test("who is suspected, or was silent for a whole wait, is told and not waited for", () => {
  const trial = new Trial();
  trial.reaches.set(FAR, "doubtful");
  const [near] = both(trial.ask("suspected"));
  trial.answer(near, 1);
  assert.deepEqual(trial.ended, ["suspected 1"]);
  trial.reaches.set(FAR, "up");
  trial.clock.advance(WAIT_MS_MAX);
  const [nearer, silent] = both(trial.ask("silent"));
  trial.answer(nearer, 1);
  assert.deepEqual(trial.ended, ["suspected 1", "silent 1"]);
  trial.answer(silent, 5);
  const [, back] = both(trial.ask("back"));
  trial.answer(back, 5);
  assert.equal(trial.ended.length, 2, "one that answers again is waited for again");
});

test("a peer that owes too many answers is told and not asked, until it has answered", () => {
  const trial = new Trial();
  trial.reaches.delete(FAR);
  const asked = Array.from({ length: 20_000 }, () => trial.ask("one")[0] as Posted);
  const told = asked.filter((posted) => posted.asked === undefined);
  assert.equal(asked.length - told.length, 16_384);
  assert.equal(trial.ended.length, told.length, "whom nobody waits for ends at once");
  for (const posted of asked) trial.answer(posted, 1);
  assert.equal(trial.ended.length, 20_000);
  assert.notEqual(trial.ask("again")[0]?.asked, undefined);
});
