/**
 * Runs the membership machine: its datagrams, timers and state exchanges over the node's ports.
 *
 * Invariant: everything the machine is told goes through `deliver`, one event at a time.
 */
import { unreachable } from "../base/assert.ts";
import { Membership } from "../core/membership/membership.ts";
import type { MembershipEffect, MembershipEvent } from "../core/membership/membership-event.ts";
import { SWIM_CONFIG_DEFAULT } from "../core/membership/swim-config.ts";
import type { Address, ClusterId, Epoch, NodeId } from "../model/ids.ts";
import type { Liveness, Member, MemberRecord, MembershipState } from "../model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Transport } from "../ports/transport.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import { decodeDatagram, encodeDatagram } from "../protocol/peer/gossip-codec.ts";
import type { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";

/** How long a state exchange may take. */
const PUSH_PULL_MS_MAX = 2_000;
const PROBE_MS_MAX = 1_000;

export interface MembershipRunnerOptions {
  readonly self: MemberRecord;
  readonly clusterId: ClusterId;
  readonly known: readonly MemberRecord[];
  readonly configuredPeers: readonly Address[];
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly peers: Peers;
  readonly counters: Counters;
  readonly reading: () => { readonly ms: number; readonly counter: number; readonly epoch: Epoch };
  readonly onClock: (ms: number, counter: number) => void;
  readonly onRecordsChanged: (records: readonly MemberRecord[]) => void;
  readonly onLivenessChanged: (node: NodeId, liveness: Liveness, isGoodbye: boolean) => void;
  readonly onDuplicate: () => void;
}

export class MembershipRunner {
  readonly #options: MembershipRunnerOptions;
  readonly #machine: Membership;
  /** Whoever waits for the state exchange under way with a node. */
  readonly #resyncs = new Map<NodeId, (() => void)[]>();
  #isStopped = false;

  constructor(options: MembershipRunnerOptions) {
    this.#options = options;
    this.#machine = new Membership({
      self: options.self,
      clusterId: options.clusterId,
      known: options.known,
      peers: options.configuredPeers,
      config: SWIM_CONFIG_DEFAULT,
      random: options.random,
    });
  }

  members(): readonly Member[] {
    return this.#machine.members();
  }

  self(): MemberRecord {
    return this.#machine.self();
  }

  state(): MembershipState {
    return this.#machine.state();
  }

  liveness(node: NodeId): Liveness | undefined {
    return this.#machine.get(node)?.liveness;
  }

  deliver(event: MembershipEvent): void {
    if (this.#isStopped) return;
    if (event.kind === "stopping") this.#isStopped = true;
    const effects = this.#machine.step(event, this.#options.clock.monotonicMs());
    for (const effect of effects) this.#carryOut(effect);
  }

  /** A datagram from anywhere: what is not of this cluster, or makes no sense, is passed over. */
  onDatagram(from: Address, bytes: Uint8Array): void {
    const decoded = decodeDatagram(bytes, this.#options.clusterId);
    if (decoded.kind !== "decoded") return;
    this.#options.counters.add("datagrams-received");
    this.#options.counters.add("datagram-bytes-received", bytes.length);
    const { header, message } = decoded.value;
    this.#options.onClock(header.clockMs, header.clockCounter);
    this.deliver({ kind: "datagram", from, message });
    if (header.epoch !== this.#options.reading().epoch) {
      this.deliver({ kind: "epoch-differs", id: message.sender.id });
    }
  }

  /** Exchanges states with a node over its connection; requests that wait for the same node share one exchange. */
  resync(node: NodeId, done: () => void): void {
    const waiting = this.#resyncs.get(node);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    this.#resyncs.set(node, [done]);
    const finish = (): void => {
      const dones = this.#resyncs.get(node) ?? [];
      this.#resyncs.delete(node);
      for (const each of dones) each();
    };
    const { peers, clock } = this.#options;
    const sent = peers.request(
      node,
      encodeMessage({ kind: "push-pull", state: this.state() }),
      clock.monotonicMs() + PUSH_PULL_MS_MAX,
      {
        onReply: (_from, _token, reply) => {
          if (reply.kind === "push-pull-reply") {
            this.deliver({ kind: "push-pull-received", state: reply.state });
          }
          finish();
        },
        onNoAnswer: finish,
      },
      0,
    );
    if (!sent) clock.defer(finish);
  }

  /** The last thing said: by datagrams, which may be lost, and by state exchanges; `heard` when those are answered. */
  sayGoodbye(heard: () => void): void {
    this.deliver({ kind: "stopping" });
    const peers = this.#options.peers.reachable();
    let left = peers.length;
    if (left === 0) return heard();
    for (const peer of peers) {
      this.resync(peer, () => {
        left -= 1;
        if (left === 0) heard();
      });
    }
  }

  #carryOut(effect: MembershipEffect): void {
    const options = this.#options;
    switch (effect.kind) {
      case "send-datagram": {
        const { ms, counter, epoch } = options.reading();
        const header = { clusterId: options.clusterId, clockMs: ms, clockCounter: counter, epoch };
        const datagram = encodeDatagram(header, effect.message);
        options.counters.add("datagrams-sent");
        options.counters.add("datagram-bytes-sent", datagram.length);
        options.transport.sendDatagram(effect.to, datagram);
        break;
      }
      case "push-pull":
        options.peers.call(effect.to, { kind: "push-pull", state: this.state() }, (reply) => {
          if (reply?.kind === "push-pull-reply") {
            this.deliver({ kind: "push-pull-received", state: reply.state });
          }
        });
        break;
      case "probe-by-tcp":
        this.#probeByTcp(effect.to, effect.probe);
        break;
      case "set-timer": {
        const delayMs = Math.max(0, effect.atMs - options.clock.monotonicMs());
        options.clock.after(delayMs, () => this.deliver(effect.event));
        break;
      }
      case "records-changed":
        options.onRecordsChanged(this.#machine.records());
        break;
      case "liveness-changed":
        options.onLivenessChanged(effect.id, effect.liveness, effect.isGoodbye);
        break;
      case "duplicate":
        options.onDuplicate();
        break;
      default:
        unreachable(effect);
    }
  }

  #probeByTcp(to: NodeId, probe: number): void {
    const { peers, clock } = this.#options;
    const sink = {
      onReply: (): void => this.deliver({ kind: "probe-by-tcp-ended", probe, isOk: true }),
      onNoAnswer: (): void => this.deliver({ kind: "probe-by-tcp-ended", probe, isOk: false }),
    };
    const deadlineMs = clock.monotonicMs() + PROBE_MS_MAX;
    if (!peers.request(to, encodeMessage({ kind: "probe" }), deadlineMs, sink, 0)) {
      this.deliver({ kind: "probe-by-tcp-ended", probe, isOk: false });
    }
  }
}
