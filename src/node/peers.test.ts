import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { Prng } from "../base/prng.ts";
import {
  type Address,
  bootIdFrom,
  clusterIdFrom,
  epochFrom,
  type NodeId,
  nodeIdFrom,
  parseAddress,
} from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { Member } from "../model/member.ts";
import {
  type FrameHeader,
  type PeerMessage,
  type PeerReply,
  WIRE_VERSION,
  WIRE_VERSION_ACKS,
} from "../model/peer-message.ts";
import { ROOT_ONLY } from "../model/selection.ts";
import { NO_STAMP } from "../model/stamp.ts";
import type { ConnectionId, Transport, TransportListener } from "../ports/transport.ts";
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  isDecodeFailure,
} from "../protocol/peer/frame-codec.ts";
import { CommitNumbers } from "./commit-numbers.ts";
import { ACKS_TOGETHER_MAX } from "./gathered-acks.ts";
import { GroupCommit } from "./group-commit.ts";
import { Peers, type Served } from "./peers.ts";
import { WIRE_OWN, type WireVersions } from "./wire-versions.ts";

const SELF = nodeIdFrom(1, 1);
const PEER = nodeIdFrom(2, 2);
const CLUSTER = clusterIdFrom(1, 1);
const ADDRESS = parseAddress("127.0.0.1:5001") as Address;

/** Connections that open, speak and end when the test says so. */
class HeldTransport implements Transport {
  listener: TransportListener | undefined;
  readonly sent: { readonly to: ConnectionId; readonly frame: Uint8Array }[] = [];
  readonly closed: ConnectionId[] = [];
  isFull = false;
  dialled = 0;

  listen(listener: TransportListener): void {
    this.listener = listener;
  }

  connect(): ConnectionId {
    this.dialled += 1;
    return this.dialled;
  }

  send(to: ConnectionId, frame: Uint8Array): boolean {
    if (this.isFull || this.closed.includes(to)) return false;
    this.sent.push({ to, frame });
    return true;
  }

  queuedBytes(): number {
    return 0;
  }

  close(connection: ConnectionId): void {
    this.closed.push(connection);
  }

  sendDatagram(): void {
    return;
  }
}

class Trial {
  readonly transport = new HeldTransport();
  readonly clock = new HeldClock();
  readonly told: string[] = [];
  readonly served: Served[] = [];
  readonly commitNumbers = new CommitNumbers({
    storage: new HeldStorage(),
    commit: new GroupCommit({
      storage: new HeldStorage(),
      clock: this.clock,
      seal: () => ({ key: "mclock", value: undefined }),
      onFailed: () => undefined,
    }),
  });
  readonly peers: Peers;

  constructor(wire: WireVersions = WIRE_OWN) {
    this.peers = this.#open(wire);
  }

  readonly #open = (wire: WireVersions): Peers =>
    new Peers({
      wire,
      transport: this.transport,
      clock: this.clock,
      random: new Prng(1),
      log: { log: () => undefined },
      identity: () => ({ nodeId: SELF, boot: bootIdFrom(1), address: ADDRESS, clusterId: CLUSTER }),
      commitNumber: () => 10,
      hasLost: (remembered) => remembered > 10,
      commitNumbers: this.commitNumbers,
      mark: () => NO_STAMP,
      onMark: () => undefined,
      onAmnesia: (remembered) => this.told.push(`amnesia ${remembered}`),
      reading: () => ({ ms: 1, counter: 0, epoch: epochFrom(7) }),
      liveness: () => "alive",
      onRequest: (served) => this.served.push(served),
      onClock: () => undefined,
      onDatagram: () => undefined,
      onConnected: () => undefined,
      onDisconnected: (node) => this.told.push(`disconnected ${node}`),
      onSilent: (node) => this.told.push(`silent ${node}`),
    });

  get listener(): TransportListener {
    const { listener } = this.transport;
    assert.ok(listener !== undefined);
    return listener;
  }

  /** Answers the last request sent on a connection. */
  answer(connection: ConnectionId, reply: PeerReply): void {
    const last = this.transport.sent.findLast(({ to }) => to === connection);
    assert.ok(last !== undefined);
    const frame = decodeFrame(last.frame);
    assert.ok(!isDecodeFailure(frame));
    this.listener.onFrame(connection, frameOf(reply, frame.header.requestId));
  }

  /** A connection to `PEER` that stands. */
  connect(wireVersion = WIRE_VERSION): ConnectionId {
    this.peers.follow([memberOf(PEER)]);
    const connection = this.transport.dialled;
    this.listener.onOpened(connection);
    this.answer(connection, { ...helloReply(PEER), wireVersion });
    return connection;
  }

  /** Sends a probe with a deadline so many milliseconds away; `told` says how it ended. */
  ask(name: string, withinMs: number): boolean {
    const sink = {
      onReply: (): void => void this.told.push(`${name} reply`),
      onNoAnswer: (): void => void this.told.push(`${name} no answer`),
    };
    const deadlineMs = this.clock.monotonicMs() + withinMs;
    return this.peers.request(PEER, encodeMessage({ kind: "probe" }), deadlineMs, sink, 0);
  }

  call(): ConnectionId {
    this.peers.call(ADDRESS, { kind: "probe" }, (reply) => {
      this.told.push(`call ${reply?.kind ?? "no answer"}`);
    });
    return this.transport.dialled;
  }
}

function memberOf(id: NodeId): Member {
  return {
    record: {
      id,
      address: ADDRESS,
      httpAddress: "",
      redisAddress: "",
      intent: "active",
      zone: "",
      weight: 1,
      boots: 1,
      version: 1,
      boot: bootIdFrom(2),
    },
    liveness: "alive",
  } as Member;
}

function helloReply(nodeId: NodeId, remembered = 0): Extract<PeerReply, { kind: "hello-reply" }> {
  const boot = bootIdFrom(2);
  return {
    kind: "hello-reply",
    wireVersion: WIRE_VERSION,
    clusterId: CLUSTER,
    nodeId,
    boot,
    commitNumber: 5,
    remembered,
    mark: NO_STAMP,
  };
}

function frameOf(
  message: PeerMessage,
  requestId: number,
  header?: Partial<FrameHeader>,
): Uint8Array {
  return encodeFrame(
    {
      requestId,
      clockMs: 1,
      clockCounter: 0,
      epoch: epochFrom(7),
      remainingMs: 1_000,
      sentMs: 0,
      ...header,
    },
    message,
  );
}

test("a request ends in its reply, once, however often the reply comes", () => {
  const trial = new Trial();
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
  const trial = new Trial();
  const connection = trial.connect();
  trial.ask("a", 10_000);
  trial.listener.onClosed(connection, "reset");
  trial.listener.onClosed(connection, "reset");
  assert.deepEqual(trial.told, [`disconnected ${PEER}`, "a no answer"]);
});

test("a request is given up at its deadline, also behind one with more time", () => {
  const trial = new Trial();
  const connection = trial.connect();
  trial.ask("patient", 60_000);
  trial.ask("hasty", 500);
  trial.clock.advance(700);
  assert.deepEqual(trial.told, ["hasty no answer"]);
  trial.answer(connection, { kind: "probe-reply" });
  assert.deepEqual(trial.told, ["hasty no answer"]);
});

test("what was not sent is not told of", () => {
  const trial = new Trial();
  trial.connect();
  trial.transport.isFull = true;
  assert.equal(trial.ask("a", 500), false);
  trial.clock.advance(1_000);
  assert.deepEqual(trial.told, []);
});

test("a member without a connection that stands is down", () => {
  const trial = new Trial();
  assert.equal(trial.peers.reach(PEER), "down");
  const connection = trial.connect();
  assert.equal(trial.peers.reach(PEER), "up");
  trial.listener.onClosed(connection, "reset");
  assert.equal(trial.peers.reach(PEER), "down");
});

test("a member that owes an answer for long is slow, and up again with the answer", () => {
  const trial = new Trial();
  const connection = trial.connect();
  trial.ask("a", 10_000);
  trial.clock.advance(45);
  assert.equal(trial.peers.reach(PEER), "slow");
  trial.answer(connection, { kind: "probe-reply" });
  assert.equal(trial.peers.reach(PEER), "up");
});

test("another node at a member's address is not taken for it", () => {
  const trial = new Trial();
  trial.peers.follow([memberOf(PEER)]);
  const connection = trial.transport.dialled;
  trial.listener.onOpened(connection);
  trial.answer(connection, helloReply(nodeIdFrom(3, 3)));
  assert.equal(trial.peers.reach(PEER), "down");
  assert.deepEqual(trial.transport.closed, [connection]);
});

test("a request before hello ends its connection and is not served", () => {
  const trial = new Trial();
  trial.listener.onAccepted(9, "stranger");
  trial.listener.onFrame(9, frameOf({ kind: "probe" }, 1));
  assert.deepEqual(trial.served, []);
  assert.deepEqual(trial.transport.closed, [9]);
});

test("a frame that lay about past its deadline is refused, and not served", () => {
  const trial = new Trial();
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
  const trial = new Trial();
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
  const trial = new Trial();
  const connection = trial.call();
  trial.listener.onOpened(connection);
  trial.listener.onFrame(connection, Uint8Array.of(1, 2, 3));
  trial.listener.onClosed(connection, "closed");
  assert.deepEqual(trial.told, ["call no answer"]);
});

test("a call that stays without an answer gives its connection back", () => {
  const trial = new Trial();
  const connection = trial.call();
  trial.listener.onOpened(connection);
  trial.answer(connection, helloReply(PEER));
  trial.clock.advance(4_000);
  assert.deepEqual(trial.told, ["call no answer"]);
  assert.deepEqual(trial.transport.closed, [connection]);
});

test("a call that never connects, or gets no hello, ends without an answer", () => {
  const trial = new Trial();
  trial.listener.onClosed(trial.call(), "refused");
  assert.deepEqual(trial.told, ["call no answer"]);
  trial.listener.onOpened(trial.call());
  trial.clock.advance(4_000);
  assert.deepEqual(trial.told, ["call no answer", "call no answer"]);
});

test("a refusal of the hello is the answer of the call", () => {
  const trial = new Trial();
  const connection = trial.call();
  trial.listener.onOpened(connection);
  trial.answer(connection, { kind: "refused", reason: "wrong-cluster", detail: "" });
  trial.listener.onClosed(connection, "closed");
  assert.deepEqual(trial.told, ["call refused"]);
});

test("who says goodbye still answers what it was asked before, and only then is its connection closed", () => {
  const trial = new Trial();
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
  const trial = new Trial();
  trial.connect();
  trial.ask("first", 1_000);
  trial.peers.noteLiveness(PEER, "dead", false);
  assert.deepEqual(trial.told, [`disconnected ${PEER}`, "first no answer"]);
  const idle = new Trial();
  idle.connect();
  idle.peers.noteLiveness(PEER, "dead", true);
  assert.equal(idle.transport.closed.length, 1);
});

test("a connection over which nothing comes any more is given up and dialled anew, however alive its peer is", () => {
  const trial = new Trial();
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
  const trial = new Trial();
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
  const trial = new Trial();
  trial.connect();
  trial.clock.advance(120_000);
  assert.deepEqual([trial.told, trial.transport.closed], [[], []]);
});

test("nobody is blamed for silence while this node stood still", () => {
  const trial = new Trial();
  trial.connect();
  trial.ask("a", 60_000);
  trial.clock.advance(1_000);
  trial.clock.stall(40_000);
  trial.clock.advance(1_000);
  assert.deepEqual([trial.told, trial.transport.closed], [[], []]);
});

test("a peer with other wire versions is spoken to in the greatest that both can, or refused by name", () => {
  const trial = new Trial({ least: 4, greatest: 6 });
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
  const trial = new Trial({ least: WIRE_VERSION - 1, greatest: WIRE_VERSION + 1 });
  assert.equal(trial.peers.wireVersion(PEER), undefined);
  trial.connect();
  assert.equal(trial.peers.wireVersion(PEER), WIRE_VERSION);
  const strict = new Trial({ least: WIRE_VERSION + 1, greatest: WIRE_VERSION + 2 });
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
    const trial = new Trial({ least: 4, greatest: 5 });
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
  const trial = new Trial();
  const connection = trial.connect();
  trial.listener.onClosed(connection, "reset");
  trial.clock.advance(1_000);
  assert.equal(trial.transport.dialled, 2);
});

test("closing ends everything, and nothing is dialled any more", () => {
  const trial = new Trial();
  trial.connect();
  trial.ask("a", 10_000);
  trial.call();
  trial.peers.close();
  assert.deepEqual(trial.told.sort(), ["a no answer", "call no answer"]);
  trial.clock.advance(10_000);
  assert.equal(trial.transport.dialled, 2);
});

test("a peer that remembers a greater commit than this node has is heard, and a lesser one is not", () => {
  const trial = new Trial();
  trial.peers.follow([memberOf(PEER)]);
  const connection = trial.transport.dialled;
  trial.listener.onOpened(connection);
  trial.answer(connection, helloReply(PEER, 11));
  assert.deepEqual(trial.told, ["amnesia 11"]);
  const other = new Trial();
  other.peers.follow([memberOf(PEER)]);
  other.listener.onOpened(other.transport.dialled);
  other.answer(other.transport.dialled, helloReply(PEER, 10));
  assert.deepEqual(other.told, []);
});

test("what a peer said to be durable is told it when it comes back, before anything else", () => {
  const trial = new Trial();
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
  const trial = new Trial();
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

/** Frames sent on a connection, as messages with the ids they answer. */
function sentOn(trial: Trial, connection: ConnectionId): readonly unknown[] {
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
  trial: Trial,
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
  const trial = new Trial();
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
  const trial = new Trial();
  accepted(trial, 9, WIRE_VERSION, [2, 3]);
  for (const { reply } of trial.served) reply(STORED);
  const singly = [2, 3].map((requestId) => ({ requestId, ...STORED }));
  assert.deepEqual(sentOn(trial, 9), singly);
  const former = new Trial();
  accepted(former, 9, WIRE_VERSION_ACKS - 1, [2, 3]);
  former.peers.gatherAcks(() => {
    for (const { reply } of former.served) reply(STORED);
  });
  assert.deepEqual(sentOn(former, 9), singly);
});

test("acks that come together end each request that waits, once, and no other", () => {
  const trial = new Trial();
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
  const trial = new Trial();
  trial.listener.onAccepted(9, "stranger");
  const acks: PeerMessage = { kind: "write-acks", commitNumber: 80, requestIds: [1] };
  trial.listener.onFrame(9, frameOf(acks, 0));
  assert.deepEqual(trial.told, []);
  assert.equal(trial.commitNumbers.of(PEER), 0);
});

test("acks of the commit after which a node ends are told before its connections go", () => {
  for (const wireVersion of [WIRE_VERSION_ACKS - 1, WIRE_VERSION]) {
    const trial = new Trial();
    accepted(trial, 9, wireVersion, [2, 3]);
    trial.peers.gatherAcks(() => {
      for (const { reply } of trial.served) reply(STORED);
      trial.peers.close();
    });
    assert.equal(sentOn(trial, 9).length, wireVersion < WIRE_VERSION_ACKS ? 2 : 1);
  }
});

test("an error while acks are gathered keeps nobody from being told, then or later", () => {
  const trial = new Trial();
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
  const trial = new Trial();
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
