/** The node under test: the very code that production runs. */
import { StoreNode } from "../src/node/store-node.ts";
import type { NodeFactory } from "./cluster.ts";

export const makeStoreNode: NodeFactory = (ports) => new StoreNode(ports);
