/** What was answered, what was cut off and what was never sent must not be taken for one another. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { HttpConnection } from "./http-connection.ts";
import { readOutcome, writeOutcome } from "./http-outcome.ts";

const STAMP = "019aab3c4d5e-0001-0f3a92b1c4d5e6";

/** A server that does `behave` with each request that arrives. */
async function serve(t: TestContext, behave: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => behave(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function open(t: TestContext, port: number): Promise<HttpConnection> {
  const connection = await HttpConnection.open(port);
  assert.ok(connection !== undefined);
  t.after(() => connection.close());
  return connection;
}

test("an answer that comes byte by byte is read whole, and the connection goes on", async (t) => {
  const answer = "HTTP/1.1 200 OK\r\nDnd-Acks: 2/3; hinted=1\r\nContent-Length: 4\r\n\r\n\r\n\r\n";
  const port = await serve(t, (socket) => {
    for (const byte of answer) socket.write(byte);
  });
  const connection = await open(t, port);
  for (const _round of [1, 2]) {
    const reply = await connection.ask({ method: "GET", target: "/" });
    assert.equal(reply?.status, 200);
    assert.equal(reply.headers.get("dnd-acks"), "2/3; hinted=1");
    assert.deepEqual(Buffer.from(reply.body).toString(), "\r\n\r\n");
  }
});

test("a connection that ends within an answer cuts the request off", async (t) => {
  const port = await serve(t, (socket) => {
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  const connection = await open(t, port);
  assert.equal(await connection.ask({ method: "GET", target: "/" }), undefined);
  assert.equal(connection.isOpen, false);
  assert.equal(await connection.ask({ method: "GET", target: "/" }), undefined);
});

test("where nobody listens nothing was sent", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  assert.equal(await HttpConnection.open(port), undefined);
});

test("answers are read back as the outcomes they tell of, and anything else is odd", () => {
  const headers = new Map([
    ["etag", `"${STAMP}"`],
    ["dnd-acks", "1/3; hinted=2"],
  ]);
  const body = Buffer.alloc(0);
  const written = writeOutcome({ status: 204, headers, body });
  assert.deepEqual(written.kind === "written" && written.quorum, { acks: 1, of: 3, hinted: 2 });
  assert.equal(writeOutcome({ status: 412, headers, body }).kind, "condition-failed");
  assert.equal(readOutcome({ status: 200, headers, body }).kind, "found");
  assert.equal(readOutcome({ status: 404, headers, body }).kind, "absent");

  const problem = (facts: object) => Buffer.from(JSON.stringify(facts));
  const failure = { code: "timed-out", stored: "maybe", detail: "late", acks: 1, of: 3, hinted: 0 };
  const failed = writeOutcome({ status: 504, headers, body: problem(failure) });
  assert.ok(failed.kind === "failed" && failed.stored === "maybe" && failed.quorum.acks === 1);
  const unread = problem({ code: "body-too-slow", stored: "no", detail: "late" });
  const late = writeOutcome({ status: 408, headers, body: unread });
  assert.ok(late.kind === "failed" && late.stored === "no" && late.code === "timed-out");
  const odd = [
    { status: 500, headers, body: problem({ ...failure, code: "internal" }) },
    { status: 503, headers, body: problem({ ...failure, stored: undefined }) },
    { status: 503, headers, body },
    { status: 200, headers: new Map(), body },
  ];
  for (const reply of odd) {
    assert.equal(writeOutcome(reply).kind, "odd");
    assert.equal(readOutcome(reply).kind, "odd");
  }
});
