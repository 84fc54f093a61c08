/**
 * What a node offers to its front doors (HTTP, library, later RESP). Implemented by `StoreNode`.
 *
 * Every call answers exactly once, by its deadline, through `done`; never within the call itself except to shed.
 * Bytes handed in must not change until then; bytes handed out are the receiver's to keep.
 */
import type { NodeConfig, SharedConfig } from "../model/config.ts";
import type { ClusterId, Epoch, NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { Member } from "../model/member.ts";
import type { OperationOutcome, QueryOutcome } from "../model/operation.ts";
import type { FlushOutcome, ListOutcome, ReadOutcome, WriteOutcome } from "../model/outcome.ts";
import type { Publication, SubscriptionCounts, SubscriptionQuery } from "../model/publication.ts";
import type {
  DeleteRequest,
  FlushRequest,
  ListRequest,
  OperateRequest,
  PutRequest,
  QueryRequest,
  ReadRequest,
} from "../model/request.ts";
import type { Slot } from "../model/slot.ts";
import type { Subscriptions } from "./subscriptions.ts";

/**
 * `starting` reads its disk; `joining` takes writes and copies its slots; `leaving` serves on while others copy them;
 * `stopping` finishes what it has.
 */
export type NodePhase = "starting" | "joining" | "ready" | "leaving" | "stopping" | "stopped";

export interface MemberStatus extends Member {
  /** Slots in which the member is the first primary. */
  readonly firstSlots: number;
  /** Slots of which the member holds a copy as a primary. */
  readonly primarySlots: number;
  /** Slots in which this node knows the member may lack something. */
  readonly dirtySlots: number;
  /** Slots whose cells this node keeps, for the member among others to take. */
  readonly foreignSlots: number;
}

/** How far this node has come in collecting what was deleted or has expired. */
export interface CollectionStatus {
  /** Slots it drives in which something is older than the grace and still there. */
  readonly slotsDue: number;
  /** Why nothing is collected there; `undefined` when nothing is in the way. */
  readonly reason: string | undefined;
  /** The member that is in the way, where it is one. */
  readonly heldBy: NodeId | undefined;
}

export interface StoreStatus {
  readonly phase: NodePhase;
  readonly nodeId: NodeId;
  readonly clusterId: ClusterId | undefined;
  readonly epoch: Epoch;
  readonly config: NodeConfig;
  readonly shared: SharedConfig;
  /** In order of id, this node included. */
  readonly members: readonly MemberStatus[];
  readonly collection: CollectionStatus;
  /** Monotonic counts since start, by stable kebab-case name: requests, repairs, hints, discarded values, ... */
  readonly counters: Readonly<Record<string, number>>;
  /** Momentary amounts, by stable kebab-case name: requests in flight, bytes queued, foreign slots, ... */
  readonly gauges: Readonly<Record<string, number>>;
}

export interface KeyLocation {
  readonly slot: Slot;
  readonly primaries: readonly NodeId[];
  readonly pending: readonly NodeId[];
  readonly fallbacks: readonly NodeId[];
}

/** One cell of this node's own, for comparing replicas. */
export interface DumpEntry {
  readonly slot: Slot;
  /** Binary strings. */
  readonly key: string;
  /** `undefined` for the root. */
  readonly field: string | undefined;
  readonly kind: string;
  /** As `formatStamp` writes it. */
  readonly stamp: string;
  readonly checksum: number;
  readonly expiresAtMs: number;
}

export type DumpOutcome =
  | {
      readonly kind: "page";
      readonly entries: readonly DumpEntry[];
      readonly next: string | undefined;
    }
  | { readonly kind: "failed"; readonly detail: string };

/** Told what stands in the way of a departure, or nothing. */
export type Decided = (obstacle: string | undefined) => void;

export interface Store {
  /** Who listens at this node: they are given what is published at any. */
  readonly subscriptions: Subscriptions;
  put(request: PutRequest, done: (outcome: WriteOutcome) => void): void;
  delete(request: DeleteRequest, done: (outcome: WriteOutcome) => void): void;
  /** Runs at the key's first live primary, one at a time per key; never sent to a second node. */
  operate(request: OperateRequest, done: (outcome: OperationOutcome) => void): void;
  /** One cell a slot, however many keys it holds. */
  flush(request: FlushRequest, done: (outcome: FlushOutcome) => void): void;
  query(request: QueryRequest, done: (outcome: QueryOutcome) => void): void;
  /** A plain key's value, or a counter's number as text; of a hash or set, its root alone. */
  read(request: ReadRequest, done: (outcome: ReadOutcome) => void): void;
  list(request: ListRequest, done: (outcome: ListOutcome) => void): void;
  /**
   * Gives a message to all who listen: at this node within the call, at the others once, as it arrives. At most once each, and to
   * each in the order of the calls. `done` is told, perhaps within the call, how many have it, as far as is known within a
   * second. Its bytes must never change.
   */
  publish(publication: Publication, done: (receivers: number) => void): void;
  /** Who listens, at this node and at those that answer within a second. Names of up to SUBSCRIPTION_NAMES_BYTES_MAX. */
  survey(query: SubscriptionQuery, done: (found: SubscriptionCounts) => void): void;
  /**
   * Begins a graceful departure of this node: its slots go to others first, then it is `left`. Progress shows in
   * `status()`. Tells what is in the way, perhaps within the call; or nothing, once the decision is on disk.
   */
  leave(done: Decided): void;
  /**
   * Begins the removal of a dead member that will not come back: others copy its slots from what is left, then it is
   * `removed` for good; what only it held is given up. Tells what is in the way, perhaps within the call; or nothing,
   * once the decision is on disk: also an end of this node before others have heard does not take it back.
   */
  remove(node: NodeId, done: Decided): void;
  /** This node's own cells, in storage order, from `cursor` (binary string, empty for the beginning). */
  dump(cursor: string, limit: number, done: (outcome: DumpOutcome) => void): void;
  status(): StoreStatus;
  locate(key: Key): KeyLocation;
  /** Of a slot, in order: cheap enough to ask for all of them. The same while the epoch is. */
  primariesOf(slot: Slot): readonly NodeId[];
}
