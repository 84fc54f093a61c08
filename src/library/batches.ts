/**
 * Changes to many fields of one key, in as many operations as it takes: one operation, and what it
 * makes of cells, must fit a message between nodes.
 *
 * Invariant: a call that fails after a part of it was stored says that something may be stored.
 */
import { storedInPart } from "./errors.ts";
import { type Applied, integerOf } from "./key-calls.ts";
import type { ChangeReceipt } from "./options.ts";

/** Fields a message: an operation reads what it changes. */
export const BATCH_FIELDS_MAX = 500;
/** Bytes of names and values; one field goes whatever its size. */
const BATCH_BYTES_MAX = 1024 * 1024;

/** What many operations came to together. */
export interface Counted {
  readonly count: number;
  readonly receipt: ChangeReceipt;
}

/** Of nothing that was asked, nobody was asked. */
const NOTHING: Counted = { count: 0, receipt: { stamp: undefined, acks: 0, of: 0, hinted: 0 } };

/** Changes `items` a batch after another; the sum of what the operations counted. */
export async function changeInBatches<Item>(
  items: readonly Item[],
  bytesOf: (item: Item) => number,
  change: (batch: readonly Item[]) => Promise<Applied>,
): Promise<Counted> {
  let total: Counted | undefined;
  try {
    for (const batch of batchesOf(items, bytesOf)) {
      const applied = await change(batch);
      const counted = { count: Number(integerOf(applied)), receipt: applied.receipt };
      total = total === undefined ? counted : together(total, counted);
    }
  } catch (error) {
    throw total?.receipt.stamp === undefined ? error : storedInPart(error);
  }
  return total ?? NOTHING;
}

export function* batchesOf<Item>(
  items: readonly Item[],
  bytesOf: (item: Item) => number,
): Iterable<readonly Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const more = bytesOf(item);
    if (batch.length === BATCH_FIELDS_MAX || (bytes + more > BATCH_BYTES_MAX && batch.length > 0)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

function together(a: Counted, b: Counted): Counted {
  return { count: a.count + b.count, receipt: leastOf(a.receipt, b.receipt) };
}

/** As few copies as the least of them has. */
function leastOf(a: ChangeReceipt, b: ChangeReceipt): ChangeReceipt {
  const least = b.acks < a.acks ? b : a;
  return { ...least, hinted: Math.max(a.hinted, b.hinted), stamp: b.stamp ?? a.stamp };
}
