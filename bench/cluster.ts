/** Three nodes for a benchmark: one embedded in the calling process, as an application would, two in child processes. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { EmbeddedNode } from "../src/embedded-node.ts";
import { openNode } from "../src/open-node.ts";
import { BenchChild, cpuSeconds, keyOf, valueOf } from "./protocol.ts";

export type Durability = "fsync" | "memory";

export interface BenchCluster {
  readonly embedded: EmbeddedNode;
  /** Of the second node: HTTP is measured at a process of its own. */
  readonly httpPort: number;
  /** CPU seconds used so far, embedded node (with its callers) first. */
  cpuSeconds(): Promise<number[]>;
  close(): Promise<void>;
}

const READY_MS_MAX = 60_000;
const POLL_MS = 50;

/** @param profileDirectory where the second node leaves a CPU profile when it is closed. */
export async function openCluster(options: {
  readonly directory: string;
  readonly durability: Durability;
  readonly profileDirectory: string | undefined;
}): Promise<BenchCluster> {
  const { directory, durability, profileDirectory } = options;
  const common = { durability, port: 0 };
  const embedded = await openNode({ ...common, dataDir: join(directory, `${durability}-1`) });
  const profile =
    profileDirectory === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`];
  const children = [new BenchChild("node 2", profile), new BenchChild("node 3")];
  const httpPorts: number[] = [];
  for (const [index, child] of children.entries()) {
    const answer = await child.order({
      kind: "open-node",
      options: {
        ...common,
        dataDir: join(directory, `${durability}-${index + 2}`),
        peers: [embedded.address],
        serverPort: 0,
      },
    });
    if (answer.kind === "opened") httpPorts.push(answer.httpPort);
  }
  await allActive(embedded);
  return {
    embedded,
    httpPort: httpPorts[0] ?? 0,
    cpuSeconds: async () => [
      cpuSeconds(),
      ...(await Promise.all(children.map((child) => child.cpuSeconds()))),
    ],
    close: async () => {
      for (const child of children) await child.close();
      await embedded.close();
    },
  };
}

/** Every key that reads will ask for. */
export async function fill(node: EmbeddedNode, keyCount: number): Promise<void> {
  const CALLERS = 200;
  let next = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (next < keyCount) {
        next += 1;
        await node.put(keyOf(next - 1), valueOf(0));
      }
    }),
  );
}

async function allActive(node: EmbeddedNode): Promise<void> {
  const endMs = performance.now() + READY_MS_MAX;
  for (;;) {
    const { members } = node.status();
    if (members.length === 3 && members.every(({ record }) => record.intent === "active")) return;
    if (performance.now() > endMs) throw new Error("the cluster did not become ready");
    await wait(POLL_MS);
  }
}
