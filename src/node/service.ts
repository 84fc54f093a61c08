/**
 * Answers peers: checks that both see the same placement, then hands the request to whom it concerns.
 *
 * Invariant: a request about keys is carried out only under the placement epoch it was sent under.
 */
import { unreachable } from "../base/assert.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { SharedConfig } from "../model/config.ts";
import type { ClusterId } from "../model/ids.ts";
import type { OperationOutcome } from "../model/operation.ts";
import type { PeerRequest } from "../model/peer-message.ts";
import type { Tracer } from "../ports/tracer.ts";
import type { BackgroundShare } from "./background-share.ts";
import type { Collector } from "./collector.ts";
import type { Counters } from "./counters.ts";
import type { Stage } from "./durations.ts";
import type { ExchangeCounterpart } from "./exchange-counterpart.ts";
import type { MembershipRunner } from "./membership-runner.ts";
import { differingSetting } from "./node-state.ts";
import type { Served } from "./peers.ts";
import type { PubSub } from "./pub-sub.ts";
import type { Replica } from "./replica.ts";
import { type Reply, refuse } from "./reply.ts";
import type { Requests } from "./requests.ts";
import { serveTraced } from "./tracing.ts";

export interface ServiceOptions {
  readonly replica: Replica;
  readonly counterpart: ExchangeCounterpart;
  readonly requests: Requests;
  readonly collector: Collector;
  readonly pubSub: PubSub;
  readonly placement: () => Placement;
  readonly clusterId: () => ClusterId | undefined;
  readonly shared: () => SharedConfig;
  readonly membership: () => MembershipRunner | undefined;
  readonly counters: Counters;
  /** As `Clock` says. */
  readonly turnMs: () => number;
  /** Whether this node holds, under the present placement, all that it is to hold. */
  readonly isFilled: () => boolean;
  readonly share: BackgroundShare;
  /** `undefined`: this node keeps no traces. */
  readonly tracer: Tracer | undefined;
}

/** Requests that mean the same under any placement. A dirty bit too many costs an exchange, one too few a repair. */
const WITHOUT_EPOCH: ReadonlySet<PeerRequest["kind"]> = new Set<PeerRequest["kind"]>([
  "hello",
  "join",
  "push-pull",
  "probe",
  "hint",
  "publish",
  "subscriptions",
]);

export class Service {
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  serve(served: Served): void {
    const { replica, counterpart, collector, placement, membership } = this.#options;
    const { message, from, reply } = served;
    const runner = membership();
    if (runner === undefined) {
      refuse(reply, "not-ready", "this node is still starting");
      return;
    }
    if (!WITHOUT_EPOCH.has(message.kind) && served.epoch !== placement().epoch) {
      this.#options.counters.add("epoch-mismatches");
      runner.deliver({ kind: "epoch-differs", id: from });
      refuse(reply, "epoch", "the placement differs");
      return;
    }
    switch (message.kind) {
      case "hello":
        break;
      case "join":
        this.#onJoin(served, message, runner);
        break;
      case "push-pull":
        runner.deliver({ kind: "push-pull-received", state: message.state, from });
        reply({ kind: "push-pull-reply", state: runner.state() });
        break;
      case "probe":
        reply({ kind: "probe-reply" });
        break;
      case "write":
        replica.write(message, this.#timed("replica-write", reply));
        break;
      case "hint":
        replica.mark(message.slot, message.targets);
        break;
      case "read":
        replica.read(message, this.#timed("replica-read", reply));
        break;
      case "confirm":
        replica.confirm(message, this.#timed("replica-read", reply));
        break;
      case "forward":
        this.#onForward(served, message);
        break;
      case "list":
        replica.list(message, reply);
        break;
      case "compare":
        counterpart.compare(from, message, reply);
        break;
      case "slot-compare":
        counterpart.compareSlots(message, reply);
        break;
      case "leaf-compare":
        counterpart.compareLeaves(message, reply);
        break;
      case "slot-list":
        this.#inTheBackground(served, (told) => counterpart.list(message, told));
        break;
      case "slot-scan":
        this.#inTheBackground(served, (told) => counterpart.scan(message, told));
        break;
      case "sum-compare":
        counterpart.compareSums(message, reply);
        break;
      case "cell-scan":
      case "sparse-scan":
        this.#inTheBackground(served, (told) => counterpart.tellCells(message, told));
        break;
      case "fetch":
        this.#inTheBackground(served, (told) => counterpart.fetch(message, told));
        break;
      case "filled":
        reply({ kind: "filled-reply", isFilled: this.#options.isFilled() });
        break;
      case "mark":
        collector.tellMark(message, reply);
        break;
      case "raise-floor":
        collector.raiseFloor(message, reply);
        break;
      case "collect":
        collector.collect(message, reply);
        break;
      case "publish":
        this.#options.pubSub.receive(message, reply);
        break;
      case "subscriptions":
        this.#options.pubSub.tell(message, reply);
        break;
      case "merge":
        replica.merge(message.parts, reply);
        break;
      case "traced":
        serveTraced(this.#options.tracer, served, message, (inner) => this.serve(inner));
        break;
      default:
        unreachable(message);
    }
  }

  #onForward(
    { deadlineMs, reply, span }: Served,
    message: Extract<PeerRequest, { kind: "forward" }>,
  ): void {
    const { requests } = this.#options;
    const done = (outcome: OperationOutcome | "seen" | "not-first"): void => {
      if (outcome === "seen") refuse(reply, "seen", "this write was taken before");
      else if (outcome === "not-first") refuse(reply, "not-first", "not the first live primary");
      else reply({ kind: "forward-reply", outcome });
    };
    requests.runForwarded(message, deadlineMs, done, span);
  }

  /** `reply`, which also notes how long it took. */
  #timed(stage: Stage, reply: Reply): Reply {
    const { counters, turnMs } = this.#options;
    const taken = counters.durations.stages[stage];
    const startMs = turnMs();
    return (answer) => {
      taken.add(turnMs() - startMs);
      reply(answer);
    };
  }

  /** Serves a page of a peer's background work when this node's own requests allow. */
  #inTheBackground({ epoch, reply }: Served, serve: (reply: Reply) => void): void {
    const { share, placement } = this.#options;
    share.serve((release) => {
      // It may have waited.
      if (epoch === placement().epoch) {
        serve((answer) => {
          release();
          reply(answer);
        });
      } else {
        release();
        refuse(reply, "epoch", "the placement differs");
      }
    });
  }

  #onJoin(
    { reply, from }: Served,
    { record, shared }: Extract<PeerRequest, { kind: "join" }>,
    runner: MembershipRunner,
  ): void {
    const clusterId = this.#options.clusterId();
    if (clusterId === undefined || record.id !== from) {
      refuse(reply, "not-ready", "this node cannot let anybody in");
      return;
    }
    const differing = differingSetting(shared, this.#options.shared());
    if (differing !== undefined) {
      refuse(reply, "config", differing);
      return;
    }
    runner.deliver({
      kind: "push-pull-received",
      state: { records: [record], liveness: [] },
    });
    reply({
      kind: "join-reply",
      clusterId,
      shared: this.#options.shared(),
      state: runner.state(),
    });
  }
}
