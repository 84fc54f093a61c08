/**
 * Connections to the other members: one dialled to each, for this node's requests and their replies, and those
 * the others dialled here. Correlates replies with requests, recognises frames that lay about too long.
 *
 * Invariant: a request is sent at most once and ends exactly once: in a reply, or in "no answer" when its
 * connection ends or its deadline passes. Nothing of a peer runs before its hello was accepted. A connection over which
 * nothing comes though something was asked is given up and dialled anew, however alive its peer is by gossip: a path that
 * it alone takes may be dead, which the kernel says only after a quarter of an hour.
 */
import { assert } from "../base/assert.ts";
import type { Reach } from "../core/replication/quorum.ts";
import type { Address, BootId, ClusterId, Epoch, NodeId } from "../model/ids.ts";
import { DEADLINE_MS_MAX } from "../model/limits.ts";
import type { Liveness, Member } from "../model/member.ts";
import {
  type FrameHeader,
  type PeerReply,
  type PeerRequest,
  WIRE_VERSION_ACKS,
  WIRE_VERSION_TRACED,
} from "../model/peer-message.ts";
import { NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Span, TraceContext } from "../model/trace.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import type { ConnectionId, Transport } from "../ports/transport.ts";
import {
  decodeFrame,
  encodeMessage,
  frameFrom,
  isDecodeFailure,
  tracedFrameFrom,
} from "../protocol/peer/frame-codec.ts";
import type { CommitNumbers } from "./commit-numbers.ts";
import type { Durations } from "./durations.ts";
import { GatheredAcks } from "./gathered-acks.ts";
import { type CallDone, type Connection, connectionOf, type Link } from "./peer-connection.ts";
import { PendingRequest, type ReplySink } from "./pending-requests.ts";
import { isReply } from "./reply.ts";
import { LOOK_MS, SIGN_OF_LIFE_MS } from "./silence.ts";
import { type Traffic, TrafficCounts, TrafficTable } from "./traffic.ts";
import { agreeOn, WIRE_OWN, type WireVersions } from "./wire-versions.ts";

/** A peer must answer hello within this. */
const HELLO_MS_MAX = 3_000;
/** First and longest wait before a lost connection is dialled again; jittered. */
const REDIAL_MS_MIN = 50;
const REDIAL_MS_MAX = 3_000;
/** A request unanswered for this long makes its peer `slow`. */
const SLOW_MS = 40;

const PROBE = encodeMessage({ kind: "probe" });
const NOBODY: ReplySink = { onReply: () => undefined, onNoAnswer: () => undefined };

/** One request from a peer. */
export interface Served {
  readonly from: NodeId;
  readonly epoch: Epoch;
  /** Monotonic milliseconds by which it must be answered. */
  readonly deadlineMs: number;
  readonly message: PeerRequest;
  /** Sends the one reply. Harmless when the connection is gone. */
  readonly reply: (reply: PeerReply) => void;
  /** What it does belongs under this span, where it is part of a trace. */
  readonly span?: Span;
}

export interface PeersOptions {
  /** By default those of this program. */
  readonly wire?: WireVersions;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly identity: () => {
    readonly nodeId: NodeId;
    readonly boot: BootId;
    readonly address: Address;
    readonly clusterId: ClusterId | undefined;
  };
  /** This node's greatest durable commit. */
  readonly commitNumber: () => number;
  /** Whether a commit of this node's that a peer has heard of is not in its directory. */
  readonly hasLost: (remembered: number) => boolean;
  /** What is heard of others' commits. */
  readonly commitNumbers: CommitNumbers;
  /** What this node has promised to send and keep nothing at or below. */
  readonly mark: () => Stamp;
  /** A peer has promised this. */
  readonly onMark: (mark: Stamp) => void;
  /** A peer has heard of a commit of this node's that it has lost. */
  readonly onAmnesia: (remembered: number) => void;
  /** What every frame carries. */
  readonly reading: () => { readonly ms: number; readonly counter: number; readonly epoch: Epoch };
  readonly liveness: (node: NodeId) => Liveness | undefined;
  readonly onRequest: (served: Served) => void;
  readonly onClock: (ms: number, counter: number) => void;
  readonly onDatagram: (from: Address, datagram: Uint8Array) => void;
  readonly onConnected: (node: NodeId) => void;
  /** The connection this node had dialled to a member, and that had stood, is gone. */
  readonly onDisconnected: (node: NodeId) => void;
  /** It was given up: nothing came over it any more. `onDisconnected` follows. */
  readonly onSilent: (node: NodeId) => void;
  readonly durations?: Durations;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #links = new Map<NodeId, Link>();
  readonly #connections = new Map<ConnectionId, Connection>();
  readonly #traffic = new TrafficTable();
  readonly #wire: WireVersions;
  readonly #acks = new GatheredAcks<Connection>((connection, requestId, reply) => {
    this.#sendFrame(connection, requestId, 0, encodeMessage(reply));
  });
  #isClosed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#wire = options.wire ?? WIRE_OWN;
    options.transport.listen({
      onOpened: (id) => this.#onOpened(id),
      onAccepted: (id) => this.#onAccepted(id),
      onFrame: (id, frame) => this.#onFrame(id, frame),
      onClosed: (id, reason) => this.#onClosed(id, reason),
      onDatagram: (from, datagram) => {
        if (!this.#isClosed) options.onDatagram(from, datagram);
      },
    });
    this.#tendLater();
  }

  /** Dials who is new, forgets who is gone; the list is everybody to be kept in touch with, this node excluded. */
  follow(members: readonly Member[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    const kept = new Set<NodeId>();
    for (const { record } of members) {
      kept.add(record.id);
      const link = this.#links.get(record.id);
      if (link === undefined) {
        const fresh: Link = {
          node: record.id,
          address: record.address,
          connection: undefined,
          redialMs: nowMs,
          failures: 0,
        };
        this.#links.set(record.id, fresh);
        this.#count(record.id);
        this.#dial(fresh);
      } else if (link.address !== record.address) {
        link.address = record.address;
        this.#hangUp(link, "the member moved to another address");
        link.redialMs = nowMs;
      }
    }
    for (const link of this.#links.values()) {
      if (kept.has(link.node)) continue;
      this.#retire(link, "no longer a member");
      this.#links.delete(link.node);
    }
    this.#traffic.keepOnly(kept);
  }

  /** Whoever joins has dialled this node before it is a member. */
  #count(member: NodeId): void {
    const traffic = this.#traffic.of(member);
    for (const each of this.#connections.values()) if (each.peer === member) each.traffic = traffic;
  }

  /** A member answers again, or no longer does: because it said goodbye, or was found dead. */
  noteLiveness(node: NodeId, liveness: Liveness, isGoodbye: boolean): void {
    const link = this.#links.get(node);
    if (link === undefined) return;
    // What is queued for a dead node would arrive too late to matter, and hold memory until then.
    if (isGoodbye) this.#retire(link, "the member said goodbye");
    else if (liveness === "dead") this.#hangUp(link, "the member is dead");
    if (liveness === "alive" && link.connection === undefined) {
      link.failures = 0;
      this.#dial(link);
    }
  }

  reach(node: NodeId): Reach {
    const connection = this.#links.get(node)?.connection;
    if (connection === undefined || !connection.isReady) return "down";
    const liveness = this.#options.liveness(node);
    if (liveness === "dead" || liveness === undefined) return "down";
    if (liveness === "suspect") return "doubtful";
    const sentMs = connection.pending.oldestSentMs();
    if (sentMs === undefined) return "up";
    return this.#options.clock.turnMs() - sentMs > SLOW_MS ? "slow" : "up";
  }

  /** All whom a request may reach. */
  reachable(): readonly NodeId[] {
    return [...this.#links.keys()].filter((node) => this.reach(node) !== "down");
  }

  /** What went between this node and a member since this start, or since it became one. */
  traffic(node: NodeId): Traffic {
    return this.#traffic.of(node);
  }

  /** The wire version agreed with a member; `undefined` without a connection that stands. */
  wireVersion(node: NodeId): number | undefined {
    const connection = this.#links.get(node)?.connection;
    return connection?.isReady === true ? connection.wireVersion : undefined;
  }

  /** Bytes queued for peers, all together. */
  queuedBytes(): number {
    let bytes = 0;
    for (const { id } of this.#connections.values())
      bytes += this.#options.transport.queuedBytes(id);
    return bytes;
  }

  /** Connections on which hello was accepted, either way. */
  get connected(): number {
    let count = 0;
    for (const { isReady } of this.#connections.values()) if (isReady) count += 1;
    return count;
  }

  /**
   * Sends a message encoded by `encodeMessage`. False: it was not sent, and nobody will be told anything.
   * `deadlineMs` is monotonic. `trace` goes along where the peer knows what it is.
   */
  request(
    to: NodeId,
    body: Uint8Array,
    deadlineMs: number,
    sink: ReplySink,
    token: number,
    trace?: TraceContext,
  ): boolean {
    const connection = this.#links.get(to)?.connection;
    if (connection === undefined || !connection.isReady) return false;
    return this.#send(connection, body, deadlineMs, { sink, token }, false, trace);
  }

  /**
   * As `request`, and in line: what is sent this way to a peer arrives in the order it was sent. Without `asked` no reply is
   * waited for.
   */
  post(
    to: NodeId,
    body: Uint8Array,
    asked:
      | { readonly deadlineMs: number; readonly sink: ReplySink; readonly token: number }
      | undefined,
  ): boolean {
    const connection = this.#links.get(to)?.connection;
    if (connection === undefined || !connection.isReady) return false;
    if (asked === undefined) return this.#sendFrame(connection, 0, 0, body, true);
    return this.#send(connection, body, asked.deadlineMs, asked, true);
  }

  /** Sends a message that has no reply. */
  tell(to: NodeId, message: PeerRequest): void {
    const connection = this.#links.get(to)?.connection;
    if (connection?.isReady === true) this.#sendFrame(connection, 0, 0, encodeMessage(message));
  }

  /** What is acknowledged in `during` goes to each peer in one frame, where it reads that. */
  gatherAcks(during: () => void): void {
    this.#acks.gather(during);
  }

  /** Calls whoever listens at `address`, over a connection of its own. */
  call(address: Address, message: PeerRequest, done: CallDone): void {
    const id = this.#options.transport.connect(address);
    let isTold = false;
    const once: CallDone = (reply, clusterId) => {
      if (isTold) return;
      isTold = true;
      done(reply, clusterId);
    };
    this.#add(id, true, undefined, { message, done: once });
  }

  close(): void {
    this.#isClosed = true;
    // Of the commit after which the node ends.
    this.#acks.tellNow();
    for (const connection of this.#connections.values()) {
      this.#options.transport.close(connection.id);
      this.#end(connection, "closing");
    }
    this.#links.clear();
  }

  #dial(link: Link): void {
    assert(link.connection === undefined, "one connection is dialled to a peer");
    if (this.#isClosed) return;
    const id = this.#options.transport.connect(link.address);
    link.connection = this.#add(id, true, link.node, undefined);
  }

  #add(
    id: ConnectionId,
    isDialled: boolean,
    peer: NodeId | undefined,
    first: Connection["first"],
  ): Connection {
    const nowMs = this.#options.clock.monotonicMs();
    const traffic = peer === undefined ? new TrafficCounts() : this.#traffic.of(peer);
    const connection = connectionOf({ id, isDialled, nowMs, peer, traffic, first });
    this.#connections.set(id, connection);
    return connection;
  }

  #onOpened(id: ConnectionId): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    const { nodeId, boot, address, clusterId } = this.#options.identity();
    const hello = encodeMessage({
      kind: "hello",
      wireVersion: this.#wire.greatest,
      wireVersionLeast: this.#wire.least,
      clusterId,
      nodeId,
      boot,
      address,
      commitNumber: this.#options.commitNumber(),
      peer: connection.peer,
      mark: this.#options.mark(),
      remembered: connection.peer === undefined ? 0 : this.#remembered(connection.peer),
    });
    const deadlineMs = this.#options.clock.monotonicMs() + HELLO_MS_MAX;
    const sink: ReplySink = {
      onReply: (_from, _token, reply) => this.#onHelloReply(connection, reply),
      onNoAnswer: () => undefined,
    };
    this.#send(connection, hello, deadlineMs, { sink, token: 0 });
  }

  #onHelloReply(connection: Connection, reply: PeerReply): void {
    if (reply.kind !== "hello-reply") {
      const reason = reply.kind === "refused" ? `${reply.reason}: ${reply.detail}` : "no hello";
      this.#refuse(connection, reason, reply.kind === "refused" ? reply : undefined);
      return;
    }
    const { nodeId } = this.#options.identity();
    if (reply.wireVersion < this.#wire.least || reply.wireVersion > this.#wire.greatest) {
      this.#refuse(connection, `wire version ${reply.wireVersion} was not offered`);
      return;
    }
    connection.wireVersion = reply.wireVersion;
    if (
      reply.nodeId === nodeId ||
      (connection.peer !== undefined && connection.peer !== reply.nodeId)
    ) {
      this.#refuse(connection, "another node answers at this address");
      return;
    }
    connection.peer = reply.nodeId;
    connection.isReady = true;
    this.#compareCommits(reply, reply.remembered);
    this.#options.onMark(reply.mark);
    const { first } = connection;
    if (first === undefined) {
      const link = this.#links.get(reply.nodeId);
      if (link !== undefined) link.failures = 0;
      this.#options.onConnected(reply.nodeId);
      return;
    }
    const deadlineMs = this.#options.clock.monotonicMs() + HELLO_MS_MAX;
    const sink: ReplySink = {
      onReply: (_from, _token, answer) => {
        first.done(answer, reply.clusterId);
        this.#options.transport.close(connection.id);
      },
      onNoAnswer: () => {
        if (this.#connections.has(connection.id)) this.#options.transport.close(connection.id);
        first.done(undefined, reply.clusterId);
      },
    };
    const isSent = this.#send(connection, encodeMessage(first.message), deadlineMs, {
      sink,
      token: 0,
    });
    if (!isSent) sink.onNoAnswer(reply.nodeId, 0);
  }

  #refuse(
    connection: Connection,
    reason: string,
    refusal?: Extract<PeerReply, { kind: "refused" }>,
  ): void {
    const { first } = connection;
    connection.closing = reason;
    this.#options.transport.close(connection.id);
    if (first !== undefined) {
      const refused = refusal ?? { kind: "refused", reason: "not-ready", detail: reason };
      first.done(refused, undefined);
      return;
    }
    this.#options.log.log("warn", "peer-refused", { peer: connection.peer ?? "", reason });
  }

  #onAccepted(id: ConnectionId): void {
    if (this.#isClosed) this.#options.transport.close(id);
    else this.#add(id, false, undefined, undefined);
  }

  #onFrame(id: ConnectionId, bytes: Uint8Array): void {
    const connection = this.#connections.get(id);
    if (connection === undefined || this.#isClosed) return;
    connection.traffic.noteReceived(bytes.length);
    connection.silence.onHeard();
    const frame = decodeFrame(bytes);
    if (isDecodeFailure(frame)) {
      connection.closing = `a frame could not be read: ${frame.reason}`;
      this.#options.log.log("warn", "peer-frame-refused", { reason: connection.closing });
      this.#options.transport.close(id);
      return;
    }
    const { header, message } = frame;
    if (isReply(message)) this.#onReply(connection, header, message);
    else this.#onRequest(connection, header, message);
  }

  #onReply(connection: Connection, header: FrameHeader, reply: PeerReply): void {
    if (reply.kind === "write-acks") return this.#onAcks(connection, header, reply);
    const pending = connection.pending.take(header.requestId);
    if (pending === undefined) return;
    this.#options.onClock(header.clockMs, header.clockCounter);
    const { durations, clock } = this.#options;
    durations?.stages["peer-round-trip"].add(clock.turnMs() - pending.sentMs);
    if (reply.kind === "write-reply" && connection.peer !== undefined) {
      this.#options.commitNumbers.hear(connection.peer, reply.commitNumber);
    }
    pending.sink.onReply(connection.peer ?? ("" as NodeId), pending.token, reply);
  }

  #onAcks(
    connection: Connection,
    header: FrameHeader,
    { commitNumber, requestIds }: Extract<PeerReply, { kind: "write-acks" }>,
  ): void {
    const { peer, pending } = connection;
    if (!connection.isReady || peer === undefined) return;
    this.#options.onClock(header.clockMs, header.clockCounter);
    this.#options.commitNumbers.hear(peer, commitNumber);
    const { durations, clock } = this.#options;
    const nowMs = clock.turnMs();
    const stored = { kind: "write-reply", result: "stored", held: NO_STAMP, commitNumber } as const;
    for (const requestId of requestIds) {
      const acked = pending.take(requestId);
      if (acked === undefined) continue;
      durations?.stages["peer-round-trip"].add(nowMs - acked.sentMs);
      acked.sink.onReply(peer, acked.token, stored);
    }
  }

  #onRequest(connection: Connection, header: FrameHeader, message: PeerRequest): void {
    const { requestId } = header;
    const reply = (answer: PeerReply): void => {
      if (requestId === 0) return;
      if (connection.wireVersion >= WIRE_VERSION_ACKS) {
        if (this.#acks.take(connection, requestId, answer)) return;
      }
      this.#sendFrame(connection, requestId, 0, encodeMessage(answer));
    };
    if (message.kind === "hello") {
      this.#onHello(connection, message, reply);
      return;
    }
    const { peer } = connection;
    if (!connection.isReady || peer === undefined) {
      connection.closing = "a request before hello";
      this.#options.transport.close(connection.id);
      return;
    }
    this.#options.onClock(header.clockMs, header.clockCounter);
    const nowMs = this.#options.clock.turnMs();
    const deadlineMs = nowMs + header.remainingMs - connection.age.of(header.sentMs, nowMs);
    if (header.requestId !== 0 && deadlineMs <= nowMs) {
      reply({ kind: "refused", reason: "late", detail: "the deadline had passed on arrival" });
      return;
    }
    this.#options.onRequest({ from: peer, epoch: header.epoch, deadlineMs, message, reply });
  }

  #onHello(
    connection: Connection,
    hello: Extract<PeerRequest, { kind: "hello" }>,
    reply: (answer: PeerReply) => void,
  ): void {
    const { nodeId, boot, clusterId } = this.#options.identity();
    const refuse = (
      reason: "wire-version" | "wrong-cluster" | "duplicate-node",
      detail: string,
    ): void => {
      reply({ kind: "refused", reason, detail });
      this.#options.log.log("warn", "hello-refused", { peer: hello.nodeId, reason });
      this.#options.transport.close(connection.id);
    };
    const theirs = { least: hello.wireVersionLeast, greatest: hello.wireVersion };
    const wireVersion = agreeOn(this.#wire, theirs);
    if (typeof wireVersion === "string") {
      refuse("wire-version", wireVersion);
      return;
    }
    if (hello.clusterId !== undefined && clusterId !== undefined && hello.clusterId !== clusterId) {
      refuse("wrong-cluster", `this node belongs to cluster ${clusterId}`);
      return;
    }
    if (hello.nodeId === nodeId && hello.boot !== boot) {
      refuse("duplicate-node", `node id ${nodeId} is in use`);
      return;
    }
    connection.peer = hello.nodeId;
    connection.wireVersion = wireVersion;
    // Of somebody who is no member (yet) nothing is kept.
    if (this.#links.has(hello.nodeId)) connection.traffic = this.#traffic.of(hello.nodeId);
    connection.isReady = true;
    const remembered = this.#remembered(hello.nodeId);
    this.#compareCommits(hello, hello.peer === nodeId ? hello.remembered : 0);
    this.#options.onMark(hello.mark);
    const commitNumber = this.#options.commitNumber();
    const mark = this.#options.mark();
    const said = { clusterId, nodeId, boot, commitNumber, remembered, mark };
    reply({ kind: "hello-reply", wireVersion, ...said });
  }

  #remembered(node: NodeId): number {
    return this.#options.commitNumbers.of(node);
  }

  /** Before anything else is said on a connection, each side learns whether it has lost commits that the other heard of. */
  #compareCommits(
    said: { readonly nodeId: NodeId; readonly commitNumber: number },
    remembered: number,
  ): void {
    const { hasLost, commitNumbers, onAmnesia } = this.#options;
    commitNumbers.hear(said.nodeId, said.commitNumber);
    if (hasLost(remembered)) onAmnesia(remembered);
  }

  #send(
    connection: Connection,
    body: Uint8Array,
    deadlineMs: number,
    { sink, token }: { readonly sink: ReplySink; readonly token: number },
    isInLine = false,
    trace?: TraceContext,
  ): boolean {
    const nowMs = this.#options.clock.turnMs();
    const requestId = connection.pending.nextId();
    const remainingMs = deadlineMs - nowMs;
    if (!this.#sendFrame(connection, requestId, remainingMs, body, isInLine, trace)) return false;
    connection.pending.add(requestId, new PendingRequest(sink, token, nowMs, deadlineMs));
    connection.silence.onAsked();
    return true;
  }

  #sendFrame(
    connection: Connection,
    requestId: number,
    remainingMs: number,
    body: Uint8Array,
    isInLine = false,
    trace?: TraceContext,
  ): boolean {
    const { ms, counter, epoch } = this.#options.reading();
    const header: FrameHeader = {
      requestId,
      clockMs: ms,
      clockCounter: counter,
      epoch,
      // A turn is behind, a deadline is not: what is more than anybody may have is what the turn has lasted.
      remainingMs: Math.max(0, Math.min(DEADLINE_MS_MAX, Math.ceil(remainingMs))),
      sentMs: this.#options.clock.turnMs(),
    };
    const isTraced = trace !== undefined && connection.wireVersion >= WIRE_VERSION_TRACED;
    const frame = isTraced ? tracedFrameFrom(header, body, trace) : frameFrom(header, body);
    if (!this.#options.transport.send(connection.id, frame, isInLine)) return false;
    connection.traffic.noteSent(frame.length);
    return true;
  }

  #onClosed(id: ConnectionId, reason: string): void {
    const connection = this.#connections.get(id);
    if (connection !== undefined) this.#end(connection, connection.closing ?? reason);
  }

  #end(connection: Connection, reason: string): void {
    this.#connections.delete(connection.id);
    const known = connection.peer === undefined ? undefined : this.#links.get(connection.peer);
    // A call by address, or a connection the peer dialled, says nothing about the link when it ends.
    const link = known?.connection === connection ? known : undefined;
    if (link !== undefined) {
      link.connection = undefined;
      link.failures += 1;
      link.redialMs = this.#options.clock.monotonicMs() + this.#redialDelay(link);
      this.#options.log.log("debug", "peer-disconnected", { peer: link.node, reason });
    }
    const wasReady = connection.isReady;
    connection.isReady = false;
    if (wasReady && link !== undefined && !this.#isClosed) {
      this.#options.onDisconnected(link.node);
    }
    connection.pending.end(connection.peer ?? ("" as NodeId));
    // However it ended, and unless it was answered before: whoever calls must not wait for ever.
    connection.first?.done(undefined, undefined);
  }

  #redialDelay(link: Link): number {
    const doubled = REDIAL_MS_MIN * 2 ** Math.min(link.failures, 10);
    const delayMs = Math.min(REDIAL_MS_MAX, doubled);
    return delayMs / 2 + this.#options.random.below(Math.ceil(delayMs / 2));
  }

  /** Who goes in order still answers what it was asked before: cut off, nobody would know what became of it. */
  #retire(link: Link, reason: string): void {
    const { connection } = link;
    if (connection?.isReady === true && connection.pending.size > 0) connection.isRetired = true;
    else this.#hangUp(link, reason);
  }

  #hangUp(link: Link, reason: string): void {
    const { connection } = link;
    if (connection === undefined) return;
    connection.closing = reason;
    this.#options.transport.close(connection.id);
    this.#end(connection, reason);
  }

  #tendLater(): void {
    this.#options.clock.after(LOOK_MS, () => {
      if (this.#isClosed) return;
      this.#tend();
      this.#tendLater();
    });
  }

  /** Whether nothing comes over a connection any more: then it is closed. */
  #isGivenUp(connection: Connection, nowMs: number): boolean {
    const found = connection.silence.look();
    if (found === "quiet") {
      const deadlineMs = nowMs + SIGN_OF_LIFE_MS;
      this.#send(connection, PROBE, deadlineMs, { sink: NOBODY, token: 0 });
    }
    if (found !== "silent") return false;
    connection.closing = "nothing came over it any more";
    if (connection.peer !== undefined) this.#options.onSilent(connection.peer);
    this.#options.transport.close(connection.id);
    this.#end(connection, connection.closing);
    return true;
  }

  #tend(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const connection of this.#connections.values()) {
      if (!connection.isReady && nowMs - connection.openedMs > HELLO_MS_MAX) {
        connection.closing = "no hello in time";
        this.#options.transport.close(connection.id);
        this.#end(connection, connection.closing);
        continue;
      }
      connection.pending.expire(connection.peer ?? ("" as NodeId), nowMs);
      if (this.#isGivenUp(connection, nowMs)) continue;
      if (!connection.isRetired || connection.pending.size > 0) continue;
      connection.closing = "its peer has gone, and everything is answered";
      this.#options.transport.close(connection.id);
      this.#end(connection, connection.closing);
    }
    for (const link of this.#links.values()) {
      if (link.connection === undefined && nowMs >= link.redialMs) this.#dial(link);
    }
  }
}
