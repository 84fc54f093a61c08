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
import type { PeerReply } from "../model/peer-message.ts";
import { NO_STAMP } from "../model/stamp.ts";
import { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { Replica } from "./replica.ts";
import { failure } from "./request-context.ts";
import { Requests } from "./requests.ts";

const [SELF, OTHER] = [nodeIdFrom(0, 1), nodeIdFrom(0, 2)] as const;
const DONE: OperationOutcome = {
  kind: "applied",
  result: { kind: "done" },
  stamp: NO_STAMP,
  quorum: { acks: 2, of: 2, hinted: 0 },
};

/** A node that has keys' first primary do what it is asked, which answers as the test says. */
class Trial {
  readonly clock = new HeldClock();
  readonly sinks: ReplySink[] = [];
  readonly requests: Requests;
  readonly key: Key;
  #outcome: OperationOutcome | undefined;

  constructor() {
    const placement = new Placement({
      members: [SELF, OTHER].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
      replicas: 2,
    });
    const { clock } = this;
    const peers: Pick<Peers, "reach" | "request"> = {
      reach: () => "up",
      request: (_to, _body, _deadlineMs, sink) => this.sinks.push(sink) > 0,
    };
    this.requests = new Requests({
      context: {
        self: SELF,
        peers: peers as Peers,
        replica: {} as Replica,
        reach: () => "up",
        counters: new Counters(),
        placement: () => placement,
        monotonicMs: () => clock.monotonicMs(),
        wallMs: () => clock.wallMs(),
        mint: () => NO_STAMP,
        mintAbove: () => NO_STAMP,
        resync: (_node, done) => clock.defer(done),
      },
      clock,
      random: { next32: () => 0, below: () => 0 } as never,
      boot: () => bootIdFrom(1),
      shared: () => SHARED_CONFIG_DEFAULT,
      liveness: () => "alive",
      isLow: () => false,
      onAnswered: () => undefined,
    });
    this.requests.open();
    this.key = keyOf(placement, OTHER);
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

  /** The first primary answers what it was asked last. */
  answer(outcome: OperationOutcome): void {
    const reply: PeerReply = { kind: "forward-reply", outcome };
    this.sinks.at(-1)?.onReply(OTHER, 0, reply);
  }
}

/** A key whose first primary this is. */
function keyOf(placement: Placement, first: NodeId): Key {
  for (let index = 0; index < 1_000; index += 1) {
    const key = keyFromText(`k${index}`);
    if (placement.primaries(slotOfKey(key))[0] === first) return key;
  }
  return assert.fail("some key has this first primary");
}

test("a first primary that has just started, and takes nothing yet, is asked again", () => {
  const trial = new Trial();
  trial.start(1_000);
  trial.answer(failure("not-ready", "no"));
  trial.clock.advance(200);
  assert.equal(trial.told, undefined);
  assert.equal(trial.sinks.length, 2);
  trial.answer(DONE);
  assert.equal(trial.told, "applied");
});

test("as long as there is time, and then nothing was stored", () => {
  const trial = new Trial();
  trial.start(1_000);
  for (let ms = 0; ms < 1_000 && trial.told === undefined; ms += 50) {
    trial.answer(failure("not-ready", "no"));
    trial.clock.advance(50);
  }
  assert.equal(trial.told, "not-ready, stored no");
  assert.ok(trial.sinks.length > 5);
});

test("what may have been stored is not asked again", () => {
  const trial = new Trial();
  trial.start(1_000);
  trial.answer(failure("contended", "maybe"));
  trial.clock.advance(500);
  assert.equal(trial.told, "contended, stored maybe");
  assert.equal(trial.sinks.length, 1);
});
