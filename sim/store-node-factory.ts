/** The node under test: the very code that production runs. */
import { Placement, type PlacementSource } from "../src/core/placement/placement.ts";
import { StoreNode } from "../src/node/store-node.ts";
import type { NodeFactory } from "./cluster.ts";

/** Placements kept: those of a few epochs that nodes of one run are in at once. */
const PLACEMENTS_MAX = 16;

export const makeStoreNode: NodeFactory = (ports) => new StoreNode({ ...ports, place });

const placements = new Map<string, Placement>();

/**
 * A placement is a pure function of the members, and making its lists is a third of a run's work: nodes that see the same
 * members share one. Nothing can show through: ids are drawn anew for each run, and placements do not change.
 */
function place(source: PlacementSource): Placement {
  const members = [...source.members].map(
    ({ id, intent, weight, zone }) => `${id} ${intent} ${weight} ${JSON.stringify(zone)}`,
  );
  const name = `${source.replicas} ${members.sort((a, b) => (a < b ? -1 : 1)).join()}`;
  const known = placements.get(name);
  if (known !== undefined) return known;
  const placement = new Placement(source);
  placements.set(name, placement);
  const [oldest] = placements.keys();
  if (placements.size > PLACEMENTS_MAX && oldest !== undefined) placements.delete(oldest);
  return placement;
}
