/**
 * What serving `/kv` ahead of the router is worth: the same store, the same pure functions, three ways in.
 *
 *   node bench/http-paths.ts [seconds]
 *
 * `door` is the real HTTP door, `router` the same answers through hono on @hono/node-server (with its own
 * request and response objects), `bare` a listener that answers a constant: the ceiling of this runtime and this load generator. The
 * client is one process of raw sockets; each of CONNECTIONS keeps DEPTH requests in flight. Figures: docs/decisions/0005.
 */
import { fork } from "node:child_process";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { openHttpDoor } from "../src/adapters/http/http-door.ts";
import { keyFromBinary } from "../src/model/key.ts";
import type { Answer } from "../src/protocol/http/answer.ts";
import { parseReadConditions } from "../src/protocol/http/conditions.ts";
import { sniffContentType } from "../src/protocol/http/content-type.ts";
import { putAnswer, readAnswer } from "../src/protocol/http/kv-answers.ts";
import { parseKvTarget } from "../src/protocol/http/kv-target.ts";
import { isProblem } from "../src/protocol/http/problem.ts";
import { FakeStore } from "../test/support/fake-store.ts";

const CONNECTIONS = 50;
const DEPTH = 4;
const ROUNDS = 3;
const VALUE = JSON.stringify({ name: "Jack", note: "x".repeat(160) });
const WAYS = ["bare", "router", "door"] as const;
type Way = (typeof WAYS)[number];

/** A store that keeps no history: the fake's memory of requests would be what is measured. */
function benchStore(): FakeStore {
  const store = new FakeStore();
  store.puts.push = () => 0;
  store.reads.push = () => 0;
  return store;
}

function routerServer(store: FakeStore): Server {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const respond = (answer: Answer): Response => {
    const headers: [string, string][] = [];
    for (let index = 0; index < answer.headers.length; index += 2) {
      headers.push([answer.headers[index] as string, answer.headers[index + 1] as string]);
    }
    return new Response(answer.body as string, { status: answer.status, headers });
  };
  app.all("/kv/*", async (context) => {
    const { incoming } = context.env;
    const target = parseKvTarget(incoming.url ?? "");
    if (target.kind !== "key") return context.notFound();
    const key = keyFromBinary(target.key);
    if (incoming.method === "GET") {
      const conditions = parseReadConditions(
        incoming.headers["if-match"],
        incoming.headers["if-none-match"],
      );
      if (isProblem(conditions)) return context.notFound();
      return new Promise<Response>((resolve) => {
        store.read({ key }, (outcome) => resolve(respond(readAnswer(outcome, conditions))));
      });
    }
    const value = new Uint8Array(await context.req.arrayBuffer());
    const contentType = sniffContentType(value);
    return new Promise<Response>((resolve) => {
      store.put({ key, value, contentType }, (outcome) => resolve(respond(putAnswer(outcome))));
    });
  });
  // The adapter's fastest setting: its own Request and Response replace the runtime's.
  const route = getRequestListener(app.fetch);
  return createServer((request, response) => void route(request, response));
}

async function serve(way: Way): Promise<void> {
  const store = benchStore();
  if (way === "door") {
    const log = { log: () => undefined };
    const door = await openHttpDoor({
      store,
      host: "127.0.0.1",
      ports: [0],
      allowedHosts: [],
      log,
    });
    process.send?.(door.ports[0]);
    return;
  }
  const server =
    way === "router"
      ? routerServer(store)
      : createServer((request, response) => {
          request.resume();
          request.on("end", () => response.end(VALUE));
        });
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}

/** Requests answered, counted by status lines. */
function load(port: number, request: string, seconds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let answered = 0;
    const sockets = Array.from({ length: CONNECTIONS }, () => {
      const socket = connect(port, "127.0.0.1");
      socket.setNoDelay(true);
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        let count = 0;
        for (
          let at = chunk.indexOf("HTTP/1.1 200");
          at >= 0;
          at = chunk.indexOf("HTTP/1.1 200", at + 12)
        )
          count += 1;
        answered += count;
        if (count > 0) socket.write(request.repeat(count));
      });
      socket.write(request.repeat(DEPTH));
      return socket;
    });
    setTimeout(() => {
      for (const socket of sockets) socket.destroy();
      resolve(answered);
    }, seconds * 1_000);
  });
}

interface Row {
  readonly perSecond: number;
  /** Processor time of the server, whatever else the machine does. */
  readonly cpuUs: number;
}

async function measure(way: Way, seconds: number): Promise<{ put: Row; get: Row }> {
  const child = fork(import.meta.filename, ["--serve", way]);
  const ask = (): Promise<number> =>
    new Promise((resolve) => child.once("message", (message) => resolve(Number(message))));
  const port = await ask();
  const cpuUs = (): Promise<number> => {
    child.send("cpu");
    return ask();
  };
  const row = async (request: string): Promise<Row> => {
    const cpuBefore = await cpuUs();
    const answered = await load(port, request, seconds);
    return { perSecond: answered / seconds, cpuUs: ((await cpuUs()) - cpuBefore) / answered };
  };
  const head = "Host: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n";
  const put = `PUT /kv/user1 HTTP/1.1\r\n${head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${VALUE.length}\r\n\r\n${VALUE}`;
  const get = `GET /kv/user1 HTTP/1.1\r\n${head}\r\n`;
  await load(port, put, seconds / 2);
  const result = { put: await row(put), get: await row(get) };
  child.kill();
  return result;
}

if (process.argv[2] === "--serve") {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  await serve(process.argv[3] as Way);
} else {
  const seconds = Number(process.argv[2] ?? 3);
  const rows = new Map<Way, { put: Row; get: Row }[]>(WAYS.map((way) => [way, []]));
  // Ways alternate, so that what else the machine does falls on all of them.
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const way of WAYS) rows.get(way)?.push(await measure(way, seconds));
  }
  for (const [way, results] of rows) {
    const text = (["put", "get"] as const).map((kind) => {
      const middle = (of: keyof Row): number =>
        results.map((row) => row[kind][of]).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
      return `${kind} ${Math.round(middle("perSecond"))}/s ${middle("cpuUs").toFixed(1)} us`;
    });
    console.log(`${way.padEnd(8)} ${text.join("   ")}`);
  }
}
