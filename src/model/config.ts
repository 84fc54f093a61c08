/** Settings: what a cluster shares (set by its first node, handed to joiners) and what each node has of its own. */
import type { Address } from "./ids.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "./limits.ts";

/** When a commit is acknowledged: after `fdatasync`, after the operating system took it, or never on disk. */
export type Durability = "fsync" | "os" | "memory";

/** Equal on every node of a cluster. */
export interface SharedConfig {
  /** Copies of every key, N: 1..16. */
  readonly replicas: number;
  /** `sloppy`: one copy suffices when no more can be reached, and the answer says so. `strict`: W or an error. */
  readonly writeQuorum: "sloppy" | "strict";
  /** 1..32 768. */
  readonly keyBytesMax: number;
  /** 1..16 777 216. */
  readonly valueBytesMax: number;
  /** How long a tombstone is kept at least, in milliseconds. */
  readonly graceMs: number;
}

export const SHARED_CONFIG_DEFAULT: SharedConfig = {
  replicas: 3,
  writeQuorum: "sloppy",
  keyBytesMax: KEY_BYTES_MAX,
  valueBytesMax: VALUE_BYTES_MAX,
  graceMs: 3_600_000,
};

/** One node's own settings, as its core sees them. */
export interface NodeConfig {
  /** Where peers reach this node. */
  readonly address: Address;
  /** Where clients reach this node's HTTP door, for members to show; empty when it has none. */
  readonly httpAddress: string;
  /** Where clients reach this node's Redis door, for members to name to cluster clients; empty when it has none. */
  readonly redisAddress: string;
  /** Failure domain: copies land in distinct zones while there are any. Empty is a zone of its own name. */
  readonly zone: string;
  /** Share of the slots relative to others: 1..64. */
  readonly weight: number;
  /** Every cell is read and its checksum compared within this time, again and again; default 7 days. */
  readonly scrubMs?: number;
  /** A graceful stop takes no longer; default 10 seconds. */
  readonly drainMs?: number;
  /** Members to join through; empty for a first node that is to found a cluster. */
  readonly peers: readonly Address[];
  /** With peers, or a discovery: found a cluster where none of them answers. */
  readonly isFounder?: boolean;
  /** A member that is dead for longer is removed; `undefined` is never. */
  readonly removeAfterMs?: number | undefined;
  /** What this node was told to share; `undefined` fields follow the cluster. A different value is an error at join. */
  readonly shared: Partial<SharedConfig>;
}
