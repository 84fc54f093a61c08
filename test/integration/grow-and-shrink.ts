/**
 * A cluster of five real processes grows to seven, two joins at once, and shrinks to four, three leaves at once, under
 * load; then a node is killed and removed, and a new one takes its place.
 *
 * Checked: no request fails or is left open while nothing was broken; every acknowledged write is read back; every node
 * holds exactly what it is to hold. `node test/integration/grow-and-shrink.ts [--keys 20000] [--lanes 16]` prints figures;
 * the test beside it runs a small one.
 */
import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { dnd, eventually, RealCluster, type RunningDnd } from "./real-cluster.ts";

const START = 5;
const JOINED = 2;
const LEFT = 3;
/** How often a load balancer asks whether a node is ready. */
const READY_POLL_MS = 50;
const STEP_MS_MAX = 240_000;

export interface GrowAndShrinkOptions {
  readonly keys: number;
  readonly lanes: number;
  /** Load before, between and after the changes. */
  readonly quietMs: number;
  readonly say: (line: string) => void;
}

export interface GrowAndShrinkFigures {
  readonly requests: number;
  readonly writes: number;
  /** Answers that were no success while nothing was broken. */
  readonly failures: readonly string[];
  readonly growMs: number;
  readonly shrinkMs: number;
  readonly removeMs: number;
  readonly replaceMs: number;
}

interface Node {
  readonly index: number;
  readonly http: string;
  readonly running: RunningDnd;
  id: string;
}

interface Answered {
  readonly status: number;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function ask(http: string, method: string, target: string, body?: string): Promise<Answered> {
  const { hostname, port } = new URL(`http://${http}`);
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const outgoing = request(
      { hostname, port, method, path: target, agent, headers },
      (incoming) => {
        let text = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (part: string) => {
          text += part;
        });
        incoming.on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: text }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

async function askJson<Value>(http: string, target: string): Promise<Value> {
  const { status, body } = await ask(http, "GET", target);
  assert.equal(status, 200, `${http}${target}: ${body}`);
  return JSON.parse(body) as Value;
}

/** Clients that write and read their own keys, each at whatever node is ready, as behind a load balancer. */
class Load {
  readonly failures: string[] = [];
  readonly acknowledged = new Map<string, string>();
  /** What was written and not acknowledged: it may be there or not. */
  readonly open = new Map<string, string>();
  requests = 0;
  writes = 0;
  readonly #nodes: Node[] = [];
  #ready: readonly Node[] = [];
  #isOn = true;
  readonly #running: Promise<unknown>[] = [];

  add(node: Node): void {
    this.#nodes.push(node);
  }

  start(lanes: number, keysPerLane: number): void {
    this.#running.push(this.#watch());
    for (let lane = 0; lane < lanes; lane += 1) this.#running.push(this.#lane(lane, keysPerLane));
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#running);
  }

  async #watch(): Promise<void> {
    while (this.#isOn) {
      const answers = await Promise.all(
        this.#nodes.map(async ({ http }) => {
          try {
            return (await ask(http, "GET", "/ready")).status === 200;
          } catch {
            return false;
          }
        }),
      );
      this.#ready = this.#nodes.filter((_node, index) => answers[index] === true);
      await wait(READY_POLL_MS);
    }
  }

  async #lane(lane: number, keys: number): Promise<void> {
    let written = 0;
    for (let turn = 0; this.#isOn; turn += 1) {
      const node = this.#ready[(lane + turn) % Math.max(1, this.#ready.length)];
      if (node === undefined) {
        await wait(READY_POLL_MS);
        continue;
      }
      if (turn % 3 === 2) {
        await this.#read(node, `lane${lane}-${(turn * 7_919) % keys}`);
        continue;
      }
      await this.#write(node, `lane${lane}-${written % keys}`, `${lane}:${turn}`);
      written += 1;
    }
  }

  async #write(node: Node, key: string, value: string): Promise<void> {
    this.requests += 1;
    this.open.set(key, value);
    const problem = await this.#try(node, "PUT", key, value, ({ status }) => status === 200);
    if (problem !== undefined) return;
    this.writes += 1;
    this.acknowledged.set(key, value);
    this.open.delete(key);
  }

  async #read(node: Node, key: string): Promise<void> {
    this.requests += 1;
    const wanted = this.acknowledged.get(key);
    const isOpen = this.open.has(key);
    await this.#try(node, "GET", key, undefined, ({ status, body }) => {
      if (status !== 200 && status !== 404) return false;
      return isOpen || (wanted === undefined ? status === 404 : body === wanted);
    });
  }

  async #try(
    node: Node,
    method: string,
    key: string,
    body: string | undefined,
    isGood: (answer: Answered) => boolean,
  ): Promise<string | undefined> {
    let problem: string;
    try {
      const answer = await ask(node.http, method, `/kv/${key}`, body);
      if (isGood(answer)) return undefined;
      problem = `${answer.status} ${answer.body.slice(0, 200)}`;
    } catch (error) {
      problem = (error as Error).message;
    }
    const failure = `${method} ${key} at node ${node.index}: ${problem}`;
    this.failures.push(failure);
    return failure;
  }
}

export async function growAndShrink(options: GrowAndShrinkOptions): Promise<GrowAndShrinkFigures> {
  const { say, lanes, keys, quietMs } = options;
  const cluster = await RealCluster.create(START + JOINED + 1);
  const load = new Load();
  try {
    const nodes: Node[] = [];
    const add = async (index: number): Promise<Node> => {
      const node = await startNode(cluster, index);
      load.add(node);
      nodes.push(node);
      return node;
    };
    await add(0);
    await Promise.all(Array.from({ length: START - 1 }, (_none, index) => add(index + 1)));
    say(`${START} nodes are ready`);
    load.start(lanes, Math.ceil(keys / lanes));
    await filled(load, keys, quietMs);
    say(`${load.acknowledged.size} keys are stored`);

    const growFrom = performance.now();
    await Promise.all(Array.from({ length: JOINED }, (_none, extra) => add(START + extra)));
    const growMs = performance.now() - growFrom;
    say(`${JOINED} nodes joined at once in ${seconds(growMs)} s`);
    await wait(quietMs);

    const shrinkFrom = performance.now();
    // Old ones and a new one.
    const going = [1, 3, START].map((index) => nodes.find((node) => node.index === index) as Node);
    await Promise.all(going.slice(0, LEFT).map((node) => leave(node)));
    const shrinkMs = performance.now() - shrinkFrom;
    say(`${LEFT} nodes left at once in ${seconds(shrinkMs)} s`);
    await wait(quietMs);

    const failures = [...load.failures];
    const staying = nodes.filter((node) => !going.includes(node));
    const victim = staying.pop() as Node;
    const removeFrom = performance.now();
    victim.running.process.kill("SIGKILL");
    await victim.running.ended;
    await removeDead(staying[0] as Node, victim);
    const removeMs = performance.now() - removeFrom;
    say(`a killed node was found dead and removed in ${seconds(removeMs)} s`);

    const replaceFrom = performance.now();
    staying.push(await add(START + JOINED));
    const replaceMs = performance.now() - replaceFrom;
    say(`a new node took its place in ${seconds(replaceMs)} s`);
    await wait(quietMs);
    await load.stop();

    await holdExactly(staying, load);
    await readBack(staying, load);
    const { requests, writes } = load;
    return { requests, writes, failures, growMs, shrinkMs, removeMs, replaceMs };
  } finally {
    await load.stop();
    await cluster.close();
  }
}

async function startNode(cluster: RealCluster, index: number): Promise<Node> {
  const { port, serverPort } = cluster.ports;
  const running = cluster.run([
    ...(index === 0 ? ["start"] : ["join", `127.0.0.1:${port}`]),
    "--json",
    ...cluster.portFlags(index),
    "--data-dir",
    join(cluster.folder, `data-${index}`),
  ]);
  const [line] = await running.said(/\{"event":"ready".*\}/, STEP_MS_MAX);
  const { node } = JSON.parse(line) as { node: string };
  return { index, http: `127.0.0.1:${serverPort + index}`, running, id: node };
}

async function leave(node: Node): Promise<void> {
  const { status, stdout, stderr } = await dnd(["leave", "--node", node.http]);
  assert.equal(status, 0, `dnd leave at node ${node.index}: ${stdout}${stderr}`);
  assert.equal(await node.running.ended, 0, "the process of a node that left ends well");
}

async function removeDead(operator: Node, victim: Node): Promise<void> {
  const early = await dnd(["remove", victim.id, "--node", operator.http]);
  if (early.status === 0) return;
  assert.match(early.stderr, /let it leave/, "one that is alive is not removed");
  await eventually("the killed node to be found dead and removed", STEP_MS_MAX, async () => {
    const { status } = await dnd(["remove", victim.id.slice(0, 8), "--node", operator.http]);
    return status === 0 ? true : undefined;
  });
}

/** Until so many keys are there that the changes have something to move. */
async function filled(load: Load, keys: number, quietMs: number): Promise<void> {
  await eventually("the keys to be stored", STEP_MS_MAX, () =>
    load.acknowledged.size >= keys * 0.9 || load.failures.length > 0 ? true : undefined,
  );
  await wait(quietMs);
}

interface DumpedCell {
  readonly key: string;
  readonly stamp: string;
  readonly checksum: string;
}

async function dumpOf({ http }: Node): Promise<Map<string, string>> {
  const cells = new Map<string, string>();
  let cursor: string | undefined;
  do {
    const target = `/cluster/dump?limit=1000${cursor === undefined ? "" : `&cursor=${cursor}`}`;
    const page: { entries: DumpedCell[]; cursor?: string } = await askJson(http, target);
    for (const { key, stamp, checksum } of page.entries) cells.set(key, `${stamp} ${checksum}`);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return cells;
}

/** Each key is on its primaries, the same everywhere, and on nobody else. */
async function holdExactly(nodes: readonly Node[], load: Load): Promise<void> {
  const keys = new Set([...load.acknowledged.keys(), ...load.open.keys()]);
  const primaries = new Map<string, readonly string[]>();
  const first = nodes[0] as Node;
  for (const key of keys) {
    const place = await askJson<{ primaries: string[]; pending: string[] }>(
      first.http,
      `/cluster/locate?key=${key}`,
    );
    assert.deepEqual(place.pending, [], `${key} is settled`);
    primaries.set(key, place.primaries);
  }
  let wrong = "";
  await eventually("every node to hold exactly what it is to hold", STEP_MS_MAX, async () => {
    const dumps = await Promise.all(nodes.map(dumpOf));
    wrong = "";
    for (const [key, owners] of primaries) {
      const held = nodes.map(({ id }, index) => ({ id, cell: dumps[index]?.get(key) }));
      const isRight =
        held.every(({ id, cell }) => owners.includes(id) || cell === undefined) &&
        new Set(held.filter(({ id }) => owners.includes(id)).map(({ cell }) => cell)).size === 1;
      if (!isRight) wrong = `${key}: ${JSON.stringify(held)}, to be on ${owners.join(", ")}`;
    }
    const cells = dumps.reduce((sum, dump) => sum + dump.size, 0);
    if (wrong !== "") return undefined;
    return cells > 0 ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}: ${wrong}`);
  });
}

async function readBack(nodes: readonly Node[], load: Load): Promise<void> {
  let turn = 0;
  for (const [key, value] of load.acknowledged) {
    turn += 1;
    const { http } = nodes[turn % nodes.length] as Node;
    const { status, body } = await ask(http, "GET", `/kv/${key}`);
    const isRight = status === 200 && (body === value || body === load.open.get(key));
    assert.ok(isRight, `${key} was acknowledged as ${value}: ${status} ${body}`);
  }
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      keys: { type: "string", default: "20000" },
      lanes: { type: "string", default: "16" },
    },
  });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const figures = await growAndShrink({
    keys: Number(values.keys),
    lanes: Number(values.lanes),
    quietMs: 3_000,
    say,
  });
  for (const failure of figures.failures.slice(0, 10)) say(failure);
  say(
    `${figures.requests} requests, ${figures.writes} writes acknowledged and read back, ${figures.failures.length} failed in planned changes`,
  );
  process.exitCode = figures.failures.length > 0 ? 1 : 0;
}
