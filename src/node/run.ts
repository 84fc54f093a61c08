/** A request under way that time alone may bring further. */
import type { Linked } from "../base/linked-list.ts";
import type { Stamp } from "../model/stamp.ts";

export interface Run extends Linked<Run> {
  /** When a tick could change something next, in monotonic milliseconds. */
  readonly wakeMs: number;
  /** Nothing of a write is sent or kept under a lower stamp from now on; `undefined` where nothing is written. */
  readonly stamp: Stamp | undefined;
  tick(): void;
}
