/** What a run has come to once it settled: every node's own cells, and what clients read at the end. */
import type { NodeId } from "../../src/model/ids.ts";
import type { Key } from "../../src/model/key.ts";
import type { DumpEntry } from "../../src/node/store.ts";
import type { ReadOperation } from "../history.ts";

/** One node's cells. */
export interface ReplicaDump {
  readonly nodeId: NodeId;
  readonly entries: readonly DumpEntry[];
}

export interface FinalState {
  readonly dumps: readonly ReplicaDump[];
  /** The primaries of a key, as all nodes agree. */
  readonly primariesOf: (key: Key) => readonly NodeId[];
  /** Reads made after everything had settled. */
  readonly reads: readonly ReadOperation[];
  /** Every key that a listing of the whole cluster showed; `undefined` when it could not be completed. */
  readonly listed: ReadonlySet<Key> | undefined;
  /** What wall clocks showed while that listing was made, over all machines; absent where nothing expires. */
  readonly listedWalls?: { readonly leastMs: number; readonly mostMs: number } | undefined;
}

/** The greatest root cell of each key over all dumps. */
export function rootsOf(dumps: readonly ReplicaDump[]): Map<Key, DumpEntry> {
  const roots = new Map<Key, DumpEntry>();
  for (const { entries } of dumps) {
    for (const entry of entries) {
      if (entry.field !== undefined) continue;
      const key = entry.key as Key;
      const known = roots.get(key);
      // Stamps as text have a fixed width: they sort as stamps do.
      if (known === undefined || entry.stamp > known.stamp) roots.set(key, entry);
    }
  }
  return roots;
}
