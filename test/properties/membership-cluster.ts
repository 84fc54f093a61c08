/**
 * A cluster of membership machines alone, on virtual time: a network that delays, loses, duplicates and reorders, the
 * real codec on every datagram and state, and nodes that crash, pause, restart, move and stop. One seed decides all.
 */

import { decodeAll } from "../../src/base/byte-reader.ts";
import { ByteWriter } from "../../src/base/byte-writer.ts";
import { Heap } from "../../src/base/heap.ts";
import { Prng } from "../../src/base/prng.ts";
import { Membership } from "../../src/core/membership/membership.ts";
import type {
  MembershipEffect,
  MembershipEvent,
} from "../../src/core/membership/membership-event.ts";
import { SWIM_CONFIG_DEFAULT, type SwimConfig } from "../../src/core/membership/swim-config.ts";
import {
  type Address,
  bootIdFrom,
  type ClusterId,
  clusterIdFrom,
  epochFrom,
  type NodeId,
  nodeIdFrom,
} from "../../src/model/ids.ts";
import type { Liveness, MemberRecord, MembershipState } from "../../src/model/member.ts";
import { decodeDatagram, encodeDatagram } from "../../src/protocol/peer/gossip-codec.ts";
import { readState, writeState } from "../../src/protocol/peer/member-codec.ts";

export interface Network {
  /** Of a hundred datagrams, so many are lost. */
  lossPercent: number;
  /** Of a hundred datagrams, so many arrive twice, the second up to two seconds late. */
  duplicatePercent: number;
  /** Of a hundred calls over TCP, so many fail. */
  tcpLossPercent: number;
  delayMinMs: number;
  delayMaxMs: number;
  /** Whether anything passes from one address to another. */
  passes: (from: Address, to: Address) => boolean;
}

export interface SimulatedNode {
  readonly id: NodeId;
  readonly clusterId: ClusterId;
  address: Address;
  membership: Membership;
  /** Counts starts: what was set for an earlier one does not reach a later. */
  life: number;
  isUp: boolean;
  pausedUntilMs: number;
  readonly inbox: MembershipEvent[];
  /** Survives a crash. */
  stored: readonly MemberRecord[];
  duplicateSeen: boolean;
}

export interface LivenessChange {
  readonly atMs: number;
  readonly observer: NodeId;
  readonly id: NodeId;
  readonly liveness: Liveness;
}

const HEADER = { clockMs: 1, clockCounter: 2, epoch: epochFrom(3) };

export class MembershipCluster {
  readonly random: Prng;
  readonly nodes: SimulatedNode[] = [];
  readonly network: Network;
  readonly changes: LivenessChange[] = [];
  readonly config: SwimConfig;
  nowMs = 0;
  datagrams = 0;
  bytes = 0;
  bytesMax = 0;
  pushPulls = 0;
  malformed = 0;
  strangers = 0;
  readonly #events = new Heap<() => void>();

  constructor(options: {
    readonly seed: number;
    readonly size: number;
    readonly config?: Partial<SwimConfig>;
    readonly network?: Partial<Network>;
    readonly clusterId?: ClusterId;
  }) {
    this.random = new Prng(options.seed);
    this.config = { ...SWIM_CONFIG_DEFAULT, ...options.config };
    this.network = {
      lossPercent: 0,
      duplicatePercent: 0,
      tcpLossPercent: 0,
      delayMinMs: 1,
      delayMaxMs: 10,
      passes: () => true,
      ...options.network,
    };
    const clusterId = options.clusterId ?? clusterIdFrom(1, 1);
    for (let index = 0; index < options.size; index += 1) this.add(clusterId);
  }

  /** A new node that knows the first of its cluster. */
  add(clusterId: ClusterId, peers?: readonly Address[]): SimulatedNode {
    const id = nodeIdFrom(this.random.next32(), this.random.next32());
    const address = addressOf(this.nodes.length);
    const seed = this.nodes.find((node) => node.clusterId === clusterId)?.address;
    const record: MemberRecord = {
      id,
      address,
      httpAddress: "",
      redisAddress: "",
      intent: "active",
      zone: "",
      weight: 1,
      boots: 0,
      version: 0,
      boot: bootIdFrom(1),
    };
    const node: SimulatedNode = {
      id,
      clusterId,
      address,
      membership: undefined as unknown as Membership,
      life: 0,
      isUp: false,
      pausedUntilMs: 0,
      inbox: [],
      stored: [record],
      duplicateSeen: false,
    };
    this.nodes.push(node);
    this.start(node, peers ?? (seed === undefined ? [] : [seed]));
    return node;
  }

  /** Starts a node on what it has stored. */
  start(node: SimulatedNode, peers: readonly Address[] = []): void {
    const own = node.stored.find((record) => record.id === node.id) as MemberRecord;
    const boot = bootIdFrom(this.random.next53());
    const self = { ...own, address: node.address, boots: own.boots + 1, version: 0, boot };
    node.stored = node.stored.map((record) => (record.id === node.id ? self : record));
    node.life += 1;
    node.isUp = true;
    node.inbox.length = 0;
    node.pausedUntilMs = 0;
    node.membership = new Membership({
      self,
      clusterId: node.clusterId,
      known: node.stored,
      peers,
      config: this.config,
      random: new Prng(this.random.next53()),
    });
    this.step(node, { kind: "started" });
  }

  crash(node: SimulatedNode): void {
    node.isUp = false;
  }

  stop(node: SimulatedNode): void {
    this.step(node, { kind: "stopping" });
    node.isUp = false;
  }

  pause(node: SimulatedNode, forMs: number): void {
    node.pausedUntilMs = this.nowMs + forMs;
    this.at(node.pausedUntilMs, () => this.#wake(node));
  }

  at(atMs: number, action: () => void): void {
    this.#events.push(atMs, action);
  }

  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    while (this.#events.leastRank <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.#events.leastRank);
      this.#events.pop()?.();
    }
    this.nowMs = untilMs;
  }

  /** Runs until `isReached` holds at a checked moment; milliseconds it took, `undefined` if it took longer. */
  runUntil(isReached: () => boolean, atMostMs: number, stepMs = 10): number | undefined {
    const beganMs = this.nowMs;
    while (this.nowMs - beganMs < atMostMs) {
      if (isReached()) return this.nowMs - beganMs;
      this.run(stepMs);
    }
    return isReached() ? this.nowMs - beganMs : undefined;
  }

  up(): SimulatedNode[] {
    return this.nodes.filter((node) => node.isUp);
  }

  livenessOf(subject: SimulatedNode, observer: SimulatedNode): Liveness | undefined {
    return observer.membership.get(subject.id)?.liveness;
  }

  /** Whether all live nodes of the first one's cluster call exactly the live ones alive, and agree on all records. */
  isSettled(): boolean {
    const live = this.up();
    const first = live[0];
    if (first === undefined) return true;
    const view = fingerprint(first);
    for (const observer of live) {
      if (fingerprint(observer) !== view) return false;
      for (const node of this.nodes) {
        if (node.clusterId !== first.clusterId) continue;
        if ((this.livenessOf(node, observer) === "alive") !== node.isUp) return false;
      }
    }
    return true;
  }

  step(node: SimulatedNode, event: MembershipEvent): void {
    if (!node.isUp) return;
    if (this.nowMs < node.pausedUntilMs) {
      node.inbox.push(event);
      return;
    }
    const life = node.life;
    for (const effect of node.membership.step(event, this.nowMs))
      this.#carryOut(node, life, effect);
  }

  /** Bytes straight into a node's socket. */
  inject(to: SimulatedNode, from: Address, bytes: Uint8Array): void {
    const decoded = decodeDatagram(bytes, to.clusterId);
    if (decoded.kind === "decoded") {
      this.step(to, { kind: "datagram", from, message: decoded.value.message });
    } else if (decoded.kind === "other-cluster") this.strangers += 1;
    else this.malformed += 1;
  }

  #carryOut(node: SimulatedNode, life: number, effect: MembershipEffect): void {
    const later = (delayMs: number, event: MembershipEvent): void => {
      this.at(this.nowMs + delayMs, () => {
        if (node.life === life) this.step(node, event);
      });
    };
    switch (effect.kind) {
      case "send-datagram": {
        const header = { ...HEADER, clusterId: node.clusterId };
        this.#sendDatagram(node.address, effect.to, encodeDatagram(header, effect.message));
        return;
      }
      case "push-pull":
        this.#pushPull(node, life, effect.to);
        return;
      case "probe-by-tcp": {
        const peer = this.#listenerAt(effect.address);
        const isOk =
          peer !== undefined &&
          peer.id === effect.to &&
          this.#tcpPasses(node.address, effect.address) &&
          this.nowMs >= peer.pausedUntilMs;
        if (isOk) {
          later(2 * this.#delayMs(), { kind: "probe-by-tcp-ended", probe: effect.probe, isOk });
        }
        return;
      }
      case "set-timer":
        later(Math.max(0, effect.atMs - this.nowMs), effect.event);
        return;
      case "records-changed":
        node.stored = node.membership.records();
        return;
      case "liveness-changed":
        this.changes.push({
          atMs: this.nowMs,
          observer: node.id,
          id: effect.id,
          liveness: effect.liveness,
        });
        return;
      case "duplicate":
        node.duplicateSeen = true;
        node.isUp = false;
        return;
      default:
        throw new Error("an unknown effect");
    }
  }

  #sendDatagram(from: Address, to: Address, bytes: Uint8Array): void {
    this.datagrams += 1;
    this.bytes += bytes.length;
    this.bytesMax = Math.max(this.bytesMax, bytes.length);
    const deliver = (): void => {
      const peer = this.#listenerAt(to);
      if (peer !== undefined && this.network.passes(from, to)) this.inject(peer, from, bytes);
    };
    if (!this.random.chance(this.network.lossPercent, 100)) {
      this.at(this.nowMs + this.#delayMs(), deliver);
    }
    if (this.random.chance(this.network.duplicatePercent, 100)) {
      this.at(this.nowMs + this.random.below(2_000), deliver);
    }
  }

  #pushPull(node: SimulatedNode, life: number, to: Address): void {
    if (!this.#tcpPasses(node.address, to)) return;
    this.pushPulls += 1;
    const sent = throughCodec(node.membership.state());
    this.at(this.nowMs + this.#delayMs(), () => {
      const peer = this.#listenerAt(to);
      if (peer === undefined || peer.clusterId !== node.clusterId) return;
      if (this.nowMs < peer.pausedUntilMs) return;
      this.step(peer, { kind: "push-pull-received", state: sent });
      const reply = throughCodec(peer.membership.state());
      this.at(this.nowMs + this.#delayMs(), () => {
        if (node.life === life) this.step(node, { kind: "push-pull-received", state: reply });
      });
    });
  }

  /** Timers that came due meanwhile run first, then what the sockets hold: as in a real event loop. */
  #wake(node: SimulatedNode): void {
    const waiting = node.inbox.splice(0);
    for (const event of waiting) if (event.kind === "timer") this.step(node, event);
    for (const event of waiting) if (event.kind !== "timer") this.step(node, event);
  }

  #listenerAt(address: Address): SimulatedNode | undefined {
    return this.nodes.find((node) => node.isUp && node.address === address);
  }

  #tcpPasses(from: Address, to: Address): boolean {
    if (this.random.chance(this.network.tcpLossPercent, 100)) return false;
    return this.network.passes(from, to) && this.network.passes(to, from);
  }

  #delayMs(): number {
    const { delayMinMs, delayMaxMs } = this.network;
    return delayMinMs + this.random.below(delayMaxMs - delayMinMs + 1);
  }
}

export function addressOf(index: number): Address {
  return `10.0.0.${index}:5000` as Address;
}

function throughCodec(state: MembershipState): MembershipState {
  const writer = new ByteWriter();
  writeState(writer, state);
  const decoded = decodeAll(writer.finish(), readState);
  if (decoded.kind === "malformed") throw new Error(decoded.reason);
  return decoded.value;
}

/** What all nodes must agree on. */
function fingerprint(node: SimulatedNode): string {
  return node.membership
    .records()
    .map(
      (r) =>
        `${r.id} ${r.boots} ${r.version} ${r.boot} ${r.intent} ${r.address} ${r.zone} ${r.weight}`,
    )
    .join("\n");
}
