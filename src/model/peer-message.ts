/**
 * Messages between nodes over their TCP connections. Layout in bytes: `protocol/peer/`, docs/protocol/peer.md.
 *
 * A request carries a `requestId` unique among its sender's requests on that connection; the reply repeats it.
 * `hint` has no reply. Anything can be answered with `refused`.
 */
import type { CellAddress, EncodedCell } from "./cell.ts";
import type { SharedConfig } from "./config.ts";
import type { Address, BootId, ClusterId, Epoch, NodeId } from "./ids.ts";
import type { Field, Key } from "./key.ts";
import type { MemberRecord, MembershipState } from "./member.ts";
import type { Operation, OperationOutcome } from "./operation.ts";
import type { Publication, SubscriptionCounts, SubscriptionQuery } from "./publication.ts";
import type { Selection } from "./selection.ts";
import type { Slot } from "./slot.ts";
import type { Stamp } from "./stamp.ts";
import type { TraceContext } from "./trace.ts";

/**
 * Raised whenever a message, kind or code is added or changed: the greatest version this node speaks. The rule by which nodes of
 * two versions live in one cluster is in docs/upgrading.md.
 */
export const WIRE_VERSION = 7;
/** The least it still speaks. A hello has begun alike since version 4, so it is never less. */
export const WIRE_VERSION_LEAST = 4;
/** The least in which a request may be `traced`. */
export const WIRE_VERSION_TRACED = 5;
/** The least in which `write-acks` answer several requests. */
export const WIRE_VERSION_ACKS = 6;
/** The least in which a replica may be asked to `confirm`. */
export const WIRE_VERSION_CONFIRM = 7;

/** What every frame begins with. */
export interface FrameHeader {
  /** 0..2^32-1; 0 for one-way messages. */
  readonly requestId: number;
  /** The sender's hybrid clock: milliseconds and counter. */
  readonly clockMs: number;
  readonly clockCounter: number;
  /** The sender's placement epoch; 0 before it has one. */
  readonly epoch: Epoch;
  /** Milliseconds left for a request when it was sent; 0 in replies and one-way messages. */
  readonly remainingMs: number;
  /** The sender's monotonic clock when it was sent: a frame that lay in a buffer is recognised as late. */
  readonly sentMs: number;
}

export interface Frame {
  readonly header: FrameHeader;
  readonly message: PeerMessage;
}

/** A cell with its full address, as exchanges carry it. */
export interface KeyedCell extends EncodedCell {
  readonly key: Key;
}

/** Cells of one slot, as exchanges carry them. */
export interface SlotCells {
  readonly slot: Slot;
  /** The sender's named C: cells at or below the receiver's C count only if this is not lower. */
  readonly collected: Stamp;
  readonly cells: readonly KeyedCell[];
}

/** Where a cell stands. */
export interface CellPosition {
  readonly slot: Slot;
  readonly key: Key;
  readonly field: CellAddress;
}

/** Enough to tell whether two replicas hold the same cell. */
export interface CellDigest {
  readonly key: Key;
  readonly field: CellAddress;
  readonly stamp: Stamp;
  readonly checksum: number;
}

/** Why a request was not carried out; in each case nothing was done. */
export type Refusal =
  | "epoch" // sender and receiver differ in the placement: exchange memberships, then retry
  | "not-owner" // the receiver does not (yet) answer for this slot: no vote
  | "overloaded"
  | "late" // the deadline had passed on arrival
  | "failed" // storage refused
  | "damaged" // the cell is held, but fails its checksum
  | "too-large" // what is asked for does not fit one message
  | "voteless" // the receiver has lost commits, and is not yet mended by the others: no vote
  | "not-first" // a forwarded write reached a node that is not the key's first live primary
  | "seen" // a forwarded write that was already taken: its outcome is the first one's
  | "wrong-cluster"
  | "wire-version"
  | "duplicate-node" // another live node has this id
  | "config" // the joiner was told to share something else
  | "not-ready";

/** How a replica took a write. */
export type StoreResult =
  | "stored" // merged and durable
  | "behind" // a first attempt below what is held: nothing merged, `held` says what to stamp above
  | "superseded" // a final attempt: merged and durable, and something held is greater
  | "below"; // at or below the slot's floor or this node's mark: nothing merged, `held` says what to stamp above

/** What keeps a member's low-water mark from following its clock. */
export type MarkHolder =
  | "grace" // nothing: it lies the grace below the clock
  | "writes-in-flight"
  | "foreign-cells"
  | "not-ready";

/** Requests that a client waits for: they may be part of its trace. */
export type TraceableRequest = Extract<
  PlainRequest,
  { readonly kind: "write" | "read" | "forward" | "list" | "merge" }
>;

export type PeerRequest =
  | PlainRequest
  /** The request, and the span at the sender that asks it. */
  | { readonly kind: "traced"; readonly trace: TraceContext; readonly request: TraceableRequest };

type PlainRequest =
  | {
      readonly kind: "hello";
      /** The greatest and the least version the sender speaks. */
      readonly wireVersion: number;
      readonly wireVersionLeast: number;
      /** `undefined` while joining. */
      readonly clusterId: ClusterId | undefined;
      readonly nodeId: NodeId;
      readonly boot: BootId;
      readonly address: Address;
      /** The sender's greatest durable commit. */
      readonly commitNumber: number;
      /** Whom the sender takes the receiver for; at an address another node may have come to live. */
      readonly peer: NodeId | undefined;
      /** The sender's low-water mark: whoever meets it keeps it too, so that every member's is above every C. */
      readonly mark: Stamp;
      /** The greatest commit the sender has heard of `peer`; 0 for none. */
      readonly remembered: number;
    }
  | { readonly kind: "join"; readonly record: MemberRecord; readonly shared: Partial<SharedConfig> }
  | { readonly kind: "push-pull"; readonly state: MembershipState }
  /** SWIM's probe by TCP, for where UDP does not pass. */
  | { readonly kind: "probe" }
  | {
      readonly kind: "write";
      readonly key: Key;
      readonly cells: readonly EncodedCell[];
      /** What the write builds on: a blind write's own stamp, or what a read-modify-write read, cell by cell. */
      readonly bases: readonly Stamp[];
      /** A final attempt is merged whatever is held. */
      readonly attempt: "first" | "final";
      readonly role: "primary" | "fallback";
      /** Primaries the coordinator knows it cannot reach: the replica marks them in their dirty maps. */
      readonly unreached: readonly NodeId[];
    }
  | { readonly kind: "hint"; readonly slot: Slot; readonly targets: readonly NodeId[] }
  | {
      readonly kind: "read";
      readonly key: Key;
      readonly selection: Selection;
      /** A range is always answered with cells. */
      readonly want: "cells" | "digest";
    }
  | {
      /** As a read of the root that wants its digest; who holds the very cell with this checksum may say just that. */
      readonly kind: "confirm";
      readonly key: Key;
      readonly checksum: number;
    }
  | {
      /** A read-modify-write for the key's first live primary. Never sent to a second node. */
      readonly kind: "forward";
      readonly boot: BootId;
      readonly sequence: number;
      readonly key: Key;
      readonly operation: Operation;
      /** 0 is the default quorum. */
      readonly w: number;
    }
  | {
      /** Roots of live keys in slot order, of slots the receiver answers for. */
      readonly kind: "list";
      readonly firstSlot: Slot;
      readonly lastSlot: Slot;
      /** Storage position to start after within `firstSlot`, as a binary string; empty for its beginning. */
      readonly after: string;
      readonly prefix: string;
      readonly limit: number;
      readonly withValues: boolean;
    }
  | {
      /** Hashes of the slots both nodes answer for: the root, or of all GROUP_COUNT groups. */
      readonly kind: "compare";
      readonly level: "root" | "groups";
      /** Two unsigned 32-bit halves each. */
      readonly hashes: Uint32Array;
    }
  | {
      /** Hashes of slots, whoever holds them. */
      readonly kind: "slot-compare";
      /** In ascending order, as everywhere. */
      readonly slots: readonly Slot[];
      /** Two unsigned 32-bit halves for each of the slots. */
      readonly hashes: Uint32Array;
    }
  | {
      readonly kind: "leaf-compare";
      readonly parts: readonly {
        readonly slot: Slot;
        /** Two unsigned 32-bit halves for each of LEAF_COUNT leaves. */
        readonly hashes: Uint32Array;
      }[];
    }
  | {
      /** What the receiver holds of these slots, as digests. */
      readonly kind: "slot-list";
      /** In ascending order. */
      readonly parts: readonly {
        readonly slot: Slot;
        /** Only cells of these leaves; `undefined`: all. */
        readonly leaves: Uint8Array | undefined;
      }[];
      /** Storage position to start after, as a binary string; empty for the beginning of the first slot. */
      readonly after: string;
      readonly limit: number;
    }
  | {
      /** What the receiver holds of these slots, as cells: for one that holds nothing of them. */
      readonly kind: "slot-scan";
      /** In ascending order. */
      readonly slots: readonly Slot[];
      /** As in `slot-list`. */
      readonly after: string;
    }
  | {
      /**
       * All cells of those slots from the first to the last that the receiver is a primary of, for a backup: a vote, as in a
       * read. Answered by `slot-scan-reply`, with an empty cell where the receiver's own is damaged.
       */
      readonly kind: "cell-scan";
      readonly firstSlot: Slot;
      readonly lastSlot: Slot;
      /** As in `slot-list`. */
      readonly after: string;
    }
  | {
      /** As `cell-scan`, of these slots alone. Since wire version 5. */
      readonly kind: "sparse-scan";
      /** In ascending order. */
      readonly slots: readonly Slot[];
      /** As in `slot-list`. */
      readonly after: string;
    }
  | {
      /**
       * Whether the receiver surely holds just the cells that a backup knows, slot by slot. Answered by `compare-reply` with
       * those slots it is a primary of for which it cannot say so. Since wire version 5.
       */
      readonly kind: "sum-compare";
      readonly firstSlot: Slot;
      /** Sums over the cells of a slot, for it and those that follow: two unsigned 32-bit halves each. */
      readonly sums: Uint32Array;
    }
  | { readonly kind: "fetch"; readonly wanted: readonly CellPosition[] }
  /** Whether the receiver holds, under the sender's epoch, all that it is to hold: asked before somebody goes. */
  | { readonly kind: "filled" }
  /** The receiver's low-water mark: it will send, and keep for others, no write at or below it. */
  | {
      readonly kind: "mark";
      /** `NO_STAMP`: tell how high it could be. Else: raise it to this, as far as it can be, and tell. */
      readonly upTo: Stamp;
    }
  /** Raises the floor of slots the receiver is a primary of; answered when that is durable. */
  | { readonly kind: "raise-floor"; readonly slots: readonly Slot[]; readonly floor: Stamp }
  | {
      /** All primaries of these slots hold the same up to `upTo`, and push back what is below. */
      readonly kind: "collect";
      readonly slots: readonly Slot[];
      readonly upTo: Stamp;
      /** As the receiver gave it when it raised the floor. */
      readonly generation: number;
    }
  /** Something published at the sender, for those who listen at the receiver. Sent in line. */
  | ({
      readonly kind: "publish";
      /** The sender's start, and the place of this among all it has published since: what comes later has a greater one. */
      readonly boot: BootId;
      readonly sequence: number;
    } & Publication)
  /** Who listens at the receiver. */
  | { readonly kind: "subscriptions"; readonly query: SubscriptionQuery }
  /** Repair, exchange and handover: merged without push-back, answered when durable. */
  | { readonly kind: "merge"; readonly parts: readonly SlotCells[] };

export type PeerReply =
  | { readonly kind: "refused"; readonly reason: Refusal; readonly detail: string }
  | {
      readonly kind: "hello-reply";
      /** What both ends speak from now on: the greatest that both can. */
      readonly wireVersion: number;
      /** `undefined`: the receiver has no cluster yet. */
      readonly clusterId: ClusterId | undefined;
      readonly nodeId: NodeId;
      readonly boot: BootId;
      /** As in `hello`, the other way round. */
      readonly mark: Stamp;
      readonly commitNumber: number;
      readonly remembered: number;
    }
  | {
      readonly kind: "join-reply";
      readonly clusterId: ClusterId;
      readonly shared: SharedConfig;
      readonly state: MembershipState;
    }
  | { readonly kind: "push-pull-reply"; readonly state: MembershipState }
  | { readonly kind: "probe-reply" }
  | {
      readonly kind: "write-reply";
      readonly result: StoreResult;
      /** `behind` and `superseded`: the greatest stamp held. `below`: what to stamp above. */
      readonly held: Stamp;
      readonly commitNumber: number;
    }
  /** Answers several writes with what a `write-reply` of `stored` says: those that one commit made durable. Its own request id is 0. */
  | {
      readonly kind: "write-acks";
      readonly commitNumber: number;
      readonly requestIds: readonly number[];
    }
  /** Those of the selected cells that the receiver holds. */
  | {
      readonly kind: "cells-reply";
      readonly cells: readonly EncodedCell[];
      /** Of a range: everything up to this address was looked at; `undefined`: everything. */
      readonly through: Field | undefined;
      /** The sender's named C: what it lacks up to it was deleted, or expired. */
      readonly collected: Stamp;
      /** The slot's flush floor, as the sender knows it: what is at or below it is gone. */
      readonly flushed: Stamp;
    }
  | {
      readonly kind: "digest-reply";
      readonly digests: readonly Omit<CellDigest, "key">[];
      /** As in `cells-reply`. */
      readonly collected: Stamp;
      readonly flushed: Stamp;
    }
  /** The sender holds the cell that it was asked to confirm. */
  | { readonly kind: "confirm-reply"; readonly collected: Stamp; readonly flushed: Stamp }
  | { readonly kind: "forward-reply"; readonly outcome: OperationOutcome }
  | {
      readonly kind: "list-reply";
      readonly entries: readonly {
        readonly slot: Slot;
        readonly key: Key;
        /** Empty: the root is held, and damaged. */
        readonly bytes: Uint8Array;
      }[];
      /** Flush floors of the slots that were looked at, in no order; of most slots there is none. */
      readonly flushed: readonly { readonly slot: Slot; readonly stamp: Stamp }[];
      /** Everything up to this slot and position was looked at. */
      readonly throughSlot: Slot;
      /** Position within `throughSlot`; empty: the whole slot. */
      readonly through: string;
    }
  | {
      /** Which of what was compared differs: 0 for the root, numbers of groups, or of slots. */
      readonly kind: "compare-reply";
      /** The sender has lost commits, and is not yet mended: that it holds the same does not say that it is all. */
      readonly isVoteless: boolean;
      readonly differing: readonly number[];
    }
  | {
      readonly kind: "leaf-compare-reply";
      /** One for each slot that was asked about. */
      readonly parts: readonly {
        readonly slot: Slot;
        /** The sender's named C. */
        readonly collected: Stamp;
        /** The leaves that differ, one bit each. */
        readonly leaves: Uint8Array;
      }[];
    }
  | {
      readonly kind: "slot-list-reply";
      /** Each slot that was looked at, with or without cells, in ascending order. */
      readonly parts: readonly {
        readonly slot: Slot;
        /** The sender's named C; NO_STAMP where the list may lack something. */
        readonly collected: Stamp;
        readonly digests: readonly CellDigest[];
      }[];
      /** Everything up to this position was looked at; `undefined`: everything. */
      readonly through: string | undefined;
    }
  | {
      readonly kind: "slot-scan-reply";
      /** As in `slot-list-reply`; to `cell-scan` and `sparse-scan`, only slots that have cells or a named C. */
      readonly parts: readonly SlotCells[];
      readonly through: string | undefined;
    }
  | {
      readonly kind: "fetch-reply";
      /** By slots; a wanted cell that is not held any more is left out. */
      readonly parts: readonly SlotCells[];
      /** So many of what was wanted were looked at, from the first on. */
      readonly taken: number;
      /** Slots of which a wanted cell is held, and is damaged. */
      readonly unreadable: readonly Slot[];
    }
  | { readonly kind: "merge-reply" }
  /** `mark` is on disk; `NO_STAMP` when there is none under this placement. */
  | { readonly kind: "mark-reply"; readonly mark: Stamp; readonly heldBy: MarkHolder }
  /** `generation` changes whenever the receiver of `raise-floor` stops being what it was then. */
  | { readonly kind: "floor-reply"; readonly generation: number }
  /** What was to be dropped is dropped, and C is named. */
  | { readonly kind: "collect-reply" }
  /** How many it was given to. */
  | { readonly kind: "publish-reply"; readonly receivers: number }
  | ({ readonly kind: "subscriptions-reply" } & SubscriptionCounts)
  | { readonly kind: "filled-reply"; readonly isFilled: boolean };

export type PeerMessage = PeerRequest | PeerReply;
