/** Read-modify-writes that another node is to carry out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { SHARED_CONFIG_DEFAULT } from "../model/config.ts";
import { bootIdFrom, type NodeId, nodeIdFrom } from "../model/ids.ts";
import { type Key, keyFromText } from "../model/key.ts";
import type { OperationOutcome } from "../model/operation.ts";
import type { PeerReply, Refusal } from "../model/peer-message.ts";
import { NO_STAMP } from "../model/stamp.ts";
import { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { Replica } from "./replica.ts";
import { failure } from "./request-context.ts";
import { Requests } from "./requests.ts";

const [SELF, FIRST, SECOND] = [nodeIdFrom(0, 1), nodeIdFrom(0, 2), nodeIdFrom(0, 3)] as const;
const DONE: OperationOutcome = {
  kind: "applied",
  result: { kind: "done" },
  stamp: NO_STAMP,
  quorum: { acks: 2, of: 3, hinted: 0 },
};

/** A node that has keys' first primary do what it is asked, which answers as the test says. */
class Trial {
  readonly clock = new HeldClock();
  readonly counters = new Counters();
  /** What was sent. */
  readonly tries: { readonly to: NodeId; readonly sink: ReplySink; readonly atMs: number }[] = [];
  readonly down = new Set<NodeId>();
  readonly requests: Requests;
  readonly key: Key;
  /** Nothing is sent: queues are full. */
  isFull = false;
  /** Exchanges of memberships do not end. */
  isResyncStuck = false;
  #outcome: OperationOutcome | undefined;

  constructor() {
    const placement = new Placement({
      members: [SELF, FIRST, SECOND].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
      replicas: 3,
    });
    const { clock, counters } = this;
    const reach = (node: NodeId) => (this.down.has(node) ? "down" : "up");
    const peers: Pick<Peers, "reach" | "request"> = {
      reach,
      request: (to, _body, _deadlineMs, sink) => {
        if (this.isFull) return false;
        this.tries.push({ to, sink, atMs: clock.monotonicMs() });
        return true;
      },
    };
    this.requests = new Requests({
      context: {
        self: SELF,
        peers: peers as Peers,
        replica: {} as Replica,
        reach,
        counters,
        placement: () => placement,
        monotonicMs: () => clock.monotonicMs(),
        turnMs: () => clock.turnMs(),
        wallMs: () => clock.wallMs(),
        mint: () => NO_STAMP,
        mintAbove: () => NO_STAMP,
        resync: (_node, done) => {
          if (!this.isResyncStuck) clock.defer(done);
        },
      },
      clock,
      random: { next32: () => 0, next53: () => 0, below: () => 0 },
      boot: () => bootIdFrom(1),
      shared: () => SHARED_CONFIG_DEFAULT,
      liveness: () => "alive",
      isLow: () => false,
      onAnswered: () => undefined,
    });
    this.requests.open();
    this.key = keyOn(placement, [FIRST, SECOND, SELF]);
  }

  start(deadlineMs: number): void {
    const operation = { kind: "append", bytes: Uint8Array.of(1) } as const;
    this.requests.operate({ key: this.key, operation, deadlineMs }, (outcome) => {
      assert.equal(this.#outcome, undefined, "answered once");
      this.#outcome = outcome;
    });
  }

  /** What the client was told, in words. */
  get told(): string | undefined {
    const outcome = this.#outcome;
    return outcome?.kind === "failed" ? `${outcome.code}, stored ${outcome.stored}` : outcome?.kind;
  }

  /** Whoever was asked last answers. */
  reply(reply: PeerReply): void {
    const last = this.tries.at(-1);
    last?.sink.onReply(last.to, 0, reply);
  }

  answer(outcome: OperationOutcome): void {
    this.reply({ kind: "forward-reply", outcome });
  }

  refuse(reason: Refusal): void {
    this.reply({ kind: "refused", reason, detail: "" });
  }

  /** Each try is refused so, until the client is answered; milliseconds from one try to the next. */
  refuseAll(reason: Refusal): number[] {
    for (let tries = 0; this.told === undefined; ) {
      assert.ok(this.clock.monotonicMs() < 100_000, "it ends");
      if (this.tries.length > tries) {
        tries = this.tries.length;
        this.refuse(reason);
        this.clock.turn();
      } else this.clock.advance(5);
    }
    return this.tries.slice(1).map(({ atMs }, index) => atMs - (this.tries[index]?.atMs ?? 0));
  }
}

/** A key with these primaries, in this order. */
function keyOn(placement: Placement, primaries: readonly NodeId[]): Key {
  for (let index = 0; index < 1_000; index += 1) {
    const key = keyFromText(`k${index}`);
    if (placement.primaries(slotOfKey(key)).join() === primaries.join()) return key;
  }
  return assert.fail("some key has these primaries");
}

for (const code of ["not-ready", "shutting-down"] as const) {
  test(`a first primary that says ${code} is asked again, and nothing was done yet`, () => {
    const trial = new Trial();
    trial.start(1_000);
    trial.answer(failure(code, "no"));
    trial.clock.advance(60);
    assert.equal(trial.told, undefined);
    assert.equal(trial.tries.length, 2);
    trial.answer(DONE);
    assert.equal(trial.told, "applied");
    assert.equal(trial.counters.get("conditional-writes"), 1, "it is one request");
  });
}

test("or whoever is first by then", () => {
  const trial = new Trial();
  trial.start(1_000);
  trial.answer(failure("shutting-down", "no"));
  trial.down.add(FIRST);
  trial.clock.advance(60);
  assert.deepEqual(
    trial.tries.map(({ to }) => to),
    [FIRST, SECOND],
  );
});

test("one that is not first in its own eyes is asked again at once, twice, and then ever more seldom", () => {
  const trial = new Trial();
  trial.start(5_000);
  const [first, second, ...later] = trial.refuseAll("not-first");
  assert.deepEqual([first, second], [0, 0]);
  assert.deepEqual(later.slice(0, 5), [50, 100, 200, 400, 400]);
  assert.ok(later.length <= 15, `${later.length} tries`);
});

test("as long as there is time, and then nothing was stored", () => {
  for (const reason of ["not-first", "epoch", "not-ready"] as const) {
    const trial = new Trial();
    trial.start(5_000);
    trial.refuseAll(reason);
    assert.equal(trial.told, "not-ready, stored no", reason);
    const atMs = trial.clock.monotonicMs();
    assert.ok(atMs > 4_500 && atMs <= 5_010, `${atMs} ms`);
  }
  const starting = new Trial();
  starting.start(1_000);
  for (let ms = 0; ms < 1_000 && starting.told === undefined; ms += 5) {
    if ((starting.tries.at(-1)?.atMs ?? 0) === starting.clock.monotonicMs())
      starting.answer(failure("not-ready", "no"));
    starting.clock.advance(5);
  }
  assert.equal(starting.told, "not-ready, stored no");
});

test("once they agree it is done", () => {
  const trial = new Trial();
  trial.start(5_000);
  for (let round = 0; round < 3; round += 1) {
    trial.refuse("not-first");
    trial.clock.turn();
  }
  assert.deepEqual([trial.tries.length, trial.told], [3, undefined]);
  trial.clock.advance(50);
  assert.equal(trial.tries.length, 4);
  trial.answer(DONE);
  assert.equal(trial.told, "applied");
});

test("what could not be sent is sent later", () => {
  const trial = new Trial();
  trial.isFull = true;
  trial.start(1_000);
  trial.clock.advance(20);
  trial.isFull = false;
  trial.clock.advance(100);
  trial.answer(DONE);
  assert.equal(trial.told, "applied");
});

test("a deadline that comes between two tries ends it, with nothing stored, and nothing is sent afterwards", () => {
  const trial = new Trial();
  trial.isResyncStuck = true;
  trial.start(300);
  trial.refuse("epoch");
  trial.clock.advance(310);
  assert.equal(trial.told, "timed-out, stored no");
  trial.clock.advance(10_000);
  assert.equal(trial.tries.length, 1);
});

test("a deadline that comes while somebody may be doing it leaves that open, and a late refusal starts nothing", () => {
  const trial = new Trial();
  trial.start(300);
  trial.clock.advance(310);
  assert.equal(trial.told, "timed-out, stored maybe");
  trial.refuse("not-first");
  trial.clock.advance(10_000);
  assert.equal(trial.tries.length, 1);
});

test("what may have been stored is not asked again", () => {
  for (const outcome of [failure("contended", "maybe"), failure("not-ready", "maybe")]) {
    const trial = new Trial();
    trial.start(1_000);
    trial.answer(outcome);
    trial.clock.advance(500);
    assert.match(trial.told ?? "", /, stored maybe$/);
    assert.equal(trial.tries.length, 1);
  }
  for (const reason of ["seen", "failed"] as const) {
    const trial = new Trial();
    trial.start(1_000);
    trial.refuse(reason);
    trial.clock.advance(500);
    assert.equal(trial.told, "timed-out, stored maybe", reason);
    assert.equal(trial.tries.length, 1);
  }
  const lost = new Trial();
  lost.start(1_000);
  lost.tries[0]?.sink.onNoAnswer(FIRST, 0);
  assert.equal(lost.told, "timed-out, stored maybe");
});
