/**
 * Patterns of the Redis protocol, as KEYS, SCAN, PSUBSCRIBE and CONFIG GET have them.
 *
 *   *        any bytes, also none
 *   ?        one byte
 *   [abc]    one of these; [^abc] none of these; [a-z] or [z-a] from one to the other; \ takes away a sign's meaning
 *   \x       x, whatever it is
 *
 * A class that is not closed goes on to the end of the pattern; a backslash at the end stands for itself. Bytes compare
 * without sign, whatever the machine.
 *
 * Invariant: no star is gone back to once a later one has been reached, so the work is at most the length of the text times
 * that of the longest part between stars, however many stars there are. Source: what Redis 7.0 accepts.
 */
import { binaryFromBytes } from "../../base/binary.ts";

const ASTERISK = 0x2a;
const QUESTION_MARK = 0x3f;
const CLASS_OPEN = 0x5b;
const BACKSLASH = 0x5c;
const CLASS_CLOSE = 0x5d;
const CARET = 0x5e;
const HYPHEN = 0x2d;
/** What `matchOne` answers where a byte does not match. */
const NO_MATCH = -1;

/** Whether all of `text` matches. Both are bytes, as binary strings (`base/binary.ts`). */
export function matchesGlob(pattern: Uint8Array | string, text: string): boolean {
  const glob = typeof pattern === "string" ? pattern : binaryFromBytes(pattern);
  // Redis looks at no star unless there is a byte to match.
  if (text.length === 0) return glob.length === 0;
  let at = 0;
  let index = 0;
  /** Behind the last star that was reached, and the byte from which what follows it is being tried. */
  let afterStar = NO_MATCH;
  let tried = 0;
  while (index < text.length) {
    if (glob.charCodeAt(at) === ASTERISK) {
      at += 1;
      if (at === glob.length) return true;
      afterStar = at;
      tried = index;
      continue;
    }
    const next = at < glob.length ? matchOne(glob, at, text.charCodeAt(index)) : NO_MATCH;
    if (next !== NO_MATCH) {
      at = next;
      index += 1;
      continue;
    }
    if (afterStar === NO_MATCH) return false;
    tried += 1;
    index = tried;
    at = afterStar;
  }
  while (glob.charCodeAt(at) === ASTERISK) at += 1;
  return at === glob.length;
}

/** Compares one byte with what stands at `at`, no star: where the pattern goes on, or `NO_MATCH`. */
function matchOne(glob: string, at: number, code: number): number {
  const sign = glob.charCodeAt(at);
  switch (sign) {
    case QUESTION_MARK:
      return at + 1;
    case CLASS_OPEN:
      return matchClass(glob, at + 1, code);
    case BACKSLASH: {
      const escaped = at + 1 < glob.length ? at + 1 : at;
      return glob.charCodeAt(escaped) === code ? escaped + 1 : NO_MATCH;
    }
    default:
      return sign === code ? at + 1 : NO_MATCH;
  }
}

/** A class whose first sign is at `start`. */
function matchClass(glob: string, start: number, code: number): number {
  const isNegated = glob.charCodeAt(start) === CARET;
  let at = isNegated ? start + 1 : start;
  let isIn = false;
  while (at < glob.length && glob.charCodeAt(at) !== CLASS_CLOSE) {
    const first = glob.charCodeAt(at);
    if (first === BACKSLASH && at + 1 < glob.length) {
      if (glob.charCodeAt(at + 1) === code) isIn = true;
      at += 2;
    } else if (glob.charCodeAt(at + 1) === HYPHEN && at + 2 < glob.length) {
      const last = glob.charCodeAt(at + 2);
      if (code >= Math.min(first, last) && code <= Math.max(first, last)) isIn = true;
      at += 3;
    } else {
      if (first === code) isIn = true;
      at += 1;
    }
  }
  if (isIn === isNegated) return NO_MATCH;
  return at < glob.length ? at + 1 : at;
}
