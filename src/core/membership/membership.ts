/**
 * Membership: who belongs (intent) and who answers (liveness), as one machine without IO.
 *
 * `step` takes one event and returns effects to be carried out in order. Same inputs, same outputs: time arrives as
 * `nowMs`, chance through `Random`. Events may arrive late, twice, in any order or never, and datagrams may be forged
 * within what the codec lets through; nothing of that makes `step` throw.
 *
 * Invariants: this node alone changes its own record, except that an operator's `removing` or `removed` is taken over;
 * liveness never changes intent; what is dead, and what was configured, is tried for ever, so that partitions of any
 * length heal. Source: Das et al., "SWIM" (DSN 2002); Dadgar et al., "Lifeguard" (2018); docs/protocol/gossip.md.
 */
import { assert, unreachable } from "../../base/assert.ts";
import {
  type GossipSender,
  type GossipUpdate,
  INCARNATIONS_PER_BOOT,
  VERSION_MAX,
} from "../../model/gossip-message.ts";
import type { Address, NodeId } from "../../model/ids.ts";
import type {
  Liveness,
  LivenessRecord,
  Member,
  MemberRecord,
  MembershipState,
} from "../../model/member.ts";
import { ClusterView, supersedes } from "./cluster-view.ts";
import { isGone, isLaterThan } from "./intent-table.ts";
import type {
  ChangeOfSelf,
  MembershipEffect,
  MembershipEvent,
  MembershipOptions,
  MembershipTimer,
} from "./membership-event.ts";
import { sample } from "./probe-order.ts";
import { SelfKeeper } from "./self-keeper.ts";
import { Swim } from "./swim.ts";
import { assertSwimConfig } from "./swim-config.ts";

/** Members and peers tried at once by a node that starts. */
const FIRST_CONTACTS_MAX = 16;
/** Of these, by push/pull. */
const FIRST_PUSH_PULLS_MAX = 3;
/** Push/pulls begun within a second, whatever the reasons. */
const PUSH_PULLS_PER_SECOND_MAX = 4;
/** An unknown sender is asked for its state at most this often: noise must not use up the push/pulls of members. */
const STRANGER_INTERVAL_MS = 500;
/** Members told of a graceful stop directly; the rest hear it from them. */
const GOODBYES_MAX = 128;
/** One in so many attempts at a dead member is made over TCP as well, for where datagrams do not pass. */
const REACH_OUTS_PER_PUSH_PULL = 8;
/** Members that ask, on average, for a record they lack; the others get it by gossip. */
const ASKERS = 4;

export class Membership {
  readonly #view: ClusterView;
  readonly #swim: Swim;
  readonly #selfKeeper: SelfKeeper;
  #peers: readonly Address[];
  /** Who was last met at a configured peer's address. */
  readonly #metAt = new Map<Address, NodeId>();
  #nowMs = 0;
  /** Lateness of what was due before is one stall, counted already. */
  #awakeSinceMs = 0;
  #roundDueMs = Number.POSITIVE_INFINITY;
  #isGossipArmed = false;
  #reachOuts = 0;
  #pushPullWindowMs = 0;
  #pushPullsInWindow = 0;
  #strangerAskedMs = Number.NEGATIVE_INFINITY;
  #isSilent = false;

  constructor(options: MembershipOptions) {
    assertSwimConfig(options.config);
    this.#view = new ClusterView(options);
    this.#swim = new Swim(this.#view);
    this.#selfKeeper = new SelfKeeper(this.#view);
    this.#peers = options.peers;
    for (const record of options.known) this.#hearRecord(record, 0);
    // What is on disk is news to nobody; peers that lack it get it by push/pull.
    this.#view.news.clear();
  }

  /** Takes one event. `nowMs` is monotonic milliseconds; a clock that jumps ahead counts as a stall of this node. */
  step(event: MembershipEvent, nowMs: number): MembershipEffect[] {
    if (this.#isSilent) return [];
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    this.#noticeStall(event);
    this.#handle(event, this.#nowMs);
    if (this.#selfKeeper.isDuplicate || event.kind === "stopping") this.#isSilent = true;
    else this.#armGossip();
    return this.#view.takeEffects();
  }

  /** All members of whatever intent, this node included, in the order of ids. */
  members(): readonly Member[] {
    return this.#view.members();
  }

  get(id: NodeId): Member | undefined {
    const record = this.#view.intents.get(id);
    const belief = this.#view.belief(id);
    if (record === undefined || belief === undefined) return undefined;
    return { record, liveness: belief.liveness, incarnation: belief.incarnation };
  }

  /** What `get` says of liveness alone, without an allocation: for the hot path. */
  livenessOf(id: NodeId): Liveness | undefined {
    return this.#view.livenessOf(id);
  }

  /** This node's own record; `boots` in it may have grown, and must be stored as the last start's number. */
  self(): MemberRecord {
    return this.#view.self;
  }

  /** What is to be persisted, in the order of ids, this node's own record included. */
  records(): readonly MemberRecord[] {
    return this.#view.intents.sorted();
  }

  /** The full state for a push/pull. Members never heard of are left out of its liveness. */
  state(): MembershipState {
    const liveness: LivenessRecord[] = [];
    for (const member of this.#view.members()) {
      if (member.incarnation === 0) continue;
      const { id } = member.record;
      liveness.push({ id, liveness: member.liveness, incarnation: member.incarnation });
    }
    return { records: this.records(), liveness };
  }

  /** How far this node doubts itself: 0..8. For status. */
  get selfDoubt(): number {
    return this.#swim.health.factor - 1;
  }

  #handle(event: MembershipEvent, nowMs: number): void {
    switch (event.kind) {
      case "started":
        return this.#onStarted(nowMs);
      case "timer":
        return this.#onTimer(event.timer, event.dueMs, nowMs);
      case "datagram":
        return this.#onDatagram(event, nowMs);
      case "push-pull-received":
        return this.#onPushPull(event.state, event.from, nowMs);
      case "contacts-found":
        return this.#onContactsFound(event.addresses);
      case "probe-by-tcp-ended":
        return this.#swim.onProbeByTcpEnded(event.probe, event.isOk);
      case "stalled":
        return;
      case "doubted":
        return this.#onDoubted(event.id, nowMs);
      case "epoch-differs":
        return this.#askForState(this.#view.address(event.id));
      case "changed-self":
        return this.#onChangedSelf(event.change);
      case "decided":
        return this.#onDecided(event.id, event.intent, nowMs);
      case "stopping":
        return this.#onStopping();
      default:
        return unreachable(event);
    }
  }

  #onStarted(nowMs: number): void {
    const { config, random, selfId } = this.#view;
    this.#awakeSinceMs = nowMs;
    this.#view.news.tell("record", selfId);
    this.#view.news.tell("liveness", selfId);
    this.#setRound(nowMs + random.below(config.probeIntervalMs));
    this.#setPushPull(nowMs);
    this.#setReachOut(nowMs);
    const known = sample(this.#view.dead(), FIRST_CONTACTS_MAX, random);
    const addresses = new Set(this.#peers);
    for (const id of known) addresses.add(this.#view.address(id) as Address);
    addresses.delete(this.#view.self.address);
    this.#contact([...addresses]);
  }

  #onContactsFound(addresses: readonly Address[]): void {
    this.#peers = addresses;
    for (const met of this.#metAt.keys()) if (!addresses.includes(met)) this.#metAt.delete(met);
    this.#contact(addresses.filter((address) => !this.#isMet(address)));
  }

  /** Asks whoever is there who it is, and a few of them for all they know. */
  #contact(addresses: readonly Address[]): void {
    const contacts = addresses.slice(0, FIRST_CONTACTS_MAX);
    for (const address of contacts) {
      this.#view.send(address, { kind: "ping", probe: 0, target: undefined });
    }
    for (const address of contacts.slice(0, FIRST_PUSH_PULLS_MAX)) this.#askForState(address);
  }

  #onTimer(timer: MembershipTimer, dueMs: number, nowMs: number): void {
    switch (timer.kind) {
      case "probe-round":
        this.#swim.onProbeRound(nowMs);
        return this.#setRound(nowMs + this.#swim.roundMs());
      case "probe-timeout":
        return this.#swim.onProbeTimeout(timer.probe, nowMs);
      case "probe-ended":
        return this.#swim.onProbeEnded(timer.probe, nowMs);
      case "relay-ended":
        return this.#swim.onRelayEnded(timer.relay);
      case "suspicion":
        return this.#swim.onSuspicionTimer(timer.id, timer.incarnation, dueMs, nowMs);
      case "gossip":
        return this.#onGossipDue();
      case "push-pull":
        this.#setPushPull(nowMs);
        return this.#askForState(this.#addressOfAny(this.#view.sampleAlive(1, this.#view.selfId)));
      case "reach-out":
        this.#setReachOut(nowMs);
        return this.#reachOut();
      default:
        return unreachable(timer);
    }
  }

  #onDatagram(event: Extract<MembershipEvent, { kind: "datagram" }>, nowMs: number): void {
    const { from, message } = event;
    const { sender } = message;
    if (this.#peers.includes(from)) this.#metAt.set(from, sender.id);
    if (sender.id === this.#view.selfId) return this.#selfKeeper.onTwin(sender, nowMs);
    // The news first: it may bring the sender's own record.
    for (const update of message.updates) this.#onUpdate(update, nowMs);
    this.#meet(sender, from, nowMs);
    switch (message.kind) {
      case "ping":
        return this.#swim.onPing(from, message);
      case "ack":
        return this.#swim.onAck(message);
      case "ping-request":
        return this.#swim.onPingRequest(from, message, nowMs);
      case "nack":
        return this.#swim.onNack(message);
      case "gossip":
        return;
      default:
        return unreachable(message);
    }
  }

  #onUpdate(update: GossipUpdate, nowMs: number): void {
    if (update.kind === "record") {
      this.#hearRecord(update.record, nowMs);
      this.#hearLiveness({ ...update, id: update.record.id, by: undefined }, nowMs);
    } else {
      this.#hearLiveness(update, nowMs);
    }
  }

  #hearRecord(record: MemberRecord, nowMs: number): void {
    if (record.id === this.#view.selfId) this.#selfKeeper.onOwnRecord(record, nowMs);
    else this.#view.mergeRecord(record);
  }

  #hearLiveness(claim: Parameters<Swim["hear"]>[0], nowMs: number): void {
    if (claim.id !== this.#view.selfId) return this.#swim.hear(claim, nowMs);
    if (this.#selfKeeper.refute(claim)) this.#swim.health.worsen(1);
  }

  /** A message is its sender's word that it is alive. */
  #meet(sender: GossipSender, from: Address, nowMs: number): void {
    const record = this.#view.intents.get(sender.id);
    if (record === undefined) return this.#askStranger(from);
    const before = this.#view.belief(sender.id)?.liveness;
    const { id, incarnation } = sender;
    this.#swim.hear({ id, liveness: "alive", incarnation, by: id }, nowMs);
    const after = this.#view.belief(id)?.liveness;
    if (before === "dead" && after === "alive") return this.#askForState(from);
    const isOutdated =
      record.boots < sender.boots ||
      (record.boots === sender.boots && record.version < sender.version);
    const isMissed = after !== "alive" || this.#view.random.below(this.#view.memberCount) < ASKERS;
    if (isOutdated && isMissed) this.#askForState(from);
  }

  #onPushPull(state: MembershipState, from: NodeId | undefined, nowMs: number): void {
    for (const record of state.records) this.#hearRecord(record, nowMs);
    for (const heard of state.liveness) {
      if (heard.id === this.#view.selfId) {
        this.#hearLiveness({ ...heard, by: undefined }, nowMs);
        continue;
      }
      const belief = this.#view.belief(heard.id);
      if (belief === undefined) continue;
      if (heard.id === from && heard.liveness === "dead") {
        this.#swim.hear({ ...heard, by: from }, nowMs);
      } else if (heard.liveness === "alive" || belief.liveness !== "alive") {
        this.#swim.hear({ ...heard, by: undefined }, nowMs);
      } else if (supersedes(heard, belief)) {
        this.#checkAccusation(heard, nowMs);
      }
    }
  }

  /**
   * A state tells of the past, perhaps of the other side of a partition: its accusation of a member that is alive to
   * this node is not believed but put to the accused, whose refutation is what both sides need.
   */
  #checkAccusation(heard: LivenessRecord, nowMs: number): void {
    const { id, liveness, incarnation } = heard;
    const record = this.#view.intents.get(id);
    if (record === undefined || isGone(record)) return;
    if (incarnation >= (record.boots + 1) * INCARNATIONS_PER_BOOT) return;
    this.#view.correctIncarnation(id, incarnation);
    const by = this.#view.selfId;
    this.#swim.probe(id, nowMs, { kind: "liveness", id, liveness, incarnation, by });
  }

  #onDoubted(id: NodeId, nowMs: number): void {
    const belief = this.#view.belief(id);
    const record = this.#view.intents.get(id);
    if (belief === undefined || record === undefined || isGone(record)) return;
    if (belief.liveness !== "dead") this.#swim.probe(id, nowMs);
  }

  #onChangedSelf(change: ChangeOfSelf): void {
    const self = this.#view.self;
    if (self.intent === "removed" || self.version >= VERSION_MAX) return;
    // Decided before the news of what others know came: intent does not go back.
    if (change.intent !== undefined && isLaterThan(self.intent, change.intent)) return;
    this.#view.setSelf({ ...self, ...change, version: self.version + 1 });
  }

  #onDecided(id: NodeId, intent: "removing" | "removed", nowMs: number): void {
    const record = this.#view.intents.get(id);
    if (record === undefined || record.intent === intent || record.intent === "removed") return;
    if (isLaterThan(record.intent, intent)) return;
    if (record.version >= VERSION_MAX && intent !== "removed") return;
    const version = Math.min(VERSION_MAX, record.version + 1);
    const decided: MemberRecord = { ...record, intent, version };
    if (id === this.#view.selfId) this.#view.setSelf(decided);
    else this.#hearRecord(decided, nowMs);
  }

  #onStopping(): void {
    this.#view.sayGoodbye();
    const farewell = this.#view.update("liveness", this.#view.selfId);
    for (const id of sample(this.#view.reachable(), GOODBYES_MAX, this.#view.random)) {
      const address = this.#view.address(id);
      if (address !== undefined) this.#view.send(address, { kind: "gossip" }, [farewell]);
    }
  }

  #onGossipDue(): void {
    this.#isGossipArmed = false;
    const { config, news, random } = this.#view;
    for (const id of sample(this.#view.reachable(), config.gossipFanout, random)) {
      const address = this.#view.address(id);
      if (address === undefined || news.isEmpty) continue;
      this.#view.send(address, { kind: "gossip" }, [this.#swim.accusation(id)]);
    }
  }

  /** Tries one of those that should be there and are not. */
  #reachOut(): void {
    const candidates: { readonly address: Address; readonly id: NodeId | undefined }[] = [];
    for (const id of this.#view.dead()) {
      const address = this.#view.address(id);
      if (address !== undefined) candidates.push({ address, id });
    }
    for (const address of this.#peers) {
      if (!this.#isMet(address)) candidates.push({ address, id: undefined });
    }
    if (candidates.length === 0) return;
    const chosen = candidates[this.#view.random.below(candidates.length)];
    assert(chosen !== undefined, "a choice is among the candidates");
    const { address, id } = chosen;
    const said = id === undefined ? undefined : this.#swim.accusation(id);
    this.#view.send(address, { kind: "ping", probe: 0, target: id }, [said]);
    this.#reachOuts += 1;
    if (this.#reachOuts % REACH_OUTS_PER_PUSH_PULL === 0) this.#askForState(address);
  }

  /** Whether whoever listens at a configured peer's address is known to be alive. */
  #isMet(peer: Address): boolean {
    if (peer === this.#view.self.address) return true;
    const id = this.#metAt.get(peer);
    if (id !== undefined && this.#view.belief(id)?.liveness === "alive") return true;
    return this.#view.reachable().some((other) => this.#view.address(other) === peer);
  }

  #addressOfAny(ids: readonly NodeId[]): Address | undefined {
    const id = ids[0];
    return id === undefined ? undefined : this.#view.address(id);
  }

  #askStranger(address: Address): void {
    if (this.#nowMs - this.#strangerAskedMs < STRANGER_INTERVAL_MS) return;
    this.#strangerAskedMs = this.#nowMs;
    this.#askForState(address);
  }

  /** Asks for a push/pull, unless too many were begun within this second: each reason comes again. */
  #askForState(address: Address | undefined): void {
    if (address === undefined || address === this.#view.self.address) return;
    if (this.#nowMs - this.#pushPullWindowMs >= 1_000) {
      this.#pushPullWindowMs = this.#nowMs;
      this.#pushPullsInWindow = 0;
    }
    if (this.#pushPullsInWindow >= PUSH_PULLS_PER_SECOND_MAX) return;
    this.#pushPullsInWindow += 1;
    this.#view.emit({ kind: "push-pull", to: address });
  }

  /** A timer that comes late, or a round long overdue, means that this node stood still, not that others did. */
  #noticeStall(event: MembershipEvent): void {
    const nowMs = this.#nowMs;
    let dueMs = this.#roundDueMs;
    if (event.kind === "timer") dueMs = Math.min(dueMs, event.dueMs);
    if (event.kind === "stalled") dueMs = Math.min(dueMs, nowMs - event.lagMs);
    // What was due before this node last woke is late for a reason that was counted then.
    const lagMs = nowMs - Math.max(dueMs, this.#awakeSinceMs);
    if (lagMs < this.#view.config.stallMs) return;
    this.#awakeSinceMs = nowMs;
    this.#swim.onStalled(lagMs, nowMs);
  }

  #setRound(atMs: number): void {
    this.#roundDueMs = atMs;
    this.#view.setTimer({ kind: "probe-round" }, atMs);
  }

  #setPushPull(nowMs: number): void {
    const { config, random } = this.#view;
    const spreadMs = config.pushPullMaxMs - config.pushPullMinMs + 1;
    const delayMs = config.pushPullMinMs + random.below(spreadMs);
    this.#view.setTimer({ kind: "push-pull" }, nowMs + delayMs);
  }

  #setReachOut(nowMs: number): void {
    const intervalMs = this.#view.config.reachOutIntervalMs;
    const delayMs = Math.max(1, Math.floor(intervalMs / 2)) + this.#view.random.below(intervalMs);
    this.#view.setTimer({ kind: "reach-out" }, nowMs + delayMs);
  }

  /** News makes a beat; without news there is none. */
  #armGossip(): void {
    if (this.#isGossipArmed || this.#view.news.isEmpty) return;
    if (this.#view.reachable().length === 0) return;
    this.#isGossipArmed = true;
    this.#view.setTimer({ kind: "gossip" }, this.#nowMs + this.#view.config.gossipIntervalMs);
  }
}
