/**
 * I4: with the faults off for long enough, all primaries of a slot hold identical cells and nobody else holds any.
 * Part of I9 shows here too: one stamp at one address has one content, and no stamp stands at two keys.
 */
import type { NodeId } from "../../src/model/ids.ts";
import type { Key } from "../../src/model/key.ts";
import type { DumpEntry } from "../../src/node/store.ts";
import type { Violation } from "../history.ts";
import type { FinalState, ReplicaDump } from "./final-state.ts";

/**
 * What still differs; empty when the cluster has converged. Where only part of it can be asked, `mayKeep` says for which
 * keys others may hold a cell: those of whose primaries one is out of reach.
 */
export function checkConvergence(
  final: Pick<FinalState, "dumps" | "primariesOf">,
  mayKeep: (key: Key) => boolean = () => false,
): Violation[] {
  const violations: Violation[] = [];
  const held = new Map<NodeId, Map<string, DumpEntry>>();
  const addresses = new Map<string, DumpEntry>();
  for (const { nodeId, entries } of final.dumps) {
    const cells = new Map<string, DumpEntry>();
    for (const entry of entries) {
      const address = `${entry.slot}/${entry.key}/${entry.field === undefined ? "" : `f${entry.field}`}`;
      cells.set(address, entry);
      addresses.set(address, entry);
    }
    held.set(nodeId, cells);
  }
  for (const [address, entry] of addresses) {
    const key = entry.key as Key;
    const primaries = new Set(final.primariesOf(key));
    const contents = [...held].map(([nodeId, cells]) => ({ nodeId, cell: cells.get(address) }));
    const wrong =
      (!mayKeep(key) &&
        contents.some(({ nodeId, cell }) => !primaries.has(nodeId) && cell !== undefined)) ||
      new Set(
        contents.filter(({ nodeId }) => primaries.has(nodeId)).map(({ cell }) => contentOf(cell)),
      ).size > 1;
    if (!wrong) continue;
    const shown = contents.map(
      ({ nodeId, cell }) =>
        `${nodeId.slice(0, 4)}${primaries.has(nodeId) ? "*" : ""} ${contentOf(cell)}`,
    );
    violations.push({
      invariant: "I4",
      key,
      detail: `key ${key} slot ${entry.slot}: ${shown.join("; ")}`,
    });
  }
  return violations;
}

function contentOf(cell: DumpEntry | undefined): string {
  return cell === undefined
    ? "nothing"
    : `${cell.kind} ${cell.stamp} ${cell.checksum} ${cell.expiresAtMs}`;
}

/** I9 over cells: what stands under one stamp is one write of one key. */
export function checkStampsOfCells(dumps: readonly ReplicaDump[]): Violation[] {
  const violations: Violation[] = [];
  const byStamp = new Map<string, DumpEntry>();
  for (const { entries } of dumps) {
    for (const entry of entries) {
      const known = byStamp.get(entry.stamp);
      byStamp.set(entry.stamp, entry);
      if (known === undefined) continue;
      const isSame =
        known.key === entry.key &&
        (known.field !== entry.field || known.checksum === entry.checksum);
      if (isSame) continue;
      violations.push({
        invariant: "I9",
        key: entry.key as Key,
        detail: `stamp ${entry.stamp} stands at key ${known.key} (${known.checksum}) and at ${entry.key} (${entry.checksum})`,
      });
    }
  }
  return violations;
}
