import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import type { Liveness, Member } from "../model/member.ts";
import { AbsentMembers } from "./absent-members.ts";

const NODES = [1, 2, 3, 4].map((n) => nodeIdFrom(n, n));

/** Node 1 of four, told to remove after ten seconds; `liveness` by node. */
class Trial {
  readonly clock = new HeldClock();
  readonly liveness = new Map<NodeId, Liveness>();
  readonly removed: NodeId[] = [];
  readonly gone = new Set<NodeId>();

  constructor(
    { removeAfterMs }: { removeAfterMs: number | undefined } = { removeAfterMs: 10_000 },
  ) {
    new AbsentMembers({
      self: NODES[0] as NodeId,
      clock: this.clock,
      log: { log: () => undefined },
      removeAfterMs,
      members: () =>
        NODES.map(
          (id) =>
            ({
              record: { id, intent: this.gone.has(id) ? "removed" : "active" },
              liveness: this.liveness.get(id) ?? "alive",
            }) as Member,
        ),
      remove: (node, done) => {
        this.removed.push(node);
        done(undefined);
      },
    }).start();
  }

  dead(...indices: number[]): void {
    for (const index of indices) this.liveness.set(NODES[index] as NodeId, "dead");
  }
}

test("a member is removed when it was dead all the while, once", () => {
  const trial = new Trial();
  trial.dead(3);
  trial.clock.advance(10_000);
  assert.deepEqual(trial.removed, []);
  trial.clock.advance(2_000);
  assert.deepEqual(trial.removed, [NODES[3]]);
});

test("a member that answers in between begins anew", () => {
  const trial = new Trial();
  trial.dead(3);
  trial.clock.advance(8_000);
  trial.liveness.set(NODES[3] as NodeId, "alive");
  trial.clock.advance(2_000);
  trial.dead(3);
  trial.clock.advance(8_000);
  assert.deepEqual(trial.removed, []);
});

test("half of the members is not enough to take the others for lost", () => {
  const trial = new Trial();
  trial.dead(2, 3);
  trial.clock.advance(60_000);
  assert.deepEqual(trial.removed, []);
});

test("nobody is removed unasked", () => {
  const trial = new Trial({ removeAfterMs: undefined });
  trial.dead(3);
  trial.clock.advance(1_000_000);
  assert.deepEqual(trial.removed, []);
});

test("a member that somebody else removed meanwhile is not removed again", () => {
  const trial = new Trial();
  trial.dead(3);
  trial.clock.advance(5_000);
  trial.gone.add(NODES[3] as NodeId);
  trial.clock.advance(60_000);
  assert.deepEqual(trial.removed, []);
});
