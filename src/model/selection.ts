/** Which cells of a key a read asks for. The root is always among them. */
import type { Field } from "./key.ts";

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
