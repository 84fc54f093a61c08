import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { type BootId, bootIdFrom, type NodeId, nodeIdFrom } from "../model/ids.ts";
import { MEMBERS_MAX, SUBSCRIPTION_NAMES_BYTES_MAX } from "../model/limits.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { decodeFrame, encodeFrame, isDecodeFailure } from "../protocol/peer/frame-codec.ts";
import { Counters } from "./counters.ts";
import { Everybody } from "./everybody.ts";
import { PubSub } from "./pub-sub.ts";

const PEER = nodeIdFrom(2, 2);
const HEADER = {
  requestId: 1,
  clockMs: 1,
  clockCounter: 0,
  epoch: 0 as never,
  remainingMs: 1_000,
  sentMs: 0,
};

/** A node that listens to `c`, and what it heard. */
class Trial {
  readonly heard: string[] = [];
  readonly counters = new Counters();
  readonly #posted: Uint8Array[] = [];
  readonly pubSub: PubSub;

  constructor(peers: readonly NodeId[] = []) {
    const connections = {
      reachable: () => peers,
      reach: () => "up" as const,
      post: (_to: NodeId, body: Uint8Array) => this.#posted.push(body) > 0,
    };
    this.pubSub = new PubSub({
      everybody: new Everybody(connections, new HeldClock()),
      counters: this.counters,
      boot: () => bootIdFrom(9),
    });
    this.pubSub.subscriptions.add("channel", "c", {
      deliver: ({ message }) => this.heard.push(Buffer.from(message).toString()),
    });
  }

  /** What was sent to peers, as they read it. */
  sent(): unknown[] {
    return this.#posted.splice(0).map((body) => {
      const frame = decodeFrame(body);
      assert.ok(!isDecodeFailure(frame));
      return frame.message;
    });
  }

  publish(text: string): number | undefined {
    const publication = { channel: "c", message: Buffer.from(text), isSharded: false };
    let receivers: number | undefined;
    this.pubSub.publish(publication, (all) => {
      receivers = all;
    });
    return receivers;
  }

  receive(boot: BootId, sequence: number, text: string): PeerReply | undefined {
    const message = Buffer.from(text);
    let answer: PeerReply | undefined;
    this.pubSub.receive(
      { kind: "publish", boot, sequence, channel: "c", message, isSharded: false },
      (reply) => {
        answer = reply;
      },
    );
    return answer;
  }
}

test("a node alone gives its messages to those who listen there, and says how many", () => {
  const trial = new Trial();
  assert.equal(trial.publish("a"), 1);
  assert.deepEqual(trial.heard, ["a"]);
  assert.deepEqual(trial.sent(), []);
});

test("each message is sent to every member, numbered", () => {
  const trial = new Trial([PEER]);
  assert.equal(trial.publish("a"), undefined, "the peer is waited for");
  trial.publish("b");
  assert.deepEqual(trial.heard, ["a", "b"]);
  const expected = ["a", "b"].map((text, index) => ({
    kind: "publish",
    boot: 9,
    sequence: index + 1,
    channel: "c",
    message: Buffer.from(text),
    isSharded: false,
  }));
  assert.deepEqual(trial.sent(), expected);
});

test("a message is given once, and none after a later one of the same start of its sender", () => {
  const trial = new Trial();
  const [before, after] = [bootIdFrom(1), bootIdFrom(2)];
  assert.deepEqual(trial.receive(before, 1, "a"), { kind: "publish-reply", receivers: 1 });
  trial.receive(before, 3, "c");
  assert.deepEqual(trial.receive(before, 2, "b"), { kind: "publish-reply", receivers: 0 });
  trial.receive(before, 3, "c again");
  trial.receive(after, 1, "of a new start");
  trial.receive(before, 2, "late from the old one");
  trial.receive(before, 4, "later than all of the old one");
  assert.deepEqual(trial.heard, ["a", "c", "of a new start", "later than all of the old one"]);
  assert.equal(trial.counters.get("messages-overtaken"), 3);
});

test("of very many starts of senders the first is forgotten", () => {
  const trial = new Trial();
  for (let boot = 1; boot <= 4 * MEMBERS_MAX + 1; boot += 1)
    trial.receive(bootIdFrom(boot), 2, "x");
  trial.heard.length = 0;
  trial.receive(bootIdFrom(2), 1, "known");
  trial.receive(bootIdFrom(1), 1, "forgotten");
  assert.deepEqual(trial.heard, ["forgotten"]);
});

test("an answer about who listens has a bound, says when it is reached, and fits a frame", () => {
  const { pubSub } = new Trial();
  const listener = { deliver: () => undefined };
  for (let index = 0; index < 1_000; index += 1) {
    pubSub.subscriptions.add("pattern", `${index}`.padEnd(5_000, "x"), listener);
  }
  const ask = (glob: string): Extract<PeerReply, { kind: "subscriptions-reply" }> => {
    let answer: PeerReply | undefined;
    pubSub.tell(
      { kind: "subscriptions", query: { kind: "matching", of: "pattern", glob } },
      (reply) => {
        answer = reply;
      },
    );
    assert.ok(answer?.kind === "subscriptions-reply");
    return answer;
  };
  const all = ask("*");
  assert.equal(all.isWhole, false);
  assert.equal(all.counts.size, Math.floor(SUBSCRIPTION_NAMES_BYTES_MAX / 5_008));
  const read = decodeFrame(encodeFrame(HEADER, all));
  assert.ok(!isDecodeFailure(read));
  assert.deepEqual(read.message, all);
  const some = ask("7*");
  assert.equal(some.isWhole, true);
  assert.equal(some.counts.size, 111);
});
