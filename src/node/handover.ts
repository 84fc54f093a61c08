/**
 * Foreign cells: what this node holds of slots that are not its own, kept for primaries that were away or left
 * behind when a slot moved. Each goes to every primary and pending node, and only then is dropped.
 *
 * Invariant: a foreign cell is dropped by a step that checks that it is the very one that everybody has taken,
 * and that this node is still neither primary nor pending.
 */
import { checksumOf, decodeCell } from "../core/causality/cell-codec.ts";
import { cellKey, nextStorageKey, parseCellKey, slotRange } from "../core/causality/storage-key.ts";
import type { Placement } from "../core/placement/placement.ts";
import type { NodeId } from "../model/ids.ts";
import type { KeyedCell } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import type { Storage } from "../ports/storage.ts";
import { askPeer, type ExchangePorts } from "./slot-exchange.ts";

const PAGE_CELLS_MAX = 512;

export interface HandoverOptions {
  readonly ports: ExchangePorts;
  readonly storage: Storage;
  readonly self: NodeId;
  readonly placement: () => Placement;
  readonly slot: Slot;
  readonly done: (isComplete: boolean) => void;
}

/** Hands over every foreign cell of one slot, page by page. */
export function handOver(options: HandoverOptions): void {
  page(options, "", true);
}

/**
 * `after` is the storage key to go on after; empty for the beginning of the slot. `isWhole`: every cell before could
 * be read.
 */
function page(options: HandoverOptions, after: string, isWhole: boolean): void {
  const { storage, slot, done, placement, self } = options;
  const { before } = slotRange(slot);
  const from = after === "" ? slotRange(slot).from : nextStorageKey(after);
  const bytesMax = options.ports.counterpart.cellsBytesMax();
  const range = { from, before, entriesMax: PAGE_CELLS_MAX, bytesMax };
  storage.scan(range, (result) => {
    if (result.kind === "failed" || placement().isHolder(slot, self)) return done(false);
    const cells: KeyedCell[] = [];
    let bytesTotal = 0;
    let last: string | undefined;
    let isCut = false;
    let isWholePage = isWhole;
    for (const { key: storageKey, value } of result.entries) {
      // A frame holds the largest value alone, and little more.
      isCut = cells.length > 0 && bytesTotal + value.length > bytesMax;
      if (isCut) break;
      last = storageKey;
      bytesTotal += storageKey.length + value.length;
      const place = parseCellKey(storageKey);
      if (place === undefined) continue;
      if (decodeCell(value, place.key, place.field) === "damaged") {
        // It must not leave the node, and is not known to be anywhere else: it stays, to be healed.
        options.ports.cells.find(slot, place.key, place.field);
        isWholePage = false;
        continue;
      }
      cells.push({ key: place.key, field: place.field, bytes: value });
    }
    give(options, { cells, after }, (isTaken) => {
      if (!isTaken) return done(false);
      if ((result.isComplete && !isCut) || last === undefined) return done(isWholePage);
      page(options, last, isWholePage);
    });
  });
}

function give(
  options: HandoverOptions,
  page: { readonly cells: readonly KeyedCell[]; readonly after: string },
  then: (isTaken: boolean) => void,
): void {
  const { ports, slot, self } = options;
  const { cells } = page;
  if (cells.length === 0) return then(true);
  const placement = options.placement();
  const owners = [...placement.primaries(slot), ...placement.pending(slot)];
  let waiting = owners.length;
  let isTaken = true;
  if (waiting === 0) return then(false);
  for (const owner of owners) {
    giveTo(options, owner, page, (hasTaken) => {
      if (!hasTaken) isTaken = false;
      waiting -= 1;
      if (waiting > 0) return;
      const now = options.placement();
      // Another placement may have other owners: they have not taken anything yet.
      if (!isTaken || now.epoch !== placement.epoch || now.isHolder(slot, self)) return then(false);
      for (const { key, field, bytes } of cells) {
        if (ports.cells.drop(slot, key, field, checksumOf(bytes))) {
          ports.counters.add("foreign-cells-dropped");
        }
      }
      then(true);
    });
  }
}

/** Sends an owner those cells of a page that it does not hold just so. */
function giveTo(
  { ports, slot }: HandoverOptions,
  owner: NodeId,
  { cells, after }: { readonly cells: readonly KeyedCell[]; readonly after: string },
  done: (hasTaken: boolean) => void,
): void {
  const parts = [{ slot, leaves: undefined }];
  const list = { kind: "slot-list", parts, after, limit: PAGE_CELLS_MAX } as const;
  askPeer(ports, owner, list, "slot-list-reply", (reply) => {
    if (reply === undefined) return done(false);
    const held = new Map<string, number>();
    for (const { key, field, checksum } of reply.parts[0]?.digests ?? []) {
      held.set(cellKey(slot, key, field), checksum);
    }
    const lacking = cells.filter(
      ({ key, field, bytes }) => held.get(cellKey(slot, key, field)) !== checksumOf(bytes),
    );
    if (lacking.length === 0) return done(true);
    const told = [{ slot, collected: ports.counterpart.named(slot), cells: lacking }];
    askPeer(ports, owner, { kind: "merge", parts: told }, "merge-reply", (merged) =>
      done(merged !== undefined),
    );
  });
}
