import assert from "node:assert/strict";
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { bytesField, grpcMessage } from "./grpc-frames.ts";
import { Latencies } from "./latencies.ts";
import type { LoadShare } from "./load.ts";
import { prepareLoad } from "./run-load.ts";

const SHARE: Omit<LoadShare, "ports"> = {
  operation: "set",
  prefix: "k100",
  valueBytes: [100],
  keyCount: 10,
  keys: "uniform",
  connections: 3,
  inFlight: 1,
  protocol: "etcd-grpc-leader",
  ms: 100,
  index: 0,
  of: 1,
  seed: 1,
};
const HEADER = bytesField(1, Buffer.from("header"));

interface Seen {
  readonly path: string;
  readonly body: Buffer;
}

/** The runtime's own HTTP/2, which knows whether our frames are right; `answer` undefined is a failed call. */
async function withServer(
  answer: (path: string) => Buffer | undefined,
  body: (port: number, seen: readonly Seen[]) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = [];
  const server: Http2Server = createServer();
  server.on("stream", (stream, headers) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", () => undefined);
    stream.on("end", () => {
      const path = String(headers[":path"]);
      seen.push({ path, body: Buffer.concat(parts) });
      const message = answer(path);
      const head = { ":status": 200, "content-type": "application/grpc" };
      if (message === undefined) {
        stream.respond({ ...head, "grpc-status": "14" }, { endStream: true });
        return;
      }
      stream.respond(head, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(grpcMessage(message));
    });
  });
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  try {
    await body((server.address() as AddressInfo).port, seen);
  } finally {
    server.close();
  }
}

async function measure(port: number, changes: Partial<LoadShare> = {}) {
  const ready = await prepareLoad({ ...SHARE, ports: [port], ...changes });
  const result = await ready.run();
  ready.close();
  return result;
}

test("puts carry a key and a value, call after call on each connection", async () => {
  await withServer(
    () => HEADER,
    async (port, seen) => {
      const { requests, failed, latencies } = await measure(port, { ms: 600 });
      assert.equal(failed, 0);
      assert.ok(requests > 3, `${requests}`);
      assert.equal(seen.length, requests);
      assert.equal(Latencies.decode(latencies).count, requests);
      const [first] = seen;
      assert.equal(first?.path, "/etcdserverpb.KV/Put");
      // Five bytes before the message; a tag and a length before each field.
      assert.equal(first?.body.length, 5 + 2 + 16 + 2 + 100);
      assert.match(first?.body.toString("latin1", 7, 23) ?? "", /^k1000000000000\d\d$/);
    },
  );
});

test("a read that finds nothing is one about an absent key, one that finds something is not", async () => {
  const found = Buffer.concat([HEADER, bytesField(2, Buffer.alloc(130))]);
  for (const [message, isFound] of [
    [HEADER, false],
    [found, true],
  ] as const) {
    await withServer(
      () => message,
      async (port, seen) => {
        const { requests, failed } = await measure(port, { operation: "get" });
        assert.equal(seen[0]?.path, "/etcdserverpb.KV/Range");
        assert.equal(isFound ? failed : requests, 0);
        assert.ok((isFound ? requests : failed) > 0);
      },
    );
  }
});

test("a call that ends without a message has failed", async () => {
  await withServer(
    () => undefined,
    async (port) => {
      const { requests, failed, problem } = await measure(port);
      assert.equal(requests, 0);
      assert.ok(failed > 0);
      assert.equal(problem, "the call failed");
    },
  );
});
