/**
 * A node: everything below the front doors, over its ports. The simulator and production run this very class.
 *
 * Invariant: nothing leaves the node before its identity and the number of this start are durable; nothing is
 * served before it belongs to a cluster; after `onFatal` it says nothing more.
 */
import { assert } from "../base/assert.ts";
import { dirtyMapKey, parseDirtyMapKey } from "../core/causality/storage-key.ts";
import { Placement, type PlacementSource } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { DirtyMaps } from "../core/replication/dirty-maps.ts";
import { type NodeConfig, SHARED_CONFIG_DEFAULT, type SharedConfig } from "../model/config.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { Liveness, Member, MemberRecord } from "../model/member.ts";
import type { Slot } from "../model/slot.ts";
import { NO_STAMP } from "../model/stamp.ts";
import type { Clock } from "../ports/clock.ts";
import type { Discovery } from "../ports/discovery.ts";
import type { Log } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import type { Storage, StorageError, StorageKey } from "../ports/storage.ts";
import type { Tracer } from "../ports/tracer.ts";
import type { Transport } from "../ports/transport.ts";
import { Activation } from "./activation.ts";
import { BackgroundShare } from "./background-share.ts";
import { BackupPages } from "./backup-page.ts";
import { CellStore } from "./cell-store.ts";
import { Collection } from "./collection.ts";
import { Convergence } from "./convergence.ts";
import { Counters } from "./counters.ts";
import { Departures } from "./departures.ts";
import { dumpPage } from "./dump.ts";
import { type Entry, enterCluster } from "./entry.ts";
import { Everybody } from "./everybody.ts";
import { ExchangeCounterpart } from "./exchange-counterpart.ts";
import { GroupCommit } from "./group-commit.ts";
import { HeldForOthers } from "./held-for-others.ts";
import { NodeInsight } from "./insight.ts";
import { MembershipRunner } from "./membership-runner.ts";
import { NodeClock } from "./node-clock.ts";
import {
  clockOperation,
  type Identity,
  identityAtStart,
  identityOperation,
  loadClock,
  loadIdentity,
  membersOperation,
  stateProblem,
} from "./node-state.ts";
import { OwnCommits } from "./own-commits.ts";
import { ownRecord } from "./own-record.ts";
import { PACE_USUAL, type Pace } from "./pace.ts";
import { Peers } from "./peers.ts";
import { PubSub } from "./pub-sub.ts";
import { Readiness } from "./readiness.ts";
import { Replica } from "./replica.ts";
import { planFor, type RequestContext } from "./request-context.ts";
import { Requests } from "./requests.ts";
import { restore } from "./restore.ts";
import { SCRUB_MS_DEFAULT } from "./scrub.ts";
import { type Seeker, seekMembers } from "./seeker.ts";
import { Service } from "./service.ts";
import { shutDown } from "./shutdown.ts";
import type { ExchangePorts } from "./slot-exchange.ts";
import { gaugesOf, nodeStatus } from "./status.ts";
import type { KeyLocation, NodePhase, Store, StoreStatus } from "./store.ts";
import type { Subscriptions } from "./subscriptions.ts";
import { Upkeep } from "./upkeep.ts";
import { whenConnected } from "./when-connected.ts";

/** How long a graceful stop takes at most, where the configuration does not say. */
const DRAIN_MS_DEFAULT = 10_000;
const CLOCK_AT_FIRST = { ms: 0, counter: 0, commitNumber: 0, greatest: NO_STAMP };
export interface StoreNodeOptions {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly log: Log;
  /** The node must not go on; the process ends. */
  readonly onFatal: (reason: string) => void;
  /** The node has left its cluster, handed everything on, and stopped. */
  readonly onLeft?: () => void;
  /** Where members may be found, beside the configured peers. */
  readonly discovery?: Discovery | undefined;
  /** Makes placements; by default each node makes its own. Nodes of one process may share them: they are values. */
  readonly place?: (source: PlacementSource) => Placement;
  /** Read anew each time; the usual one by default. */
  readonly pace?: Readonly<Pace> | undefined;
  /** By default no traces are kept. */
  readonly tracer?: Tracer | undefined;
}

export class StoreNode implements Store {
  readonly #options: StoreNodeOptions;
  readonly #counters = new Counters();
  readonly #dirtyMaps = new DirtyMaps();
  readonly #commit: GroupCommit;
  readonly #peers: Peers;
  readonly #pubSub: PubSub;
  readonly #requests: Requests;
  readonly #backups: BackupPages;
  readonly #replica: Replica;
  readonly #cells: CellStore;
  readonly #upkeep: Upkeep;
  readonly #share: BackgroundShare;
  readonly #convergence: Convergence;
  readonly #service: Service;
  readonly #departures: Departures;
  readonly #activation: Activation;
  readonly #readiness: Readiness;
  readonly #heldForOthers: HeldForOthers;
  readonly #collection: Collection;
  readonly #nodeClock: NodeClock;
  readonly insight: NodeInsight;
  #phase: NodePhase = "starting";
  #identity: Identity;
  #placement: Placement;
  #membership: MembershipRunner | undefined;
  #seeker: Seeker | undefined;
  #problem: string | undefined;

  /** Reads who the node is; throws `StorageError` when the disk cannot be read. */
  constructor(options: StoreNodeOptions) {
    const { clock, random, storage, transport, log, config } = options;
    this.#options = options;
    this.#share = new BackgroundShare(clock);
    const stored = loadIdentity(storage);
    const saved = loadClock(storage);
    this.#problem = stateProblem(stored, saved);
    const shared: SharedConfig = { ...SHARED_CONFIG_DEFAULT, ...config.shared };
    this.#identity = identityAtStart(stored, shared, random);
    const floor = saved === "damaged" || saved === undefined ? CLOCK_AT_FIRST : saved;
    const ownCommits = new OwnCommits(floor.commitNumber);
    this.#nodeClock = new NodeClock({
      clock,
      random,
      counters: this.#counters,
      floor,
      mark: () => this.#collection.mark,
    });
    this.#placement = this.#place([]);
    this.#commit = new GroupCommit({
      durations: this.#counters.durations,
      storage,
      clock,
      seal: () => {
        const commitNumber = ownCommits.seal();
        const { greatest } = this.#cells;
        return clockOperation({ ...this.#nodeClock.reading(), commitNumber, greatest });
      },
      alongside: () => this.#collection.votes.unstored(),
      onDurable: () => {
        ownCommits.noteDurable();
        this.#collection.votes.noteDurable();
      },
      tell: (tellAll) => this.#peers.gatherAcks(tellAll),
      onFailed: (keys, error) => this.#onCommitFailed(keys, error),
    });
    this.#cells = new CellStore({
      commit: this.#commit,
      storage,
      floor: this.#nodeClock.stampAtStart(),
      greatest: floor.greatest,
      onDamaged: (place) => this.#upkeep.heal(place),
    });
    const placement = (): Placement => this.#placement;
    this.#collection = new Collection({
      self: this.#identity.nodeId,
      storage,
      commit: this.#commit,
      cells: this.#cells,
      clock,
      log,
      counters: this.#counters,
      placement,
      graceMs: () => this.#identity.shared.graceMs,
      generation: random.next53(),
      ownCommits,
      pace: options.pace ?? PACE_USUAL,
    });
    const storeDirtyMap = (target: NodeId): void =>
      this.#commit.put(dirtyMapKey(target), this.#dirtyMaps.bits(target));
    this.#peers = new Peers({
      durations: this.#counters.durations,
      transport,
      clock,
      random,
      log,
      identity: () => ({
        nodeId: this.#identity.nodeId,
        boot: this.#nodeClock.boot,
        address: config.address,
        clusterId: this.#identity.clusterId,
      }),
      commitNumber: () => ownCommits.durable,
      hasLost: (remembered) => ownCommits.hasLost(remembered),
      commitNumbers: this.#collection.commitNumbers,
      mark: () => this.#collection.mark,
      onMark: (mark) => this.#collection.onMark(mark),
      onAmnesia: (remembered) => this.#collection.onRemembered(remembered),
      reading: () => ({ ...this.#nodeClock.reading(), epoch: this.#placement.epoch }),
      liveness: (node) => this.#membership?.liveness(node),
      onRequest: (served) => this.#service.serve(served),
      onClock: (ms, counter) => this.#nodeClock.observe(ms, counter),
      onDatagram: (from, datagram) => this.#membership?.onDatagram(from, datagram),
      onConnected: () => this.#counters.add("peer-connections"),
      onDisconnected: (id) => this.#membership?.deliver({ kind: "doubted", id }),
      onSilent: () => this.#counters.add("peer-connections-silent"),
    });
    this.#pubSub = new PubSub({
      everybody: new Everybody(this.#peers, clock),
      counters: this.#counters,
      boot: () => this.#nodeClock.boot,
    });
    this.#replica = new Replica({
      self: this.#identity.nodeId,
      cells: this.#cells,
      commit: this.#commit,
      storage,
      dirtyMaps: this.#dirtyMaps,
      placement,
      nowMs: () => clock.wallMs(),
      commitNumber: () => ownCommits.durable,
      storeDirtyMap,
      onDiscarded: () => this.#counters.add("values-discarded-in-merges"),
      states: this.#collection.states,
      mark: () => this.#collection.mark,
      votes: this.#collection.votes,
      reading: () => this.#nodeClock.stamp(),
      counters: this.#counters,
      activation: () => this.#activation,
    });
    const counterpart = new ExchangeCounterpart({
      self: this.#identity.nodeId,
      cells: this.#cells,
      commit: this.#commit,
      storage,
      placement,
      votes: this.#collection.votes,
      states: this.#collection.states,
      pageShare: () => this.#share.pageShare,
    });
    const context: RequestContext = {
      self: this.#identity.nodeId,
      peers: this.#peers,
      replica: this.#replica,
      reach: (node) => this.#peers.reach(node),
      counters: this.#counters,
      placement,
      monotonicMs: () => clock.monotonicMs(),
      turnMs: () => clock.turnMs(),
      wallMs: () => clock.wallMs(),
      mint: () => this.#nodeClock.mint(),
      mintAbove: (held) => this.#nodeClock.mintAbove(held),
      resync: (node, done) => {
        if (this.#membership === undefined) clock.defer(done);
        else this.#membership.resync(node, done);
      },
    };
    this.#requests = new Requests({
      context,
      clock,
      random,
      boot: () => this.#nodeClock.boot,
      shared: () => this.#identity.shared,
      liveness: (node) => this.#membership?.liveness(node),
      isLow: () => storage.isLow === true,
      onAnswered: (durationMs, kind) => {
        this.#share.note(durationMs);
        this.insight.latencies[kind].add(durationMs);
      },
    });
    this.insight = new NodeInsight({
      self: this.#identity.nodeId,
      peers: this.#peers,
      replica: this.#replica,
      cells: this.#cells,
      votes: this.#collection.votes,
      dirtyMaps: this.#dirtyMaps,
      counters: this.#counters,
      clock,
      placement,
    });
    const exchangePorts: ExchangePorts = {
      peers: this.#peers,
      replica: this.#replica,
      counterpart,
      cells: this.#cells,
      commit: this.#commit,
      states: this.#collection.states,
      counters: this.#counters,
      share: this.#share,
      monotonicMs: () => clock.monotonicMs(),
    };
    this.#backups = new BackupPages({ ports: exchangePorts, context, clock });
    this.#upkeep = new Upkeep({
      ports: exchangePorts,
      self: this.#identity.nodeId,
      clock,
      log,
      storage,
      commit: this.#commit,
      placement,
      scrubMs: config.scrubMs ?? SCRUB_MS_DEFAULT,
      slotsLeft: () => this.#convergence.slotsToExchange + this.#convergence.foreignSlots,
      onDamaged: (slot) => this.#collection.onDamaged(slot),
      onSample: () => this.insight.timeline.tick(),
    });
    this.#activation = new Activation({
      ports: exchangePorts,
      self: this.#identity.nodeId,
      clock,
      liveness: (node) => this.#membership?.liveness(node),
    });
    this.#heldForOthers = new HeldForOthers({
      self: this.#identity.nodeId,
      dirtyMaps: this.#dirtyMaps,
      placement,
      peers: this.#peers,
      foreign: () => this.#convergence.foreign(),
    });
    this.#readiness = new Readiness({
      self: this.#identity.nodeId,
      monotonicMs: () => clock.monotonicMs(),
      phase: () => this.#phase,
      isOpen: () => this.#requests.isOpen,
      areHashesBuilt: () => this.#cells.isBuilt,
      slotsWithoutVote: () => this.#collection.votes.voteless,
      memberIds: () => this.#placement.memberIds,
      liveness: (node) => this.#membership?.liveness(node),
      hasMet: (node) => this.#convergence.hasMet(node),
    });
    this.#convergence = new Convergence({
      ports: exchangePorts,
      self: this.#identity.nodeId,
      clock,
      random,
      storage,
      dirtyMaps: this.#dirtyMaps,
      placement,
      storeDirtyMap,
      onFilled: () => this.#onFilled(),
      pace: options.pace ?? PACE_USUAL,
    });
    const collector = this.#collection.connect({
      ports: exchangePorts,
      requests: this.#requests,
      convergence: this.#convergence,
    });
    this.#service = new Service({
      replica: this.#replica,
      counterpart,
      requests: this.#requests,
      collector,
      pubSub: this.#pubSub,
      placement,
      clusterId: () => this.#identity.clusterId,
      shared: () => this.#identity.shared,
      membership: () => this.#membership,
      turnMs: () => clock.turnMs(),
      counters: this.#counters,
      isFilled: () => this.#convergence.isFilled,
      share: this.#share,
      tracer: options.tracer,
    });
    this.#departures = new Departures({
      ports: exchangePorts,
      self: this.#identity.nodeId,
      clock,
      convergence: this.#convergence,
      placement,
      membership: () => this.#membership,
      hasDirtySlots: (node) => this.#dirtyMaps.count(node) > 0,
      log,
      removeAfterMs: config.removeAfterMs,
      onLeft: () => this.stop(() => options.onLeft?.()),
    });
    if (this.#problem !== undefined) {
      // It will not start, and until its process ends it says and writes nothing: every commit carries the clock, and the
      // first that a peer's word brings about would put a reading of its own over the damaged one.
      this.#commit.close();
      this.#peers.close();
    }
  }

  /**
   * Takes up work: founds a cluster, joins one, or goes on in the one it knows. `done` is told once, with what is
   * in the way, or with nothing; a joining node is told when it takes writes, and is `ready` later.
   */
  start(done: (problem: string | undefined) => void): void {
    assert(this.#phase === "starting", "a node starts once");
    if (this.#problem !== undefined) {
      const problem = this.#problem;
      this.#options.clock.defer(() => done(problem));
      return;
    }
    const kept = { dirtyMaps: this.#dirtyMaps, states: this.#collection.states };
    restore(this.#options.storage, kept, (problem) => {
      if (problem !== undefined) return done(problem);
      this.#cells.load(() => this.#enter(done));
    });
  }

  /** Is not ready any more, and serves on: so that clients are sent elsewhere before it stops. */
  withdraw(): void {
    if (this.#phase === "joining" || this.#phase === "ready" || this.#phase === "leaving") {
      this.#phase = "draining";
    }
  }

  /**
   * Finishes what is under way, hands on what others lack, says goodbye, and closes the storage.
   *
   * @param limitMs for all of it; what the configuration says by default.
   */
  stop(done: () => void, limitMs?: number): void {
    if (this.#phase === "stopping" || this.#phase === "stopped") {
      this.#options.clock.defer(done);
      return;
    }
    const { clock, log, config } = this.#options;
    this.#phase = "stopping";
    this.#requests.drain();
    this.#seeker?.close();
    this.#departures.close();
    this.#collection.close();
    this.#activation.close();
    const ports = {
      clock,
      log,
      limitMs: limitMs ?? config.drainMs ?? DRAIN_MS_DEFAULT,
      slotsToHandOn: () => this.#heldForOthers.deliverable(),
      passHintsOn: () => this.#heldForOthers.passHintsOn(),
      sayGoodbye: (heard: () => void) => this.#sayGoodbye(heard),
      requestsInFlight: () => this.#requests.inFlight,
    };
    shutDown(ports, () => this.#end(done));
  }

  // What clients ask is taken, and answered, by the requests.
  readonly together: Store["together"] = (asking) => this.#requests.together(asking);
  readonly put: Store["put"] = (request, done) => this.#requests.put(request, done);
  readonly delete: Store["delete"] = (request, done) => this.#requests.delete(request, done);
  readonly operate: Store["operate"] = (request, done) => this.#requests.operate(request, done);
  readonly flush: Store["flush"] = (request, done) => this.#requests.flush(request, done);
  readonly query: Store["query"] = (request, done) => this.#requests.query(request, done);
  readonly read: Store["read"] = (request, done) => this.#requests.read(request, done);
  readonly list: Store["list"] = (request, done) => this.#requests.list(request, done);
  readonly publish: Store["publish"] = (sent, done) => this.#pubSub.publish(sent, done);
  readonly survey: Store["survey"] = (query, done) => this.#pubSub.survey(query, done);
  readonly leave: Store["leave"] = (done) => this.#departures.leave(done);
  readonly remove: Store["remove"] = (node, done) => this.#departures.remove(node, done);
  readonly dump: Store["dump"] = (cursor, limit, done) =>
    dumpPage(this.#options.storage, cursor, limit, done);
  readonly backup: Store["backup"] = (request, done) => this.#backups.take(request, done);
  readonly compareBackup: Store["compareBackup"] = (request, done) =>
    this.#backups.compare(request, done);

  get subscriptions(): Subscriptions {
    return this.#pubSub.subscriptions;
  }

  status(): StoreStatus {
    return nodeStatus({
      phase: this.#phase,
      waitsFor: this.#readiness.waitsFor,
      identity: this.#identity,
      config: this.#options.config,
      placement: this.#placement,
      members: this.#membership?.members() ?? [],
      peers: this.#peers,
      dirtyMaps: this.#dirtyMaps,
      foreignSlots: this.#convergence.foreign(),
      collection: this.#collection.status(),
      counters: this.#counters,
      gauges: gaugesOf({
        upkeep: this.#upkeep.gauges,
        cells: this.#cells,
        commit: this.#commit,
        peers: this.#peers,
        departures: this.#departures,
        convergence: this.#convergence,
        votes: this.#collection.votes,
        requests: this.#requests,
        tracer: this.#options.tracer,
      }),
    });
  }

  locate(key: Key): KeyLocation {
    const { primaries, pending, fallbacks } = planFor(this.#placement, key);
    return { slot: slotOfKey(key), primaries, pending, fallbacks };
  }

  primariesOf(slot: Slot): readonly NodeId[] {
    return this.#placement.primaries(slot);
  }

  /** The event loop was found to have stood still for so long: the node doubts itself before others. */
  noteStall(lagMs: number): void {
    this.#counters.add("event-loop-stalls");
    this.#membership?.deliver({ kind: "stalled", lagMs });
  }

  #enter(done: (problem: string | undefined) => void): void {
    const { config, clock, random, storage, log, discovery } = this.#options;
    const ports = {
      config,
      identity: this.#identity,
      storage,
      peers: this.#peers,
      clock,
      random,
      log,
      discovery,
      joiner: () => ownRecord(config, this.#identity, this.#nodeClock.boot, "joining"),
      storeIdentity: (stored: (problem: string | undefined) => void) => this.#storeIdentity(stored),
      isStopped: () => this.#phase !== "starting",
    };
    enterCluster(ports, (entry) => {
      if (typeof entry === "string") done(entry);
      else this.#begin(entry, done);
    });
  }

  #storeIdentity(done: (problem: string | undefined) => void): void {
    const { key, value } = identityOperation(this.#identity);
    this.#commit.put(key, value);
    this.#commit.whenDurable((error) => {
      if (this.#phase !== "starting") return;
      done(error === undefined ? undefined : `the disk refused: ${error.message}`);
    });
  }

  #begin(entry: Entry, done: (problem: string | undefined) => void): void {
    const { clock, random, transport, discovery } = this.#options;
    const { clusterId, shared, intent, known, contacts } = entry;
    this.#identity = { ...this.#identity, clusterId, shared };
    const record = ownRecord(this.#options.config, this.#identity, this.#nodeClock.boot, intent);
    const membership = new MembershipRunner({
      self: record,
      clusterId,
      known,
      configuredPeers: contacts,
      clock,
      random,
      transport,
      peers: this.#peers,
      counters: this.#counters,
      reading: () => ({ ...this.#nodeClock.reading(), epoch: this.#placement.epoch }),
      onClock: (ms, counter) => this.#nodeClock.observe(ms, counter),
      onRecordsChanged: (records) => this.#onRecordsChanged(records),
      onLivenessChanged: (...change) => this.#onLivenessChanged(...change),
      onDuplicate: () => this.#fatal("another live node has this node's id"),
    });
    const members = membersOperation([...known.filter(({ id }) => id !== record.id), record]);
    this.#commit.put(members.key, members.value);
    this.#storeIdentity((problem) => {
      if (problem !== undefined) return done(problem);
      this.#membership = membership;
      this.#phase = intent === "joining" ? "joining" : "ready";
      membership.deliver({ kind: "started" });
      if (entry.heard !== undefined) {
        membership.deliver({ kind: "push-pull-received", state: entry.heard });
      }
      if (discovery !== undefined) this.#seeker = seekMembers(discovery, membership, clock);
      this.#replace(membership.members());
      this.#convergence.start();
      this.#departures.start();
      this.#collection.start();
      this.#upkeep.start();
      const open = (): void => {
        if (this.#phase === "stopping" || this.#phase === "stopped") return;
        this.#requests.open();
        done(undefined);
      };
      whenConnected({ clock, peers: this.#peers, membership }, open);
    });
  }

  #onRecordsChanged(records: readonly MemberRecord[]): void {
    const members = membersOperation(records);
    this.#commit.put(members.key, members.value);
    const membership = this.#membership;
    if (membership === undefined) return;
    const { boots, intent } = membership.self();
    if (boots > this.#identity.boots) {
      // An old disk was put back: peers remember a later start than this directory does.
      this.#identity = { ...this.#identity, boots };
      const identity = identityOperation(this.#identity);
      this.#commit.put(identity.key, identity.value);
    }
    if (intent === "removed") {
      // On disk first: the next start must know it, also where nobody answers.
      this.#requests.end();
      this.#commit.whenDurable(() => this.#fatal("this node was removed from its cluster"));
      return;
    }
    this.#replace(membership.members());
  }

  #replace(members: readonly Member[]): void {
    const { nodeId } = this.#identity;
    const records = members.map(({ record }) => record);
    this.insight.timeline.noteRecords(records);
    const next = this.#place(records);
    if (next.epoch !== this.#placement.epoch) {
      this.#placement = next;
      this.#collection.onPlacement();
    }
    this.#peers.follow(
      members.filter(
        ({ record }) =>
          record.id !== nodeId && record.intent !== "left" && record.intent !== "removed",
      ),
    );
    const intent = this.#membership?.self().intent;
    if (this.#phase === "joining" && intent === "active") {
      this.#phase = "ready";
      this.#options.log.log("info", "node-ready");
    }
    const isServing = this.#phase === "joining" || this.#phase === "ready";
    if (isServing && (intent === "leaving" || intent === "left")) this.#phase = "leaving";
  }

  #place(records: readonly MemberRecord[]): Placement {
    const { place } = this.#options;
    const source = { members: records, replicas: this.#identity.shared.replicas };
    return place === undefined ? new Placement(source) : place(source);
  }

  #onLivenessChanged(node: NodeId, liveness: Liveness, isGoodbye: boolean): void {
    this.#counters.add(`members-found-${liveness}`);
    this.insight.timeline.noteLiveness(node, liveness);
    this.#options.log.log("info", "liveness-changed", { node, liveness });
    this.#peers.noteLiveness(node, liveness, isGoodbye);
  }

  #onFilled(): void {
    if (this.#membership?.self().intent !== "joining") return;
    this.#activation.begin(this.#placement);
    this.#membership.deliver({ kind: "changed-self", change: { intent: "active" } });
  }

  #onCommitFailed(keys: readonly StorageKey[], error: StorageError): void {
    this.#counters.add("commits-failed");
    for (const key of keys) {
      const target = parseDirtyMapKey(key);
      if (target !== undefined) this.#dirtyMaps.noteUnstored(target);
    }
    this.#collection.onCommitFailed(keys);
    this.#options.log.log("error", "commit-failed", { code: error.code, message: error.message });
    if (error.code === "sync-failed") this.#fatal(`a commit could not be synced: ${error.message}`);
    else this.#cells.rebuild();
  }

  #fatal(reason: string): void {
    if (this.#phase === "stopped") return;
    this.#phase = "stopped";
    this.#requests.end();
    this.#convergence.close();
    this.#seeker?.close();
    this.#departures.close();
    this.#collection.close();
    this.#activation.close();
    this.#upkeep.close();
    this.#peers.close();
    this.#options.log.log("error", "node-stopped", { reason });
    this.#options.onFatal(reason);
  }

  #sayGoodbye(heard: () => void): void {
    // Nothing is compared or handed on behind it: whoever hears it would not answer.
    this.#convergence.close();
    this.#upkeep.save();
    this.#upkeep.close();
    if (this.#membership === undefined) heard();
    else this.#membership.sayGoodbye(heard);
  }

  #end(done: () => void): void {
    const { storage } = this.#options;
    this.#requests.end();
    // First the acknowledgements that wait for a commit; then, with the peers gone, what their going left behind.
    this.#commit.whenDurable(() => {
      this.#phase = "stopped";
      this.#peers.close();
      this.#commit.whenDurable(() =>
        this.#cells.save(() => {
          this.#commit.close();
          storage.close(done);
        }),
      );
    });
  }
}
