/** Which cells of a key a read asks for. The root is always among them. */
import type { Field } from "./key.ts";
import { FRAME_BYTES_MAX } from "./limits.ts";

export type Selection =
  /** Of a counter, the cells that count come with its root. */
  | { readonly kind: "root" }
  /** These fields; of one that counts, the cells that count come with it. */
  | { readonly kind: "fields"; readonly fields: readonly Field[] }
  /** Fields in byte order, from the first that is greater than `after` on: so many at most, and only those with `prefix`. */
  | {
      readonly kind: "range";
      readonly prefix: string;
      /** Empty for the beginning. */
      readonly after: Field;
      /** 1..FIELDS_PER_PAGE_MAX. */
      readonly limit: number;
    };

export const ROOT_ONLY: Selection = { kind: "root" };

/** Fields in one page of a range. */
export const FIELDS_PER_PAGE_MAX = 1_000;
/** Fields named in one read or write. */
export const FIELDS_PER_REQUEST_MAX = 65_536;
/** Their names and values in one read or write, with FIELD_OVERHEAD_BYTES for each: what a frame holds beside its key. */
export const FIELDS_BYTES_MAX: number = FRAME_BYTES_MAX - 128 * 1024;
/** What comes with a field in a message, at most: lengths, the head of its cell, the stamp that it builds on. */
export const FIELD_OVERHEAD_BYTES = 64;
