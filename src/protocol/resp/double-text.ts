/**
 * Doubles as Redis 7.0 spells them: 17 significant digits, as C's `%.17g` gives them, so that each reads back as itself.
 *
 * Invariant: `doubleFromText(textFromDouble(x))` is `x`, the sign of zero and NaN included.
 */

const DIGITS = 17;
/** Enough to tell a double that lies halfway between two spellings from all others. */
const EXACT_DIGITS = 60;
const HALF = `5${"0".repeat(EXACT_DIGITS - DIGITS - 1)}`;
/** Powers of ten from here on up to `DIGITS` are written without an exponent. */
const EXPONENT_MIN = -4;

export function textFromDouble(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Number.isSafeInteger(value)) return String(value);

  const [mantissa = "", power = ""] = roundedExponential(Math.abs(value)).split("e");
  const sign = value < 0 ? "-" : "";
  const digits = mantissa.replace(".", "").replace(/0+$/, "");
  const exponent = Number(power);
  if (exponent < EXPONENT_MIN || exponent >= DIGITS) {
    const powerSign = exponent < 0 ? "-" : "+";
    const powerDigits = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${pointed(digits, 1)}e${powerSign}${powerDigits}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  return `${sign}${pointed(digits.padEnd(exponent + 1, "0"), exponent + 1)}`;
}

/** As `toExponential`, but halfway between two spellings it takes the even one, as C does, not the greater. */
function roundedExponential(value: number): string {
  const greater = value.toExponential(DIGITS - 1);
  const exact = value.toExponential(EXACT_DIGITS - 1);
  const isHalfway = exact.slice(DIGITS + 1).startsWith(HALF);
  const isEven = Number(exact[DIGITS]) % 2 === 0;
  // Cut off, not rounded up: an even digit cannot have carried, so the power is the same.
  return isHalfway && isEven
    ? exact.slice(0, DIGITS + 1) + exact.slice(exact.indexOf("e"))
    : greater;
}

/** The double that `text` spells; `undefined` if it spells none. */
export function doubleFromText(text: string): number | undefined {
  // C spells the sign of a NaN, which means nothing.
  if (text === "nan" || text === "-nan") return Number.NaN;
  if (text === "inf") return Number.POSITIVE_INFINITY;
  if (text === "-inf") return Number.NEGATIVE_INFINITY;
  return /^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** `digits` with a point after the first `count`, if there is anything after it. */
function pointed(digits: string, count: number): string {
  return digits.length > count ? `${digits.slice(0, count)}.${digits.slice(count)}` : digits;
}
