/** All rows there are: the comparisons (a) to (e), and what else is measured. */
import type { Load } from "../load/load.ts";
import {
  baseLoad,
  crossed,
  groupOf,
  kibibyte,
  oneFactorAtATime,
  UP_TO_LARGE,
  type Variation,
} from "./base.ts";
import type { Group, Side, Tier } from "./row.ts";

const DND_3: Side = { label: "dnd", system: "dnd-3-fsync", protocol: "resp" };
const DND_3_HTTP: Side = { label: "dnd, HTTP", system: "dnd-3-fsync", protocol: "http" };
const DND_3_HTTP_ONE: Side = {
  label: "dnd, HTTP r=1",
  system: "dnd-3-fsync",
  protocol: "http-one",
};
const EMBEDDED: Side = { label: "embedded", system: "dnd-3-fsync", protocol: "embedded" };
const REDIS_WAIT: Side = {
  label: "Redis + WAIT 1",
  system: "redis-3-fsync",
  protocol: "resp-wait",
};
const ETCD: Side = { label: "etcd, any member", system: "etcd-3-fsync", protocol: "etcd" };
const ETCD_LEADER: Side = {
  label: "etcd, leader",
  system: "etcd-3-fsync",
  protocol: "etcd-leader",
};

const ETCD_GRPC: Side = {
  label: "etcd, gRPC, leader",
  system: "etcd-3-fsync",
  protocol: "etcd-grpc-leader",
};

const NODE_COUNTS: readonly (readonly [number, Tier])[] = [
  [1, "default"],
  [3, "default"],
  [5, "default"],
  [7, "full"],
  [9, "default"],
];

/** @param keyCount Keys of the base row. */
export function allGroups(keyCount: number): Group[] {
  const base = baseLoad(keyCount);
  const everything = [...oneFactorAtATime(keyCount), ...crossed(keyCount)];
  return [
    groupOf(
      {
        name: "a",
        title: "(a) one node, in memory",
        base,
        sides: [
          { label: "dnd", system: "dnd-1-memory", protocol: "resp" },
          { label: "Redis", system: "redis-memory", protocol: "resp" },
        ],
        isSynced: false,
      },
      everything,
    ),
    groupOf(
      {
        name: "b",
        title: "(b) one node, every commit synced",
        base,
        sides: [
          { label: "dnd", system: "dnd-1-fsync", protocol: "resp" },
          { label: "Redis always", system: "redis-fsync", protocol: "resp" },
        ],
        isSynced: true,
      },
      everything,
    ),
    groupOf(
      {
        name: "c",
        title: "(c) three nodes, W=2, R=2, synced",
        base,
        sides: [DND_3, REDIS_WAIT],
        isSynced: true,
      },
      everything.map(withEtcd),
    ),
    memoryGroup(base),
    embeddedGroup(base),
    groupOf(
      {
        name: "e",
        title: "(e) over HTTP, three nodes, synced",
        base,
        sides: [DND_3_HTTP, ETCD, ETCD_LEADER],
        isSynced: true,
      },
      [
        { name: "put", change: {}, tier: "quick" },
        { name: "get", change: { operation: "get" } },
        { name: "half", change: { operation: "half" }, tier: "full" },
        { name: "put/1 KiB", change: kibibyte(keyCount), tier: "full" },
        { name: "put/500 connections", change: { connections: 500 }, tier: "full" },
      ],
    ),
    openLoopGroup(base),
    loopGroup(base),
    ycsbGroup(base, keyCount),
    keysGroup(base, keyCount),
    ...NODE_COUNTS.map(([count, tier]) => nodesGroup(base, count, tier)),
  ];
}

/** etcd counts nothing, has no hashes, and its gateway takes one request at a time on a connection. */
function withEtcd(variation: Variation): Variation {
  const { operation = "set", inFlight = 1 } = variation.change;
  const isPlain = variation.name === "set" || variation.name === "get";
  if (inFlight > 1 || operation === "incr" || operation === "hset") return variation;
  return {
    ...variation,
    sides: [DND_3, REDIS_WAIT, ETCD, ...(isPlain ? [ETCD_LEADER, ETCD_GRPC] : [])],
  };
}

/** What requests cost the nodes together, with no disk in the way. */
function memoryGroup(base: Load): Group {
  const sides: Side[] = [{ label: "dnd", system: "dnd-3-memory", protocol: "resp" }];
  return groupOf(
    { name: "m", title: "Three nodes, W=2, R=2, in memory", base, sides, isSynced: false },
    [
      { name: "set", change: {} },
      { name: "set/16 in flight", change: { inFlight: 16 } },
      { name: "get", change: { operation: "get" } },
      { name: "get/16 in flight", change: { operation: "get", inFlight: 16 } },
    ],
  );
}

/** One caller on one key, in the node's process and beside it; then many callers, as an application would have. */
function embeddedGroup(base: Load): Group {
  const one: Partial<Load> = { keys: "one", connections: 1 };
  const resp: Side = { ...DND_3, label: "dnd, Redis client" };
  const http: Side = { ...DND_3_HTTP, label: "dnd, HTTP client" };
  return groupOf(
    {
      name: "d",
      title: "(d) the embedded library, three nodes, synced",
      base,
      sides: [EMBEDDED],
      isSynced: true,
    },
    [
      {
        name: "get r=1/1 caller",
        change: { operation: "get", ...one },
        sides: [{ ...EMBEDDED, label: "embedded r=1" }, DND_3_HTTP_ONE, resp],
        tier: "quick",
      },
      { name: "set/1 caller", change: one, sides: [EMBEDDED, resp, http] },
      { name: "set/50 callers", change: {} },
      { name: "set/800 callers", change: { connections: 800 } },
      { name: "get/50 callers", change: { operation: "get" } },
      { name: "get/800 callers", change: { operation: "get", connections: 800 } },
    ],
  );
}

/** Latency at rates below the peak, from when requests should have begun. */
function openLoopGroup(base: Load): Group {
  const rates = [25, 50, 75, 90].map(
    (percent): Variation => ({
      name: `set/${percent} % of peak`,
      change: {},
      stage: 1,
      rateOf: { row: "open/set/peak", share: percent / 100 },
      tier: percent === 50 ? "quick" : "default",
    }),
  );
  return groupOf(
    {
      name: "open",
      title: "Open loop: three nodes, W=2, synced",
      base,
      sides: [DND_3],
      isSynced: false,
    },
    [{ name: "set/peak", change: {}, tier: "quick" }, ...rates],
  );
}

function loopGroup(base: Load): Group {
  return groupOf(
    {
      name: "loop",
      title: "Values of 100 B, 1 KiB and 64 KiB together: three nodes, synced",
      base: { ...base, ...UP_TO_LARGE },
      sides: [DND_3],
      isSynced: false,
    },
    [
      { name: "set", change: {} },
      { name: "half", change: { operation: "half" } },
    ],
  );
}

function ycsbGroup(base: Load, keyCount: number): Group {
  const mixes = ["ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-f"] as const;
  return groupOf(
    {
      name: "ycsb",
      title: "YCSB's mixes, 1 KiB, Zipf: three nodes, synced",
      base: { ...base, ...kibibyte(keyCount), keys: "zipf" },
      sides: [DND_3, REDIS_WAIT],
      isSynced: false,
    },
    mixes.flatMap((operation): Variation[] => {
      const name = operation.slice("ycsb-".length).toUpperCase();
      return [
        { name, change: { operation } },
        { name: `${name}/etcd`, change: { operation }, sides: [DND_3, ETCD], tier: "full" },
      ];
    }),
  );
}

/** One stage a number of keys: each is filled on top of the one before. */
function keysGroup(base: Load, keyCount: number): Group {
  // From a tenth of the base: 10^4 to 10^6, and 10^7 in a full run, where the base has 10^5.
  const variations = [0.1, 1, 10, 100].flatMap((factor, stage): Variation[] => {
    const change = { keyCount: Math.max(1, Math.round(keyCount * factor)) };
    const tier = factor > 10 ? "full" : "default";
    const name = change.keyCount.toExponential(0).replace("e+", "e");
    return [
      { name: `set/${name} keys`, change, tier, stage },
      { name: `get/${name} keys`, change: { ...change, operation: "get" }, tier, stage },
    ];
  });
  return groupOf(
    {
      name: "keys",
      title: "Growth of keys: one node, synced",
      base,
      sides: [
        { label: "dnd", system: "dnd-1-fsync", protocol: "resp" },
        { label: "Redis always", system: "redis-fsync", protocol: "resp" },
      ],
      isSynced: false,
    },
    variations,
  );
}

function nodesGroup(base: Load, count: number, tier: Tier): Group {
  const name = `nodes-${count}`;
  const sides: Side[] = [{ label: "dnd", system: `dnd-${count}-fsync`, protocol: "resp" }];
  return groupOf(
    {
      name,
      title: `Growth of nodes: ${count}, synced, on this machine`,
      base,
      sides,
      isSynced: false,
    },
    [
      { name: "set", change: {}, tier },
      { name: "get", change: { operation: "get" }, tier },
    ],
  );
}
