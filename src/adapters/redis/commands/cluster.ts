/** CLUSTER: which node to ask for which keys, in the formats of Redis Cluster. */
import { slotOfKey } from "../../../core/placement/slot-of-key.ts";
import type { Key } from "../../../model/key.ts";
import { LIST_ENTRIES_MAX, SLOT_COUNT } from "../../../model/limits.ts";
import { type Slot, slotFrom } from "../../../model/slot.ts";
import { cursorAtSlot, placeOfCursor } from "../../../node/list-cursor.ts";
import { OK, type Reply } from "../../../protocol/resp/reply.ts";
import { type ClusterMap, type ClusterNode, clusterMap } from "../cluster-map.ts";
import type { Call, Command, CommandFlag } from "../command.ts";
import { errorReply, failureReply } from "../failures.ts";
import { integerAt, keyAt } from "./arguments.ts";
import { containerCommand } from "./container.ts";
import { binaryReply, integerReply } from "./replies.ts";

const STALE: readonly CommandFlag[] = ["stale"];
const CONNECTION_FLAGS: readonly CommandFlag[] = ["loading", "stale", "fast"];

const INVALID_SLOT = errorReply("ERR Invalid slot");
const INVALID_SLOT_OR_COUNT = errorReply("ERR Invalid slot or number of keys");

/** A command's answer for a map, worked out when it is first asked for, and kept with the map. */
class Shown<Part> {
  readonly #make: (map: ClusterMap) => Part;
  readonly #made = new WeakMap<ClusterMap, Part>();

  constructor(make: (map: ClusterMap) => Part) {
    this.#make = make;
  }

  of(map: ClusterMap): Part {
    const made = this.#made.get(map) ?? this.#make(map);
    this.#made.set(map, made);
    return made;
  }
}

/** The commands of one door: it keeps the map it showed last. */
export function clusterCommands(): readonly Command[] {
  let known: ClusterMap | undefined;
  const slots = new Shown(slotsReply);
  const shards = new Shown(shardsReply);
  const owned = new Shown(ownedRanges);
  const mapOf = ({ store }: Call): ClusterMap => {
    known = clusterMap(store, known);
    return known;
  };
  return [
    containerCommand({
      name: "cluster",
      group: "cluster",
      summary: "Commands about which node to ask for which keys.",
      subcommands: [
        inner("slots", 2, "Shows ranges of slots and their nodes.", (call) =>
          call.reply(slots.of(mapOf(call))),
        ),
        inner("shards", 2, "Shows nodes and their ranges of slots.", (call) =>
          call.reply(shards.of(mapOf(call))),
        ),
        inner("nodes", 2, "Shows the nodes, a line each.", (call) => {
          const map = mapOf(call);
          call.reply(textReply(nodesText(map, owned.of(map))));
        }),
        inner("info", 2, "Shows how the cluster is doing.", (call) => {
          const map = mapOf(call);
          call.reply(textReply(infoText(call, map, owned.of(map))));
        }),
        inner("links", 2, "Shows connections to other nodes.", (call) =>
          call.reply(linksReply(mapOf(call))),
        ),
        inner("myid", 2, "Shows the node's id.", (call) =>
          call.reply(binaryReply(mapOf(call).self.redisId)),
        ),
        inner("keyslot", 3, "Shows the slot of a key.", (call) => {
          const key = keyAt(call, 2);
          if (key !== undefined) call.reply(integerReply(slotOfKey(key)));
        }),
        inner("countkeysinslot", 3, "Shows how many keys a slot has.", countKeys),
        inner("getkeysinslot", 4, "Shows keys of a slot.", getKeys),
      ],
    }),
    mode("readonly", "Taken: any node answers for any key.", (call) => {
      call.session.isReadOnly = true;
      call.reply(OK);
    }),
    mode("readwrite", "Taken: any node answers for any key.", (call) => {
      call.session.isReadOnly = false;
      call.reply(OK);
    }),
    mode("asking", "Taken: any node answers for any key.", (call) => call.reply(OK)),
  ];
}

function inner(
  name: string,
  arity: number,
  summary: string,
  run: (call: Call) => void,
): Omit<Command, "group"> {
  return { name, arity, flags: STALE, keys: undefined, summary, run };
}

function mode(name: string, summary: string, run: (call: Call) => void): Command {
  const flags = CONNECTION_FLAGS;
  return { name, arity: 1, flags, keys: undefined, group: "cluster", summary, run };
}

/** First and last slot of each range, then whom to ask and who else holds it: host, port, id, and more about it, which is nothing. */
function slotsReply({ ranges }: ClusterMap): Reply {
  const places = new Map<ClusterNode, Reply>();
  const placeOf = (node: ClusterNode): Reply => {
    const known = places.get(node);
    if (known !== undefined) return known;
    const { host, port, redisId } = node;
    const items = [binaryReply(host), integerReply(port), binaryReply(redisId), EMPTY];
    const place: Reply = { kind: "array", items };
    places.set(node, place);
    return place;
  };
  return {
    kind: "array",
    items: ranges.map(({ first, last, nodes }) => ({
      kind: "array",
      items: [integerReply(first), integerReply(last), ...nodes.map(placeOf)],
    })),
  };
}

const EMPTY: Reply = { kind: "array", items: [] };

/** Each node as the only one of its shard: who else holds its slots differs from slot to slot. */
function shardsReply(map: ClusterMap): Reply {
  const owned = ownedRanges(map);
  const items = map.nodes
    .filter(({ port }) => port !== 0)
    .map((node): Reply => {
      const bounds = (owned.get(node) ?? []).flatMap(({ first, last }) => [first, last]);
      return mapReply([
        ["slots", { kind: "array", items: bounds.map(integerReply) }],
        ["nodes", { kind: "array", items: [shardNodeReply(node)] }],
      ]);
    });
  return { kind: "array", items };
}

function shardNodeReply({ redisId, host, port, liveness }: ClusterNode): Reply {
  return mapReply([
    ["id", binaryReply(redisId)],
    ["port", integerReply(port)],
    ["ip", binaryReply(host)],
    ["endpoint", binaryReply(host)],
    ["role", binaryReply("master")],
    ["replication-offset", integerReply(0)],
    ["health", binaryReply(liveness === "dead" ? "failed" : "online")],
  ]);
}

function mapReply(facts: readonly (readonly [string, Reply])[]): Reply {
  return { kind: "map", entries: facts.map(([name, value]) => [binaryReply(name), value]) };
}

type Bounds = readonly { readonly first: number; readonly last: number }[];

/** The slots for which each node is the one to ask. */
function ownedRanges({ ranges }: ClusterMap): ReadonlyMap<ClusterNode, Bounds> {
  const owned = new Map<ClusterNode, { first: number; last: number }[]>();
  for (const { first, last, nodes } of ranges) {
    const [node] = nodes;
    if (node === undefined) continue;
    const own = owned.get(node);
    const before = own?.at(-1);
    if (own === undefined) owned.set(node, [{ first, last }]);
    else if (before !== undefined && before.last === first - 1) before.last = last;
    else own.push({ first, last });
  }
  return owned;
}

const FLAGS = { alive: "master", suspect: "master,fail?", dead: "master,fail" } as const;

/** Id, address, flags, master, pings, epoch, link and slots of each node. */
function nodesText({ nodes }: ClusterMap, owned: ReadonlyMap<ClusterNode, Bounds>): string {
  const lines = nodes.map((node, index) => {
    const { redisId, host, port, peerPort, liveness, isSelf } = node;
    const flags = (isSelf ? "myself," : "") + FLAGS[liveness] + (port === 0 ? ",noaddr" : "");
    const link = isSelf || liveness !== "dead" ? "connected" : "disconnected";
    const ranges = (owned.get(node) ?? []).map(({ first, last }) =>
      first === last ? ` ${first}` : ` ${first}-${last}`,
    );
    const address = `${host}:${port}@${peerPort}`;
    return `${redisId} ${address} ${flags} - 0 0 ${index + 1} ${link}${ranges.join("")}\n`;
  });
  return lines.join("");
}

function infoText(
  { store }: Call,
  map: ClusterMap,
  owned: ReadonlyMap<ClusterNode, Bounds>,
): string {
  const { phase } = store.status();
  const isServing =
    phase === "joining" || phase === "ready" || phase === "leaving" || phase === "draining";
  const facts: readonly (readonly [string, string | number])[] = [
    ["cluster_state", isServing ? "ok" : "fail"],
    ["cluster_slots_assigned", SLOT_COUNT],
    ["cluster_slots_ok", SLOT_COUNT],
    ["cluster_slots_pfail", 0],
    ["cluster_slots_fail", 0],
    ["cluster_known_nodes", map.nodes.length],
    ["cluster_size", owned.size],
    ["cluster_current_epoch", map.nodes.length],
    ["cluster_my_epoch", map.nodes.indexOf(map.self) + 1],
    ["cluster_stats_messages_sent", 0],
    ["cluster_stats_messages_received", 0],
    ["total_cluster_links_buffer_limit_exceeded", 0],
  ];
  return facts.map(([name, value]) => `${name}:${value}\r\n`).join("");
}

function linksReply({ nodes }: ClusterMap): Reply {
  const linked = nodes.filter(({ isSelf, liveness }) => !isSelf && liveness !== "dead");
  const items = linked.flatMap(({ redisId }) =>
    ["to", "from"].map((direction) =>
      mapReply([
        ["direction", binaryReply(direction)],
        ["node", binaryReply(redisId)],
        ["create-time", integerReply(0)],
        ["events", binaryReply("rw")],
        ["send-buffer-allocated", integerReply(0)],
        ["send-buffer-used", integerReply(0)],
      ]),
    ),
  );
  return { kind: "array", items };
}

function countKeys(call: Call): void {
  const index = integerAt(call, 2);
  if (index === undefined) return undefined;
  if (index < 0n || index >= SLOT_COUNT) return call.reply(INVALID_SLOT);
  const slot = slotFrom(Number(index));
  return walkSlot(call, slot, Number.POSITIVE_INFINITY, (keys) =>
    call.reply(integerReply(keys.length)),
  );
}

function getKeys(call: Call): void {
  const index = integerAt(call, 2);
  const count = index === undefined ? undefined : integerAt(call, 3);
  if (index === undefined || count === undefined) return undefined;
  if (index < 0n || index >= SLOT_COUNT || count < 0n) return call.reply(INVALID_SLOT_OR_COUNT);
  const slot = slotFrom(Number(index));
  return walkSlot(call, slot, Number(count), (keys) =>
    call.reply({ kind: "array", items: keys.map(binaryReply) }),
  );
}

/** The keys of a slot, up to `max`, page by page. A page that cannot be had is answered with an error. */
function walkSlot(call: Call, slot: Slot, max: number, done: (keys: readonly Key[]) => void): void {
  const keys: Key[] = [];
  const goOn = (cursor: string): void => {
    const limit = Math.min(LIST_ENTRIES_MAX, max - keys.length);
    call.store.list({ prefix: "", cursor, limit, withValues: false }, (outcome) => {
      if (outcome.kind === "failed") return call.reply(failureReply(outcome));
      const { entries, next } = outcome;
      for (const { key } of entries) if (slotOfKey(key) === slot) keys.push(key);
      const isOver = next === undefined || placeOfCursor(next)?.slot !== slot;
      return isOver || keys.length >= max ? done(keys) : goOn(next);
    });
  };
  if (max <= 0) done(keys);
  else goOn(cursorAtSlot(slot));
}

function textReply(text: string): Reply {
  return { kind: "verbatim", format: "txt", bytes: Buffer.from(text, "latin1") };
}
