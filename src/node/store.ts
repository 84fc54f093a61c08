/**
 * What a node offers to its front doors (HTTP, library, later RESP). Implemented by `StoreNode`.
 *
 * Every call answers exactly once, by its deadline, through `done`; never within the call itself except to shed.
 * Bytes handed in must not change until then; bytes handed out are the receiver's to keep.
 */
import type { Histogram } from "../base/histogram.ts";
import type { Reach } from "../core/replication/quorum.ts";
import type {
  BackupOutcome,
  BackupRequest,
  ComparisonOutcome,
  ComparisonRequest,
} from "../model/backup.ts";
import type { CellType, RootKind } from "../model/cell.ts";
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
import type { Stamp } from "../model/stamp.ts";
import type { Durations } from "./durations.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { TimelineEvent } from "./timeline.ts";
import type { Traffic } from "./traffic.ts";

/**
 * `starting` reads its disk; `joining` takes writes and copies its slots; `leaving` serves on while others copy them;
 * `draining` serves on, and is to be sent nothing more; `stopping` finishes what it has.
 */
export type NodePhase =
  | "starting"
  | "joining"
  | "ready"
  | "leaving"
  | "draining"
  | "stopping"
  | "stopped";

/** What a node that is not ready waits for: see `Readiness`. */
export type Wait = "start" | "share" | "hashes" | "votes" | "comparison" | "leave" | "stop";

export interface MemberStatus extends Member {
  /** The wire version agreed with it; `undefined` without a connection to it that stands, and for this node. */
  readonly wireVersion: number | undefined;
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
  /** What keeps the node from being ready: `undefined` when it is. */
  readonly waitsFor: Wait | undefined;
  readonly nodeId: NodeId;
  readonly clusterId: ClusterId | undefined;
  readonly epoch: Epoch;
  readonly config: NodeConfig;
  readonly shared: SharedConfig;
  /** In order of id, this node included. */
  readonly members: readonly MemberStatus[];
  readonly collection: CollectionStatus;
  /** Read, not changed, by whoever is given it; it goes on counting. */
  readonly durations: Durations;
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

/** What one node has of a key: its root cell, and of a container's fields a sum. */
export interface KeyCopy {
  readonly node: NodeId;
  readonly role: "primary" | "pending" | "fallback";
  /** `silent`: it cannot be reached, did not answer in time, or does not answer for the slot yet. */
  readonly kind: "held" | "absent" | "damaged" | "silent";
  /** Whether its word counts in a read: not where it has lost commits and is not mended, nor where it said nothing. */
  readonly hasVote: boolean;
  readonly cell:
    | {
        readonly kind: RootKind;
        readonly type: CellType;
        readonly stamp: Stamp;
        readonly expiresAtMs: number;
        /** Of its payload. */
        readonly bytes: number;
        readonly checksum: number;
      }
    | undefined;
  /** Of a container; `undefined` also where they could not be read. */
  readonly fields: CopyFields | undefined;
}

/** The first fields of a container, those that are gone included. */
export interface CopyFields {
  readonly count: number;
  /** Whether these are all. */
  readonly isWhole: boolean;
  /** Equal where these fields are. */
  readonly fingerprint: number;
}

/** What a node shows to people beyond its status. Looking changes nothing. */
export interface Insight {
  /** How long requests took that this node coordinated, since its start. */
  readonly latencies: { readonly read: Histogram; readonly write: Histogram };
  readonly timeline: { since(number: number): readonly TimelineEvent[] };
  traffic(member: NodeId): Traffic;
  /** How a member can be reached now. */
  reach(member: NodeId): Reach;
  /** Who is to hold a slot next; cheap enough to ask for all of them. The same while the epoch is. */
  pendingOf(slot: Slot): readonly NodeId[];
  /** Slots in which this node knows that a member may lack something, one bit each; `undefined` for none. */
  missingAt(member: NodeId): Uint8Array | undefined;
  /** Asks each node that holds a key, or may, what it has; primaries first, in order. `done` comes in a later turn. */
  copiesOf(key: Key, done: (copies: readonly KeyCopy[]) => void): void;
}

/** Told what stands in the way of a departure, or nothing. */
export type Decided = (obstacle: string | undefined) => void;

export interface Store {
  readonly insight: Insight;
  /** Who listens at this node: they are given what is published at any. */
  readonly subscriptions: Subscriptions;
  /**
   * What is asked for within the call is asked for together: writes may be begun when the call is over, in order, which costs less than
   * one by one. Nothing else is different.
   */
  together(asking: () => void): void;
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
  /** A page of all that the cluster holds, cell by cell: see `backup-page.ts`. */
  backup(request: BackupRequest, done: (outcome: BackupOutcome) => void): void;
  /** Which slots hold something else than a backup: see `backup-comparison.ts`. */
  compareBackup(request: ComparisonRequest, done: (outcome: ComparisonOutcome) => void): void;
  status(): StoreStatus;
  locate(key: Key): KeyLocation;
  /** Of a slot, in order: cheap enough to ask for all of them. The same while the epoch is. */
  primariesOf(slot: Slot): readonly NodeId[];
}
