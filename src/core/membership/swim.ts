/**
 * Failure detection: probes, indirect probes, nacks, the probe by TCP, suspicion, and its refutation.
 *
 *   self            target          others
 *    | ping --------->|                |     after probeTimeoutMs without an ack:
 *    | ping-request ------------------>|     and a probe by TCP, for where datagrams do not pass
 *    |                |<-------- ping -|
 *    |                | ack ---------->|
 *    |<------------------- ack or nack |     at the end of the interval: suspect
 *
 * Invariants: only a member itself raises its incarnation; a claim replaces another only as `supersedes` says; a
 * stall of this node's own event loop delays its accusations by at least as long.
 * Source: Das et al., "SWIM" (DSN 2002); Dadgar et al., "Lifeguard" (2018): local health, nacks, buddy system.
 */
import {
  type GossipMessage,
  type GossipUpdate,
  INCARNATIONS_PER_BOOT,
} from "../../model/gossip-message.ts";
import type { Address, NodeId } from "../../model/ids.ts";
import type { Liveness } from "../../model/member.ts";
import type { ClusterView } from "./cluster-view.ts";
import { supersedes } from "./cluster-view.ts";
import { isGone } from "./intent-table.ts";
import { LocalHealth } from "./local-health.ts";
import { ProbeOrder } from "./probe-order.ts";
import { Suspicion, suspicionMs } from "./suspicion.ts";

/** Probes under way; beyond it no probe out of turn is begun. */
const PROBES_MAX = 64;
/** Probes on behalf of others under way; beyond it a nack is sent at once. */
const RELAYS_MAX = 256;
/** Times one probe is given more time because this node stalled. */
const EXTENSIONS_MAX = 3;
/** Members that check a suspicion out of turn, on average: they confirm or help to refute it within one interval. */
const CHECKERS = 5;

type Ping = Extract<GossipMessage, { kind: "ping" }>;
type Ack = Extract<GossipMessage, { kind: "ack" }>;
type PingRequest = Extract<GossipMessage, { kind: "ping-request" }>;
type Nack = Extract<GossipMessage, { kind: "nack" }>;

interface Probe {
  readonly target: NodeId;
  /** Another failure to reach a suspect tells nothing about this node's own hearing. */
  readonly isOfSuspect: boolean;
  /** Who was asked to help. */
  readonly helpers: Set<NodeId>;
  /** Helpers that have sent a nack. */
  readonly nacks: Set<NodeId>;
  /** More time due after stalls. */
  extensionsDue: number;
  extensionsTaken: number;
}

interface Relay {
  readonly target: NodeId;
  readonly origin: Address;
  readonly originProbe: number;
}

export class Swim {
  readonly #view: ClusterView;
  readonly #health = new LocalHealth();
  readonly #order: ProbeOrder;
  readonly #probes = new Map<number, Probe>();
  readonly #relays = new Map<number, Relay>();
  readonly #suspicions = new Map<NodeId, Suspicion>();
  #number: number;

  constructor(view: ClusterView) {
    this.#view = view;
    this.#order = new ProbeOrder(view.selfId, view.random);
    // Numbers only grow, and begin at random: a late ack to an earlier start must not match a new probe.
    this.#number = view.random.next32();
  }

  get health(): LocalHealth {
    return this.#health;
  }

  /** Probes whom it is the turn of, and sets the next round. */
  onProbeRound(nowMs: number): void {
    const target = this.#order.next(
      this.#view.reachable(),
      (id) => this.#view.livenessOf(id) === "suspect",
    );
    if (target !== undefined) this.probe(target, nowMs);
  }

  /** Milliseconds between rounds at the moment, with a tenth of jitter so that nodes do not fall into step. */
  roundMs(): number {
    const intervalMs = this.#view.config.probeIntervalMs * this.#health.factor;
    const jitterMs = Math.max(1, Math.floor(intervalMs / 10));
    return intervalMs - jitterMs + this.#view.random.below(2 * jitterMs);
  }

  /** Begins a probe unless one of the same member is under way. `accusation`: what others say of it. */
  probe(target: NodeId, nowMs: number, accusation?: GossipUpdate): void {
    const address = this.#view.address(target);
    if (address === undefined || target === this.#view.selfId) return;
    if (this.#probes.size >= PROBES_MAX) return;
    for (const probe of this.#probes.values()) if (probe.target === target) return;
    const number = this.#nextNumber();
    this.#probes.set(number, {
      target,
      isOfSuspect: this.#view.livenessOf(target) !== "alive",
      helpers: new Set(),
      nacks: new Set(),
      extensionsDue: 0,
      extensionsTaken: 0,
    });
    const said = accusation ?? this.accusation(target);
    this.#view.send(address, { kind: "ping", probe: number, target }, [said]);
    this.#view.setTimer({ kind: "probe-timeout", probe: number }, nowMs + this.#timeoutMs());
  }

  onProbeTimeout(number: number, nowMs: number): void {
    const probe = this.#probes.get(number);
    const view = this.#view;
    if (probe === undefined) return;
    if (this.#extend(probe)) {
      view.setTimer({ kind: "probe-timeout", probe: number }, nowMs + this.#timeoutMs());
      return;
    }
    const target = probe.target;
    for (const helper of view.sampleAlive(view.config.indirectProbes, target)) {
      const address = view.address(helper);
      if (address === undefined) continue;
      probe.helpers.add(helper);
      view.send(address, { kind: "ping-request", probe: number, target });
    }
    const address = view.address(target);
    if (address !== undefined) {
      view.emit({ kind: "probe-by-tcp", to: target, address, probe: number });
    }
    view.setTimer({ kind: "probe-ended", probe: number }, nowMs + this.#indirectMs());
  }

  onProbeEnded(number: number, nowMs: number): void {
    const probe = this.#probes.get(number);
    if (probe === undefined) return;
    if (this.#extend(probe)) {
      this.#view.setTimer({ kind: "probe-ended", probe: number }, nowMs + this.#indirectMs());
      return;
    }
    this.#probes.delete(number);
    // Helpers that sent not even a nack point at this node's own hearing; without helpers it cannot tell.
    if (!probe.isOfSuspect) {
      this.#health.worsen(probe.helpers.size === 0 ? 1 : probe.helpers.size - probe.nacks.size);
    }
    const belief = this.#view.belief(probe.target);
    if (belief === undefined || belief.liveness === "dead") return;
    this.hear(
      {
        id: probe.target,
        liveness: "suspect",
        incarnation: belief.incarnation,
        by: this.#view.selfId,
      },
      nowMs,
    );
  }

  onProbeByTcpEnded(number: number, isOk: boolean): void {
    const probe = this.#probes.get(number);
    if (probe === undefined || !isOk) return;
    this.#succeed(number);
    const belief = this.#view.belief(probe.target);
    const address = this.#view.address(probe.target);
    // Where datagrams do not pass, a suspect hears of it, and is heard, only this way.
    if (belief?.liveness === "suspect" && address !== undefined) {
      this.#view.emit({ kind: "push-pull", to: address });
    }
  }

  onPing(from: Address, ping: Ping): void {
    const view = this.#view;
    if (ping.target !== undefined && ping.target !== view.selfId) return;
    const sender = ping.sender.id;
    const senderRecord = view.intents.get(sender);
    const isSenderGone = senderRecord !== undefined && isGone(senderRecord);
    const said = isSenderGone ? view.update("record", sender) : this.accusation(sender);
    view.send(from, { kind: "ack", probe: ping.probe, target: view.selfId }, [said]);
  }

  onAck(ack: Ack): void {
    const probe = this.#probes.get(ack.probe);
    if (probe !== undefined && probe.target === ack.target) {
      const { id } = ack.sender;
      if (id === probe.target || probe.helpers.has(id)) this.#succeed(ack.probe);
      return;
    }
    const relay = this.#relays.get(ack.probe);
    if (relay === undefined || relay.target !== ack.sender.id) return;
    this.#relays.delete(ack.probe);
    // The target's own word goes along: it may be a refutation.
    this.#view.send(relay.origin, { kind: "ack", probe: relay.originProbe, target: relay.target }, [
      this.#view.update("liveness", relay.target),
    ]);
  }

  onPingRequest(from: Address, request: PingRequest, nowMs: number): void {
    const address = this.#view.address(request.target);
    if (request.target === this.#view.selfId) {
      this.#view.send(from, { kind: "ack", probe: request.probe, target: request.target });
      return;
    }
    if (address === undefined || this.#relays.size >= RELAYS_MAX) {
      this.#view.send(from, { kind: "nack", probe: request.probe, target: request.target });
      return;
    }
    const number = this.#nextNumber();
    this.#relays.set(number, {
      target: request.target,
      origin: from,
      originProbe: request.probe,
    });
    this.#view.send(address, { kind: "ping", probe: number, target: request.target }, [
      this.accusation(request.target),
    ]);
    const untilMs = nowMs + this.#view.config.probeTimeoutMs;
    this.#view.setTimer({ kind: "relay-ended", relay: number }, untilMs);
  }

  onRelayEnded(number: number): void {
    const relay = this.#relays.get(number);
    if (relay === undefined) return;
    this.#relays.delete(number);
    this.#view.send(relay.origin, { kind: "nack", probe: relay.originProbe, target: relay.target });
  }

  onNack(nack: Nack): void {
    const probe = this.#probes.get(nack.probe);
    if (probe?.target !== nack.target || !probe.helpers.has(nack.sender.id)) return;
    probe.nacks.add(nack.sender.id);
  }

  /** Weighs a claim about another member. Claims about unknown or gone members are nothing to this node. */
  hear(
    claim: {
      readonly id: NodeId;
      readonly liveness: Liveness;
      readonly incarnation: number;
      /** `undefined`: passed on without saying who found out. */
      readonly by: NodeId | undefined;
    },
    nowMs: number,
  ): void {
    const { id, liveness, incarnation, by } = claim;
    const record = this.#view.intents.get(id);
    const belief = this.#view.belief(id);
    if (record === undefined || belief === undefined || isGone(record)) return;
    const isConfirmation =
      liveness === "suspect" && belief.liveness === "suspect" && incarnation === belief.incarnation;
    if (isConfirmation) {
      if (by !== undefined) this.#confirm(id, by);
      return;
    }
    if (!supersedes(claim, belief)) return;
    // An incarnation of a start that this node has not heard of comes with that start's record, or is made up.
    if (incarnation >= (record.boots + 1) * INCARNATIONS_PER_BOOT) return;
    if (liveness === "dead" && by !== id) return this.#hearSentence(id, incarnation, by, nowMs);
    this.#suspicions.delete(id);
    this.#view.believe(id, { liveness, incarnation, by: by ?? id });
    if (liveness === "suspect") this.#suspect(id, incarnation, by, nowMs);
  }

  /**
   * Others found a member dead. They may have been cut off themselves, so it is given the shortest suspicion here, from
   * when this node first heard of the doubt: after a crash that is nearly over, and a live member answers within it.
   * Only a member's own goodbye is believed as it is.
   */
  #hearSentence(id: NodeId, incarnation: number, by: NodeId | undefined, nowMs: number): void {
    if (this.#suspicions.get(id)?.incarnation !== incarnation) {
      this.#view.believe(id, { liveness: "suspect", incarnation, by: by ?? id });
      this.#suspect(id, incarnation, by, nowMs);
    }
    const suspicion = this.#suspicions.get(id);
    if (suspicion === undefined || suspicion.isSentenced) return;
    suspicion.isSentenced = true;
    this.#armSuspicion(id, suspicion);
  }

  /** What this node holds against a member, to be told to it so that it can answer; `undefined` if nothing. */
  accusation(id: NodeId): GossipUpdate | undefined {
    const belief = this.#view.belief(id);
    if (belief === undefined || belief.liveness === "alive") return undefined;
    return this.#view.update("liveness", id);
  }

  onSuspicionTimer(id: NodeId, incarnation: number, dueMs: number, nowMs: number): void {
    // A raised incarnation makes this timer about a belief that nobody holds any more.
    const suspicion = this.#suspicions.get(id);
    if (suspicion === undefined || suspicion.incarnation !== incarnation) return;
    const record = this.#view.intents.get(id);
    if (record !== undefined && isGone(record)) {
      this.#suspicions.delete(id);
      return;
    }
    if (nowMs < this.#deadlineMs(id, suspicion)) {
      if (dueMs >= suspicion.timerAtMs) suspicion.timerAtMs = Number.POSITIVE_INFINITY;
      this.#armSuspicion(id, suspicion);
      return;
    }
    this.#suspicions.delete(id);
    this.#view.believe(id, { liveness: "dead", incarnation, by: this.#view.selfId });
  }

  /** This node stood still: nobody is blamed for what it could not hear meanwhile. */
  onStalled(lagMs: number, nowMs: number): void {
    const { probeIntervalMs } = this.#view.config;
    this.#health.worsen(1 + Math.min(8, Math.floor(lagMs / probeIntervalMs)));
    for (const probe of this.#probes.values()) probe.extensionsDue += 1;
    for (const suspicion of this.#suspicions.values()) {
      // Answers to accusations may lie in the socket, still unread.
      suspicion.giveBack(lagMs, nowMs + probeIntervalMs);
    }
  }

  #succeed(number: number): void {
    this.#probes.delete(number);
    this.#health.improve();
  }

  #extend(probe: Probe): boolean {
    if (probe.extensionsDue <= probe.extensionsTaken) return false;
    if (probe.extensionsTaken >= EXTENSIONS_MAX) return false;
    probe.extensionsTaken = Math.min(probe.extensionsDue, EXTENSIONS_MAX);
    return true;
  }

  #suspect(id: NodeId, incarnation: number, by: NodeId | undefined, nowMs: number): void {
    const suspicion = new Suspicion(incarnation, nowMs);
    this.#suspicions.set(id, suspicion);
    if (by !== undefined) this.#accuse(id, suspicion, by);
    // One more suspect is one less to confirm the other suspicions.
    for (const [suspect, other] of this.#suspicions) this.#armSuspicion(suspect, other);
    if (by === this.#view.selfId) return;
    if (this.#view.random.below(this.#view.memberCount) < CHECKERS) this.probe(id, nowMs);
  }

  #confirm(id: NodeId, by: NodeId): void {
    const suspicion = this.#suspicions.get(id);
    if (suspicion === undefined || !this.#accuse(id, suspicion, by)) return;
    const belief = this.#view.belief(id);
    if (belief === undefined) return;
    this.#view.believe(id, { ...belief, by });
    this.#armSuspicion(id, suspicion);
  }

  /** Counts an accuser: another member, each once. */
  #accuse(id: NodeId, suspicion: Suspicion, by: NodeId): boolean {
    if (by === id || this.#view.intents.get(by) === undefined) return false;
    return suspicion.accuse(by, this.#view.config.confirmations + 1);
  }

  /** Sets a timer where none is set that comes early enough. */
  #armSuspicion(id: NodeId, suspicion: Suspicion): void {
    const atMs = this.#deadlineMs(id, suspicion);
    if (atMs >= suspicion.timerAtMs) return;
    suspicion.timerAtMs = atMs;
    const incarnation = suspicion.incarnation;
    this.#view.setTimer({ kind: "suspicion", id, incarnation }, atMs);
  }

  #deadlineMs(id: NodeId, suspicion: Suspicion): number {
    const lastsMs = suspicionMs({
      config: this.#view.config,
      memberCount: this.#view.memberCount,
      others: this.#view.aliveCountWithout(id),
      confirmations: suspicion.isSentenced
        ? this.#view.config.confirmations
        : suspicion.confirmations,
    });
    return suspicion.deadlineMs(lastsMs);
  }

  #timeoutMs(): number {
    return this.#view.config.probeTimeoutMs * this.#health.factor;
  }

  #indirectMs(): number {
    const { probeIntervalMs, probeTimeoutMs } = this.#view.config;
    return (probeIntervalMs - probeTimeoutMs) * this.#health.factor;
  }

  #nextNumber(): number {
    this.#number = (this.#number + 1) >>> 0;
    // Zero marks pings whose ack is not waited for.
    if (this.#number === 0) this.#number = 1;
    return this.#number;
  }
}
