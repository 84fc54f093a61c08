/**
 * The other processes of a benchmark: a node, the far end of the loopback echo, or the HTTP load generator, as the
 * parent orders (`protocol.ts`). Ends when the parent does, however that ends.
 */
import { type AddressInfo, createServer, type Server } from "node:net";
import type { EmbeddedNode } from "../src/embedded-node.ts";
import { openNode } from "../src/open-node.ts";
import { getRequest, KeepAliveConnection, putRequest } from "../test/support/keep-alive-client.ts";
import { type Measured, measure } from "./measure.ts";
import { type Answer, cpuSeconds, type HttpLoad, keyOf, type Order, valueOf } from "./protocol.ts";
import { countSocketBytes, socketBytes } from "./socket-bytes.ts";

let node: EmbeddedNode | undefined;
let echo: Server | undefined;

async function obey(order: Order): Promise<Answer> {
  switch (order.kind) {
    case "open-node":
      node = await openNode({ ...order.options, onFatal: fail });
      return {
        kind: "opened",
        httpPort: Number(node.httpAddress?.split(":").at(-1)),
        address: node.address,
      };
    case "open-echo":
      return { kind: "opened", httpPort: await openEcho() };
    case "http-load":
      return { kind: "measured", measured: await httpLoad(order.load) };
    case "status": {
      const status = node?.status();
      const { counters = {}, gauges = {} } = status ?? {};
      return { kind: "status", status: { counters, gauges } };
    }
    case "socket-bytes":
      return { kind: "socket-bytes", bytes: socketBytes() };
    case "cpu":
      return { kind: "cpu", seconds: cpuSeconds() };
    case "close":
      await node?.close();
      echo?.close();
      return { kind: "closed" };
  }
}

function openEcho(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  echo = server;
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function httpLoad(load: HttpLoad): Promise<Measured> {
  const { port, operation, keyCount } = load;
  const idle = Array.from({ length: load.connections }, () => new KeepAliveConnection(port));
  const all = [...idle];
  let count = 0;
  const request = (): string => {
    count += 1;
    const target = `/kv/${keyOf(Math.floor(Math.random() * keyCount))}`;
    return operation === "read"
      ? getRequest(port, target)
      : putRequest(port, target, valueOf(count));
  };
  const measured = await measure(
    (done) => {
      const connection = idle.pop();
      if (connection === undefined) throw new Error("more callers than connections");
      connection.send(request(), (status) => {
        idle.push(connection);
        done(status === 200);
      });
    },
    { callers: load.connections, ms: load.ms },
  );
  for (const connection of all) connection.close();
  return measured;
}

function fail(error: Error): void {
  process.send?.({ kind: "failed", problem: error.message } satisfies Answer);
}

async function onOrder(order: Order): Promise<void> {
  try {
    const answer = await obey(order);
    process.send?.(answer, () => {
      if (order.kind === "close") process.disconnect();
    });
  } catch (error) {
    fail(error instanceof Error ? error : new Error(String(error)));
  }
}

countSocketBytes();
process.on("message", (order: Order) => void onOrder(order));
process.on("disconnect", () => process.exit());
// Ctrl-C reaches the whole group; the parent ends its children in order.
process.on("SIGINT", () => undefined);
