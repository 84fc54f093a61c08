/**
 * What CONFIG GET shows and CONFIG SET takes: settings of Redis that tools ask for. None of them does anything here.
 *
 * They are there because tools set them and go on only if that works: how small values are encoded, what is saved when. A
 * node's own settings are on its command line. What would be a promise if it could be set (a password, events for keys) is
 * shown as it is and cannot be. Invariant: a value that was set is shown again, until the node ends.
 */
import { VALUE_BYTES_MAX } from "../../model/limits.ts";
import { matchesGlob } from "../../protocol/resp/glob.ts";

type ValueKind = "fixed" | "flag" | "integer" | "memory" | "text";

interface Value {
  readonly kind: ValueKind;
  text: string;
}

/** Names and what they are at first. */
const INITIAL: Readonly<Record<ValueKind, Readonly<Record<string, string>>>> = {
  fixed: {
    "cluster-enabled": "yes",
    databases: "1",
    masterauth: "",
    "notify-keyspace-events": "",
    "proto-max-bulk-len": String(VALUE_BYTES_MAX),
    requirepass: "",
    unixsocket: "",
  },
  flag: {
    activedefrag: "no",
    activerehashing: "yes",
    "aof-use-rdb-preamble": "yes",
    appendonly: "no",
    "cluster-require-full-coverage": "no",
    "crash-log-enabled": "yes",
    "crash-memcheck-enabled": "yes",
    "dynamic-hz": "yes",
    "latency-tracking": "yes",
    "lazyfree-lazy-eviction": "no",
    "lazyfree-lazy-expire": "no",
    "lazyfree-lazy-server-del": "no",
    "lazyfree-lazy-user-del": "no",
    "lazyfree-lazy-user-flush": "no",
    "no-appendfsync-on-rewrite": "no",
    "protected-mode": "yes",
    rdbchecksum: "yes",
    rdbcompression: "yes",
    "replica-read-only": "yes",
    "replica-serve-stale-data": "yes",
    "stop-writes-on-bgsave-error": "yes",
  },
  integer: {
    "active-expire-effort": "1",
    "auto-aof-rewrite-percentage": "100",
    "busy-reply-threshold": "5000",
    "cluster-node-timeout": "15000",
    "hash-max-listpack-entries": "512",
    "hash-max-listpack-value": "64",
    "hash-max-ziplist-entries": "512",
    "hash-max-ziplist-value": "64",
    hz: "10",
    "latency-monitor-threshold": "0",
    "lfu-decay-time": "1",
    "lfu-log-factor": "10",
    "list-compress-depth": "0",
    "list-max-listpack-size": "-2",
    "list-max-ziplist-size": "-2",
    "lua-time-limit": "5000",
    maxclients: "10000",
    "maxmemory-samples": "5",
    "min-replicas-max-lag": "10",
    "min-replicas-to-write": "0",
    "min-slaves-max-lag": "10",
    "min-slaves-to-write": "0",
    "set-max-intset-entries": "512",
    "set-max-listpack-entries": "128",
    "set-max-listpack-value": "64",
    "slowlog-log-slower-than": "10000",
    "slowlog-max-len": "128",
    "tcp-keepalive": "60",
    timeout: "0",
    "tracking-table-max-keys": "1000000",
    "zset-max-listpack-entries": "128",
    "zset-max-listpack-value": "64",
    "zset-max-ziplist-entries": "128",
    "zset-max-ziplist-value": "64",
  },
  memory: {
    "auto-aof-rewrite-min-size": "67108864",
    "client-query-buffer-limit": "1073741824",
    "hll-sparse-max-bytes": "3000",
    maxmemory: "0",
    "maxmemory-clients": "0",
    "repl-backlog-size": "1048576",
    "stream-node-max-bytes": "4096",
  },
  text: {
    appendfsync: "everysec",
    "client-output-buffer-limit":
      "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    "latency-tracking-info-percentiles": "50 99 99.9",
    loglevel: "notice",
    "maxmemory-policy": "noeviction",
    "sanitize-dump-payload": "no",
    save: "",
  },
};

/** Bytes in the units that a size may carry. */
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1_000,
  kb: 1_024,
  m: 1_000_000,
  mb: 1_048_576,
  g: 1_000_000_000,
  gb: 1_073_741_824,
};
/** What is kept of a text. */
const TEXT_BYTES_MAX = 1_024;

export class ConfigValues {
  readonly #values: ReadonlyMap<string, Value>;

  constructor() {
    const values = new Map<string, Value>();
    for (const kind of ["fixed", "flag", "integer", "memory", "text"] as const) {
      for (const [name, text] of Object.entries(INITIAL[kind])) values.set(name, { kind, text });
    }
    this.#values = values;
  }

  /** Names and values, in order of the names, of those that match one of `patterns`, in any case. */
  matching(patterns: readonly string[]): readonly (readonly [string, string])[] {
    const wanted = patterns.map((pattern) => pattern.toLowerCase());
    const found: (readonly [string, string])[] = [];
    for (const [name, { text }] of this.#values) {
      if (wanted.some((pattern) => matchesGlob(pattern, name))) found.push([name, text]);
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Sets all of `settings`, or none: then why not, in Redis's words without the code. */
  set(settings: readonly (readonly [name: string, text: string])[]): string | undefined {
    const changes = new Map<Value, string>();
    for (const [givenName, text] of settings) {
      const name = givenName.toLowerCase();
      const value = this.#values.get(name);
      if (value === undefined) {
        return `Unknown option or number of arguments for CONFIG SET - '${givenName}'`;
      }
      const parsed = changes.has(value) ? { fault: "duplicate parameter" } : parse(value, text);
      if (typeof parsed !== "string") {
        return `CONFIG SET failed (possibly related to argument '${givenName}') - ${parsed.fault}`;
      }
      changes.set(value, parsed);
    }
    for (const [value, text] of changes) value.text = text;
    return undefined;
  }
}

/** The text as it is shown, or what is wrong with it. */
function parse({ kind, text: current }: Value, text: string): string | { readonly fault: string } {
  switch (kind) {
    case "fixed":
      return text === current ? text : { fault: "can't set immutable config" };
    case "flag":
      return /^(yes|no)$/i.test(text)
        ? text.toLowerCase()
        : { fault: "argument must be 'yes' or 'no'" };
    case "integer":
      return /^-?\d{1,15}$/.test(text)
        ? String(Number(text))
        : { fault: "argument couldn't be parsed into an integer" };
    case "memory": {
      const [, digits, unit = ""] = /^(\d{1,15})([kmg]?b?)$/i.exec(text) ?? [];
      const bytes = Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
      return Number.isSafeInteger(bytes)
        ? String(bytes)
        : { fault: "argument must be a memory value" };
    }
    case "text":
      return text.length <= TEXT_BYTES_MAX ? text : { fault: "argument is too long" };
  }
}
