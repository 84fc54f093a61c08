/**
 * Everything a node counts, and every momentary amount it shows, with what each of them means: for `GET /cluster`, `/metrics` and
 * docs/metrics.md, which a test holds equal to this.
 *
 * Invariant: names are stable: one that is in use is never given another meaning.
 */

/** Counts since the node started, by the names they have in `GET /cluster`. */
export const COUNTERS = {
  "amnesia-found": "Times peers told this node of commits of its own that it does not hold.",
  "backup-pages": "Pages of backups taken.",
  "cells-collected":
    "Cells dropped because they were deleted or had expired, and all members had agreed.",
  "cells-found-damaged": "Cells whose checksum did not hold.",
  "cells-lost": "Damaged cells dropped because no other node held them.",
  "cells-mended": "Damaged cells replaced from other copies.",
  "cells-outranked": "Cells that peers sent and that had been collected here meanwhile.",
  "clock-restarts": "Times the hybrid clock went back with a wall clock that had been far ahead.",
  "commits-failed": "Commits that the disk refused.",
  "comparisons-equal": "Comparisons with a peer that found no difference.",
  "conditional-writes": "Read-modify-writes of this node's clients.",
  "datagram-bytes-received": "Bytes of gossip received.",
  "datagram-bytes-sent": "Bytes of gossip sent.",
  "datagrams-received": "Datagrams of gossip received.",
  "datagrams-sent": "Datagrams of gossip sent.",
  deletes: "Deletes taken.",
  "epoch-mismatches": "Requests of peers that saw another placement.",
  "event-loop-stalls": "Times the event loop stood still for 100 ms or more.",
  "exchange-cells-dropped": "Cells dropped in exchanges because a peer had collected them.",
  "exchange-cells-pulled": "Cells taken from peers in exchanges.",
  "exchange-cells-pushed": "Cells given to peers in exchanges.",
  "exchange-slots-equal": "Slots that an exchange found equal.",
  exchanges: "Slots whose exchange with a peer was begun.",
  "floors-raised": "Slots whose floor was raised for collection.",
  flushes: "Flushes taken.",
  "foreign-cells-dropped": "Cells kept for others and dropped once all their owners held them.",
  hints: "Primaries that missed a write, noted for later, write by write.",
  listings: "Pages of listings taken.",
  "members-found-alive": "Times a member was found alive.",
  "members-found-dead": "Times a member was found dead.",
  "members-found-suspect": "Times a member was suspected.",
  "messages-overtaken":
    "Published messages dropped because a later one of their sender's came first.",
  "messages-published": "Messages published at this node.",
  "messages-received": "Messages published elsewhere and received here.",
  "peer-connections": "Connections to peers that came to stand.",
  "peer-connections-silent":
    "Connections to peers given up because nothing came over them for 15 s though something was asked; each is dialled anew.",
  puts: "Writes taken that are no deletes, read-modify-writes included.",
  "read-repairs": "Replicas that a read found behind and sent what they lacked.",
  reads: "Reads taken.",
  "reads-failed": "Reads that failed.",
  "requests-shed":
    "Requests refused before anything was done: too many under way, or the node does not serve.",
  "scrub-cells": "Cells that the scrub has read.",
  "scrub-cells-damaged": "Damaged cells that the scrub found.",
  "scrub-passes": "Passes of the scrub over all cells.",
  "scrub-slots-unreadable":
    "Slots that the scrub passed over because the disk could not read them.",
  "slots-collected": "Slots in which a round of collection ended.",
  "slots-differing": "Slots found to differ from a peer's, comparison by comparison.",
  "slots-handed-over": "Foreign slots that were handed over to their owners.",
  "values-discarded": "Concurrent values that lost to a later stamp in writes coordinated here.",
  "values-discarded-in-merges":
    "Concurrent values that lost to a later stamp when replicas were merged here.",
  "writes-below-floor":
    "Writes stamped once more because they came below the floor of a collection.",
  "writes-below-majority": "Writes taken that fewer primaries than the majority acknowledged.",
  "writes-failed": "Writes that failed; some of them may have been stored.",
  "writes-hinted": "Writes of which another node keeps a copy for a primary out of reach.",
  "writes-refused-for-space":
    "Writes of clients and of peers refused because the disk has too little free space.",
  "writes-restamped":
    "Writes stamped once more because replicas held something above what they build on.",
} as const;
export type CounterName = keyof typeof COUNTERS;

/** A momentary amount as metrics show it. */
export interface Gauge {
  readonly help: string;
  /** Without its `dnd_`; its own name in snake case where that is one. */
  readonly metric?: string;
  /** How many of its unit are one of the metric's base unit. */
  readonly by?: number;
  /** It only grows, and is a counter to metrics. */
  readonly isCounter?: true;
}

/** Momentary amounts, by the names they have in `GET /cluster`. */
export const GAUGES: Readonly<Record<string, Gauge>> = {
  "background-percent": {
    help: "How much of its time background work may take: 1 is all of it.",
    metric: "background_share_ratio",
    by: 100,
  },
  cells: { help: "Cells held, deleted ones included." },
  "cells-damaged": { help: "Damaged cells that are not yet mended." },
  "cells-damaged-everywhere": { help: "Of those, cells of which no copy is intact." },
  "change-cells-per-second": { help: "Cells that a change under way moves in a second." },
  "change-seconds-left": {
    help: "About how long a change under way still takes; 0: none, or no estimate.",
    metric: "change_remaining_seconds",
  },
  "change-slots-done": { help: "Slots that a change under way has moved." },
  "change-slots-left": { help: "Slots that a change under way has still to move." },
  "change-slots-per-second": { help: "Slots that a change under way moves in a second." },
  commits: { help: "Batches handed to the disk.", metric: "commits_total", isCounter: true },
  connections: { help: "Connections to and from peers that stand." },
  "departure-members-not-equal": {
    help: "Of those who stay, members that this leaver has still to be exchanged with.",
  },
  "departure-members-not-filled": {
    help: "Of those who stay, members that do not yet hold all they are to hold.",
  },
  "exchanges-running": { help: "Slots that are being exchanged." },
  "foreground-p99-us": {
    help: "99th percentile of this node's own requests, over about a minute.",
    metric: "foreground_p99_seconds",
    by: 1e6,
  },
  "foreground-target-us": {
    help: "99th percentile above which background work gives way.",
    metric: "foreground_target_seconds",
    by: 1e6,
  },
  "foreign-slots": { help: "Slots with cells that this node keeps for others." },
  "hashes-built": { help: "1 once the hash tree over all cells is built." },
  "keys-uncommitted": { help: "Keys put and not yet durable." },
  "peer-bytes-queued": { help: "Bytes waiting to be sent to peers.", metric: "peer_queued_bytes" },
  "requests-in-flight": { help: "Requests under way." },
  "scrub-slots-done": { help: "Slots, of 16384, that this pass of the scrub has read." },
  "slots-to-exchange": { help: "Slots that wait for an exchange with a peer." },
  "slots-without-vote": {
    help: "Slots in which this node has lost commits and its word does not count until it is mended.",
  },
  "spans-dropped": {
    help: "Spans, and requests that were to be traced, given up because too many waited for the collector.",
    metric: "spans_dropped_total",
    isCounter: true,
  },
  "spans-exported": {
    help: "Spans that the collector of traces has taken.",
    metric: "spans_exported_total",
    isCounter: true,
  },
  "spans-failed": {
    help: "Spans that the collector refused, or did not take in time.",
    metric: "spans_failed_total",
    isCounter: true,
  },
  "storage-low": {
    help: "1 while the disk has less free space than the node keeps, and it takes no writes.",
  },
  "value-file-bytes": {
    help: "Bytes of files that hold values of 8 KiB and more, with what was replaced in them and is not given back yet.",
  },
};
