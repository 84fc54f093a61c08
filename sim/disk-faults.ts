/**
 * What happens to stored bytes: a bit changes, an old copy is put back.
 *
 * Invariant: what is destroyed stands on another disk as well; no store could bring back the rest.
 */
import { parseCellKey } from "../src/core/causality/storage-key.ts";
import type { NodeId } from "../src/model/ids.ts";
import type { StorageEntry } from "../src/ports/storage.ts";
import type { Machine, SimCluster } from "./cluster.ts";
import { isHeldElsewhere, isSafeToDamage } from "./copies.ts";
import type { SimRandom } from "./random.ts";

interface DiskCopy {
  readonly node: NodeId;
  readonly contents: readonly StorageEntry[];
}

export class DiskFaults {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  /** What some disks held some time ago, and of which node. */
  readonly #copies = new Map<Machine, DiskCopy>();

  constructor(cluster: SimCluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** One bit of one cell: `undefined` when there is none whose other copies are well. */
  rot(victim: Machine): string | undefined {
    const { node } = victim;
    if (node === undefined || !victim.hasStarted) return undefined;
    // A primary's copy beside that of another: what is kept for others is dropped as soon as they have it.
    const running = new Map(
      this.#kept().flatMap((other) =>
        other.node === undefined ? [] : [[other.node.status().nodeId, other] as const],
      ),
    );
    const isSafe = (key: string): boolean => {
      const place = parseCellKey(key);
      if (place === undefined) return false;
      const { primaries } = node.locate(place.key);
      const holders = primaries.flatMap((id) => running.get(id) ?? []);
      return holders.includes(victim) && isSafeToDamage(victim, holders, key);
    };
    const rotten = victim.disk.rot(isSafe);
    const place = rotten === undefined ? undefined : parseCellKey(rotten);
    return place === undefined ? undefined : `key ${place.key} on n${victim.index}`;
  }

  /** An earlier copy of the disk is put back, or first taken. */
  putBack(victim: Machine): string | undefined {
    const node = victim.node?.status().nodeId;
    const copy = this.#copies.get(victim);
    // A disk that was replaced since is another node's: its member would be lost with it, and nobody removes that.
    if (copy === undefined || copy.node !== node || this.#random.oneIn(4)) {
      if (!victim.hasStarted || node === undefined) return undefined;
      this.#copies.set(victim, { node, contents: victim.disk.contents() });
      return `n${victim.index} is copied`;
    }
    if (victim.isLeaving || !isHeldElsewhere(victim, this.#kept())) return undefined;
    this.#cluster.crash(victim, "power");
    victim.disk.replace(copy.contents);
    this.#cluster.onMemoryLost();
    return `n${victim.index} is put back`;
  }

  #kept(): Machine[] {
    return this.#cluster.machines.filter(({ hasLeft, isLost }) => !hasLeft && !isLost);
  }
}
