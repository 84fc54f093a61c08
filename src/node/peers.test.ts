import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ADDRESS,
  CLUSTER,
  frameOf,
  helloReply,
  memberOf,
  PEER,
  PeersTrial,
  SELF,
} from "../../test/support/peers-trial.ts";
import { bootIdFrom, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import { type PeerMessage, type PeerReply, WIRE_VERSION } from "../model/peer-message.ts";
import { ROOT_ONLY } from "../model/selection.ts";
import { NO_STAMP } from "../model/stamp.ts";

import { decodeFrame, encodeMessage, isDecodeFailure } from "../protocol/peer/frame-codec.ts";

test("a request ends in its reply, once, however often the reply comes", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  assert.equal(trial.ask("a", 1_000), true);
  trial.answer(connection, { kind: "probe-reply" });
  trial.answer(connection, { kind: "probe-reply" });
  trial.listener.onClosed(connection, "reset");
  trial.clock.advance(2_000);
  assert.deepEqual(
    trial.told.filter((line) => line.startsWith("a")),
    ["a reply"],
  );
});

test("a request whose connection ends gets no answer, once", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  trial.ask("a", 10_000);
  trial.listener.onClosed(connection, "reset");
  trial.listener.onClosed(connection, "reset");
  assert.deepEqual(trial.told, [`disconnected ${PEER}`, "a no answer"]);
});

test("a request is given up at its deadline, also behind one with more time", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  trial.ask("patient", 60_000);
  trial.ask("hasty", 500);
  trial.clock.advance(700);
  assert.deepEqual(trial.told, ["hasty no answer"]);
  trial.answer(connection, { kind: "probe-reply" });
  assert.deepEqual(trial.told, ["hasty no answer"]);
});

test("the longest time that a request may have is what is sent, also late in a turn", () => {
  const trial = new PeersTrial();
  trial.connect();
  trial.clock.compute(30);
  assert.equal(trial.ask("a", 60_000), true);
  const frame = decodeFrame(trial.transport.sent.at(-1)?.frame as Uint8Array);
  assert.ok(!isDecodeFailure(frame));
  assert.equal(frame.header.remainingMs, 60_000);
});

test("what was not sent is not told of", () => {
  const trial = new PeersTrial();
  trial.connect();
  trial.transport.isFull = true;
  assert.equal(trial.ask("a", 500), false);
  trial.clock.advance(1_000);
  assert.deepEqual(trial.told, []);
});

test("a member without a connection that stands is down", () => {
  const trial = new PeersTrial();
  assert.equal(trial.peers.reach(PEER), "down");
  const connection = trial.connect();
  assert.equal(trial.peers.reach(PEER), "up");
  trial.listener.onClosed(connection, "reset");
  assert.equal(trial.peers.reach(PEER), "down");
});

test("a member that owes an answer for long is slow, and up again with the answer", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  trial.ask("a", 10_000);
  trial.clock.advance(45);
  assert.equal(trial.peers.reach(PEER), "slow");
  trial.answer(connection, { kind: "probe-reply" });
  assert.equal(trial.peers.reach(PEER), "up");
});

test("another node at a member's address is not taken for it", () => {
  const trial = new PeersTrial();
  trial.peers.follow([memberOf(PEER)]);
  const connection = trial.transport.dialled;
  trial.listener.onOpened(connection);
  trial.answer(connection, helloReply(nodeIdFrom(3, 3)));
  assert.equal(trial.peers.reach(PEER), "down");
  assert.deepEqual(trial.transport.closed, [connection]);
});

test("a request before hello ends its connection and is not served", () => {
  const trial = new PeersTrial();
  trial.listener.onAccepted(9, "stranger");
  trial.listener.onFrame(9, frameOf({ kind: "probe" }, 1));
  assert.deepEqual(trial.served, []);
  assert.deepEqual(trial.transport.closed, [9]);
});

test("a frame that lay about past its deadline is refused, and not served", () => {
  const trial = new PeersTrial();
  trial.listener.onAccepted(9, "peer");
  const hello: PeerMessage = {
    kind: "hello",
    wireVersion: WIRE_VERSION,
    wireVersionLeast: WIRE_VERSION,
    clusterId: CLUSTER,
    nodeId: PEER,
    boot: bootIdFrom(2),
    address: ADDRESS,
    commitNumber: 0,
    peer: undefined,
    remembered: 0,
    mark: NO_STAMP,
  };
  trial.listener.onFrame(9, frameOf(hello, 1));
  trial.listener.onFrame(9, frameOf({ kind: "probe" }, 2, { sentMs: 0 }));
  assert.equal(trial.served.length, 1);
  trial.clock.advance(5_000);
  trial.listener.onFrame(9, frameOf({ kind: "probe" }, 3, { sentMs: 1, remainingMs: 1_000 }));
  assert.equal(trial.served.length, 1);
});

test("a call ends in its answer, and its connection is closed", () => {
  const trial = new PeersTrial();
  const connection = trial.call();
  trial.listener.onOpened(connection);
  trial.answer(connection, helloReply(PEER));
  trial.answer(connection, { kind: "probe-reply" });
  trial.listener.onClosed(connection, "closed");
  trial.clock.advance(10_000);
  assert.deepEqual(trial.told, ["call probe-reply"]);
  assert.deepEqual(trial.transport.closed, [connection]);
});

test("a call to somebody who speaks something else ends without an answer", () => {
  const trial = new PeersTrial();
  const connection = trial.call();
  trial.listener.onOpened(connection);
  trial.listener.onFrame(connection, Uint8Array.of(1, 2, 3));
  trial.listener.onClosed(connection, "closed");
  assert.deepEqual(trial.told, ["call no answer"]);
});

test("a call that stays without an answer gives its connection back", () => {
  const trial = new PeersTrial();
  const connection = trial.call();
  trial.listener.onOpened(connection);
  trial.answer(connection, helloReply(PEER));
  trial.clock.advance(4_000);
  assert.deepEqual(trial.told, ["call no answer"]);
  assert.deepEqual(trial.transport.closed, [connection]);
});

test("a call that never connects, or gets no hello, ends without an answer", () => {
  const trial = new PeersTrial();
  trial.listener.onClosed(trial.call(), "refused");
  assert.deepEqual(trial.told, ["call no answer"]);
  trial.listener.onOpened(trial.call());
  trial.clock.advance(4_000);
  assert.deepEqual(trial.told, ["call no answer", "call no answer"]);
});

test("a refusal of the hello is the answer of the call", () => {
  const trial = new PeersTrial();
  const connection = trial.call();
  trial.listener.onOpened(connection);
  trial.answer(connection, { kind: "refused", reason: "wrong-cluster", detail: "" });
  trial.listener.onClosed(connection, "closed");
  assert.deepEqual(trial.told, ["call refused"]);
});

test("who says goodbye still answers what it was asked before, and only then is its connection closed", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  trial.ask("first", 1_000);
  trial.peers.noteLiveness(PEER, "dead", true);
  trial.clock.advance(300);
  assert.deepEqual(trial.transport.closed, []);
  trial.answer(connection, { kind: "probe-reply" });
  trial.clock.advance(200);
  assert.deepEqual(trial.told, ["first reply", `disconnected ${PEER}`]);
  assert.deepEqual(trial.transport.closed, [connection]);
});

test("who is found dead, or says goodbye with nothing under way, is hung up on at once", () => {
  const trial = new PeersTrial();
  trial.connect();
  trial.ask("first", 1_000);
  trial.peers.noteLiveness(PEER, "dead", false);
  assert.deepEqual(trial.told, [`disconnected ${PEER}`, "first no answer"]);
  const idle = new PeersTrial();
  idle.connect();
  idle.peers.noteLiveness(PEER, "dead", true);
  assert.equal(idle.transport.closed.length, 1);
});

test("a connection over which nothing comes any more is given up and dialled anew, however alive its peer is", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  trial.ask("a", 1_000);
  const asked = trial.transport.sent.length;
  trial.clock.advance(4_900);
  assert.equal(trial.transport.sent.length, asked);
  trial.clock.advance(200);
  assert.equal(trial.transport.sent.length, asked + 1, "a sign of life is asked for");
  trial.clock.advance(9_800);
  assert.deepEqual([trial.told, trial.transport.closed], [["a no answer"], []]);
  trial.clock.advance(200);
  assert.deepEqual(trial.told, ["a no answer", `silent ${PEER}`, `disconnected ${PEER}`]);
  assert.deepEqual(trial.transport.closed, [connection]);
  assert.equal(trial.peers.reach(PEER), "down");
  trial.clock.advance(3_000);
  assert.equal(trial.transport.dialled, 2);
});

test("a sign of life keeps the connection of a peer that owes an answer", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  trial.ask("slow disk", 60_000);
  for (let round = 0; round < 5; round += 1) {
    trial.clock.advance(10_000);
    trial.answer(connection, { kind: "probe-reply" });
    trial.ask("more", 1_000);
  }
  assert.deepEqual(trial.transport.closed, []);
  assert.ok(!trial.told.some((line) => line.startsWith("slow disk")), "still waited for");
});

test("a connection on which nothing was asked may be quiet for as long as it likes", () => {
  const trial = new PeersTrial();
  trial.connect();
  trial.clock.advance(120_000);
  assert.deepEqual([trial.told, trial.transport.closed], [[], []]);
});

test("nobody is blamed for silence while this node stood still", () => {
  const trial = new PeersTrial();
  trial.connect();
  trial.ask("a", 60_000);
  trial.clock.advance(1_000);
  trial.clock.stall(40_000);
  trial.clock.advance(1_000);
  assert.deepEqual([trial.told, trial.transport.closed], [[], []]);
});

test("a peer with other wire versions is spoken to in the greatest that both can, or refused by name", () => {
  const trial = new PeersTrial({ least: 4, greatest: 6 });
  const hello = (least: number, greatest: number): PeerReply => {
    trial.listener.onAccepted(9, "peer");
    const said = { wireVersion: greatest, wireVersionLeast: least, clusterId: CLUSTER };
    const rest = { nodeId: PEER, boot: bootIdFrom(2), address: ADDRESS, commitNumber: 0 };
    const none = { peer: undefined, remembered: 0, mark: NO_STAMP };
    trial.listener.onFrame(9, frameOf({ kind: "hello", ...said, ...rest, ...none }, 1));
    const frame = decodeFrame(trial.transport.sent.at(-1)?.frame ?? new Uint8Array(0));
    assert.ok(!isDecodeFailure(frame));
    return frame.message as PeerReply;
  };
  const answer = hello(4, 4);
  assert.equal(answer.kind === "hello-reply" && answer.wireVersion, 4);
  const later = hello(4, 4_000);
  assert.equal(later.kind === "hello-reply" && later.wireVersion, 6);
  assert.deepEqual(hello(7, 8), {
    kind: "refused",
    reason: "wire-version",
    detail: "this node speaks wire versions 4 to 6, not wire versions 7 to 8",
  });
});

test("what was agreed with a member is known, and what was not offered is not spoken", () => {
  const trial = new PeersTrial({ least: WIRE_VERSION - 1, greatest: WIRE_VERSION + 1 });
  assert.equal(trial.peers.wireVersion(PEER), undefined);
  trial.connect();
  assert.equal(trial.peers.wireVersion(PEER), WIRE_VERSION);
  const strict = new PeersTrial({ least: WIRE_VERSION + 1, greatest: WIRE_VERSION + 2 });
  strict.connect();
  assert.equal(strict.peers.wireVersion(PEER), undefined);
  assert.equal(strict.transport.closed.length, 1);
});

test("a trace goes along with a request where the peer knows what that is, and nowhere else", () => {
  const request = {
    kind: "read",
    key: keyFromText("k"),
    selection: ROOT_ONLY,
    want: "cells",
  } as const;
  const sink = { onReply: () => undefined, onNoAnswer: () => undefined };
  const trace = { traceId: "1".repeat(32), spanId: "2".repeat(16), flags: 1, state: "" };
  const sentTo = (wireVersion: number): PeerMessage => {
    const trial = new PeersTrial({ least: 4, greatest: 5 });
    trial.connect(wireVersion);
    assert.ok(trial.peers.request(PEER, encodeMessage(request), 1_000, sink, 0, trace));
    const frame = decodeFrame(trial.transport.sent.at(-1)?.frame ?? new Uint8Array(0));
    assert.ok(!isDecodeFailure(frame));
    return frame.message;
  };
  assert.deepEqual(sentTo(4), request);
  assert.deepEqual(sentTo(5), { kind: "traced", trace, request });
});

test("a lost connection is dialled again", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  trial.listener.onClosed(connection, "reset");
  trial.clock.advance(1_000);
  assert.equal(trial.transport.dialled, 2);
});

test("closing ends everything, and nothing is dialled any more", () => {
  const trial = new PeersTrial();
  trial.connect();
  trial.ask("a", 10_000);
  trial.call();
  trial.peers.close();
  assert.deepEqual(trial.told.sort(), ["a no answer", "call no answer"]);
  trial.clock.advance(10_000);
  assert.equal(trial.transport.dialled, 2);
});

test("a peer that remembers a greater commit than this node has is heard, and a lesser one is not", () => {
  const trial = new PeersTrial();
  trial.peers.follow([memberOf(PEER)]);
  const connection = trial.transport.dialled;
  trial.listener.onOpened(connection);
  trial.answer(connection, helloReply(PEER, 11));
  assert.deepEqual(trial.told, ["amnesia 11"]);
  const other = new PeersTrial();
  other.peers.follow([memberOf(PEER)]);
  other.listener.onOpened(other.transport.dialled);
  other.answer(other.transport.dialled, helloReply(PEER, 10));
  assert.deepEqual(other.told, []);
});

test("what a peer said to be durable is told it when it comes back, before anything else", () => {
  const trial = new PeersTrial();
  trial.commitNumbers.hear(PEER, 70);
  trial.connect();
  trial.listener.onAccepted(9, "peer");
  const hello: PeerMessage = {
    kind: "hello",
    wireVersion: WIRE_VERSION,
    wireVersionLeast: WIRE_VERSION,
    clusterId: CLUSTER,
    nodeId: PEER,
    boot: bootIdFrom(3),
    address: ADDRESS,
    commitNumber: 60,
    peer: undefined,
    remembered: 0,
    mark: NO_STAMP,
  };
  trial.listener.onFrame(9, frameOf(hello, 1));
  const frame = decodeFrame(trial.transport.sent.at(-1)?.frame ?? new Uint8Array(0));
  assert.ok(!isDecodeFailure(frame) && frame.message.kind === "hello-reply");
  assert.equal(frame.message.remembered, 70);
});

test("what is remembered of the node that lived at an address before is not held against the one there now", () => {
  const trial = new PeersTrial();
  trial.listener.onAccepted(9, "peer");
  const hello = {
    kind: "hello",
    wireVersion: WIRE_VERSION,
    wireVersionLeast: WIRE_VERSION,
    clusterId: CLUSTER,
    nodeId: PEER,
    boot: bootIdFrom(3),
    address: ADDRESS,
    commitNumber: 60,
    remembered: 70,
    mark: NO_STAMP,
  } as const;
  trial.listener.onFrame(9, frameOf({ ...hello, peer: PEER }, 1));
  assert.deepEqual(trial.told, []);
  trial.listener.onFrame(9, frameOf({ ...hello, peer: SELF }, 2));
  assert.deepEqual(trial.told, ["amnesia 70"]);
});
