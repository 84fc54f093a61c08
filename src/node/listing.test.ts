import assert from "node:assert/strict";
import { test } from "node:test";
import { Placement } from "../core/placement/placement.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import type { ListOutcome } from "../model/outcome.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { listPage } from "./listing.ts";
import type { RequestContext } from "./request-context.ts";

const SELF = nodeIdFrom(0, 1);
const PEER = nodeIdFrom(0, 2);
const REQUEST = { prefix: "", limit: 10, cursor: undefined, withValues: false };

/** A node that is asked for a page, one peer, and memberships that are exchanged when the script says so. */
class Trial {
  nowMs = 0;
  asked = 0;
  readonly outcomes: ListOutcome[] = [];
  readonly resyncs: (() => void)[] = [];
  readonly #timers: { readonly atMs: number; readonly run: () => void }[] = [];
  #reply: (reply: PeerReply) => void = () => {};

  list(deadlineMs: number): void {
    const placement = new Placement({
      members: [SELF, PEER].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
      replicas: 2,
    });
    const context = {
      self: SELF,
      placement: () => placement,
      monotonicMs: () => this.nowMs,
      wallMs: () => this.nowMs,
      replica: { list: () => undefined },
      peers: {
        request: (
          to: NodeId,
          _body: Uint8Array,
          _deadlineMs: number,
          sink: { onReply: (from: NodeId, token: number, reply: PeerReply) => void },
        ) => {
          this.asked += 1;
          this.#reply = (reply) => sink.onReply(to, 0, reply);
          return true;
        },
      },
      resync: (_node: NodeId, done: () => void) => this.resyncs.push(done),
    } as unknown as RequestContext;
    const after = (delayMs: number, run: () => void): void => {
      this.#timers.push({ atMs: this.nowMs + delayMs, run });
    };
    listPage({ context, after }, REQUEST, deadlineMs, (outcome) => this.outcomes.push(outcome));
  }

  dispute(): void {
    this.#reply({ kind: "refused", reason: "epoch", detail: "the placement differs" });
  }

  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      this.#timers.sort((a, b) => a.atMs - b.atMs);
      const next = this.#timers[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.shift();
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = untilMs;
  }
}

test("a page ends by its deadline also while memberships are exchanged for it", () => {
  const trial = new Trial();
  trial.list(500);
  trial.dispute();
  assert.equal(trial.resyncs.length, 1);
  trial.advance(499);
  assert.equal(trial.outcomes.length, 0);
  trial.advance(60);
  assert.equal(trial.outcomes.length, 1);
  assert.equal(trial.outcomes[0]?.kind === "failed" && trial.outcomes[0].code, "timed-out");
  trial.resyncs[0]?.();
  trial.advance(5_000);
  assert.equal(trial.outcomes.length, 1, "answered once");
  assert.equal(trial.asked, 1, "nobody is asked for what is answered");
});

test("a page begins again when memberships have been exchanged in time", () => {
  const trial = new Trial();
  trial.list(500);
  trial.dispute();
  trial.advance(100);
  trial.resyncs[0]?.();
  assert.equal(trial.asked, 2);
  trial.advance(1_000);
  assert.equal(trial.outcomes.length, 1);
});
