/** Servers to test: a node of ours alone, Debian's `redis-server`, or one that runs already. Free ports, empty data. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, RealCluster } from "../integration/real-cluster.ts";
import { RespClient } from "./resp-client.ts";

export interface TestServer {
  /** For people. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Ends it and removes what it stored. */
  close(): Promise<void>;
}

const START_MS_MAX = 30_000;

/** One node, reached by the Redis protocol. Nothing it acknowledges is synced: what is tested is what it answers. */
export async function openNode(): Promise<TestServer> {
  const cluster = await RealCluster.create(1);
  try {
    const port = cluster.ports.redisPort;
    const flags = ["--durability", "memory", "--log-level", "warn"];
    const running = cluster.run(["start", ...cluster.portFlags(0), ...flags]);
    await eventually("dnd to answer PING", START_MS_MAX, async () => {
      if (running.process.exitCode !== null) {
        throw new Error(`dnd ended:\n${running.stdout}${running.stderr}`);
      }
      return (await isAnswering("127.0.0.1", port)) ? true : undefined;
    });
    return { name: "dnd", host: "127.0.0.1", port, close: () => cluster.close() };
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

/** @param program A `redis-server`. */
export async function openReference(program: string): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), "redis-reference-"));
  const port = await freePort();
  const flags = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  const child = spawn(program, flags, { cwd: folder, stdio: "ignore" });
  const close = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually("redis-server to answer PING", START_MS_MAX, async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      return (await isAnswering("127.0.0.1", port)) ? true : undefined;
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { name: "redis-server", host: "127.0.0.1", port, close };
}

/** @param address `host:port` of a server that is not ours to end. Its data goes: the tests flush it. */
export function runningServer(address: string): TestServer {
  const found = /^(.+):(\d+)$/.exec(address);
  if (found === null) throw new Error(`${address} is no host:port`);
  const [, host = "", port] = found;
  return { name: address, host, port: Number(port), close: () => Promise.resolve() };
}

export async function isAnswering(host: string, port: number): Promise<boolean> {
  try {
    const client = await RespClient.open(port, host);
    try {
      const reply = await client.ask(["PING"]);
      return reply.kind === "simple" && reply.text === "PONG";
    } finally {
      client.close();
    }
  } catch {
    // Not yet, or not any more: what the caller asks.
    return false;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  // It has nothing to keep.
  child.kill("SIGKILL");
  await closed;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
