/** What must hold of a key for a write to it to take place. */
import type { Stamp } from "./stamp.ts";

/** Runs at the key's first live primary, one at a time per key. */
export type Condition =
  /** `If-Match: "stamp"`: the key holds this very cell. */
  | { readonly kind: "stamp-is"; readonly stamp: Stamp }
  /** `If-Match: *`: the key exists. */
  | { readonly kind: "exists" }
  /** `If-None-Match: *`: the key does not exist. */
  | { readonly kind: "absent" };
