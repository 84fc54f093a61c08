/**
 * The end of a kill run: with every node alive and nobody asking, waits until all replicas are equal, cell by cell
 * through `dnd dump`, and reads every key once more.
 */
import { setTimeout as wait } from "node:timers/promises";
import { checkConvergence } from "../../../sim/checkers/convergence.ts";
import type { FinalState, ReplicaDump } from "../../../sim/checkers/final-state.ts";
import type { ReadOperation } from "../../../sim/history.ts";
import type { SimRandom } from "../../../sim/random.ts";
import { binaryFromText } from "../../../src/base/binary.ts";
import { slotOfKey } from "../../../src/core/placement/slot-of-key.ts";
import type { NodeId } from "../../../src/model/ids.ts";
import { type Key, keyFromBinary } from "../../../src/model/key.ts";
import { DEADLINE_MS_DEFAULT } from "../../../src/model/limits.ts";
import { slotFrom } from "../../../src/model/slot.ts";
import type { DumpEntry } from "../../../src/node/store.ts";
import { dndOk } from "../real-cluster.ts";
import type { Clients } from "./clients.ts";
import { HttpConnection } from "./http-connection.ts";
import type { RealNode } from "./real-node.ts";

/** The parts of `/cluster` that are looked at. */
interface ClusterView {
  readonly node: NodeId;
  readonly phase: string;
  readonly epoch: string;
  readonly members: readonly {
    readonly id: NodeId;
    readonly intent: string;
    readonly liveness: string;
    readonly dirtySlots: number;
  }[];
}

/** The node's identity and cells. */
export type Cells = Pick<FinalState, "dumps" | "primariesOf">;

const POLL_MS = 1_000;
const READ_LANES = 16;

/** Settles with the cells once they are equal, or with what still differs after `msMax`. */
export async function converge(
  nodes: readonly RealNode[],
  keys: ReadonlySet<Key>,
  msMax: number,
  note: (line: string) => void,
): Promise<Cells | string> {
  const untilMs = performance.now() + msMax;
  let problem = "";
  while (performance.now() < untilMs) {
    const views = await Promise.all(nodes.map(viewOf));
    problem = unrest(views);
    if (problem === "") {
      const dumps = await Promise.all(nodes.map((node, index) => dumpOf(node, views[index])));
      const cells = { dumps, primariesOf: await primaries(nodes, keys) };
      const differences = checkConvergence(cells);
      if (differences.length === 0) return cells;
      problem = `${differences.length} cells differ: ${differences
        .slice(0, 3)
        .map(({ detail }) => detail)
        .join(" | ")}`;
    }
    note(problem);
    await wait(POLL_MS);
  }
  return problem;
}

/** Why the cluster is not at rest; empty when it is. */
function unrest(views: readonly ClusterView[]): string {
  const [first] = views;
  for (const { node, phase, epoch, members } of views) {
    const name = node.slice(0, 4);
    if (phase !== "ready") return `${name} is ${phase}`;
    if (epoch !== first?.epoch) return `${name} is at epoch ${epoch}, not ${first?.epoch}`;
    if (members.length !== views.length) return `${name} knows ${members.length} members`;
    for (const { id, intent, liveness, dirtySlots } of members) {
      const peer = `${name} sees ${id.slice(0, 4)}`;
      if (liveness !== "alive" || intent !== "active") return `${peer} as ${intent}, ${liveness}`;
      if (dirtySlots > 0) return `${peer} with ${dirtySlots} dirty slots`;
    }
  }
  return "";
}

async function viewOf(node: RealNode): Promise<ClusterView> {
  return (await getJson(node, "/cluster")) as unknown as ClusterView;
}

async function getJson(node: RealNode, target: string): Promise<Record<string, unknown>> {
  const connection = await HttpConnection.open(node.ports.serverPort);
  const reply = await connection?.ask({ method: "GET", target });
  connection?.close();
  if (reply?.status !== 200) throw new Error(`n${node.index} ${target}: ${reply?.status}`);
  return JSON.parse(Buffer.from(reply.body).toString("utf8")) as Record<string, unknown>;
}

async function dumpOf(node: RealNode, view: ClusterView | undefined): Promise<ReplicaDump> {
  const text = await dndOk("dump", "--node", node.http);
  const lines = text.split("\n").filter((line) => line !== "");
  return { nodeId: view?.node as NodeId, entries: lines.map(parseEntry) };
}

function parseEntry(line: string): DumpEntry {
  const json = JSON.parse(line) as Record<string, string | number | undefined>;
  const field = json["field"] ?? json["field64"];
  return {
    slot: slotFrom(Number(json["slot"])),
    key: binaryOf(json["key"], json["key64"]) ?? "",
    field: field === undefined ? undefined : binaryOf(json["field"], json["field64"]),
    kind: String(json["kind"]),
    stamp: String(json["stamp"]),
    checksum: Number.parseInt(String(json["checksum"]), 16),
    expiresAtMs: json["expires"] === undefined ? 0 : Date.parse(String(json["expires"])),
  };
}

function binaryOf(
  text: string | number | undefined,
  text64: string | number | undefined,
): string | undefined {
  if (text !== undefined) return binaryFromText(String(text));
  return text64 === undefined
    ? undefined
    : Buffer.from(String(text64), "base64url").toString("latin1");
}

/** Who holds each key, by the word of a node for each slot: at one epoch all say the same. */
async function primaries(
  nodes: readonly RealNode[],
  keys: ReadonlySet<Key>,
): Promise<FinalState["primariesOf"]> {
  const bySlot = new Map<number, readonly NodeId[]>();
  const wanted = new Map([...keys].map((key) => [slotOfKey(key), key]));
  const asks = [...wanted];
  await inLanes(nodes, asks, async (connection, _node, [slot, key]) => {
    const target = `/cluster/locate?key=${encodeURIComponent(key)}`;
    const reply = await connection.ask({ method: "GET", target });
    if (reply?.status !== 200) throw new Error(`${target}: ${reply?.status}`);
    const location = JSON.parse(Buffer.from(reply.body).toString("utf8")) as {
      readonly primaries: readonly NodeId[];
    };
    bySlot.set(slot, location.primaries);
  });
  return (key) => bySlot.get(slotOfKey(key)) ?? [];
}

/** Reads every key somewhere, half of them from all replicas. */
export async function readAll(
  nodes: readonly RealNode[],
  clients: Clients,
  random: SimRandom,
  replicas: number,
): Promise<ReadOperation[]> {
  const reads: ReadOperation[] = [];
  await inLanes(nodes, [...clients.keys], async (connection, node, key) => {
    const ask = {
      machine: node.record,
      key,
      deadlineMs: DEADLINE_MS_DEFAULT,
      nowMs: performance.now(),
    };
    const r = random.oneIn(2) ? replicas : undefined;
    reads.push(await clients.ask(ask, connection, { r }));
  });
  return reads;
}

/** Every key that a listing of the whole cluster shows. */
export async function listAll(node: RealNode): Promise<Set<Key>> {
  const listed = new Set<Key>();
  let cursor: string | undefined;
  do {
    const more: string = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await getJson(node, `/kv?limit=1000&deadline=30${more}`)) as {
      readonly entries: readonly { readonly key?: string; readonly key64?: string }[];
      readonly cursor?: string;
    };
    for (const { key, key64 } of page.entries) {
      listed.add(keyFromBinary(binaryOf(key, key64) ?? ""));
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return listed;
}

/** Does `work` for each item, a few at once, over connections to all nodes in turn. */
async function inLanes<Item>(
  nodes: readonly RealNode[],
  items: readonly Item[],
  work: (connection: HttpConnection, node: RealNode, item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: READ_LANES }, async (_none, lane) => {
    const node = nodes[lane % nodes.length] as RealNode;
    const connection = await HttpConnection.open(node.ports.serverPort);
    if (connection === undefined) throw new Error(`n${node.index} refuses connections`);
    for (let item = items[next++]; item !== undefined; item = items[next++]) {
      await work(connection, node, item);
    }
    connection.close();
  });
  await Promise.all(lanes);
}
