/**
 * What a node tells those who watch it live, by server-sent events: the dashboard, or any program.
 *
 * Names and forms are part of the public interface (docs/dashboard.md): members are added, never renamed. Counts are since the
 * node's start, so that the difference of two samples is what happened between them.
 */
import type { Intent, Liveness } from "../../model/member.ts";

/** Milliseconds over what was answered since the sample before; `count` of them. */
export interface LivePercentiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface LiveTraffic {
  readonly framesSent: number;
  readonly bytesSent: number;
  readonly framesReceived: number;
  readonly bytesReceived: number;
}

export interface LiveMember {
  readonly id: string;
  readonly address: string;
  readonly httpAddress: string;
  readonly intent: Intent;
  readonly liveness: Liveness;
  readonly zone: string;
  readonly weight: number;
  readonly firstSlots: number;
  readonly primarySlots: number;
  readonly dirtySlots: number;
  readonly foreignSlots: number;
  /** How it can be reached from here; `self` is the node that tells. */
  readonly reach: "self" | "up" | "slow" | "doubtful" | "down";
  /** Between the node that tells and this one. */
  readonly traffic: LiveTraffic;
}

export interface LiveDisk {
  /** Of the data directory. */
  readonly usedBytes: number;
  /** Of its file system. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Numbers of one moment, for charts. */
export interface LiveNumbers {
  readonly atMs: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  /** Slots in which a member may lack something, summed over members. */
  readonly dirtySlots: number;
  /** Between the node and all others, over their connections. */
  readonly traffic: LiveTraffic;
  readonly latency: { readonly read: LivePercentiles; readonly write: LivePercentiles };
  /** How late the event loop came to timers since the sample before, milliseconds. */
  readonly eventLoop: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly process: {
    readonly cpuMs: number;
    readonly rssBytes: number;
    readonly heapBytes: number;
  };
  /** `null` where nothing is on a disk. */
  readonly disk: LiveDisk | null;
}

/** A `sample` event, about every second. */
export interface LiveSample extends LiveNumbers {
  readonly node: string;
  readonly cluster: string | null;
  readonly phase: string;
  /** What keeps the node from being ready, as `/ready` says it. */
  readonly waitsFor: string | null;
  readonly epoch: string;
  /** Copies wanted. */
  readonly replicas: number;
  readonly members: readonly LiveMember[];
  readonly collection: {
    readonly slotsDue: number;
    readonly reason: string | null;
    readonly heldBy: string | null;
  };
}

/** Part of a `timeline` event: those that are new, in order. */
export interface LiveEvent {
  readonly number: number;
  readonly atMs: number;
  readonly kind: string;
  readonly node?: string;
  readonly count?: number;
}

/** The first event of a stream, `hello`. */
export interface LiveHello {
  readonly version: string;
  /** Whether this reader may have the node leave, or remove a member: browsers of this machine only. */
  readonly mayAct: boolean;
}

/** `GET /cluster/slots`. */
export interface SlotMap {
  readonly epoch: string;
  readonly replicas: number;
  /** Who holds slots, each combination once. */
  readonly holders: readonly {
    readonly primaries: readonly string[];
    readonly pending: readonly string[];
  }[];
  /** Base64: for each of the 16 384 slots the index in `holders`, two bytes, the lower one first. */
  readonly slots: string;
  /** Base64 by member: a bit for each slot in which this node knows it may lack something, the lowest of a byte first. */
  readonly missing: Readonly<Record<string, string>>;
}

/** `GET /cluster/copies`: what one node has of a key. */
export interface LiveCopy {
  readonly node: string;
  readonly role: "primary" | "pending" | "fallback";
  readonly kind: "held" | "absent" | "damaged" | "silent";
  readonly hasVote: boolean;
  readonly cell?: {
    readonly kind: "value" | "container" | "tombstone";
    readonly type: "string" | "hash" | "set" | "counter";
    readonly stamp: string;
    readonly checksum: string;
    readonly bytes: number;
    readonly expires?: string;
  };
  readonly fields?: {
    readonly count: number;
    readonly isWhole: boolean;
    readonly fingerprint: string;
  };
}

export interface LiveCopies {
  readonly key?: string;
  readonly key64?: string;
  readonly slot: number;
  /** All who hold the key, and answered, have the same. */
  readonly isEqual: boolean;
  readonly copies: readonly LiveCopy[];
}
