/** What a start does with a journal: its records are put below, in order, until there is none that is whole and the next. */
import { type Storage, StorageError, type StorageOperation } from "../../ports/storage.ts";
import {
  firstOperation,
  isOperation,
  keyAt,
  nextOperation,
  type Ring,
  soundRecordAt,
  valueAt,
} from "./journal-record.ts";

/** Of one batch that goes below. */
const BELOW_BYTES_MAX: number = 1024 * 1024;

/**
 * Puts the records from `tail` on into `below`. The first record that is not whole ends it: that is the batch that was under way
 * when the process ended, for all before it were durable before the next was begun. Answers with their number.
 *
 * @throws `StorageError` of `below`.
 */
export async function replay(ring: Ring, tail: number, below: Storage): Promise<number> {
  let operations: StorageOperation[] = [];
  let bytes = 0;
  let head = tail;
  let records = 0;
  for (;;) {
    const next = nextRecord(ring, head);
    if (next === undefined) break;
    for (const operation of operationsOf(ring, next.position, next.bytes))
      operations.push(operation);
    head = next.position + next.bytes;
    bytes += next.bytes;
    records += 1;
    if (bytes < BELOW_BYTES_MAX) continue;
    await putBelow(below, operations);
    operations = [];
    bytes = 0;
  }
  if (operations.length > 0) await putBelow(below, operations);
  return records;
}

/** The record that follows what ends at `head`: there, or at the beginning of the ring where it did not fit. */
function nextRecord(
  ring: Ring,
  head: number,
): { readonly position: number; readonly bytes: number } | undefined {
  const here = soundRecordAt(ring, head, 0);
  if (here > 0) return { position: head, bytes: here };
  const gap = ring.bytes.length - (head % ring.bytes.length);
  const bytes = soundRecordAt(ring, head + gap, gap);
  return bytes > 0 ? { position: head + gap, bytes } : undefined;
}

function* operationsOf(ring: Ring, position: number, bytes: number): Iterable<StorageOperation> {
  const offset = position % ring.bytes.length;
  const end = offset + bytes;
  for (let at = firstOperation(offset); isOperation(at, end); at = nextOperation(ring, at)) {
    yield { key: keyAt(ring, at), value: valueAt(ring, at) };
  }
}

async function putBelow(below: Storage, operations: readonly StorageOperation[]): Promise<void> {
  const error = await new Promise<StorageError | undefined>((resolve) => {
    below.write(operations, resolve);
  });
  if (error === undefined) return;
  const message = `cannot put the journal's batches into their place: ${error.message}`;
  throw new StorageError(error.code === "disk-full" ? "disk-full" : "read-failed", message, error);
}
