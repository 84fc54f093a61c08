/** Nodes of dnd, three copies of every key where there are three nodes: each a process, with a Redis and an HTTP door. */
import { join } from "node:path";
import { BenchNode } from "./bench-node.ts";
import type { System } from "./system.ts";

export interface DndOptions {
  readonly nodeCount: number;
  readonly durability: "fsync" | "memory";
  readonly directory: string;
  /** The source tree whose nodes they are; this one when absent. */
  readonly tree?: string;
}

export async function openDnd(options: DndOptions): Promise<System> {
  const nodes: BenchNode[] = [];
  try {
    for (let index = 0; index < options.nodeCount; index += 1) {
      const node = new BenchNode(`node ${index + 1}`);
      nodes.push(node);
      await node.open(
        {
          durability: options.durability,
          dataDir: join(options.directory, String(index + 1)),
          port: 0,
          serverPort: 0,
          redisPort: 0,
          ...(index === 0 ? {} : { peers: [nodes[0]?.address ?? ""] }),
        },
        options.tree,
      );
    }
    for (const node of nodes) await node.settled(nodes.length);
  } catch (error) {
    await closeAll(nodes);
    throw error;
  }
  return {
    processes: nodes.map(({ name, pid }) => ({ name, pid })),
    nodes,
    ports: (protocol) =>
      nodes.map((node) => (protocol.startsWith("http") ? node.httpPort : node.redisPort)),
    close: () => closeAll(nodes),
  };
}

async function closeAll(nodes: readonly BenchNode[]): Promise<void> {
  await Promise.allSettled(nodes.map((node) => node.close()));
}
