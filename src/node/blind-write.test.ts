import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../base/prng.ts";
import { TOMBSTONE, value } from "../core/operations/changes.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { Reach } from "../core/replication/quorum.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { Intent } from "../model/member.ts";
import type { WriteOutcome } from "../model/outcome.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { HEADER_BYTES } from "../protocol/peer/frame-codec.ts";
import { BlindWrite } from "./blind-write.ts";
import { Counters } from "./counters.ts";
import { Intake } from "./intake.ts";
import type { RunKeeper } from "./key-write.ts";
import type { Peers } from "./peers.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { Replica } from "./replica.ts";
import { failure, type RequestContext } from "./request-context.ts";
import type { Run } from "./run.ts";

const KEY = keyFromText("k");
const NODES = [1, 2, 3, 4, 5].map((n) => nodeIdFrom(n, n));
const [SELF, LEFT, , JOINER] = NODES as [NodeId, NodeId, NodeId, NodeId];
const STORED: Extract<PeerReply, { kind: "write-reply" }> = {
  kind: "write-reply",
  result: "stored",
  held: NO_STAMP,
  commitNumber: 1,
};
const REFUSED: PeerReply = { kind: "refused", reason: "overloaded", detail: "" };
const SEEDS = 6_000;

/** How this node's own copy answers: within the call or later, and whether it need not look at what is held. */
type Own = "now" | "later" | "unread" | "refused";

interface Setting {
  readonly replicas: number;
  readonly isHolder: boolean;
  readonly w: number | undefined;
  readonly deadlineMs: number;
  readonly own: Own;
  readonly unsent: readonly NodeId[];
  /** Begun apart from being made. */
  readonly isGathered: boolean;
}

const USUAL: Setting = {
  replicas: 3,
  isHolder: true,
  w: undefined,
  deadlineMs: 1_000,
  own: "unread",
  unsent: [],
  isGathered: false,
};

/** One write, and all that it asks and tells, as text. */
class Trial {
  readonly log: string[] = [];
  readonly outcomes: WriteOutcome[] = [];
  readonly reaches = new Map<NodeId, Reach>();
  readonly counters = new Counters();
  placement: Placement;
  nowMs = 0;
  /** Runs under way. */
  readonly runs = new Set<Run>();
  /** Those that took over, or were there from the beginning. */
  begun = 0;
  /** What can be answered: tells whom it is from, and answers it. */
  readonly open: { readonly from: NodeId; readonly answer: (reply: PeerReply | "none") => void }[] =
    [];
  readonly #resyncs: (() => void)[] = [];
  readonly #setting: Setting;

  constructor(setting: Setting, isWatched: boolean) {
    this.#setting = setting;
    this.placement = placementOf(setting, "removed");
    const intake = new Intake({
      counters: this.counters,
      monotonicMs: () => this.nowMs,
      turnMs: () => this.nowMs,
      defer: (callback) => callback(),
      isPlaced: () => true,
      isLow: () => false,
      onAnswered: () => undefined,
    });
    const keeper: RunKeeper = {
      begin: (run) => {
        this.runs.add(run);
        run.start();
      },
      keep: (run) => {
        this.begun += 1;
        this.runs.add(run);
      },
      finish: (run) => this.runs.delete(run),
    };
    const ports = {
      intake,
      keeper,
      written: (quorum, stamp) => ({ kind: "written", stamp, quorum }),
      outcome: (verdict, stamp) => {
        if (verdict.kind === "written") return { kind: "written", stamp, quorum: verdict.quorum };
        const code = verdict.kind === "behind" ? "contended" : verdict.code;
        return failure(code, verdict.mayBeStored ? "maybe" : "no", verdict.quorum);
      },
    } satisfies ConstructorParameters<typeof BlindWrite>[0];
    const { w, deadlineMs } = setting;
    const done = (outcome: WriteOutcome): void => {
      this.outcomes.push(outcome);
      this.log.push(JSON.stringify(outcome));
    };
    const change = setting.replicas === 2 ? TOMBSTONE : value(Buffer.from("v"), 0);
    const request = { key: KEY, change, bytes: 1, deadlineMs, w, demanded: w, isWatched, done };
    const write = new BlindWrite(ports, this.#context(), request);
    if (setting.isGathered) write.encode();
    write.begin();
  }

  tick(): void {
    for (const run of Array.from(this.runs)) {
      if (run.wakeMs <= this.nowMs && this.runs.has(run)) run.tick();
    }
  }

  resynced(): void {
    for (const done of this.#resyncs.splice(0)) done();
  }

  #context(): RequestContext {
    const request = (to: NodeId, body: Uint8Array, ms: number, sink: ReplySink, token: number) => {
      // The header is filled in as it is sent.
      this.log.push(`${to} ${Buffer.from(body).toString("hex", HEADER_BYTES)} by ${ms}`);
      if (this.#setting.unsent.includes(to)) return false;
      this.#await(to, (reply) => {
        if (reply === "none") sink.onNoAnswer(to, token);
        else sink.onReply(to, token, reply);
      });
      return true;
    };
    const { own } = this.#setting;
    let minted = 10;
    return {
      self: SELF,
      peers: {
        reach: () => "up",
        wireVersion: () => 7,
        tell: (to: NodeId, message: unknown) => this.log.push(`${to} ${JSON.stringify(message)}`),
        request,
      } as unknown as Peers,
      replica: {
        write: (message: unknown, reply: (reply: PeerReply) => void) => {
          this.log.push(`own ${JSON.stringify(message)}`);
          if (own === "now") reply(STORED);
          else if (own === "refused") reply(REFUSED);
          else this.#await(SELF, (said) => reply(said === "none" ? STORED : said));
        },
        overwrite: (...args: Parameters<Replica["overwrite"]>) => {
          const [, key, { field, cell, bytes }, asker, token] = args;
          if (own !== "unread") return false;
          const { stamp } = cell;
          const cells = [{ field, cell, bytes }];
          const asked = { attempt: "first", role: "primary", unreached: [] };
          this.log.push(
            `own ${JSON.stringify({ kind: "write", key, cells, bases: [stamp], ...asked })}`,
          );
          this.#await(SELF, (said) => asker.onReply(SELF, token, said === "none" ? STORED : said));
          return true;
        },
        mark: (slot: number, targets: readonly NodeId[]) =>
          this.log.push(`${slot} ${targets.join()}`),
      } as unknown as Replica,
      reach: (node) => this.reaches.get(node) ?? "up",
      counters: this.counters,
      placement: () => this.placement,
      monotonicMs: () => this.nowMs,
      turnMs: () => this.nowMs,
      wallMs: () => this.nowMs,
      mint: () => stampFrom(minted++, 0, 0),
      mintAbove: ({ ms }: Stamp) => {
        minted = Math.max(minted, ms + 1);
        return stampFrom(minted++, 0, 0);
      },
      resync: (_node, done) => void this.#resyncs.push(done),
    };
  }

  #await(from: NodeId, answer: (reply: PeerReply | "none") => void): void {
    this.open.push({ from, answer });
  }
}

/** The fourth has so much weight that it is to hold the key once it is let in. */
function placementOf({ replicas, isHolder }: Setting, fourth: Intent): Placement {
  const members = NODES.filter((id) => id !== JOINER && (isHolder || id !== SELF)).map((id) => {
    // A light member holds nothing where the others suffice.
    return { id, intent: "active" as Intent, zone: "", weight: id === SELF ? 64 : 1 };
  });
  members.push({ id: JOINER, intent: fourth, zone: "", weight: 64 });
  return new Placement({ members, replicas });
}

function settingOf(prng: Prng): Setting {
  return {
    replicas: 1 + prng.below(4),
    isHolder: prng.below(6) > 0,
    w: prng.below(2) === 0 ? undefined : 1 + prng.below(4),
    deadlineMs: [100, 1_000][prng.below(2)] as number,
    own: (["now", "later", "unread", "unread", "refused"] as const)[prng.below(5)] as Own,
    unsent: NODES.filter((node) => node !== SELF && prng.below(20) === 0),
    isGathered: prng.below(2) === 0,
  };
}

/** What happens next, to whichever of the two. */
function anything(prng: Prng, setting: Setting): (trial: Trial) => void {
  const index = prng.next32();
  const held = stampFrom(20, 0, 0);
  const answer = (reply: PeerReply | "none") => (trial: Trial) => {
    const [asked] = trial.open.splice(index % Math.max(1, trial.open.length), 1);
    asked?.answer(reply);
  };
  const passMs = prng.below(prng.below(6) === 0 ? 400 : 10);
  const node = NODES[prng.below(NODES.length)] as NodeId;
  const reach = (["up", "slow", "doubtful", "down"] as const)[prng.below(4)] as Reach;
  const intent = (["joining", "active", "removed"] as const)[prng.below(3)] as Intent;
  switch (prng.below(24)) {
    case 0:
      return answer({ ...STORED, result: "behind", held });
    case 1:
      return answer({ ...STORED, result: "superseded", held });
    case 2:
      return answer({ ...STORED, result: "below", held });
    case 3:
      return answer("none");
    case 4:
      return answer(REFUSED);
    case 5:
      return answer({ kind: "refused", reason: "epoch", detail: "" });
    case 6:
      return (trial) => trial.resynced();
    case 7:
      return (trial) => trial.reaches.set(node, reach);
    case 8:
      return (trial) => {
        trial.placement = placementOf(setting, intent);
      };
    case 9:
      // A tick may be late.
      return (trial) => {
        trial.nowMs += passMs;
      };
    case 10:
    case 11:
      return (trial) => {
        trial.nowMs += passMs;
        trial.tick();
      };
    default:
      return answer(STORED);
  }
}

test("a write that goes the short way asks, and is answered, as one that goes the long way from the beginning", () => {
  let short = 0;
  let takenOver = 0;
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const prng = new Prng(seed);
    const setting = settingOf(prng);
    const trials = [new Trial(setting, false), new Trial(setting, true)] as const;
    const [one, other] = trials;
    assert.deepEqual(one.log, other.log, `seed ${seed}: as it begins`);
    for (let turn = 0; turn < 16; turn += 1) {
      const happens = anything(prng, setting);
      for (const trial of trials) happens(trial);
      assert.deepEqual(one.log, other.log, `seed ${seed}: turn ${turn}`);
      assert.equal(one.open.length, other.open.length, `seed ${seed}: turn ${turn}`);
      const stamps = trials.map(({ runs }) => [...runs].map(({ stamp }) => stamp));
      assert.deepEqual(stamps[0], stamps[1], `seed ${seed}: turn ${turn}: what is still sent`);
      const wakes = trials.map(({ runs }) => [...runs].map(({ wakeMs }) => wakeMs));
      assert.deepEqual(wakes[0], wakes[1], `seed ${seed}: turn ${turn}: when time matters`);
    }
    assert.deepEqual(one.counters.snapshot(), other.counters.snapshot(), `seed ${seed}`);
    if (one.begun > 0) takenOver += 1;
    else if (one.outcomes.length > 0 && one.runs.size === 0) short += 1;
  }
  assert.ok(short > SEEDS / 20, `${short} ended on the short way`);
  assert.ok(takenOver > SEEDS / 5, `${takenOver} were taken over`);
});

test("one that has met nothing but acks waits for a node that is let in meanwhile", () => {
  const trial = new Trial(USUAL, false);
  const ackOf = (from: NodeId): void => {
    const index = trial.open.findLastIndex((asked) => asked.from === from);
    const [asked] = trial.open.splice(index, 1);
    assert.ok(index >= 0 && asked !== undefined, "it was asked");
    asked.answer(STORED);
  };
  const primaries = trial.placement.primaries(slotOfKey(KEY));
  const other = primaries.find((node) => node !== SELF) ?? LEFT;
  ackOf(other);
  trial.placement = placementOf(USUAL, "joining");
  assert.deepEqual(trial.placement.pending(slotOfKey(KEY)), [JOINER]);
  ackOf(SELF);
  assert.deepEqual(trial.outcomes, [], "two of three, and not the one who will be one of them");
  ackOf(JOINER);
  assert.deepEqual(
    trial.outcomes.map(({ kind }) => kind),
    ["written"],
  );
});
