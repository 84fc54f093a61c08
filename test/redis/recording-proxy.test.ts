import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { RecordingProxy } from "./recording-proxy.ts";
import { encodeRequest } from "./resp-client.ts";

const MARK = encodeRequest(["debug", "log", "### Starting test one in tests/unit/type/x.tcl"]);
const BLOCK = encodeRequest(["function", "flush"]);

/** Sends `sent` through a proxy to a server that keeps all it gets; ends once the server saw the end. */
async function pass(
  sent: readonly string[],
  replaced: (request: readonly string[]) => readonly string[] | undefined = () => undefined,
): Promise<{ readonly got: string; readonly proxy: RecordingProxy }> {
  const got: Buffer[] = [];
  let ended: (() => void) | undefined;
  const isOver = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const server = createServer((socket: Socket) => {
    socket.on("data", (chunk: Buffer) => got.push(chunk));
    socket.on("end", () => ended?.());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const proxy = await RecordingProxy.open({ host: "127.0.0.1", port, replaced });
  const client = connect({ host: "127.0.0.1", port: proxy.port });
  for (const text of sent) client.write(text, "latin1");
  client.end();
  await isOver;
  client.destroy();
  server.close();
  await proxy.close();
  return { got: Buffer.concat(got).toString("latin1"), proxy };
}

test("requests are noted under the test that sent them, and between blocks under none", async () => {
  const set = encodeRequest(["CONFIG", "SET", "a", "1"]);
  const inline = 'get "x"\r\n';
  const sent = [BLOCK, encodeRequest(["PING"]), MARK, set, inline, BLOCK, encodeRequest(["LPUSH"])];
  const { got, proxy } = await pass(sent);
  assert.equal(got, sent.join(""));
  assert.deepEqual(proxy.recorded.get("one"), [
    ["CONFIG", "SET", "a"],
    ["get", '"x"'],
  ]);
  assert.deepEqual(proxy.recorded.get(""), [["PING"], ["LPUSH"]]);
});

test("another request goes in the place of one that is taken away", async () => {
  const { got } = await pass([encodeRequest(["LPUSH", "a\r\n", "b"])], ([first]) =>
    first === "LPUSH" ? ["no", "x"] : undefined,
  );
  assert.equal(got, encodeRequest(["no", "x"]));
});

test("what is no request goes through as it is, with all that follows it", async () => {
  for (const bytes of [
    "*3000000000\r\nrest",
    "*1\r\nfoo\r\nrest",
    "*1\r\n$-10\r\n",
    "*2\r\n$3\r\nGE",
  ]) {
    const { got } = await pass([bytes]);
    assert.equal(got, bytes);
  }
});
