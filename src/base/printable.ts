/**
 * Text that others chose, for people to look at.
 *
 * Invariant: what comes out has no character that steers a terminal, breaks a line, or makes text read in another order than it
 * stands; an escape is spelled as in JSON, so that a JSON text that goes through stays the same value.
 */

// C0 and C1 controls, DEL, the line separators that some viewers obey, the marks that reorder text, and lone
// surrogates, which would not survive encoding.
const UNSAFE =
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** `text` with everything unsafe in it escaped, as `\u001b`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
