/**
 * Redis, with its own defaults but for persistence: none at all, or every command synced before its reply
 * (`appendfsync always`). As a primary with two replicas all three sync; a client that sends `WAIT 1` learns that a
 * replica has what it wrote, on disk, since a replica syncs before it acknowledges.
 */
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePorts, Program } from "../processes/program.ts";
import type { System } from "./system.ts";

export interface RedisOptions {
  readonly path: string;
  readonly directory: string;
  readonly isSynced: boolean;
  readonly replicas: number;
}

const MEMORY = ["--save", "", "--appendonly", "no"];
const SYNCED = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
const REPLY_MS_MAX = 5_000;

export async function openRedis(options: RedisOptions): Promise<System> {
  const { path, directory, isSynced, replicas } = options;
  const ports = await freePorts(1 + replicas);
  const [primary = 0] = ports;
  const programs: Program[] = [];
  try {
    for (const [index, port] of ports.entries()) {
      const folder = join(directory, String(index + 1));
      await mkdir(folder, { recursive: true });
      const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
      args.push(...(isSynced ? SYNCED : MEMORY), "--repl-diskless-sync-delay", "0");
      if (index > 0) args.push("--replicaof", "127.0.0.1", String(primary));
      const program = new Program(index === 0 ? "primary" : `replica ${index}`, path, args);
      programs.push(program);
      await program.ready(async () => (await askRedis(port, "PING")).startsWith("+PONG"));
    }
    await programs[0]?.ready(async () => {
      const online = (await askRedis(primary, "INFO replication")).match(/state=online/g);
      return (online?.length ?? 0) === replicas;
    });
  } catch (error) {
    await endAll(programs);
    throw error;
  }
  return {
    processes: programs.map(({ name, pid }) => ({ name, pid })),
    nodes: [],
    ports: () => [primary],
    close: () => endAll(programs),
  };
}

async function endAll(programs: readonly Program[]): Promise<void> {
  await Promise.all(programs.map((program) => program.end()));
}

/** One inline command on a connection of its own; the first bytes of its reply. */
function askRedis(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    socket.setTimeout(REPLY_MS_MAX, () => socket.destroy(new Error("no reply")));
    socket.on("error", reject);
    socket.on("data", (bytes) => {
      resolve(bytes.toString("latin1"));
      socket.destroy();
    });
    socket.write(`${command}\r\n`);
  });
}
