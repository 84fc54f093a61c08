import assert from "node:assert/strict";
import { test } from "node:test";
import { Placement } from "../core/placement/placement.ts";
import type { ComparisonOutcome } from "../model/backup.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { slotFrom } from "../model/slot.ts";
import { type ComparisonOptions, compareWithBackup } from "./backup-comparison.ts";

const COORDINATOR = nodeIdFrom(9, 9);
const [A, B, C] = [1, 2, 3].map((id) => nodeIdFrom(0, id)) as [NodeId, NodeId, NodeId];

/** What each does: an answer, nothing in time, no connection, an earlier wire version. */
type Deed = PeerReply | "silence" | "away" | "earlier";

interface Compared {
  readonly outcome: ComparisonOutcome;
  readonly atMs: number;
}

/** Slots 4 to 7, of which three primaries are asked. */
function compare(...deeds: readonly [Deed, Deed, Deed]): Compared {
  const deedOf = new Map([A, B, C].map((node, index) => [node, deeds[index] as Deed]));
  const placement = new Placement({
    members: [A, B, C].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
    replicas: 3,
  });
  let nowMs = 0;
  const timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const after = (delayMs: number, run: () => void) => timers.push({ atMs: nowMs + delayMs, run });
  const context = {
    self: COORDINATOR,
    placement: () => placement,
    monotonicMs: () => nowMs,
    peers: {
      wireVersion: (node: NodeId) =>
        deedOf.get(node) === "away" ? undefined : deedOf.get(node) === "earlier" ? 4 : 5,
      request: (
        to: NodeId,
        _body: Uint8Array,
        _deadlineMs: number,
        sink: { onReply: (from: NodeId, token: number, reply: PeerReply) => void },
      ) => {
        const deed = deedOf.get(to);
        assert.ok(deed !== "earlier" && deed !== "away", "only who can is asked");
        if (typeof deed === "object") after(1, () => sink.onReply(to, 0, deed));
        return true;
      },
    },
  };
  const clock = { after, defer: (run: () => void) => after(0, run) };
  const options = { context, clock } as unknown as ComparisonOptions;
  const found: Compared[] = [];
  const sums = new Uint32Array(2 * 4);
  compareWithBackup(options, { firstSlot: slotFrom(4), sums }, (outcome) => {
    found.push({ outcome, atMs: nowMs });
  });
  assert.equal(found.length, 0, "never within the call");
  for (let next = timers.shift(); next !== undefined; next = timers.shift()) {
    nowMs = Math.max(nowMs, next.atMs);
    next.run();
    timers.sort((a, b) => a.atMs - b.atMs);
  }
  assert.equal(found.length, 1, "answered once");
  return found[0] as Compared;
}

function differing(...slots: readonly number[]): PeerReply {
  return { kind: "compare-reply", isVoteless: false, differing: slots };
}

function named({ outcome }: Compared): readonly number[] {
  assert.equal(outcome.kind, "compared");
  return outcome.kind === "compared" ? outcome.differing : [];
}

const SAME = differing();
const ALL = [4, 5, 6, 7];

test("a slot is the same where all say so, and as soon as they have", () => {
  const compared = compare(SAME, SAME, SAME);
  assert.deepEqual(named(compared), []);
  assert.ok(compared.atMs < 10);
});

test("one primary that holds something else is enough for a slot to be named", () => {
  assert.deepEqual(named(compare(SAME, differing(5), differing(7))), [5, 7]);
});

test("a quorum confirms a slot without one that is away or late, a single primary does not", () => {
  const away = compare(SAME, "away", differing(6));
  assert.deepEqual(named(away), [6]);
  assert.ok(away.atMs < 10, "who cannot be asked is not waited for");
  const late = compare(SAME, "silence", SAME);
  assert.deepEqual(named(late), []);
  assert.equal(late.atMs, 2_000);
  assert.deepEqual(named(compare(SAME, "away", "away")), ALL);
  assert.deepEqual(named(compare("away", "silence", "silence")), ALL);
});

test("who cannot say has its slots named: another version, another placement, hashes that are being built", () => {
  const refused: PeerReply = { kind: "refused", reason: "not-ready", detail: "" };
  assert.deepEqual(named(compare(SAME, "earlier", SAME)), ALL);
  assert.deepEqual(named(compare(SAME, refused, SAME)), ALL);
});
