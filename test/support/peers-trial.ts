/** Peers whose transport, clock and requests are held by a test. */
import assert from "node:assert/strict";
import { Prng } from "../../src/base/prng.ts";
import {
  type Address,
  bootIdFrom,
  type ClusterId,
  clusterIdFrom,
  epochFrom,
  type NodeId,
  nodeIdFrom,
  parseAddress,
} from "../../src/model/ids.ts";
import type { Member } from "../../src/model/member.ts";
import {
  type FrameHeader,
  type PeerMessage,
  type PeerReply,
  WIRE_VERSION,
} from "../../src/model/peer-message.ts";
import { NO_STAMP } from "../../src/model/stamp.ts";
import { CommitNumbers } from "../../src/node/commit-numbers.ts";
import { GroupCommit } from "../../src/node/group-commit.ts";
import { Peers, type Served } from "../../src/node/peers.ts";
import { WIRE_OWN, type WireVersions } from "../../src/node/wire-versions.ts";
import type { ConnectionId, Transport, TransportListener } from "../../src/ports/transport.ts";
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  isDecodeFailure,
} from "../../src/protocol/peer/frame-codec.ts";
import { HeldClock, HeldStorage } from "./held-storage.ts";

export const SELF: NodeId = nodeIdFrom(1, 1);
export const PEER: NodeId = nodeIdFrom(2, 2);
export const CLUSTER: ClusterId = clusterIdFrom(1, 1);
export const ADDRESS: Address = parseAddress("127.0.0.1:5001") as Address;

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

/** The connections of one node to others, that a test plays. */
export class PeersTrial {
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

export function memberOf(id: NodeId): Member {
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

export function helloReply(
  nodeId: NodeId,
  remembered = 0,
): Extract<PeerReply, { kind: "hello-reply" }> {
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

export function frameOf(
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
