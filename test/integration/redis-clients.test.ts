/**
 * The client libraries that programs use, against three real nodes: with one node and as a cluster,
 * in both protocols.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { RealCluster } from "./real-cluster.ts";
import {
  IO_REDIS_SUITE,
  type IoRedis,
  ioRedisPublishes,
  openIoRedis,
  openIoRedisCluster,
} from "./redis-clients/io-redis.ts";
import {
  NODE_REDIS_SUITE,
  type NodeRedis,
  nodeRedisPublishes,
  openNodeRedis,
  openNodeRedisCluster,
} from "./redis-clients/node-redis.ts";
import type { Protocol, Suite } from "./redis-clients/suite.ts";

let cluster: RealCluster;
let addresses: readonly string[];

before(async () => {
  cluster = await RealCluster.create();
  const { nodes } = await cluster.up("--durability", "memory");
  addresses = nodes.map(({ redis }) => redis);
});
after(() => cluster.close());

function addressOf(index: number): string {
  return addresses[index] ?? assert.fail("there are three nodes");
}

/** A library, and how its clients are opened, closed and tried. */
interface Library<Client> {
  readonly name: string;
  readonly suite: Suite<Client>;
  readonly openAt: (address: string, protocol: Protocol) => Promise<Client>;
  readonly openOf: (addresses: readonly string[], protocol: Protocol) => Promise<Client>;
  readonly close: (client: Client) => Promise<unknown>;
  readonly publishes: (client: Client, listener: Client, prefix: string) => Promise<void>;
}

const nodeRedis: Library<NodeRedis> = {
  name: "@redis/client",
  suite: NODE_REDIS_SUITE,
  openAt: openNodeRedis,
  openOf: openNodeRedisCluster,
  close: (client) => client.close(),
  publishes: nodeRedisPublishes,
};
const ioRedis: Library<IoRedis> = {
  name: "ioredis",
  suite: IO_REDIS_SUITE,
  openAt: openIoRedis,
  openOf: openIoRedisCluster,
  close: (client) => client.quit(),
  publishes: ioRedisPublishes,
};

for (const protocol of [2, 3] as const) {
  describeLibrary(nodeRedis, protocol);
  describeLibrary(ioRedis, protocol);
}

function describeLibrary<Client>(library: Library<Client>, protocol: Protocol): void {
  describe(`${library.name} with one node, RESP${protocol}`, () => {
    tryClients(library, `${library.name}:${protocol}:`, (index) =>
      library.openAt(addressOf(index), protocol),
    );
  });
  describe(`${library.name} as a cluster, RESP${protocol}`, () => {
    tryClients(library, `${library.name}:cluster:${protocol}:`, () =>
      library.openOf(addresses, protocol),
    );
  });
}

function tryClients<Client>(
  { suite, close, publishes }: Library<Client>,
  prefix: string,
  open: (index: number) => Promise<Client>,
): void {
  let client: Client;
  let listener: Client;
  before(async () => {
    [client, listener] = await Promise.all([open(0), open(1)]);
  });
  after(() => Promise.all([close(client), close(listener)]));
  for (const [claim, attempt] of suite) test(claim, () => attempt(client, prefix));
  test("what is published is told to who listens elsewhere", () =>
    publishes(client, listener, prefix));
}
