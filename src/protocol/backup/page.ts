/**
 * A page of a backup as it leaves a node: one line of JSON that says what there is and where to go on, then the records of its
 * cells (`cell-record.ts`).
 */
import { asBuffer, textFromBytes } from "../../base/binary.ts";
import type { ThinSlots } from "../../model/backup.ts";
import type { KeyedCell } from "../../model/peer-message.ts";
import { encodeRecords } from "./cell-record.ts";

/** Where a node gives them, and what their cursors are bound to. */
export const BACKUP_PATH = "/cluster/backup";
export const BACKUP_CURSOR_SCOPE = "backup";
/** Where it says which slots hold something else than a backup. */
export const BACKUP_COMPARE_PATH = "/cluster/backup/compare";
/** Room for a cursor of the longest key and field, and for every slot as a thin one. */
const HEAD_BYTES_MAX = 2 * 1024 * 1024;
const LINE_FEED = 0x0a;

export interface PageHead {
  readonly cells: number;
  /** Goes on behind this page; absent at the end. */
  readonly cursor?: string;
  /** Absent where a read quorum has told of every slot. */
  readonly thin?: readonly ThinSlots[];
  /**
   * Which of the cells that the asker knows stand there still, and are left out: a bit for each digest it sent, the first in the
   * lowest bit of the first byte, in base64. Absent where it sent none.
   */
  readonly same?: string;
}

export function encodePage(head: PageHead, cells: readonly KeyedCell[]): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), encodeRecords(cells)]);
}

/** The head of a page and the records behind it, or what is wrong with the head. */
export function parsePage(
  body: Uint8Array,
): { readonly head: PageHead; readonly records: Uint8Array } | string {
  const index = asBuffer(body).indexOf(LINE_FEED);
  if (index < 0 || index > HEAD_BYTES_MAX) return "a page without a head";
  let head: unknown;
  try {
    head = JSON.parse(textFromBytes(body.subarray(0, index)) ?? "");
  } catch {
    return "the head of a page is not JSON";
  }
  if (!isHead(head)) return "the head of a page does not say what it is to say";
  return { head, records: body.subarray(index + 1) };
}

function isHead(head: unknown): head is PageHead {
  if (typeof head !== "object" || head === null) return false;
  const { cells, cursor, thin, same } = head as Readonly<Record<string, unknown>>;
  if (!Number.isSafeInteger(cells)) return false;
  if (cursor !== undefined && typeof cursor !== "string") return false;
  if (same !== undefined && typeof same !== "string") return false;
  return thin === undefined || Array.isArray(thin);
}
