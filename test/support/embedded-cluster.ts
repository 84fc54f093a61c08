/** Nodes embedded in the process of a test: real sockets, nothing on disk. */
import assert from "node:assert/strict";
import { type EmbeddedNode, openNode } from "../../src/index.ts";
import { eventually } from "../integration/real-cluster.ts";

const JOIN_MS_MAX = 30_000;

export class EmbeddedCluster {
  readonly nodes: readonly EmbeddedNode[];

  private constructor(nodes: readonly EmbeddedNode[]) {
    this.nodes = nodes;
  }

  /** Opens `count` nodes, and waits until each sees all of them active. */
  static async open(count: number): Promise<EmbeddedCluster> {
    const nodes: EmbeddedNode[] = [];
    for (let index = 0; index < count; index += 1) {
      const peers = nodes.map(({ address }) => address);
      nodes.push(await openNode({ port: 0, serverPort: 0, durability: "memory", peers }));
    }
    await eventually(`${count} nodes to be active`, JOIN_MS_MAX, () =>
      nodes.every((node) => activeCount(node) === count) ? true : undefined,
    );
    return new EmbeddedCluster(nodes);
  }

  /** The node at `index`, counted round. */
  node(index: number): EmbeddedNode {
    return this.nodes[index % this.nodes.length] ?? assert.fail("there is no node");
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }
}

function activeCount(node: EmbeddedNode): number {
  return node.status().members.filter(({ record }) => record.intent === "active").length;
}
