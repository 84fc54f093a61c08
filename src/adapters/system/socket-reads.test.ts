import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, Socket } from "node:net";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { dial, type TakeBytes, takeOver } from "./socket-reads.ts";

const HOST = "127.0.0.1";
const PIECE = 1_000_003;

/** A server whose connections are taken over, and its port. */
async function serverOf(
  context: TestContext,
  onSocket: (socket: Socket) => void,
  take: TakeBytes,
  allowHalfOpen = false,
): Promise<{ readonly port: number; readonly close: () => Promise<unknown> }> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen }, (accepted) => {
    const socket = takeOver(accepted, allowHalfOpen, take);
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  server.listen(0, HOST);
  await once(server, "listening");
  context.after(() => server.close());
  const close = async (): Promise<unknown> => {
    const closed = once(server, "close");
    server.close();
    return await closed;
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** Bytes of which no two places near each other are alike. */
function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 7 + (at >> 8) * 31 + (at >> 16)) & 0xff;
  return bytes;
}

test("what arrives either way is whole, and stays as it was when more is read", async (context) => {
  const sent = pattern(PIECE);
  const arrived: Buffer[] = [];
  const answered: Buffer[] = [];
  const { port } = await serverOf(
    context,
    (socket) => socket.on("end", () => socket.end(sent)),
    (bytes) => arrived.push(bytes),
    true,
  );
  const client = dial(HOST, port, (bytes) => answered.push(bytes));
  client.end(sent);
  await once(client, "end");
  assert.ok(arrived.length > 1, "more than one read");
  assert.ok(Buffer.concat(arrived).equals(sent));
  assert.ok(Buffer.concat(answered).equals(sent));
});

test("sockets that read side by side do not write over each other's bytes", async (context) => {
  const arrived: Buffer[] = [];
  const { port } = await serverOf(
    context,
    () => undefined,
    (bytes) => arrived.push(bytes),
  );
  const clients = Array.from({ length: 20 }, () => connect(port, HOST));
  await Promise.all(clients.map((client) => once(client, "connect")));
  for (const [index, client] of clients.entries()) client.end(Buffer.alloc(100, index));
  await Promise.all(clients.map((client) => once(client.resume(), "close")));
  const firsts = arrived.map((bytes) => bytes[0]).sort((a, b) => Number(a) - Number(b));
  for (const bytes of arrived) assert.ok(bytes.every((byte) => byte === bytes[0]));
  assert.deepEqual([...new Set(firsts)], [...clients.keys()]);
});

test("one that is paused takes nothing until it goes on", async (context) => {
  let taken = 0;
  let accepted: Socket | undefined;
  const { port } = await serverOf(
    context,
    (socket) => {
      accepted = socket;
      socket.pause();
    },
    (bytes) => {
      taken += bytes.length;
    },
  );
  const client = connect(port, HOST).resume();
  client.end(pattern(50_000));
  await once(client, "finish");
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(taken, 0);
  accepted?.resume();
  await once(client, "close");
  assert.equal(taken, 50_000);
});

test("who takes may pause, and what was not read stays unread", async (context) => {
  let taken = 0;
  let accepted: Socket | undefined;
  const { port } = await serverOf(
    context,
    (socket) => {
      accepted = socket;
    },
    (bytes) => {
      taken += bytes.length;
      accepted?.pause();
    },
  );
  const client = connect(port, HOST).resume();
  context.after(() => client.destroy());
  client.write(pattern(PIECE));
  while (taken === 0) await new Promise((resolve) => setImmediate(resolve));
  const once = taken;
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(taken, once);
  while (taken < PIECE) {
    accepted?.resume();
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test("a server counts the connection until it is closed, and knows its ends", async (context) => {
  let accepted: Socket | undefined;
  const { port, close } = await serverOf(
    context,
    (socket) => {
      accepted = socket;
    },
    () => undefined,
  );
  const client = connect(port, HOST).resume();
  await once(client, "connect");
  while (accepted === undefined) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([accepted.remoteAddress, accepted.localPort], [HOST, port]);
  assert.equal(accepted.remotePort, client.localPort);
  let isClosed = false;
  const closed = close().then(() => {
    isClosed = true;
  });
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isClosed, false);
  accepted.destroy();
  await closed;
});

test("who watches the sockets of the process is told of the one that writes", async (context) => {
  const seen: unknown[] = [];
  const follow = (message: unknown): unknown => seen.push((message as { socket: Socket }).socket);
  subscribe("net.server.socket", follow);
  context.after(() => unsubscribe("net.server.socket", follow));
  let accepted: Socket | undefined;
  const { port } = await serverOf(
    context,
    (socket) => {
      accepted = socket;
      socket.end();
    },
    () => undefined,
  );
  await once(connect(port, HOST).resume(), "close");
  // The runtime tells of its own after that.
  assert.ok(accepted !== undefined && seen.includes(accepted));
});

test("a reset is an error and an end", async (context) => {
  const seen: string[] = [];
  let accepted: Socket | undefined;
  const { port } = await serverOf(
    context,
    (socket) => {
      accepted = socket;
      socket.on("error", ({ code }: NodeJS.ErrnoException) => seen.push(code ?? ""));
      socket.on("close", () => seen.push("close"));
    },
    () => undefined,
  );
  const client = connect(port, HOST).resume();
  await once(client, "connect");
  while (accepted === undefined) await new Promise((resolve) => setImmediate(resolve));
  client.resetAndDestroy();
  while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, ["ECONNRESET", "close"]);
});

test("a socket of a runtime that names its handle otherwise is read as it is", async () => {
  const stream = new PassThrough();
  stream.pause();
  const taken: Buffer[] = [];
  const socket = takeOver(stream as unknown as Socket, false, (bytes) => taken.push(bytes));
  assert.equal(socket, stream as unknown as Socket);
  assert.equal(socket instanceof Socket, false);
  stream.end("bytes");
  await once(stream, "end");
  assert.equal(Buffer.concat(taken).toString(), "bytes");
});
