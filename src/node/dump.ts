/** A node's own cells with their stamps, page by page, for comparing replicas cell by cell. */
import { checksumOf, decodeCell } from "../core/causality/cell-codec.ts";
import { allCellsRange, nextStorageKey, parseCellKey } from "../core/causality/storage-key.ts";
import { formatStamp } from "../model/stamp.ts";
import type { Storage } from "../ports/storage.ts";
import type { DumpEntry, DumpOutcome } from "./store.ts";

const DUMP_ENTRIES_MAX = 5_000;
const DUMP_BYTES_MAX = 4 * 1024 * 1024;

/** `cursor` is the `next` of the page before, or empty. Damaged cells are shown as such. */
export function dumpPage(
  storage: Storage,
  cursor: string,
  limit: number,
  done: (outcome: DumpOutcome) => void,
): void {
  const { from, before } = allCellsRange();
  const entriesMax = Math.max(1, Math.min(limit, DUMP_ENTRIES_MAX));
  const range = {
    from: cursor < from ? from : nextStorageKey(cursor),
    before,
    entriesMax,
    bytesMax: DUMP_BYTES_MAX,
  };
  storage.scan(range, (result) => {
    if (result.kind === "failed") {
      done({ kind: "failed", detail: result.error.message });
      return;
    }
    const entries: DumpEntry[] = [];
    for (const { key: storageKey, value } of result.entries) {
      const place = parseCellKey(storageKey);
      if (place === undefined) continue;
      const { slot, key, field } = place;
      const cell = decodeCell(value, key, field);
      const checksum = checksumOf(value);
      entries.push(
        cell === "damaged"
          ? { slot, key, field, kind: "damaged", stamp: "", checksum, expiresAtMs: 0 }
          : {
              slot,
              key,
              field,
              kind: cell.kind,
              stamp: formatStamp(cell.stamp),
              checksum,
              expiresAtMs: cell.expiresAtMs,
            },
      );
    }
    const next = result.isComplete ? undefined : result.entries.at(-1)?.key;
    done({ kind: "page", entries, next });
  });
}
