/**
 * The HTTP door against clients that mean harm or do not know better. Each gets a clear error or a closed connection, nothing is
 * stored, and the next client is served.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { type HttpDoor, HttpDoorError, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import type { HttpLimits } from "../../src/adapters/http/http-limits.ts";
import { FakeStore } from "../support/fake-store.ts";
import { exchange, open, parseAnswer, type RawAnswer, request } from "../support/raw-http.ts";

const quiet = { log: () => undefined };

/** A client in a thread of its own: has a connection answered, says so, asks again when told to, and says what it got to its end. */
const KEPT_CONNECTION = `
  const { parentPort, workerData } = require("node:worker_threads");
  const socket = require("node:net").connect(workerData.port, "127.0.0.1");
  const ask = () => socket.write("GET /health HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n");
  let got = "";
  ask();
  socket.once("data", () => {
    parentPort.postMessage("kept");
    socket.on("data", (bytes) => { got += bytes; });
  });
  socket.on("error", (error) => { got += error.code; });
  socket.on("close", () => { parentPort.postMessage(got); parentPort.close(); });
  parentPort.once("message", () => setTimeout(ask, 300));
`;

interface Rig {
  readonly store: FakeStore;
  readonly door: HttpDoor;
  readonly port: number;
}

async function openRig(limits: Partial<HttpLimits> = {}): Promise<Rig> {
  const store = new FakeStore();
  const door = await openHttpDoor({
    store,
    host: "127.0.0.1",
    ports: [0],
    allowedHosts: ["Store.Example:6000"],
    log: quiet,
    limits,
  });
  return { store, door, port: door.ports[0] as number };
}

function codeOf(answer: RawAnswer): unknown {
  return (JSON.parse(answer.body.toString()) as Record<string, unknown>)["code"];
}

/** Resolves when `socket` is closed, with everything it got. */
async function drain(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  await once(socket, "close");
  return Buffer.concat(chunks);
}

let rig: Rig;
before(async () => {
  rig = await openRig({ lingerMs: 200 });
});
after(() => rig.door.close());
afterEach(async () => {
  rig.store.puts.length = 0;
  rig.store.cells.clear();
  // Whatever a test did to its own connections, the door still serves.
  assert.equal((await request(rig.port, "GET", "/health")).status, 200);
});

describe("framing", () => {
  const host = "Host: localhost\r\n";
  const put = `PUT /kv/smuggled HTTP/1.1\r\n${host}`;
  const attacks: Readonly<Record<string, string>> = {
    "both a length and chunks": `${put}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "chunks and then a length": `${put}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    "two lengths": `${put}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    "two equal lengths": `${put}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    "a list of lengths": `${put}Content-Length: 1, 2\r\n\r\nab`,
    "a signed length": `${put}Content-Length: +1\r\n\r\na`,
    "a negative length": `${put}Content-Length: -1\r\n\r\na`,
    "a hexadecimal length": `${put}Content-Length: 0x1\r\n\r\na`,
    "a length beyond 64 bits": `${put}Content-Length: 99999999999999999999\r\n\r\na`,
    "chunked before another coding": `${put}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    "chunked twice": `${put}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "an unknown transfer coding": `${put}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    "gzip, then chunked": `${put}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    "bare line feeds": "PUT /kv/smuggled HTTP/1.1\nHost: localhost\nContent-Length: 1\n\na",
    "a bare line feed in the headers": `${put}X: a\nContent-Length: 1\r\n\r\na`,
    "a bare carriage return": `${put}X: a\rContent-Length: 1\r\n\r\na`,
    "a folded header": `${put}X: a\r\n b\r\nContent-Length: 1\r\n\r\na`,
    "space before the colon": `${put}Content-Length : 1\r\n\r\na`,
    "space before a header": `PUT /kv/smuggled HTTP/1.1\r\n ${host}Content-Length: 1\r\n\r\na`,
    "NUL in a header": `${put}X: a\0b\r\nContent-Length: 1\r\n\r\na`,
    "NUL in the target": `PUT /kv/smug\0gled HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\na`,
    "a space in the target": `PUT /kv/smug gled HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\na`,
    "no host": "PUT /kv/smuggled HTTP/1.1\r\nContent-Length: 1\r\n\r\na",
    "two hosts": `${put}Host: 127.0.0.1\r\nContent-Length: 1\r\n\r\na`,
    "a broken chunk size": `${put}Transfer-Encoding: chunked\r\n\r\nzz\r\na\r\n0\r\n\r\n`,
    "a chunk longer than it says": `${put}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`,
    "a chunk size ended by a bare line feed": `${put}Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n`,
    "another protocol": "*1\r\n$4\r\nPING\r\n",
    "an unknown version": "GET /kv/a HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "bytes of chance": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  };
  for (const [name, bytes] of Object.entries(attacks)) {
    test(`${name} is refused, the connection closed, and nothing stored`, async () => {
      // A second request rides behind: it must not be taken for one.
      const rider = `PUT /kv/rider HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nb`;
      const answer = parseAnswer(await exchange(rig.port, Buffer.from(bytes + rider, "latin1")));
      assert.ok([400, 431, 501, 505].includes(answer.status), `${answer.status}`);
      assert.equal(answer.headers.get("connection"), "close");
      assert.doesNotMatch(answer.body.toString(), /\.ts|\.js|\bat /);
      assert.equal(rig.store.puts.length, 0);
    });
  }

  test("requests sent in one go are answered in order", async () => {
    const one = (key: string) => `GET /kv/${key} HTTP/1.1\r\n${host}\r\n`;
    const last = `GET /kv/c HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
    await request(rig.port, "PUT", "/kv/b", { body: "B" });
    const text = (await exchange(rig.port, one("a") + one("b") + last)).toString();
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), [
      "HTTP/1.1 404",
      "HTTP/1.1 200",
      "HTTP/1.1 404",
    ]);
  });

  test("garbage behind a good request does not spoil its answer", async () => {
    await request(rig.port, "PUT", "/kv/a", { body: "A" });
    const text = (
      await exchange(rig.port, `GET /kv/a HTTP/1.1\r\n${host}\r\n\0\0\0garbage`)
    ).toString();
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.match(text, /\r\n\r\nA/);
  });
});

describe("whom and whence", () => {
  test("a host that is not this node's is 421, on every address", async () => {
    for (const target of ["/kv/a", "/cluster", "http://evil.example/kv/a"]) {
      const head = `GET ${target} HTTP/1.1\r\nHost: ${target.startsWith("h") ? "localhost" : "evil.example"}\r\nConnection: close\r\n\r\n`;
      const answer = parseAnswer(await exchange(rig.port, head));
      assert.equal(answer.status, 421, target);
      assert.equal(codeOf(answer), "foreign-host");
    }
  });

  test("loopback names, the node's own names and the address itself pass", async () => {
    for (const host of [
      "localhost",
      "LOCALHOST:6000",
      "localhost.",
      "127.0.0.1:1",
      "127.8.9.1",
      "[::1]:6000",
      "store.example",
      "STORE.example:80",
    ]) {
      const head = `GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      assert.equal(parseAnswer(await exchange(rig.port, head)).status, 200, host);
    }
    for (const host of [
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "10.0.0.1",
      "user@localhost",
      "localhost:x",
      "[::2]",
      "",
    ]) {
      const head = `GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const answer = parseAnswer(await exchange(rig.port, head));
      assert.ok(answer.status === 421 || answer.status === 400, `${host}: ${answer.status}`);
    }
  });

  test("a change from a page of another origin is 403, one from its own passes", async () => {
    const own = `Origin: http://127.0.0.1:${rig.port}`;
    for (const [headers, status] of [
      [["Origin: http://evil.example"], 403],
      [["Origin: null"], 403],
      [[`Origin: http://127.0.0.1:${rig.port + 1}`], 403],
      [[own, "Sec-Fetch-Site: cross-site"], 403],
      [["Sec-Fetch-Site: same-site"], 403],
      [[own], 200],
      [[own, "Sec-Fetch-Site: same-origin"], 200],
      [["Sec-Fetch-Site: none"], 200],
    ] as const) {
      const answer = await request(rig.port, "PUT", "/kv/o", { headers, body: "x" });
      assert.equal(answer.status, status, headers.join());
    }
    for (const [method, target] of [
      ["DELETE", "/kv/o"],
      ["POST", "/kv"],
      ["POST", "/cluster"],
    ] as const) {
      assert.equal(
        (await request(rig.port, method, target, { headers: ["Origin: http://evil.example"] }))
          .status,
        403,
      );
    }
    assert.equal(
      (await request(rig.port, "GET", "/kv/o", { headers: ["Origin: http://evil.example"] }))
        .status,
      200,
    );
  });
});

describe("sizes", () => {
  test("an announced value of 17 MiB is 413 before a byte of it is sent", async () => {
    const size = 17 * 1024 * 1024;
    const head = `PUT /kv/big HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${size}\r\nExpect: 100-continue\r\n\r\n`;
    const socket = open(rig.port);
    socket.write(head);
    const [bytes] = (await once(socket, "data")) as [Buffer];
    const answer = parseAnswer(bytes);
    assert.equal(answer.status, 413);
    const problem = JSON.parse(answer.body.toString()) as Record<string, unknown>;
    assert.equal(problem["limit"], 16 * 1024 * 1024);
    assert.equal(problem["value"], size);
    socket.destroy();
  });

  test("a client that sends all of its 17 MiB at once still gets to read why not", async () => {
    // A busy machine may take its time over the bytes; the rig of the other tests is in a hurry.
    const patient = await openRig({ lingerMs: 20_000 });
    const body = new Uint8Array(17 * 1024 * 1024);
    const answer = await request(patient.port, "PUT", "/kv/big", { body });
    assert.equal(answer.status, 413);
    assert.equal(codeOf(answer), "value-too-large");
    assert.equal(patient.store.puts.length, 0);
    await patient.door.close();
  });

  test("chunks are counted while they arrive", async () => {
    const small = await openRig();
    small.store.shared = { ...small.store.shared, valueBytesMax: 1_000, keyBytesMax: 10 };
    const strict = await openHttpDoor({
      store: small.store,
      host: "127.0.0.1",
      ports: [0],
      allowedHosts: [],
      log: quiet,
    });
    const port = strict.ports[0] as number;
    const chunk = `200\r\n${"a".repeat(0x200)}\r\n`;
    const head = "PUT /kv/big HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    const answer = parseAnswer(await exchange(port, `${head}${chunk}${chunk}${chunk}0\r\n\r\n`));
    assert.equal(answer.status, 413);
    assert.equal((await request(port, "PUT", "/kv/12345678901", { body: "x" })).status, 414);
    assert.equal(small.store.puts.length, 0);
    await strict.close();
    await small.door.close();
  });

  test("a value of exactly 16 MiB is stored", async () => {
    const value = new Uint8Array(16 * 1024 * 1024).fill(7);
    assert.equal((await request(rig.port, "PUT", "/kv/max", { body: value })).status, 200);
    assert.deepEqual(Buffer.compare((await request(rig.port, "GET", "/kv/max")).body, value), 0);
  });

  test("values beyond what the door may hold at once are 503 with Retry-After, and the room comes back", async () => {
    const tight = await openRig({ bufferedBytesMax: 100_000 });
    const answer = await request(tight.port, "PUT", "/kv/a", { body: new Uint8Array(150_000) });
    assert.equal(answer.status, 503);
    assert.equal(codeOf(answer), "overloaded");
    assert.equal(answer.headers.get("retry-after"), "1");
    for (let index = 0; index < 5; index += 1) {
      assert.equal(
        (await request(tight.port, "PUT", "/kv/a", { body: new Uint8Array(90_000) })).status,
        200,
      );
      assert.equal((await request(tight.port, "GET", "/kv/a")).status, 200);
    }
    await tight.door.close();
  });

  test("deeply nested JSON is sniffed without harm", async () => {
    const value = "[".repeat(500_000) + "]".repeat(500_000);
    assert.equal((await request(rig.port, "PUT", "/kv/deep", { body: value })).status, 200);
  });

  test("a content coding is refused, since the bytes would come back without it", async () => {
    const answer = await request(rig.port, "PUT", "/kv/z", {
      headers: ["Content-Encoding: gzip"],
      body: "x",
    });
    assert.equal(answer.status, 415);
  });
});

describe("slow and vanishing clients", () => {
  test("a value that does not arrive in time is 408 and closed", async () => {
    const hasty = await openRig({ bodyMs: 50, lingerMs: 50 });
    const socket = open(hasty.port);
    socket.write("PUT /kv/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
    const answer = parseAnswer(await drain(socket));
    assert.equal(answer.status, 408);
    assert.equal(codeOf(answer), "body-too-slow");
    assert.equal(hasty.store.puts.length, 0);
    await hasty.door.close();
  });

  test("a body of which nothing ever arrives is 408 too", async () => {
    const hasty = await openRig({ bodyMs: 50, lingerMs: 50 });
    const socket = open(hasty.port);
    socket.write("PUT /kv/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n");
    assert.equal(parseAnswer(await drain(socket)).status, 408);
    await hasty.door.close();
  });

  test("headers that do not arrive in time end the connection", async () => {
    const hasty = await openRig({ headMs: 50 });
    const socket = open(hasty.port);
    socket.write("GET /kv/slow HTTP/1.1\r\nHost: loc");
    assert.equal(parseAnswer(await drain(socket)).status, 408);
    await hasty.door.close();
  });

  test("a client that leaves in the middle of a value leaves nothing behind", async () => {
    const tight = await openRig({ bufferedBytesMax: 100_000 });
    for (let index = 0; index < 5; index += 1) {
      const socket = open(tight.port);
      socket.write(
        `PUT /kv/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n${"a".repeat(80_000)}`,
      );
      await once(socket, "connect");
      socket.end();
      await drain(socket);
    }
    assert.equal(
      (await request(tight.port, "PUT", "/kv/whole", { body: new Uint8Array(90_000) })).status,
      200,
    );
    assert.equal(tight.store.puts.length, 1);
    await tight.door.close();
  });

  test("a client that leaves before its answer does no harm", async () => {
    const own = await openRig();
    own.store.held = [];
    const socket = open(own.port);
    socket.write("GET /kv/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (own.store.reads.length === 0) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    await once(socket, "close");
    own.store.release();
    assert.equal((await request(own.port, "GET", "/health")).status, 200);
    await own.door.close();
  });
});

describe("opening and closing", () => {
  test("a port in use is named, and the other port is given back", async () => {
    const opening = openHttpDoor({
      store: rig.store,
      host: "127.0.0.1",
      ports: [0, rig.port],
      allowedHosts: [],
      log: quiet,
    });
    await assert.rejects(opening, (error) => {
      assert.ok(error instanceof HttpDoorError);
      assert.equal(error.code, "EADDRINUSE");
      assert.equal(error.port, rig.port);
      assert.match(error.message, new RegExp(`${rig.port}.*in use`));
      return true;
    });
  });

  test("close lets what runs finish, takes nothing new, and ends kept connections", async () => {
    const own = await openRig();
    const idle = open(own.port);
    idle.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(idle, "data");
    own.store.held = [];
    const running = request(own.port, "GET", "/kv/a");
    while (own.store.reads.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closing = own.door.close();
    await drain(idle);
    own.store.release();
    assert.equal((await running).status, 404);
    await closing;
    await assert.rejects(request(own.port, "GET", "/health"), { code: "ECONNREFUSED" });
  });

  test("a request that was on its way on a kept connection when the door closed is answered, and ends it", async () => {
    const own = await openRig();
    const kept = open(own.port);
    kept.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(kept, "data");
    const closing = own.door.close();
    kept.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const last = parseAnswer(await drain(kept));
    assert.equal(last.status, 200);
    assert.equal(last.headers.get("connection"), "close");
    await closing;
  });

  test("a request that came on a kept connection while the process stalled is answered by a door that closes", async () => {
    const own = await openRig({ partingMs: 200, partingMsMax: 60_000 });
    const client = new Worker(KEPT_CONNECTION, { eval: true, workerData: { port: own.port } });
    await once(client, "message");
    const closing = own.door.close();
    client.postMessage("ask in a moment");
    await wait(50);
    await nextTurn();
    // Longer than the door waits for a request, which arrives meanwhile. Timers are next then, not sockets.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
    const [got] = (await once(client, "message")) as [string];
    assert.match(got, /^HTTP\/1\.1 200 /);
    await closing;
  });

  test("kept connections that are used one after another while the door closes are all answered, and then it closes", async () => {
    const own = await openRig({ partingMs: 5_000, partingMsMax: 60_000 });
    const kept = Array.from({ length: 4 }, () => open(own.port));
    for (const socket of kept) {
      socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await once(socket, "data");
    }
    const closing = own.door.close();
    for (const socket of kept) {
      await wait(400);
      socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
      assert.equal(parseAnswer(await drain(socket)).status, 200);
    }
    const endedMs = performance.now();
    await closing;
    assert.ok(performance.now() - endedMs < 4_000, "nobody is left to wait for");
  });

  test("however much is asked, a closing door ends what is kept within its limit", async () => {
    const own = await openRig({ partingMs: 60_000, partingMsMax: 50 });
    const kept = open(own.port);
    kept.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(kept, "data");
    await Promise.all([drain(kept), own.door.close()]);
  });

  test("a withdrawn door serves on, and ends each connection with its answer", async () => {
    const own = await openRig();
    own.door.withdraw();
    for (let round = 0; round < 2; round += 1) {
      const socket = open(own.port);
      socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
      assert.equal(parseAnswer(await drain(socket)).status, 200);
    }
    await own.door.close();
  });

  test("close cuts off what does not finish within its limit", async () => {
    const own = await openRig({ drainMs: 30 });
    own.store.held = [];
    const socket = open(own.port);
    socket.write("GET /kv/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (own.store.reads.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [rest] = await Promise.all([drain(socket), own.door.close()]);
    assert.equal(rest.length, 0);
  });
});
