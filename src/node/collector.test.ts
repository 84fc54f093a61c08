import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { encodeCell } from "../core/causality/cell-codec.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { epochFrom, type NodeId, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { PeerReply, PeerRequest } from "../model/peer-message.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { decodeFrame, isDecodeFailure, patchHeader } from "../protocol/peer/frame-codec.ts";
import { BackgroundShare } from "./background-share.ts";
import { CellStore, decodeAll } from "./cell-store.ts";
import { Collector } from "./collector.ts";
import { Counters } from "./counters.ts";
import { GroupCommit } from "./group-commit.ts";
import { LowWaterMark } from "./low-water-mark.ts";
import { PACE_USUAL } from "./pace.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { ExchangePorts, SlotOutcome } from "./slot-exchange.ts";
import { SlotStates } from "./slot-states.ts";

const SELF = nodeIdFrom(1, 1);
const K = keyFromText("k");
const SLOT = slotOfKey(K);
const GRACE_MS = 1_000;
const HEADER = {
  requestId: 1,
  clockMs: 0,
  clockCounter: 0,
  epoch: epochFrom(0),
  remainingMs: 0,
  sentMs: 0,
};

function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

const OTHERS = [nodeIdFrom(2, 2), nodeIdFrom(3, 3)] as const;
const MARK = at(990_000);
const EQUAL: SlotOutcome = { isComplete: true, leastPulled: undefined, hasSameCollected: true };

/** The other primaries, by what they answer; nobody, where this node is alone. */
interface Surroundings {
  readonly others?: readonly NodeId[];
  readonly answer?: (from: NodeId, request: PeerRequest) => PeerReply | undefined;
  readonly compare?: (peer: NodeId) => SlotOutcome | undefined;
}

/** A node that is first of its slot, with one tombstone; its wall clock shows 1 000 000. */
class Trial {
  /** What others were asked, and compared with, in order. */
  readonly asked: string[] = [];
  readonly storage = new HeldStorage();
  readonly clock = new HeldClock();
  readonly counters = new Counters();
  readonly commit = new GroupCommit({
    storage: this.storage,
    clock: this.clock,
    seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
    onFailed: () => undefined,
  });
  readonly states = new SlotStates({ commit: this.commit, onNamed: () => undefined });
  readonly cells: CellStore;
  readonly collector: Collector;

  constructor({ others = [], answer = answerInFull, compare = () => EQUAL }: Surroundings = {}) {
    const { storage, commit, clock, counters, states } = this;
    const cells = new CellStore({ commit, storage, floor: NO_STAMP });
    this.cells = cells;
    const placement = new Placement({
      members: [SELF, ...others].map((id) => {
        return { id, intent: "active", zone: "", weight: id === SELF ? 64 : 1 };
      }),
      replicas: 3,
    });
    assert.equal(placement.primaries(SLOT)[0], SELF);
    const peers = {
      request: (to: NodeId, body: Uint8Array, _deadlineMs: number, sink: ReplySink): boolean => {
        patchHeader(body, HEADER);
        const frame = decodeFrame(body);
        assert.ok(!isDecodeFailure(frame));
        const request = frame.message as PeerRequest;
        this.asked.push(`${request.kind} ${others.indexOf(to)}`);
        const reply = answer(to, request);
        if (reply === undefined) sink.onNoAnswer(to, 0);
        else sink.onReply(to, 0, reply);
        return true;
      },
    };
    this.collector = new Collector({
      ports: {
        cells,
        counters,
        peers,
        share: new BackgroundShare(clock),
        monotonicMs: () => clock.monotonicMs(),
      } as unknown as ExchangePorts,
      drops: { storage, commit, cells, states, dueTimes: cells.dueTimes, counters },
      self: SELF,
      clock,
      pace: PACE_USUAL,
      mark: new LowWaterMark({
        storage,
        commit,
        wallMs: () => clock.wallMs(),
        graceMs: () => GRACE_MS,
        leastStampInFlight: () => undefined,
        hasForeignCells: () => false,
      }),
      dueTimes: cells.dueTimes,
      placement: () => placement,
      graceMs: () => GRACE_MS,
      generation: 7,
      hasVote: () => true,
      compare: (peer, slots, done) => {
        this.asked.push(`compare ${others.indexOf(peer)}`);
        const outcome = compare(peer);
        done(new Map(outcome === undefined ? [] : slots.map((slot) => [slot, outcome])));
      },
    });
    cells.rebuild();
    this.run(0);
    const tombstone = {
      kind: "tombstone",
      stamp: at(50),
      type: "string",
      expiresAtMs: 0,
      cleared: at(50),
      contentType: "",
      payload: new Uint8Array(0),
    } as const;
    const decoded = decodeAll(K, [
      { field: undefined, bytes: encodeCell(tombstone, K, undefined) },
    ]);
    assert.ok(decoded !== undefined);
    cells.merge(SLOT, K, decoded);
    this.run(0);
  }

  /** Lets time pass, and the disk end what it is asked. */
  run(ms: number): void {
    for (let past = 0; past <= ms; past += 100) {
      this.clock.advance(past === 0 ? 0 : 100);
      for (let turn = 0; turn < 20; turn += 1) {
        this.clock.turn();
        if (this.storage.isWriting) this.storage.commit();
        this.storage.endScans();
      }
    }
  }

  get isHeld(): boolean {
    return this.cells.find(SLOT, K, undefined).kind === "held";
  }
}

/** Promises, raises and collects whatever it is asked to. */
function answerInFull(_from: NodeId, { kind }: PeerRequest): PeerReply | undefined {
  if (kind === "mark") return { kind: "mark-reply", mark: MARK, heldBy: "grace" };
  if (kind === "raise-floor") return { kind: "floor-reply", generation: 1 };
  return kind === "collect" ? { kind: "collect-reply" } : undefined;
}

test("a tombstone older than the grace goes, and C is named after it", () => {
  const trial = new Trial();
  trial.collector.start();
  trial.run(3_000);
  assert.equal(trial.isHeld, false);
  assert.ok(trial.states.named(SLOT).ms > 50);
  assert.deepEqual(trial.states.named(SLOT), trial.states.collected(SLOT));
  assert.equal(trial.collector.hold, undefined);
});

// Found by seed 232: the disk failed a read, and the node kept a C that it never named.
test("a pass that the disk cut off is taken up again, and C is not named before", () => {
  const trial = new Trial();
  trial.states.raiseCollected(SLOT, at(60));
  trial.run(0);
  trial.storage.isUnreadable = true;
  trial.collector.start();
  trial.run(500);
  assert.equal(trial.states.named(SLOT), NO_STAMP);
  trial.storage.isUnreadable = false;
  trial.run(3_000);
  assert.equal(trial.isHeld, false);
  assert.ok(trial.states.named(SLOT).ms >= 60);
});

test("a floor younger than the grace by this clock is refused, and so is another generation", () => {
  const trial = new Trial();
  const told: string[] = [];
  const reply = (answer: PeerReply): void => {
    told.push(answer.kind === "refused" ? `refused ${answer.reason}` : answer.kind);
  };
  trial.collector.raiseFloor({ kind: "raise-floor", slots: [SLOT], floor: at(999_500) }, reply);
  trial.collector.raiseFloor({ kind: "raise-floor", slots: [SLOT], floor: at(900) }, reply);
  trial.run(0);
  trial.collector.collect({ kind: "collect", slots: [SLOT], upTo: at(900), generation: 8 }, reply);
  trial.collector.collect({ kind: "collect", slots: [SLOT], upTo: at(901), generation: 7 }, reply);
  trial.run(0);
  assert.deepEqual(told, [
    "refused failed",
    "floor-reply",
    "refused not-owner",
    "refused not-owner",
  ]);
  assert.equal(trial.isHeld, true);
});

test("whoever stops being what it was takes no C from a round begun before", () => {
  const trial = new Trial();
  const told: string[] = [];
  const reply = (answer: PeerReply): void => void told.push(answer.kind);
  trial.collector.raiseFloor({ kind: "raise-floor", slots: [SLOT], floor: at(900) }, reply);
  trial.run(0);
  trial.collector.renew();
  trial.collector.collect({ kind: "collect", slots: [SLOT], upTo: at(900), generation: 7 }, reply);
  assert.deepEqual(told, ["floor-reply", "refused"]);
});

test("a round asks all members, has all primaries raise their floors, compares with each, and only then collects", () => {
  const trial = new Trial({ others: OTHERS });
  trial.collector.start();
  trial.run(1_000);
  const rounds = trial.asked.join(", ");
  const marks = "mark 0, mark 1, mark 0, mark 1";
  const expected = `${marks}, raise-floor 0, raise-floor 1, compare 0, compare 1, collect 0, collect 1`;
  assert.ok(rounds.startsWith(expected), rounds);
  assert.equal(trial.isHeld, false);
  assert.deepEqual(trial.states.collected(SLOT), MARK, "no further than the least promise");
});

test("a member that does not answer keeps everything from being collected, whatever its age", () => {
  const isSilent = (from: NodeId, request: PeerRequest): boolean =>
    request.kind === "mark" && from === OTHERS[1];
  const trial = new Trial({
    others: OTHERS,
    answer: (from, request) => (isSilent(from, request) ? undefined : answerInFull(from, request)),
  });
  trial.collector.start();
  trial.run(3_000);
  assert.equal(trial.isHeld, true);
  assert.deepEqual(trial.collector.hold, { by: OTHERS[1], reason: "no-answer" });
  assert.ok(!trial.asked.some((one) => one.startsWith("raise-floor")), "nor is a floor raised");
});

test("where one primary cannot be compared with, or names another C, nobody collects", () => {
  const outcomes = [
    undefined,
    { ...EQUAL, isComplete: false },
    { ...EQUAL, hasSameCollected: false },
  ];
  for (const outcome of outcomes) {
    const trial = new Trial({
      others: OTHERS,
      compare: (peer) => (peer === OTHERS[1] ? outcome : EQUAL),
    });
    trial.collector.start();
    trial.run(3_000);
    assert.equal(trial.isHeld, true);
    assert.deepEqual(trial.collector.hold, { by: undefined, reason: "not-equal" });
    assert.ok(!trial.asked.some((one) => one.startsWith("collect")));
  }
});

test("where something old came in all are compared again, and so often in vain nothing is collected", () => {
  let left = 2;
  const compare = (): SlotOutcome => {
    left -= 1;
    return left >= 0 ? { ...EQUAL, leastPulled: at(60) } : EQUAL;
  };
  const trial = new Trial({ others: OTHERS, compare });
  trial.collector.start();
  trial.run(600);
  assert.equal(trial.asked.filter((one) => one.startsWith("compare")).length, 4);
  assert.equal(trial.isHeld, false);
  const restless = new Trial({
    others: OTHERS,
    compare: () => ({ ...EQUAL, leastPulled: at(60) }),
  });
  restless.collector.start();
  restless.run(3_000);
  assert.equal(restless.isHeld, true);
});
