import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { choosePorts } from "./choose-ports.ts";

const LOOPBACK = "127.0.0.1";

test("each port that is free to choose is another one, and the rest stay as they are", async () => {
  const wanted = Array.from({ length: 500 }, () => 0);
  const chosen = await choosePorts([7, undefined, ...wanted], LOOPBACK);
  assert.deepEqual(chosen.slice(0, 2), [7, undefined]);
  const free = chosen.slice(2);
  assert.equal(new Set(free).size, wanted.length);
  assert.ok(free.every((port) => port !== undefined && port > 0));
  // Given back: who asked can listen.
  const server = createServer().listen(free[0], LOOPBACK);
  await new Promise<void>((resolve) => server.on("listening", resolve));
  server.close();
});

test("what is wanted by number is not chosen for another", async () => {
  const some = Array.from({ length: 500 }, () => 0);
  const wanted = await choosePorts(some, LOOPBACK);
  const chosen = await choosePorts([...some, ...wanted], LOOPBACK);
  assert.equal(new Set(chosen).size, 1_000);
});

test("a host that is not this machine's is told", async () => {
  await assert.rejects(choosePorts([0], "192.0.2.1"), { code: "EADDRNOTAVAIL" });
});
