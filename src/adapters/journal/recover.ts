/** From the bytes of a journal's file to what they hold being below: at each start, which then begins a new file. */
import { asBuffer } from "../../base/binary.ts";
import { type Storage, StorageError } from "../../ports/storage.ts";
import type { JournalFile } from "./journal.ts";
import {
  encodeHeader,
  HEADER_BYTES,
  HEADERS_BYTES,
  newRing,
  readHeaders,
} from "./journal-record.ts";
import { replay } from "./replay.ts";

/** What a file begins with in which no record is one. @param capacity A multiple of eight bytes. @param salt Below 2^32. */
export function journalHeaders(capacity: number, salt: number): Buffer {
  const bytes = Buffer.alloc(HEADERS_BYTES);
  const header = encodeHeader({ capacity, tail: 0, salt });
  bytes.set(header);
  bytes.set(header, HEADER_BYTES);
  return bytes;
}

/**
 * Puts below what a journal holds. May be interrupted anywhere, and done again.
 *
 * @param bytes The whole file, as it was read.
 * @param file The same. It is synced first: a process that was killed leaves behind what only the system has.
 * @throws `StorageError` `read-failed` where the headers do not tell what it holds; else what `below` and `file` fail with.
 */
export async function recover(
  bytes: Uint8Array,
  file: Pick<JournalFile, "sync">,
  below: Storage,
): Promise<void> {
  const header = readHeaders(bytes);
  if (header === undefined || bytes.length !== HEADERS_BYTES + header.capacity) throw damaged();
  const ring = newRing(header.capacity, header.salt);
  asBuffer(bytes).copy(ring.bytes, 0, HEADERS_BYTES);
  const error = await new Promise<StorageError | undefined>((resolve) => file.sync(resolve));
  if (error !== undefined) throw error;
  const records = await replay(ring, header.tail, below);
  // A header that was torn leaves the one before it, with the records that were given back standing as they were. Where there are
  // none it was damaged later, and what has been written since begins nobody knows where.
  if (records === 0 && header.isOnlyOne) throw damaged();
}

function damaged(): StorageError {
  return new StorageError(
    "read-failed",
    "is damaged, and with it the last writes: moved away, this node starts without them and gets them from the others",
  );
}
