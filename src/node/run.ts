/** A request under way that time alone may bring further. */
import type { Linked } from "../base/linked-list.ts";

export interface Run extends Linked<Run> {
  /** When a tick could change something next, in monotonic milliseconds. */
  readonly wakeMs: number;
  tick(): void;
}
