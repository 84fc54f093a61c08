/**
 * One page of a range, read off the event loop through a LevelDB iterator, which sees the database as it was
 * when the page was asked for.
 */
import type { ScanRange, ScanResult, StorageEntry } from "../../ports/storage.ts";
import type { Level } from "./level-database.ts";

/** Entries and bytes fetched by one call into the binding: bounds what it copies in one turn of the event loop. */
const FETCH_ENTRIES_MAX = 1_000;
const FETCH_BYTES_MAX = 256 * 1024;

/** As `Storage.scan`; rejects with the binding's error. */
export async function scanLevel(level: Level, range: ScanRange): Promise<ScanResult> {
  if (range.from >= range.before) return { kind: "scanned", entries: [], isComplete: true };
  const iterator = level.iterator({
    gte: Buffer.from(range.from, "latin1"),
    lt: Buffer.from(range.before, "latin1"),
    highWaterMarkBytes: Math.max(1, Math.min(range.bytesMax, FETCH_BYTES_MAX)),
  });
  const entries: StorageEntry[] = [];
  let bytes = 0;
  try {
    for (;;) {
      // One more than wanted tells whether the range goes on.
      const wanted = Math.min(range.entriesMax - entries.length + 1, FETCH_ENTRIES_MAX);
      const fetched = await iterator.nextv(wanted);
      if (fetched.length === 0) return { kind: "scanned", entries, isComplete: true };
      for (const [key, value] of fetched) {
        const isFull = entries.length >= range.entriesMax;
        if (isFull || (entries.length > 0 && bytes >= range.bytesMax)) {
          return { kind: "scanned", entries, isComplete: false };
        }
        entries.push({ key: key.toString("latin1"), value });
        bytes += key.length + value.length;
      }
    }
  } finally {
    await iterator.close();
  }
}
