/** What only real sockets show: strangers, ports in use, readers that do not read. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import type { Address } from "../../model/ids.ts";
import { PEER_QUEUE_BYTES_MAX } from "../../model/limits.ts";
import type { Log } from "../../ports/log.ts";
import type { ConnectionId, TransportListener } from "../../ports/transport.ts";
import { GREETING } from "../../protocol/peer/chunking.ts";
import { type OpenTransport, openTransport, TransportError } from "./tcp-transport.ts";

/** Writes down what is logged. */
class LogRecorder implements Log {
  readonly lines: string[] = [];
  log(level: string, event: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.lines.push(`${level} ${event} ${JSON.stringify(facts)}`);
  }
}

/** Writes down what is told, each as one line. */
class Recorder implements TransportListener {
  readonly told: string[] = [];
  onOpened(connection: ConnectionId): void {
    this.told.push(`opened ${connection}`);
  }
  onAccepted(connection: ConnectionId): void {
    this.told.push(`accepted ${connection}`);
  }
  onFrame(connection: ConnectionId, frame: Uint8Array): void {
    this.told.push(`frame ${connection} ${frame.length}`);
  }
  onClosed(connection: ConnectionId, reason: string): void {
    this.told.push(`closed ${connection} ${reason}`);
  }
  onDatagram(): void {
    this.told.push("datagram");
  }
}

interface Place {
  readonly transport: OpenTransport;
  readonly listener: Recorder;
  readonly log: LogRecorder;
}

async function withTransport(run: (place: Place) => Promise<void>): Promise<void> {
  const log = new LogRecorder();
  const transport = await openTransport({ host: "127.0.0.1", port: 0, log });
  const listener = new Recorder();
  transport.listen(listener);
  try {
    await run({ transport, listener, log });
  } finally {
    await transport.shutdown();
  }
}

/** Sends `bytes` to the peer port; resolves with what came back once the connection is gone. */
function knock(port: number, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve) => {
    const answer: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (part) => answer.push(part));
    socket.on("error", () => {});
    socket.on("close", () => resolve(Buffer.concat(answer)));
  });
}

async function runUntil(isReached: () => boolean): Promise<void> {
  while (!isReached()) await new Promise((resolve) => setImmediate(resolve));
}

test("an HTTP request on the peer port is closed unanswered, and the log says what it was", async () => {
  await withTransport(async ({ transport, listener, log }) => {
    const answer = await knock(transport.port, Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert.equal(answer.length, 0);
    await runUntil(() => log.lines.length > 0);
    assert.equal(log.lines.length, 1);
    assert.match(log.lines[0] ?? "", /warn peer-connection-refused .*HTTP request/);
    assert.deepEqual(listener.told, []);
  });
});

test("garbage behind a greeting ends the connection with its reason", async () => {
  await withTransport(async ({ transport, listener }) => {
    await knock(transport.port, Buffer.concat([GREETING, Buffer.alloc(64, 0xff)]));
    await runUntil(() => listener.told.length === 2);
    assert.deepEqual(listener.told, ["accepted 1", "closed 1 unknown tag 15"]);
  });
});

test("who connects and says nothing is closed after five seconds", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  await withTransport(async ({ transport, listener, log }) => {
    const socket = connect(transport.port, "127.0.0.1").resume();
    // The clock moves while the connection is being accepted, so the wait is at least as long as the limit.
    let waitedMs = 0;
    await runUntil(() => {
      context.mock.timers.tick(100);
      waitedMs += 100;
      return log.lines.length > 0;
    });
    assert.ok(waitedMs >= 5_000, `${waitedMs} ms`);
    assert.ok(socket.readyState !== "opening");
    assert.match(log.lines[0] ?? "", /no greeting within 5000 ms/);
    assert.deepEqual(listener.told, []);
  });
});

/** A server that is no node; `serve` does with each connection what it likes. */
async function strange(
  serve: (socket: Socket) => void,
): Promise<{ server: Server; address: Address }> {
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === "object");
  return { server, address: `127.0.0.1:${bound.port}` as Address };
}

test("a connection to something frozen is given up after three seconds", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sockets: Socket[] = [];
  const { server, address } = await strange((socket) => sockets.push(socket));
  await withTransport(async ({ transport, listener }) => {
    transport.connect(address);
    await runUntil(() => sockets.length === 1);
    context.mock.timers.tick(2_999);
    assert.deepEqual(listener.told, []);
    context.mock.timers.tick(1);
    await runUntil(() => listener.told.length > 0);
    assert.deepEqual(listener.told, ["closed 1 no greeting within 3000 ms"]);
  });
  server.close();
});

test("a connection to something that is no node ends without having opened", async () => {
  const { server, address } = await strange((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await withTransport(async ({ transport, listener }) => {
    transport.connect(address);
    await runUntil(() => listener.told.length > 0);
    assert.equal(listener.told.length, 1);
    assert.match(listener.told[0] ?? "", /^closed 1 not a node/);
  });
  server.close();
});

test("a name that does not exist is an end, not an exception", async () => {
  await withTransport(async ({ transport, listener }) => {
    transport.connect("no-such-host.invalid:5000" as Address);
    await runUntil(() => listener.told.length > 0);
    assert.match(listener.told[0] ?? "", /^closed 1 (ENOTFOUND|EAI_AGAIN|no greeting)/);
  });
});

test("a port in use is said by number, whether TCP or UDP holds it", async () => {
  await withTransport(async ({ transport, log }) => {
    const { port } = transport;
    await assert.rejects(
      openTransport({ host: "127.0.0.1", port, log }),
      (error: unknown) =>
        error instanceof TransportError &&
        error.code === "port-in-use" &&
        error.message.includes(`port ${port} `),
    );
  });
  const taken = createSocket("udp4");
  await new Promise<void>((resolve) => taken.bind(0, "127.0.0.1", resolve));
  await assert.rejects(
    openTransport({ host: "127.0.0.1", port: taken.address().port, log: new LogRecorder() }),
    (error: unknown) => error instanceof TransportError && error.code === "port-in-use",
  );
  taken.close();
  await assert.rejects(
    openTransport({ host: "203.0.113.1", port: 0, log: new LogRecorder() }),
    (error: unknown) => error instanceof TransportError && error.code === "cannot-listen",
  );
});

test("a host name is resolved by the system", async () => {
  const log = new LogRecorder();
  const transport = await openTransport({ host: "localhost", port: 0, log });
  const listener = new Recorder();
  transport.listen(listener);
  transport.connect(`localhost:${transport.port}` as Address);
  await runUntil(() => listener.told.length === 2);
  assert.deepEqual(listener.told.toSorted(), ["accepted 2", "opened 1"]);
  await transport.shutdown();
});

test("IPv4 peers of a node on all IPv6 addresses are reached and shown by their IPv4 address", async () => {
  const log = new LogRecorder();
  const both = await openTransport({ host: "::", port: 0, log });
  const four = await openTransport({ host: "127.0.0.1", port: 0, log });
  const senders: string[] = [];
  const note = (from: Address): void => {
    senders.push(from);
  };
  both.listen(Object.assign(new Recorder(), { onDatagram: note }));
  four.listen(Object.assign(new Recorder(), { onDatagram: note }));
  four.sendDatagram(`127.0.0.1:${both.port}` as Address, Uint8Array.of(1));
  await runUntil(() => senders.length === 1);
  both.sendDatagram(senders[0] as Address, Uint8Array.of(2));
  await runUntil(() => senders.length === 2);
  assert.deepEqual(senders, [`127.0.0.1:${four.port}`, `127.0.0.1:${both.port}`]);
  await Promise.all([both.shutdown(), four.shutdown()]);
});

// Goal: a peer that takes nothing costs at most the queue, and closing does not wait for it for ever.
// Method: a server greets and then stops reading; frames are sent until refused; what the process holds is the bound.
test("a peer that does not read fills a queue and no more", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { server, address } = await strange((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.pause();
      socket.write(GREETING);
    });
  });
  await withTransport(async ({ transport, listener }) => {
    const connection = transport.connect(address);
    await runUntil(() => listener.told.length === 1);
    const frame = new Uint8Array(100_000);
    let refused = 0;
    let taken = 0;
    for (let turn = 0; turn < 200; turn += 1) {
      for (let index = 0; index < 20; index += 1) {
        if (transport.send(connection, frame)) taken += 1;
        else refused += 1;
      }
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(transport.queuedBytes(connection) <= PEER_QUEUE_BYTES_MAX);
    }
    assert.ok(refused > 0, "the bound is reached");
    assert.ok(taken * frame.length < 1.3 * PEER_QUEUE_BYTES_MAX, `${taken} frames taken`);
    transport.close(connection);
    context.mock.timers.tick(5_000);
    await runUntil(() => listener.told.length === 2);
    assert.deepEqual(listener.told.slice(1), [`closed ${connection} closed by this side`]);
  });
  server.close();
});

test("shutting down delivers what is queued, closes all and frees the port", async () => {
  const log = new LogRecorder();
  const left = await openTransport({ host: "127.0.0.1", port: 0, log });
  const right = await openTransport({ host: "127.0.0.1", port: 0, log });
  const here = new Recorder();
  const there = new Recorder();
  left.listen(here);
  right.listen(there);
  const connection = left.connect(`127.0.0.1:${right.port}` as Address);
  await runUntil(() => here.told.length === 1 && there.told.length === 1);
  for (let index = 0; index < 50; index += 1) left.send(connection, new Uint8Array(10_000));
  await left.shutdown();
  await runUntil(() => there.told.some((line) => line.startsWith("closed")));
  assert.equal(there.told.filter((line) => line.startsWith("frame")).length, 50);
  assert.deepEqual(here.told, [`opened ${connection}`, `closed ${connection} closed by this side`]);
  const again = await openTransport({ host: "127.0.0.1", port: left.port, log });
  await Promise.all([again.shutdown(), right.shutdown()]);
});

test("a connection asked for after shutting down ends without having opened", async () => {
  const log = new LogRecorder();
  const transport = await openTransport({ host: "127.0.0.1", port: 0, log });
  const listener = new Recorder();
  transport.listen(listener);
  await transport.shutdown();
  const connection = transport.connect(`127.0.0.1:${transport.port}` as Address);
  await runUntil(() => listener.told.length > 0);
  assert.deepEqual(listener.told, [`closed ${connection} closed by this side`]);
});
