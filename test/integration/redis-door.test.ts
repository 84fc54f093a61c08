/**
 * The Redis door over real sockets: what only sockets can show. In front of a store in memory whose answers a test holds back,
 * and once in front of a whole node.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import {
  openRedisDoor,
  type RedisDoor,
  RedisDoorError,
} from "../../src/adapters/redis/redis-door.ts";
import type { RedisLimits } from "../../src/adapters/redis/redis-limits.ts";
import { SystemClock } from "../../src/adapters/system/system-clock.ts";
import { openNode } from "../../src/open-node.ts";
import { FakeStore } from "../support/fake-store.ts";
import { plain, RespClient, requestBytes } from "../support/resp-client.ts";

const quiet = { log: () => undefined };
const MEGABYTE = 1024 * 1024;

function open(store: FakeStore, limits: Partial<RedisLimits> = {}, port = 0): Promise<RedisDoor> {
  const clock = new SystemClock();
  return openRedisDoor({
    store,
    clock,
    host: "127.0.0.1",
    port,
    scan: "cluster",
    log: quiet,
    limits,
  });
}

/** Knows how many writes at most were asked for in one call. */
class CountingStore extends FakeStore {
  most = 0;
  #puts = 0;

  override together(asking: () => void): void {
    const before = this.#puts;
    super.together(asking);
    this.most = Math.max(this.most, this.#puts - before);
  }

  override put(...asked: Parameters<FakeStore["put"]>): void {
    this.#puts += 1;
    super.put(...asked);
  }
}

async function repliesOf(client: RespClient, count: number): Promise<unknown[]> {
  const replies: unknown[] = [];
  while (replies.length < count) replies.push(plain(await client.next()));
  return replies;
}

/** Settles when what was sent has reached the store. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

let store: FakeStore;
let door: RedisDoor;
let client: RespClient;
const others: RespClient[] = [];

async function connect(port: number = door.port): Promise<RespClient> {
  const other = await RespClient.open(port);
  others.push(other);
  return other;
}

before(async () => {
  store = new FakeStore();
  door = await open(store);
  client = await RespClient.open(door.port);
});
after(async () => {
  await client.close();
  await door.close();
});
afterEach(async () => {
  store.release();
  for (const other of others.splice(0)) await other.close();
});

describe("requests and replies", () => {
  test("replies come in the order of the requests, however late the first is answered", async () => {
    store.held = [];
    client.write(
      Buffer.concat([
        requestBytes(["SET", "order", "1"]),
        requestBytes(["PING"]),
        requestBytes(["GET", "elsewhere"]),
        requestBytes(["GET", "order"]),
      ]),
    );
    await until(() => store.held?.length === 2);
    assert.deepEqual(client.replies, []);
    store.release();
    assert.deepEqual(await repliesOf(client, 4), ["OK", "PONG", null, "1"]);
  });

  test("a client finds its own writes, whatever it sends ahead", async () => {
    const requests: Buffer[] = [];
    const expected: unknown[] = [];
    for (let round = 0; round < 500; round += 1) {
      const key = `own${round % 7}`;
      requests.push(requestBytes(["SET", key, String(round)]), requestBytes(["GET", key]));
      expected.push("OK", String(round));
    }
    client.write(Buffer.concat(requests));
    assert.deepEqual(await repliesOf(client, expected.length), expected);
  });

  test("where much arrives in a turn it is begun together, and each client has its replies in order", async () => {
    const counting = new CountingStore();
    const busy = await open(counting);
    const clients = await Promise.all(Array.from({ length: 40 }, () => connect(busy.port)));
    for (let round = 0; round < 200 && (counting.most <= 3 || round < 20); round += 1) {
      // Single requests, so that much arrives where much has arrived, and then several.
      for (const other of clients) other.write(requestBytes(["SET", "single", "1"]));
      for (const other of clients) assert.deepEqual(await repliesOf(other, 1), ["OK"]);
      for (const [index, other] of clients.entries()) {
        const sets = [1, 2, 3].map((n) => requestBytes(["SET", `own${index}`, `${round}.${n}`]));
        other.write(Buffer.concat([...sets, requestBytes(["GET", `own${index}`])]));
      }
      for (const other of clients) {
        assert.deepEqual(await repliesOf(other, 4), ["OK", "OK", "OK", `${round}.3`]);
      }
    }
    assert.ok(counting.most > 3, "writes of several clients were asked for in one call");
    const [last] = clients;
    assert.ok(last !== undefined);
    for (const other of clients) other.write(requestBytes(["SET", "together", "1"]));
    last.write(requestBytes(["GET", "together"]));
    last.socket.end();
    assert.deepEqual(await repliesOf(last, 2), ["OK", "1"], "also who says that it is done");
    for (const other of others.splice(0)) await other.close();
    await busy.close();
  });

  test("what a connection had sent counts no more once it is cut off, whatever of it is answered later", async () => {
    const own = new FakeStore();
    const small = await open(own, { readAheadBytes: 1_000, arrivingBytesMax: 4_000 });
    const killer = await connect(small.port);
    for (let round = 0; round < 4; round += 1) {
      const victim = await connect(small.port);
      const id = String(await victim.ask("CLIENT", "ID"));
      own.held = [];
      const behind = requestBytes(["SET", "b", "v".repeat(3_000)]);
      const requests = ["1", "2"].map((text) => requestBytes(["SET", "a", text]));
      victim.write(Buffer.concat([...requests, behind]));
      await until(() => own.held?.length === 1);
      assert.equal(await killer.ask("CLIENT", "KILL", "ID", id), 1);
      own.release();
    }
    const request = requestBytes(["SET", "c", "v".repeat(3_000)]);
    killer.write(request.subarray(0, 2_500));
    await new Promise((resolve) => setTimeout(resolve, 50));
    killer.write(request.subarray(2_500));
    assert.deepEqual(await repliesOf(killer, 1), ["OK"]);
    await killer.close();
    await small.close();
  });

  test("bytes one by one, inline commands and empty lines are understood", async () => {
    const bytes = Buffer.from(
      "*3\r\n$3\r\nSET\r\n$4\r\ncut1\r\n$5\r\na\r\nb\0\r\n\r\nGET cut1\r\n",
    );
    for (const byte of bytes) client.write(Uint8Array.of(byte));
    assert.deepEqual(await repliesOf(client, 2), ["OK", "a\r\nb\0"]);
  });

  test("a value of a megabyte goes in and comes out", async () => {
    const value = Buffer.alloc(MEGABYTE, "v");
    assert.equal(await client.ask("SET", "large", value), "OK");
    assert.equal(await client.ask("GET", "large"), value.toString("latin1"));
  });

  test("HELLO 3 has nulls, maps and pushes of their own", async () => {
    const other = await connect();
    other.send("HELLO", "3");
    assert.equal((await other.next()).kind, "map");
    other.send("GET", "missing");
    assert.equal((await other.next()).kind, "null");
    other.send("SUBSCRIBE", "own");
    assert.equal((await other.next()).kind, "push");
  });

  test("a transaction runs in order behind what was sent before it", async () => {
    const words = [
      ["SET", "t", "1"],
      ["MULTI"],
      ["INCR", "t"],
      ["GET", "t"],
      ["EXEC"],
      ["GET", "t"],
    ];
    client.write(Buffer.concat(words.map((args) => requestBytes(args))));
    const replies = await repliesOf(client, 6);
    assert.deepEqual(replies, ["OK", "OK", "QUEUED", "QUEUED", [2, "2"], "2"]);
  });

  test("a message reaches a listener on another connection", async () => {
    const listener = await connect();
    assert.deepEqual(await listener.ask("PSUBSCRIBE", "new*"), ["psubscribe", "new*", 1]);
    assert.equal(await client.ask("PUBLISH", "news", "hello"), 1);
    assert.deepEqual(plain(await listener.next()), ["pmessage", "new*", "news", "hello"]);
    await listener.close();
    // The door hears of the end when the system tells it.
    while ((await client.ask("PUBLISH", "news", "hello")) !== 0);
  });
});

describe("clients that behave badly", () => {
  test("garbage is told why, behind the replies before it, and the connection ends", async () => {
    for (const [bytes, reason] of [
      ["*2\r\n+x\r\n", "expected '$', got '+'"],
      ["*99999999\r\n", "invalid multibulk length"],
      ["*1\r\n$999999999999\r\n", "invalid bulk length"],
      ['SET "a\r\n', "unbalanced quotes in request"],
    ] as const) {
      const other = await connect();
      other.write(`PING\r\n${bytes}PING\r\n`);
      assert.deepEqual(await repliesOf(other, 2), ["PONG", `-ERR Protocol error: ${reason}`]);
      await other.ended;
    }
  });

  test("what a browser sends ends the connection before anything in it is obeyed", async () => {
    const other = await connect();
    other.write("POST / HTTP/1.1\r\nHost: 127.0.0.1:6400\r\n\r\nSET hostile 1\r\n");
    await other.ended;
    assert.deepEqual(other.replies, []);
    assert.equal(await client.ask("GET", "hostile"), null);
  });

  test("a client that sends its last request and ends its side gets its replies", async () => {
    const other = await connect();
    store.held = [];
    other.socket.end(
      Buffer.concat([requestBytes(["SET", "half", "1"]), requestBytes(["GET", "half"])]),
    );
    await until(() => store.held?.length === 1);
    store.release();
    assert.deepEqual(await repliesOf(other, 2), ["OK", "1"]);
    await other.ended;
  });

  test("a client that vanishes in the middle of a request leaves nothing behind", async () => {
    const other = await connect();
    other.write("*3\r\n$3\r\nSET\r\n$8\r\nvanishes\r\n$100\r\nabc");
    store.held = [];
    other.send("PING");
    await other.close();
    store.release();
    assert.equal(await client.ask("GET", "vanishes"), null);
    let list = "";
    do list = String(await client.ask("CLIENT", "LIST"));
    while (list.match(/^id=/gm)?.length !== 1);
  });

  test("a client that reads nothing is not worked for, and in the end closed", async () => {
    const own = new FakeStore();
    const small = await open(own, {
      outputBytesMax: 64 * 1024,
      stalledMs: 200,
      windowBytes: MEGABYTE,
    });
    const other = await connect(small.port);
    assert.equal(await other.ask("SET", "big", Buffer.alloc(MEGABYTE)), "OK");
    other.socket.pause();
    for (let index = 0; index < 2_000; index += 1) other.send("GET", "big");
    const watcher = await connect(small.port);
    // The socket's own buffers take a few replies; what matters is that the rest is never asked for.
    let list = "";
    do list = String(await watcher.ask("CLIENT", "LIST"));
    while (list.match(/^id=/gm)?.length === 2);
    assert.ok(own.reads.length < 100, `${own.reads.length} of 2000 were worked on`);
    await small.close();
  });

  test("a listener that cannot take what it asked for is closed, and others go on", async () => {
    const small = await open(store, { pushBytesMax: 4 * MEGABYTE });
    const [slow, quick, speaker] = [
      await connect(small.port),
      await connect(small.port),
      await connect(small.port),
    ];
    await slow.ask("SUBSCRIBE", "flood");
    await quick.ask("SUBSCRIBE", "flood");
    slow.socket.pause();
    const message = Buffer.alloc(MEGABYTE, "m");
    let receivers = 2;
    let sent = 0;
    while (receivers === 2) {
      receivers = (await speaker.ask("PUBLISH", "flood", message)) as number;
      sent += 1;
      assert.equal((plain(await quick.next()) as string[])[2]?.length, MEGABYTE);
      assert.ok(sent < 1_000);
    }
    assert.equal(receivers, 1);
    await small.close();
  });

  test("unfinished requests of all connections together have a bound", async () => {
    const small = await open(store, { arrivingBytesMax: MEGABYTE });
    const [one, two] = [await connect(small.port), await connect(small.port)];
    const begun = `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2000000\r\n${"x".repeat(700_000)}`;
    one.write(begun);
    two.write(begun);
    const told = await Promise.race([one.next(), two.next()]);
    assert.match(String(plain(told)), /^-BUSY too many bytes of requests are arriving/);
    await Promise.race([one.ended, two.ended]);
    await small.close();
  });

  test("transactions of all connections together have the same bound", async () => {
    const small = await open(store, { arrivingBytesMax: MEGABYTE });
    const other = await connect(small.port);
    assert.equal(await other.ask("MULTI"), "OK");
    const value = Buffer.alloc(400_000);
    for (let index = 0; index < 4; index += 1) other.send("SET", "queued", value);
    const replies: unknown[] = [];
    while (replies.at(-1) === undefined || replies.at(-1) === "QUEUED") {
      replies.push(plain(await other.next()));
    }
    assert.match(String(replies.at(-1)), /^-BUSY too many bytes/);
    assert.ok(replies.length <= 4);
    await other.ended;
    await small.close();
  });

  test("one connection too many is told so", async () => {
    const small = await open(store, { connectionsMax: 1 });
    const first = await connect(small.port);
    await first.ask("PING");
    const second = await connect(small.port);
    assert.equal(plain(await second.next()), "-ERR max number of clients reached");
    await second.ended;
    assert.equal(await first.ask("PING"), "PONG");
    await small.close();
  });
});

describe("opening and closing", () => {
  test("a port that is taken is named", async () => {
    await assert.rejects(open(store, {}, door.port), (error) => {
      assert.ok(error instanceof RedisDoorError);
      assert.equal(error.code, "EADDRINUSE");
      assert.match(error.message, new RegExp(`^Redis port ${door.port} on 127.0.0.1 is in use`));
      return true;
    });
  });

  test("what is under way is answered before the door closes, and nothing after it", async () => {
    const own = new FakeStore();
    const closing = await open(own);
    const [busy, idle] = [await connect(closing.port), await connect(closing.port)];
    await idle.ask("PING");
    own.held = [];
    busy.send("SET", "last", "1");
    await until(() => own.held?.length === 1);
    const closed = closing.close();
    busy.send("SET", "late", "1");
    await idle.ended;
    own.release();
    assert.deepEqual(await repliesOf(busy, 1), ["OK"]);
    await busy.ended;
    await closed;
    assert.equal(own.puts.length, 1);
    await assert.rejects(RespClient.open(closing.port));
  });

  test("what takes too long is cut off", async () => {
    const own = new FakeStore();
    const closing = await open(own, { drainMs: 50 });
    const busy = await connect(closing.port);
    own.held = [];
    busy.send("SET", "last", "1");
    await until(() => own.held?.length === 1);
    await closing.close();
    await busy.ended;
    assert.deepEqual(busy.replies, []);
  });
});

test("a whole node answers Redis's clients, alone and as a cluster of one", async () => {
  await using node = await openNode({ port: 0, redisPort: 0, durability: "memory" });
  const port = Number(node.redisAddress?.split(":").at(-1));
  const own = await connect(port);
  assert.equal(await own.ask("SET", "a", "1"), "OK");
  assert.equal(await own.ask("INCR", "a"), 2);
  assert.equal((await node.get("a"))?.text(), "2");
  const id = node.status().nodeId.padEnd(40, "0");
  assert.deepEqual(await own.ask("CLUSTER", "SLOTS"), [[0, 16_383, ["127.0.0.1", port, id, []]]]);
  assert.equal(await own.ask("CLUSTER", "COUNTKEYSINSLOT", "15495"), 1);
  // A counter is a root and a cell of the node that counts.
  assert.match(String(await own.ask("INFO")), /^gauge_cells:2\r$/m);
});
