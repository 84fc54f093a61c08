/**
 * A web server that keeps its sessions in an embedded node: start it several times, log in at one, be known at all.
 *
 *   node examples/session-server.ts --http 8001 --port 5001
 *   node examples/session-server.ts --http 8002 --port 5002 --peers 127.0.0.1:5001
 *   curl -i -X POST 'localhost:8001/login?name=Jack'          sets a cookie
 *   curl -H 'Cookie: session=...' localhost:8002/             Hello, Jack (visit 1)
 *
 * What to look at: no session server to run, a session survives the death of the process that made it, it expires by
 * itself, and two visits at once are both counted because each write says which value it builds on.
 */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { DndError, type EmbeddedNode, openNode } from "@definitely-not-dynamo/dnd";

interface Session {
  readonly name: string;
  readonly visits: number;
}

const SESSION_TTL_MS = 30 * 60_000;
/** Visits of one session at the same moment that each find the other's write in their way. */
const TRIES_MAX = 10;

const { values: flags } = parseArgs({
  options: {
    http: { type: "string", default: "8001" },
    port: { type: "string", default: "5001" },
    peers: { type: "string", default: "" },
    "data-dir": { type: "string" },
  },
});

const dataDir = flags["data-dir"] ?? `.dnd/session-server-${flags.port}`;
const node = await openNode({
  port: Number(flags.port),
  peers: flags.peers === "" ? [] : flags.peers.split(","),
  dataDir,
});

async function logIn(store: EmbeddedNode, name: string): Promise<string> {
  const id = randomBytes(16).toString("base64url");
  const session: Session = { name, visits: 0 };
  await store.put(`session:${id}`, JSON.stringify(session), { ttlMs: SESSION_TTL_MS });
  return id;
}

/** Counts a visit; `undefined` when there is no such session, or no longer. */
async function visit(store: EmbeddedNode, id: string): Promise<Session | undefined> {
  const key = `session:${id}`;
  for (let tryCount = 1; ; tryCount += 1) {
    const entry = await store.get(key);
    if (entry === undefined) return undefined;
    const before = entry.json() as Session;
    const session: Session = { ...before, visits: before.visits + 1 };
    try {
      await store.put(key, JSON.stringify(session), {
        ttlMs: SESSION_TTL_MS,
        ifStamp: entry.stamp,
      });
      return session;
    } catch (error) {
      const isRace = error instanceof DndError && error.code === "condition-failed";
      if (!isRace || tryCount === TRIES_MAX) throw error;
    }
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (request.method === "POST" && url.pathname === "/login") {
    const id = await logIn(node, url.searchParams.get("name") ?? "stranger");
    response.setHeader("Set-Cookie", `session=${id}; HttpOnly; SameSite=Strict; Path=/`);
    response.end("logged in\n");
    return;
  }
  const id = /(?:^|;\s*)session=([\w-]{22})(?:;|$)/.exec(request.headers.cookie ?? "")?.[1];
  const session = id === undefined ? undefined : await visit(node, id);
  response.statusCode = session === undefined ? 401 : 200;
  response.end(
    session === undefined
      ? "Please log in: POST /login?name=...\n"
      : `Hello, ${session.name} (visit ${session.visits})\n`,
  );
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    response.statusCode = 503;
    response.end("try again\n");
  });
});
server.listen(Number(flags.http), "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  console.log(`sessions at http://127.0.0.1:${port}, node at ${node.address}`);
});

function stop(): void {
  server.close();
  server.closeIdleConnections();
  void node.close();
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
