/**
 * What this node holds that other members may lack: cells of slots that are not its own, and slots that it has marked in
 * somebody's dirty map.
 */
import type { Placement } from "../core/placement/placement.ts";
import type { DirtyMaps } from "../core/replication/dirty-maps.ts";
import type { NodeId } from "../model/ids.ts";
import type { Slot } from "../model/slot.ts";
import type { Peers } from "./peers.ts";

/** The parts of a node that know. */
export interface HeldForOthersOptions {
  readonly self: NodeId;
  readonly dirtyMaps: DirtyMaps;
  readonly placement: () => Placement;
  readonly peers: Pick<Peers, "reach" | "tell">;
  /** Slots with cells that belong to others. */
  readonly foreign: () => readonly Slot[];
}

export class HeldForOthers {
  readonly #options: HeldForOthersOptions;

  constructor(options: HeldForOthersOptions) {
    this.#options = options;
  }

  /** Slots that can be given now to who lacks something of them; one lacked by two counts twice. */
  deliverable(): number {
    const { dirtyMaps, placement, foreign } = this.#options;
    const now = placement();
    const isReachable = (node: NodeId): boolean => this.#isReachable(node);
    const dirty = dirtyMaps
      .targets()
      .filter((target) => now.memberIds.includes(target) && isReachable(target))
      .reduce((slots, target) => slots + dirtyMaps.count(target), 0);
    const isWanted = (slot: Slot): boolean => {
      const owners = [...now.primaries(slot), ...now.pending(slot)];
      return owners.length > 0 && owners.every(isReachable);
    };
    return dirty + foreign().filter(isWanted).length;
  }

  /** Has the other primaries mark what members that are away may lack: they meet them while this node is away itself. */
  passHintsOn(): void {
    const { self, dirtyMaps, placement, peers } = this.#options;
    const now = placement();
    for (const target of dirtyMaps.targets()) {
      if (!now.memberIds.includes(target) || this.#isReachable(target)) continue;
      let slot = dirtyMaps.next(target, 0);
      while (slot !== undefined) {
        for (const primary of now.primaries(slot)) {
          if (primary === self || primary === target || !this.#isReachable(primary)) continue;
          peers.tell(primary, { kind: "hint", slot, targets: [target] });
        }
        slot = dirtyMaps.next(target, slot + 1);
      }
    }
  }

  #isReachable(node: NodeId): boolean {
    const reach = this.#options.peers.reach(node);
    return reach === "up" || reach === "slow";
  }
}
