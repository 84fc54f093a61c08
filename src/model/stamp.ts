/**
 * Stamps: when a cell was written, in a total order without ties between boots.
 * Source: Kulkarni et al., "Logical Physical Clocks" (2014), for the hybrid of time and counter; the boot id
 * makes stamps unique even when a disk was copied or a clock reading was lost.
 */
import { assert } from "../base/assert.ts";
import type { BootId } from "./ids.ts";

/** Ordered by `ms` (48 bit), then `counter` (16 bit), then `boot` (53 bit). */
export interface Stamp {
  readonly ms: number;
  readonly counter: number;
  readonly boot: number;
}

export const STAMP_MS_MAX: number = 2 ** 48 - 1;
export const STAMP_COUNTER_MAX = 0xffff;

/** Below every stamp that is ever minted: "nothing". */
export const NO_STAMP: Stamp = { ms: 0, counter: 0, boot: 0 };

export function stampFrom(ms: number, counter: number, boot: BootId | 0): Stamp {
  assert(Number.isInteger(ms) && ms >= 0 && ms <= STAMP_MS_MAX, "stamp time fits 48 bits");
  assert(
    Number.isInteger(counter) && counter >= 0 && counter <= STAMP_COUNTER_MAX,
    "stamp counter fits 16 bits",
  );
  return { ms, counter, boot };
}

/** Negative, zero or positive, as for `Array.prototype.sort`. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.ms - b.ms || a.counter - b.counter || a.boot - b.boot;
}

export function maxStamp(a: Stamp, b: Stamp): Stamp {
  return compareStamps(a, b) >= 0 ? a : b;
}

/** The greatest stamp below one that was minted: no boot id is zero. */
export function beforeStamp(stamp: Stamp): Stamp {
  return { ...stamp, boot: Math.max(0, stamp.boot - 1) };
}

/** The last stamp of a millisecond: what an expiry at `ms` clears up to. */
export function lastStampOf(ms: number): Stamp {
  return { ms, counter: STAMP_COUNTER_MAX, boot: Number.MAX_SAFE_INTEGER };
}

/** `ms-counter-boot` in fixed-width lower-case hex, so that text sorts as stamps do: the form clients see. */
export function formatStamp(stamp: Stamp): string {
  return `${hex(stamp.ms, 12)}-${hex(stamp.counter, 4)}-${hex(stamp.boot, 14)}`;
}

/** Trust boundary: the stamp that `formatStamp` wrote, or `undefined`. */
export function parseStamp(text: string): Stamp | undefined {
  const match = /^([0-9a-f]{12})-([0-9a-f]{4})-([0-9a-f]{14})$/.exec(text);
  if (match === null) return undefined;
  const boot = Number.parseInt(match[3] as string, 16);
  if (!Number.isSafeInteger(boot)) return undefined;
  return {
    ms: Number.parseInt(match[1] as string, 16),
    counter: Number.parseInt(match[2] as string, 16),
    boot,
  };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
