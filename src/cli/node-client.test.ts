/** The client: which node is meant, and what each kind of answer means for the exit status. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { CliError, EXIT } from "./cli-error.ts";
import { keyTarget, NodeClient, parseNodeUrl } from "./node-client.ts";

test("a node is named by address, with or without scheme and port", () => {
  assert.deepEqual(parseNodeUrl("http://10.0.0.1:7000"), { host: "10.0.0.1", port: 7_000 });
  assert.deepEqual(parseNodeUrl("http://10.0.0.1:7000/"), { host: "10.0.0.1", port: 7_000 });
  assert.deepEqual(parseNodeUrl("localhost"), { host: "localhost", port: 6_000 });
  assert.deepEqual(parseNodeUrl("[::1]:6001"), { host: "::1", port: 6_001 });
});

test("what is no address of a node is wrong usage", () => {
  for (const bad of [
    "",
    "https://a",
    "http://a:0",
    "a:99999",
    "http://a/kv",
    "http://u@a",
    "::1",
    "a b:c",
  ]) {
    assert.throws(() => parseNodeUrl(bad), { name: "CliError", exit: EXIT.usage }, bad);
  }
});

test("every byte of a key survives the target", () => {
  const binary = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
  const match = /^\/kv\?key64=([A-Za-z0-9_-]+)&w=2$/.exec(
    keyTarget(binary, { w: "2", ttl: undefined }),
  );
  assert.equal(Buffer.from(match?.[1] ?? "", "base64url").toString("latin1"), binary);
});

/** Answers every request in one way. */
async function serve(
  status: number,
  body: string,
): Promise<{ server: Server; client: NodeClient }> {
  const server = createServer((_, response) => {
    response.writeHead(status, { "Content-Type": "application/problem+json" });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { server, client: new NodeClient(`127.0.0.1:${port}`) };
}

async function errorOf(status: number, body: string): Promise<CliError> {
  const { server, client } = await serve(status, body);
  try {
    await client.ask({ method: "GET", target: "/kv/a" });
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    return error;
  } finally {
    client.close();
    server.close();
  }
  throw new Error("was a success");
}

test("a problem keeps its code, its sentence and its facts", async () => {
  const error = await errorOf(
    503,
    '{"type":"urn:x","title":"t","status":503,"code":"quorum-unreachable","detail":"1 of 3","stored":"maybe"}',
  );
  assert.equal(error.code, "quorum-unreachable");
  assert.equal(error.message, "1 of 3");
  assert.equal(error.exit, EXIT.failed);
  assert.deepEqual(error.facts, { stored: "maybe" });
});

test("a missing key is exit status 3, a bad request 2, anything else 1", async () => {
  assert.equal((await errorOf(404, '{"code":"key-not-found","detail":"d"}')).exit, EXIT.notFound);
  assert.equal((await errorOf(404, '{"code":"route-not-found","detail":"d"}')).exit, EXIT.failed);
  assert.equal((await errorOf(400, '{"code":"bad-parameter","detail":"d"}')).exit, EXIT.usage);
  assert.equal((await errorOf(414, '{"code":"key-too-long","detail":"d"}')).exit, EXIT.usage);
  assert.equal((await errorOf(502, "<html>")).message, "the node answered 502");
});

test("nobody listening is told with the address and what to do", async () => {
  const { server, client } = await serve(200, "");
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(client.ask({ method: "GET", target: "/" }), (error: CliError) => {
    assert.equal(error.code, "no-node");
    assert.match(error.message, /no node answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/);
    assert.ok(error.hint?.includes("dnd up"));
    return true;
  });
});
