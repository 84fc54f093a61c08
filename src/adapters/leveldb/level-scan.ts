/**
 * One page of a range, read off the event loop through a LevelDB iterator, which sees the database as it was
 * when the page was asked for.
 */
import type { ScanRange, ScanResult, StorageEntry } from "../../ports/storage.ts";
import type { Level } from "./level-database.ts";

/** Entries and bytes fetched by one call into the binding: bounds what it copies in one turn of the event loop. */
const FETCH_ENTRIES_MAX = 1_000;
const FETCH_ENTRIES_MIN_OF_HIDDEN = 64;
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
      const missing = range.entriesMax - entries.length + 1;
      // Those that are hidden come on top, nobody knows how many.
      const least = range.hidden === undefined ? 0 : FETCH_ENTRIES_MIN_OF_HIDDEN;
      const wanted = Math.min(Math.max(missing, least), FETCH_ENTRIES_MAX);
      const fetched = await iterator.nextv(wanted);
      if (fetched.length === 0) return { kind: "scanned", entries, isComplete: true };
      for (const [bytesOfKey, value] of fetched) {
        const key = bytesOfKey.toString("latin1");
        if (range.hidden?.has(key) === true) continue;
        const isFull = entries.length >= range.entriesMax;
        if (isFull || (entries.length > 0 && bytes >= range.bytesMax)) {
          return { kind: "scanned", entries, isComplete: false };
        }
        entries.push({ key, value });
        bytes += key.length + value.length;
      }
    }
  } finally {
    await iterator.close();
  }
}
