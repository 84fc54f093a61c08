/** The flags of commands that run nodes. Checked in `settings.ts`, together with the configuration file. */
import type { Command } from "commander";

/** As commander hands them over: camel case, text as it was given. */
export interface NodeFlags {
  readonly config?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly [name: string]: unknown;
}

const OWN_FLAGS: readonly (readonly [string, string])[] = [
  ["--advertise <host:port>", "where peers reach this node, if not at its address and port"],
  ["--data-dir <directory>", "data directory (default: .dnd/<port>)"],
  ["--peers <list>", "members to join through, host:port or dns:NAME, comma-separated"],
  ["--dns-server <ip:port>", "DNS server to ask for dns:NAME (default: the system's)"],
  ["--allowed-hosts <list>", "names by which HTTP clients may address this node"],
  ["--founder", "with --peers: found the cluster if none of them answers"],
  ["--zone <name>", "failure domain: copies are spread over zones"],
];

const COMMON_FLAGS: readonly (readonly [string, string])[] = [
  ["--address <host>", "address to listen on (default: 127.0.0.1)"],
  ["--port <number>", "port for peers, UDP and TCP (default: 5000)"],
  ["--server-port <number>", "port for HTTP (default: 6000)"],
  ["--web-port <number>", "port for the same HTTP where browsers may go (default: 6080)"],
  ["--redis-port <number>", "port for the Redis protocol, or off (default: 6400)"],
  ["--redis-scan <keys>", "SCAN, KEYS and DBSIZE cover the cluster (default) or the node"],
  ["--weight <number>", "share of the slots relative to other nodes, 1..64 (default: 1)"],
  ["--durability <level>", "a write is acknowledged by: fsync (default), os, memory"],
  ["--free-bytes-min <bytes>", "less free space on the disk: no writes (default: 67108864)"],
  ["--drain-ms <ms>", "a stop takes no longer (default: 20000)"],
  ["--drain-notice-ms <ms>", "before a stop, serve on without being ready (default: 0)"],
  ["--remove-after <time>", "remove a member that was dead for so long: 7d, 12h (default: never)"],
  ["--scrub-ms <ms>", "every stored cell is read and checked within this time (default: 7 days)"],
  ["--traces-to <url>", "OpenTelemetry collector that takes traces, or off (default: off)"],
  ["--traces-ratio <part>", "of requests without a traceparent, those traced (default: 0.01)"],
  ["--insecure", "allow an address that is not loopback, without credentials"],
];

const SHARED_FLAGS: readonly (readonly [string, string])[] = [
  ["--replicas <count>", "copies of every key, set by the first node (default: 3)"],
  ["--write-quorum <mode>", "sloppy (default) or strict, set by the first node"],
  ["--key-bytes-max <bytes>", "longest key, set by the first node (default: 32768)"],
  ["--value-bytes-max <bytes>", "longest value, set by the first node (default: 16777216)"],
  [
    "--grace-ms <ms>",
    "least age of a tombstone that goes, set by the first node (default: 1 hour)",
  ],
];

/** @param scope `one`: a node with an address of its own; `cluster`: several, whose ports are counted up. */
export function addNodeFlags(command: Command, scope: "one" | "cluster"): Command {
  const own = scope === "one" ? OWN_FLAGS : [];
  for (const [flag, description] of [...COMMON_FLAGS, ...own, ...SHARED_FLAGS]) {
    command.option(flag, description);
  }
  return command
    .option("--config <file>", "TOML file with any of these settings; flags win")
    .option("--log-level <level>", "debug, info, warn or error")
    .option("--log-format <format>", "text (default) or json, which --json implies")
    .option("-v, --verbose", "log everything: --log-level debug")
    .option("-q, --quiet", "log errors only: --log-level error")
    .option("--json", "answer and log in JSON");
}
