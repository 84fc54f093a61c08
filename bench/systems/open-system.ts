/** Systems by their names: whether this machine has them, and how they are started. */
import { findProgram } from "../processes/program.ts";
import { openDnd } from "./dnd-system.ts";
import { openEtcd } from "./etcd-system.ts";
import { openRedis } from "./redis-system.ts";
import type { System, SystemName } from "./system.ts";

/** Which Debian package brings the program that a system needs and this machine has not, or `undefined`. */
export function missingPackage(name: SystemName): string | undefined {
  if (name.startsWith("redis") && findProgram("redis-server") === undefined) return "redis-server";
  if (name.startsWith("etcd") && findProgram("etcd") === undefined) return "etcd-server";
  return undefined;
}

export async function openSystem(name: SystemName, directory: string): Promise<System> {
  switch (name) {
    case "redis-memory":
    case "redis-fsync":
    case "redis-3-fsync":
      return await openRedis({
        path: programOf("redis-server"),
        directory,
        isSynced: name !== "redis-memory",
        replicas: name === "redis-3-fsync" ? 2 : 0,
      });
    case "etcd-3-fsync":
      return await openEtcd(programOf("etcd"), directory);
    default:
      return await openDnd({ ...parseDndName(name), directory });
  }
}

function programOf(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}

function parseDndName(name: string): { nodeCount: number; durability: "fsync" | "memory" } {
  const [, count, durability] = /^dnd-(\d+)-(fsync|memory)$/.exec(name) ?? [];
  if (durability !== "fsync" && durability !== "memory") throw new Error(`no system "${name}"`);
  return { nodeCount: Number(count), durability };
}
