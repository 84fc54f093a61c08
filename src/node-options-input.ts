/**
 * The settings that `openNode` takes, written out for who reads or imports them: the package's declarations need no other
 * package. Invariant: the same names and types as the schema that checks them (node-options.ts); a test holds them equal.
 */
import type { Durability } from "./model/config.ts";

/** Settings of one node; docs/configuration.md has their bounds and what they do. */
export interface NodeOptionsInput {
  /** Name or IP address to listen on; default `127.0.0.1`. One that is not loopback needs `insecure`. */
  readonly address?: string | undefined;
  /** `host:port` where peers reach this node; needed with `0.0.0.0` and behind NAT. Default: address and port. */
  readonly advertise?: string | undefined;
  /** Port for peers, UDP and TCP; default 5000, 0 is any free one. */
  readonly port?: number | undefined;
  /** Port for HTTP, 0 is any free one. Default: none. */
  readonly serverPort?: number | undefined;
  /** A second port for HTTP, where browsers may go. Default: none. */
  readonly webPort?: number | undefined;
  /** Port for the Redis protocol, 0 is any free one. Default: none. */
  readonly redisPort?: number | "off" | undefined;
  /** Keys that `SCAN`, `KEYS` and `DBSIZE` cover; default `cluster`. */
  readonly redisScan?: "cluster" | "node" | undefined;
  /** Data directory; default `.dnd/<port>`. */
  readonly dataDir?: string | undefined;
  /** When a write is acknowledged; default `fsync`. */
  readonly durability?: Durability | undefined;
  /** Members to join through, `host:port` or `dns:NAME`, at most 64. The first node of a cluster has none. */
  readonly peers?: string[] | undefined;
  /** The DNS server that is asked for `dns:NAME`, `ip:port`. Default: the system's. */
  readonly dnsServer?: string | undefined;
  /** With peers: an empty node founds the cluster when none of them answers. Of one node only; default false. */
  readonly founder?: boolean | undefined;
  /** Free bytes on the disk below which the node takes no writes; default 64 MiB, 0 is never. */
  readonly freeBytesMin?: number | undefined;
  /** Names, or `name:port`, by which HTTP clients may address this node beside its own addresses; at most 64. */
  readonly allowedHosts?: string[] | undefined;
  /** Closing takes no longer than this, milliseconds; default 20 000. */
  readonly drainMs?: number | undefined;
  /** Before it closes, the node serves on for so long without being ready, milliseconds; default 0. */
  readonly drainNoticeMs?: number | undefined;
  /** Failure domain, at most 64 bytes: copies are spread over zones. */
  readonly zone?: string | undefined;
  /** Share of the slots relative to other nodes, 1..64; default 1. */
  readonly weight?: number | undefined;
  /** A member that is dead for so long is removed: milliseconds, or `7d`, `12h`, `90s`. Default: never. */
  readonly removeAfter?: number | string | undefined;
  /** Every stored cell is read and checked within this time, milliseconds; default 7 days. */
  readonly scrubMs?: number | undefined;
  /** Where a collector takes traces, by OTLP over HTTP: `http://host:4318`. Default: none are kept. */
  readonly tracesTo?: string | undefined;
  /** The part of requests without a `traceparent` that are traced, 0..1; default 0.01. */
  readonly tracesRatio?: number | undefined;
  /** Copies of every key, 1..16; default 3. Of the whole cluster, as are those that follow. */
  readonly replicas?: number | undefined;
  /** `strict`: a write that does not reach a majority is refused; default `sloppy`. */
  readonly writeQuorum?: "sloppy" | "strict" | undefined;
  /** Longest key in bytes, 1..32 768. */
  readonly keyBytesMax?: number | undefined;
  /** Longest value in bytes, 1..16 777 216. */
  readonly valueBytesMax?: number | undefined;
  /** How long a tombstone is kept at least, milliseconds; default an hour. */
  readonly graceMs?: number | undefined;
  /** Allow an address that is not loopback, though there are no credentials. */
  readonly insecure?: boolean | undefined;
}
