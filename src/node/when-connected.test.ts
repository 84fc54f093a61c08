import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import type { Intent, Liveness, Member } from "../model/member.ts";
import { type WhenConnectedPorts, whenConnected } from "./when-connected.ts";

/** A node that starts, and others of which it is connected to some. */
class Trial {
  readonly clock = new HeldClock();
  readonly connected = new Set<NodeId>();
  readonly members: Member[] = [];
  /** When it went on. */
  wentOnMs: number | undefined;

  constructor(intents: readonly Intent[], liveness: Liveness = "dead") {
    for (const [index, intent] of intents.entries()) {
      const record = { id: nodeIdFrom(0, index), intent };
      this.members.push({ record, liveness: index === 0 ? "alive" : liveness } as Member);
    }
  }

  begin(): void {
    const { connected, members } = this;
    const ports = {
      clock: this.clock,
      peers: {
        get connected(): number {
          return connected.size;
        },
        reach: (node: NodeId) => (connected.has(node) ? "up" : "down"),
      },
      membership: { members: () => members, self: () => (members[0] as Member).record },
    } satisfies WhenConnectedPorts;
    whenConnected(ports, () => {
      assert.equal(this.wentOnMs, undefined, "goes on once");
      this.wentOnMs = this.clock.monotonicMs();
    });
  }

  connect(...indices: readonly number[]): void {
    for (const index of indices) this.connected.add(nodeIdFrom(0, index));
  }
}

test("a holder that starts again waits for all others, whom it takes for dead until it hears of them", () => {
  const trial = new Trial(["active", "active", "leaving", "left", "joining"]);
  trial.begin();
  trial.clock.advance(100);
  trial.connect(1);
  trial.clock.advance(100);
  assert.equal(trial.wentOnMs, undefined);
  trial.connect(2);
  trial.clock.advance(20);
  assert.equal(trial.wentOnMs, 210);
  trial.clock.advance(10_000);
});

test("with most of them it does not wait long for the last ones", () => {
  const trial = new Trial(["active", "active", "active"]);
  trial.connect(1);
  trial.begin();
  trial.clock.advance(490);
  assert.equal(trial.wentOnMs, undefined);
  trial.clock.advance(20);
  assert.equal(trial.wentOnMs, 500);
});

test("without them it goes on after three seconds; one that has no others, at once", () => {
  const lonely = new Trial(["active", "active", "active", "active"]);
  lonely.connect(1);
  lonely.begin();
  lonely.clock.advance(10_000);
  assert.equal(lonely.wentOnMs, 3_000);
  const only = new Trial(["active"]);
  only.begin();
  assert.equal(only.wentOnMs, 0);
});

test("a joiner waits for whoever is not dead, and for one connection at least", () => {
  const trial = new Trial(["joining", "active", "active"]);
  trial.begin();
  trial.clock.advance(50);
  assert.equal(trial.wentOnMs, undefined);
  trial.connect(1);
  trial.clock.advance(20);
  assert.equal(trial.wentOnMs, 60);
  const alive = new Trial(["joining", "active", "active"], "alive");
  alive.connect(1);
  alive.begin();
  alive.clock.advance(10_000);
  assert.equal(alive.wentOnMs, 3_000);
});
