/**
 * socket.io servers that find each other through the store: each with its adapter on another node
 * of a real cluster, with every client library the adapter takes, plain and in cluster mode.
 */
import assert from "node:assert/strict";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { createClient, createCluster } from "@redis/client";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Cluster, Redis } from "ioredis";
import { Server } from "socket.io";
import { io, type Socket } from "socket.io-client";
import { eventually, RealCluster } from "./real-cluster.ts";

const ACK_MS_MAX = 5_000;
const ORDERED = 200;

type AdapterOf = ReturnType<typeof createAdapter | typeof createShardedAdapter>;

/** A connection of whichever library; the adapter tells them apart. */
interface RedisConnection {
  readonly client: unknown;
  readonly close: () => Promise<unknown>;
}

/** Two servers and three clients: one of the first server, two of the second. */
class Party {
  readonly servers: Server[] = [];
  readonly sockets: Socket[] = [];
  readonly #https: HttpServer[] = [];
  readonly #connections: RedisConnection[] = [];

  /** @param connect opens a connection at the node of a number. */
  static async open(
    connect: (node: number) => Promise<RedisConnection>,
    adapt: (publisher: unknown, subscriber: unknown) => AdapterOf,
  ): Promise<Party> {
    const party = new Party();
    for (const node of [0, 1]) {
      const [publisher, subscriber] = [await connect(node), await connect(node)];
      party.#connections.push(publisher, subscriber);
      await party.#serve(adapt(publisher.client, subscriber.client));
    }
    await eventually("both servers to know each other", 10_000, async () => {
      const counts = await Promise.all(
        party.servers.map((server) => server.of("/").adapter.serverCount()),
      );
      return counts.every((count) => count === 2) ? true : undefined;
    });
    for (const server of [0, 1, 1]) await party.#join(server);
    return party;
  }

  async #serve(adapter: AdapterOf): Promise<void> {
    const http = createServer();
    const server = new Server(http, { adapter, transports: ["websocket"] });
    server.on("connection", (socket) => {
      socket.on("join", (room: string, done: () => void) => {
        void socket.join(room);
        done();
      });
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    this.#https.push(http);
    this.servers.push(server);
  }

  async #join(server: number): Promise<void> {
    const { port } = (this.#https[server] as HttpServer).address() as AddressInfo;
    const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true });
    this.sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on("connect", resolve);
      socket.on("connect_error", reject);
    });
  }

  server(index: number): Server {
    return this.servers[index] ?? assert.fail("there are two servers");
  }

  socket(index: number): Socket {
    return this.sockets[index] ?? assert.fail("there are three clients");
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.disconnect();
    await Promise.all(this.servers.map((server) => server.close()));
    await Promise.all(this.#connections.map(({ close }) => close()));
  }
}

/** The next `count` of an event at a client. */
function next(socket: Socket, event: string, count = 1): Promise<unknown[]> {
  const heard: unknown[] = [];
  return new Promise((resolve) => {
    socket.on(event, (...words: unknown[]) => {
      heard.push(words);
      if (heard.length === count) resolve(heard);
    });
  });
}

async function rooms(party: Party): Promise<void> {
  const [, inside, outside] = party.sockets;
  assert.ok(inside !== undefined && outside !== undefined);
  await inside.timeout(ACK_MS_MAX).emitWithAck("join", "room");
  // An adapter that has a channel for each room does not wait until it listens to it.
  let isReached = false;
  inside.on("probe", () => {
    isReached = true;
  });
  await eventually("the room to be reached", 10_000, () => {
    party.server(0).to("room").emit("probe");
    return isReached ? true : undefined;
  });
  const heard = next(inside, "news");
  outside.on("news", () => assert.fail("it is in no room"));
  const emptied = next(outside, "after");
  party.server(0).to("room").emit("news", { text: "ü" }, Buffer.of(0, 255));
  party.server(0).emit("after");
  assert.deepEqual(await heard, [[{ text: "ü" }, Buffer.of(0, 255)]]);
  await emptied;
}

/** @param isOrdered each server publishes at one node. */
async function broadcasts(party: Party, isOrdered: boolean): Promise<void> {
  const heard = party.sockets.map((socket) => next(socket, "number", 2 * ORDERED));
  for (let number = 0; number < ORDERED; number += 1) {
    party.server(0).emit("number", 0, number);
    party.server(1).emit("number", 1, number);
  }
  const expected = Array.from({ length: ORDERED }, (_none, number) => number);
  for (const numbers of (await Promise.all(heard)) as [number, number][][]) {
    for (const from of [0, 1]) {
      const own = numbers.filter(([server]) => server === from).map(([, number]) => number);
      assert.deepEqual(isOrdered ? own : own.toSorted((a, b) => a - b), expected);
    }
  }
}

async function acknowledgements(party: Party): Promise<void> {
  for (const [index, socket] of party.sockets.entries()) {
    socket.on("ask", (factor: number, done: (answer: number) => void) => done(index * factor));
  }
  const answers: number[] = await party.server(0).timeout(ACK_MS_MAX).emitWithAck("ask", 10);
  assert.deepEqual(
    answers.toSorted((a, b) => a - b),
    [0, 10, 20],
  );
  party.server(1).on("sum", (a: number, b: number, done: (sum: number) => void) => done(a + b));
  assert.deepEqual(await party.server(0).serverSideEmitWithAck("sum", 2, 3), [5]);
}

async function remotes(party: Party): Promise<void> {
  const ids = party.sockets.map(({ id }) => String(id)).toSorted();
  const found = await party.server(0).fetchSockets();
  assert.deepEqual(found.map(({ id }) => id).toSorted(), ids);
  const far = party.socket(2);
  party.server(0).in(String(far.id)).socketsJoin("late");
  await eventually("a remote client to be in the room", 10_000, async () =>
    (await party.server(0).in("late").fetchSockets()).length === 1 ? true : undefined,
  );
  const ended = next(far, "disconnect");
  party.server(0).in("late").disconnectSockets(true);
  await ended;
}

const ADAPTERS = {
  "the adapter": (publisher: unknown, subscriber: unknown) => createAdapter(publisher, subscriber),
  "the sharded adapter": (publisher: unknown, subscriber: unknown) =>
    createShardedAdapter(publisher, subscriber),
} as const;

function suite(
  name: string,
  isOrdered: boolean,
  connect: (node: number) => Promise<RedisConnection>,
): void {
  for (const [adapterName, adapt] of Object.entries(ADAPTERS)) {
    test(`${adapterName} on ${name}`, async () => {
      const party = await Party.open(connect, adapt);
      try {
        await rooms(party);
        await broadcasts(party, isOrdered);
        await acknowledgements(party);
        await remotes(party);
      } finally {
        await party.close();
      }
    });
  }
}

function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const [host = "", port] = address.split(":");
  return { host, port: Number(port) };
}

describe("each server at a node of its own", () => {
  let cluster: RealCluster;
  let addresses: readonly string[];
  before(async () => {
    cluster = await RealCluster.create();
    const { nodes } = await cluster.up("--durability", "memory");
    addresses = nodes.map(({ redis }) => redis);
  });
  after(() => cluster.close());

  suite("@redis/client", true, async (node) => {
    const client = createClient({ url: `redis://${addresses[node]}` });
    await client.connect();
    return { client, close: () => client.close() };
  });
  suite("ioredis", true, async (node) => {
    const client = new Redis({ ...hostAndPort(addresses[node] ?? ""), lazyConnect: true });
    await client.connect();
    return { client, close: () => client.quit() };
  });
});

// Clients in cluster mode ask every node for its own numbers, and add them up. Each of their
// messages goes to a node at random, so that there is no order among them, as in Redis Cluster.
describe("servers with clients in cluster mode, where each node tells its own numbers", () => {
  let cluster: RealCluster;
  let addresses: readonly string[];
  before(async () => {
    cluster = await RealCluster.create();
    const { nodes } = await cluster.up("--durability", "memory", "--redis-scan", "node");
    addresses = nodes.map(({ redis }) => redis);
  });
  after(() => cluster.close());

  suite("@redis/client", false, async () => {
    const rootNodes = addresses.map((address) => ({ url: `redis://${address}` }));
    const client = createCluster({ rootNodes });
    await client.connect();
    return { client, close: () => client.close() };
  });
  suite("ioredis", false, async () => {
    const client = new Cluster(addresses.map(hostAndPort), {
      lazyConnect: true,
      shardedSubscribers: true,
    });
    await client.connect();
    return { client, close: () => client.quit() };
  });
});
