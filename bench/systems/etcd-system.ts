/**
 * etcd with three members and its own defaults, but for the size that the data may have. Clients speak to its JSON gateway or
 * gRPC, over all members in turn, or to the leader alone, which spares them a hop.
 */
import { join } from "node:path";
import { freePorts, Program } from "../processes/program.ts";
import type { System } from "./system.ts";

const MEMBERS = 3;
const QUOTA_BYTES = 8 * 1024 ** 3;

export async function openEtcd(path: string, directory: string): Promise<System> {
  const ports = await freePorts(2 * MEMBERS);
  const clients = ports.slice(0, MEMBERS);
  const urls = ports.slice(MEMBERS).map((port) => `http://127.0.0.1:${port}`);
  const cluster = urls.map((url, index) => `member${index + 1}=${url}`).join(",");
  const programs = clients.map((port, index) => {
    const client = `http://127.0.0.1:${port}`;
    const peer = urls[index] ?? "";
    const flags = {
      name: `member${index + 1}`,
      "data-dir": join(directory, String(index + 1)),
      "listen-client-urls": client,
      "advertise-client-urls": client,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": cluster,
      "initial-cluster-state": "new",
      "quota-backend-bytes": String(QUOTA_BYTES),
      logger: "zap",
      "log-level": "error",
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    return new Program(`member ${index + 1}`, path, args);
  });
  const close = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.end()));
  };
  try {
    for (const [index, program] of programs.entries()) {
      const health = `http://127.0.0.1:${clients[index]}/health`;
      await program.ready(async () => (await (await fetch(health)).text()).includes("true"));
    }
    const leader = await leaderPort(clients);
    return {
      processes: programs.map(({ name, pid }) => ({ name, pid })),
      nodes: [],
      ports: (protocol) => (protocol.endsWith("leader") ? [leader] : clients),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function leaderPort(ports: readonly number[]): Promise<number> {
  for (const port of ports) {
    const url = `http://127.0.0.1:${port}/v3/maintenance/status`;
    const response = await fetch(url, { method: "POST", body: "{}" });
    const status = (await response.json()) as {
      readonly header: { readonly member_id: string };
      readonly leader: string;
    };
    if (status.leader === status.header.member_id) return port;
  }
  throw new Error("etcd has no leader");
}
