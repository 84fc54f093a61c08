import assert from "node:assert/strict";
import { test } from "node:test";
import { ADDRESS, CLUSTER, frameOf, PEER, PeersTrial } from "../../test/support/peers-trial.ts";
import { bootIdFrom } from "../model/ids.ts";
import { type PeerMessage, WIRE_VERSION, WIRE_VERSION_ACKS } from "../model/peer-message.ts";
import { NO_STAMP } from "../model/stamp.ts";
import type { ConnectionId } from "../ports/transport.ts";
import { decodeFrame, isDecodeFailure } from "../protocol/peer/frame-codec.ts";
import { ACKS_TOGETHER_MAX } from "./gathered-acks.ts";

/** Frames sent on a connection, as messages with the ids they answer. */
function sentOn(trial: PeersTrial, connection: ConnectionId): readonly unknown[] {
  return trial.transport.sent
    .filter(({ to }) => to === connection)
    .map(({ frame }) => {
      const decoded = decodeFrame(frame);
      assert.ok(!isDecodeFailure(decoded));
      return { requestId: decoded.header.requestId, ...decoded.message };
    });
}

/** A connection that a peer has dialled, which has asked for something under each of these ids. */
function accepted(
  trial: PeersTrial,
  id: ConnectionId,
  wireVersion: number,
  requestIds: readonly number[],
): void {
  trial.listener.onAccepted(id, "peer");
  const hello: PeerMessage = {
    kind: "hello",
    wireVersion,
    wireVersionLeast: wireVersion,
    clusterId: CLUSTER,
    nodeId: PEER,
    boot: bootIdFrom(3),
    address: ADDRESS,
    commitNumber: 0,
    peer: undefined,
    remembered: 0,
    mark: NO_STAMP,
  };
  trial.listener.onFrame(id, frameOf(hello, 1));
  trial.transport.sent.length = 0;
  for (const requestId of requestIds) {
    trial.listener.onFrame(id, frameOf({ kind: "probe" }, requestId));
  }
}

const STORED = { kind: "write-reply", result: "stored", held: NO_STAMP, commitNumber: 10 } as const;
const BEHIND = { ...STORED, result: "behind" } as const;

test("acks of one commit go to a peer together, and anything else by itself", () => {
  const trial = new PeersTrial();
  accepted(trial, 8, WIRE_VERSION, [5]);
  accepted(trial, 9, WIRE_VERSION, [2, 3, 4]);
  const [other, first, second, third] = trial.served;
  trial.peers.gatherAcks(() => {
    first?.reply(STORED);
    other?.reply(STORED);
    second?.reply(BEHIND);
    third?.reply(STORED);
  });
  assert.deepEqual(sentOn(trial, 9), [
    { requestId: 3, ...BEHIND },
    { requestId: 0, kind: "write-acks", commitNumber: 10, requestIds: [2, 4] },
  ]);
  assert.deepEqual(sentOn(trial, 8), [{ requestId: 5, ...STORED }]);
});

test("acks at other times, and to a peer that does not read them together, go one by one", () => {
  const trial = new PeersTrial();
  accepted(trial, 9, WIRE_VERSION, [2, 3]);
  for (const { reply } of trial.served) reply(STORED);
  const singly = [2, 3].map((requestId) => ({ requestId, ...STORED }));
  assert.deepEqual(sentOn(trial, 9), singly);
  const former = new PeersTrial();
  accepted(former, 9, WIRE_VERSION_ACKS - 1, [2, 3]);
  former.peers.gatherAcks(() => {
    for (const { reply } of former.served) reply(STORED);
  });
  assert.deepEqual(sentOn(former, 9), singly);
});

test("acks that come together end each request that waits, once, and no other", () => {
  const trial = new PeersTrial();
  const connection = trial.connect();
  for (const name of ["a", "b", "c"]) trial.ask(name, 1_000);
  const ids = trial.transport.sent
    .slice(-3)
    .map(({ frame }) => decodeFrame(frame))
    .map((frame) => (isDecodeFailure(frame) ? 0 : frame.header.requestId));
  const [a = 0, , c = 0] = ids;
  const acks: PeerMessage = { kind: "write-acks", commitNumber: 80, requestIds: [c, 999, a, a, 0] };
  trial.listener.onFrame(connection, frameOf(acks, 0));
  assert.deepEqual(trial.told, ["c reply", "a reply"]);
  assert.equal(trial.commitNumbers.of(PEER), 80);
  trial.listener.onClosed(connection, "reset");
  assert.deepEqual(trial.told.slice(2), [`disconnected ${PEER}`, "b no answer"]);
});

test("acks of somebody who has not said hello are acks of nothing", () => {
  const trial = new PeersTrial();
  trial.listener.onAccepted(9, "stranger");
  const acks: PeerMessage = { kind: "write-acks", commitNumber: 80, requestIds: [1] };
  trial.listener.onFrame(9, frameOf(acks, 0));
  assert.deepEqual(trial.told, []);
  assert.equal(trial.commitNumbers.of(PEER), 0);
});

test("acks of the commit after which a node ends are told before its connections go", () => {
  for (const wireVersion of [WIRE_VERSION_ACKS - 1, WIRE_VERSION]) {
    const trial = new PeersTrial();
    accepted(trial, 9, wireVersion, [2, 3]);
    trial.peers.gatherAcks(() => {
      for (const { reply } of trial.served) reply(STORED);
      trial.peers.close();
    });
    assert.equal(sentOn(trial, 9).length, wireVersion < WIRE_VERSION_ACKS ? 2 : 1);
  }
});

test("an error while acks are gathered keeps nobody from being told, then or later", () => {
  const trial = new PeersTrial();
  accepted(trial, 9, WIRE_VERSION, [2, 3]);
  const [first, second] = trial.served;
  const gather = (): void =>
    trial.peers.gatherAcks(() => {
      first?.reply(STORED);
      throw new Error("planted");
    });
  assert.throws(gather, /planted/);
  second?.reply(STORED);
  assert.deepEqual(
    sentOn(trial, 9),
    [2, 3].map((requestId) => ({ requestId, ...STORED })),
  );
});

test("acks go together up to a bound", () => {
  const trial = new PeersTrial();
  accepted(trial, 9, WIRE_VERSION, [2]);
  const [served] = trial.served;
  trial.peers.gatherAcks(() => {
    for (let count = 0; count <= ACKS_TOGETHER_MAX; count += 1) served?.reply(STORED);
  });
  const sent = sentOn(trial, 9) as { readonly requestIds?: readonly number[] }[];
  assert.deepEqual(
    sent.map(({ requestIds }) => requestIds?.length),
    [ACKS_TOGETHER_MAX, undefined],
  );
});
