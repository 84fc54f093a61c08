import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { Latencies } from "./latencies.ts";
import type { Load, LoadShare } from "./load.ts";
import { prepareLoad } from "./run-load.ts";

const BASE: Load = {
  operation: "set",
  prefix: "k100",
  valueBytes: [100],
  keyCount: 100,
  keys: "uniform",
  connections: 4,
  inFlight: 1,
};

/** Answers each `SET` with OK and each `WAIT` with `replicas`; after `stallAfter` requests it is silent for a while. */
async function withServer(
  options: { readonly replicas?: number; readonly stallAfter?: number; readonly stallMs?: number },
  body: (port: number) => Promise<void>,
): Promise<void> {
  let seen = 0;
  let isStalled = false;
  const late: (() => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      const sets = text.split("$3\r\nSET\r\n").length - 1;
      const waits = text.split("$4\r\nWAIT\r\n").length - 1;
      const reply = "+OK\r\n".repeat(sets) + `:${options.replicas ?? 1}\r\n`.repeat(waits);
      seen += sets;
      if (seen >= (options.stallAfter ?? Number.POSITIVE_INFINITY) && !isStalled) {
        isStalled = true;
        setTimeout(() => {
          for (const send of late.splice(0)) send();
          isStalled = false;
          options = {};
        }, options.stallMs);
      }
      if (isStalled) late.push(() => socket.write(reply));
      else socket.write(reply);
    });
  });
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  try {
    await body((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

async function measure(port: number, changes: Partial<LoadShare>) {
  const share: LoadShare = {
    ...BASE,
    protocol: "resp",
    ports: [port],
    ms: 300,
    index: 0,
    of: 1,
    seed: 1,
    ...changes,
  };
  const ready = await prepareLoad(share);
  const result = await ready.run();
  ready.close();
  return { ...result, latencies: Latencies.decode(result.latencies) };
}

test("a closed loop counts every request once, with its latency and what it stored", async () => {
  await withServer({}, async (port) => {
    const { requests, failed, latencies, bytesStored, seconds } = await measure(port, {
      inFlight: 16,
    });
    assert.equal(failed, 0);
    assert.ok(requests > 0 && requests % 16 === 0, `${requests}`);
    assert.equal(latencies.count, requests);
    assert.equal(bytesStored, requests * 116);
    assert.ok(seconds >= 0.3);
  });
});

test("a fill ends when every key has been written", async () => {
  await withServer({}, async (port) => {
    const { requests } = await measure(port, { operation: "fill", keyCount: 103, inFlight: 8 });
    assert.equal(requests, 103);
  });
});

test("what no replica has is not counted as answered", async () => {
  await withServer({ replicas: 0 }, async (port) => {
    const { requests, failed, problem } = await measure(port, { protocol: "resp-wait" });
    assert.equal(requests, 0);
    assert.ok(failed > 0);
    assert.equal(problem, "no replica has it");
  });
});

test("an open loop asks as often as it is told, and every request is accounted for", async () => {
  await withServer({}, async (port) => {
    const { requests, latencies } = await measure(port, { ratePerSecond: 1_000 });
    assert.equal(requests, 300);
    assert.equal(latencies.count, 300);
  });
});

// Goal: no coordinated omission. Method: the server is silent for 200 ms. A closed loop of four connections waits with
// four requests; at 1 000 a second two hundred should have begun meanwhile, and most of those waited long.
test("a stall counts for all that should have begun in it, in an open loop only", async () => {
  const stall = { stallAfter: 50, stallMs: 200 };
  const slowCount = (latencies: Latencies): number => latencies.countAbove(50);
  await withServer(stall, async (port) => {
    const { latencies } = await measure(port, { ratePerSecond: 1_000 });
    assert.ok(slowCount(latencies) > 100, `${slowCount(latencies)} slow ones`);
  });
  await withServer(stall, async (port) => {
    const { latencies } = await measure(port, {});
    assert.ok(slowCount(latencies) <= 8, `${slowCount(latencies)} slow ones`);
  });
});

test("a request over HTTP waits its turn in an open loop, from when it should have begun", async () => {
  const server = createServer((socket) => {
    socket.on("data", () => {
      setTimeout(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 20);
    });
    socket.on("error", () => undefined);
  });
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  const { port } = server.address() as AddressInfo;
  // One connection that takes 20 ms each, asked for 100 a second: the thirtieth waits for those before it.
  const { requests, latencies } = await measure(port, {
    protocol: "http",
    connections: 1,
    ratePerSecond: 100,
  });
  server.close();
  assert.equal(requests, 30);
  assert.ok(latencies.percentiles().max > 200, `${latencies.percentiles().max} ms`);
});

test("requests of a connection that breaks are counted as failed", async () => {
  const server = createServer((socket) => {
    socket.once("data", () => socket.destroy());
    socket.on("error", () => undefined);
  });
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  const { port } = server.address() as AddressInfo;
  const { requests, failed } = await measure(port, { inFlight: 16 });
  server.close();
  assert.equal(requests, 0);
  assert.equal(failed, 4 * 16);
});
