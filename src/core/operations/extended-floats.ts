/**
 * Sums of decimal numbers as Redis shows them: numbers are held with 64 binary digits (the extended format of x86,
 * which Redis's `long double` is there), and written with up to 17 decimals. Done in integers, so that every machine
 * comes to the same digits: 1 + -1.1 is -0.1, which doubles do not give.
 */

const MANTISSA_BITS = 64;
const DECIMALS = 17;
/** Powers of ten, and of two, that the format reaches. */
const POWER_OF_TEN_MAX = 4_950;
const POWER_OF_TWO_MAX = 16_384;
/** Redis reads numbers of up to this length. */
export const FLOAT_BYTES_MAX = 5 * 1024;

const DECIMAL = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d{1,6}))?$/;
/** Redis leaves reading numbers to C, which knows these as well. */
const HEXADECIMAL =
  /^([+-]?)0x(?:([0-9a-f]+)(?:\.([0-9a-f]*))?|\.([0-9a-f]+))(?:p([+-]?\d{1,6}))?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** `mantissa` * 2^`power`, the mantissa with its sign; or an infinity. */
interface Extended {
  readonly mantissa: bigint;
  readonly power: number;
}

/** The sum of two decimal texts, in at most 17 decimals without trailing zeros. */
export function addDecimals(
  a: string,
  b: string,
): { readonly sum: string } | { readonly fault: "not-a-float" | "not-finite" } {
  const first = parse(a);
  const second = parse(b);
  if (first === undefined || second === undefined) return { fault: "not-a-float" };
  if (first === "infinite" || second === "infinite") return { fault: "not-finite" };
  const power = Math.min(first.power, second.power);
  const sum =
    (first.mantissa << BigInt(first.power - power)) +
    (second.mantissa << BigInt(second.power - power));
  const rounded = roundRatio(sum, 1n, power);
  return isTooGreat(rounded) ? { fault: "not-finite" } : { sum: format(rounded) };
}

function parse(text: string): Extended | "infinite" | undefined {
  if (text.length > FLOAT_BYTES_MAX) return undefined;
  const match = DECIMAL.exec(text);
  if (match === null) return INFINITE.test(text) ? "infinite" : parseHexadecimal(text);
  const decimals = match[3] ?? match[4] ?? "";
  const digits = BigInt(`${match[2] ?? ""}${decimals}`);
  const powerOfTen = Number(match[5] ?? "0") - decimals.length;
  if (digits === 0n) return { mantissa: 0n, power: 0 };
  if (Math.abs(powerOfTen) > POWER_OF_TEN_MAX + FLOAT_BYTES_MAX) return undefined;
  const signed = match[1] === "-" ? -digits : digits;
  const scale = 10n ** BigInt(Math.abs(powerOfTen));
  const rounded =
    powerOfTen >= 0 ? roundRatio(signed * scale, 1n, 0) : roundRatio(signed, scale, 0);
  return isTooGreat(rounded) || isTooSmall(rounded) ? undefined : rounded;
}

function parseHexadecimal(text: string): Extended | undefined {
  const match = HEXADECIMAL.exec(text);
  if (match === null) return undefined;
  const fraction = match[3] ?? match[4] ?? "";
  const digits = BigInt(`0x${match[2] ?? ""}${fraction}`);
  if (digits === 0n) return { mantissa: 0n, power: 0 };
  const power = Number(match[5] ?? "0") - 4 * fraction.length;
  const rounded = roundRatio(match[1] === "-" ? -digits : digits, 1n, power);
  return isTooGreat(rounded) || isTooSmall(rounded) ? undefined : rounded;
}

/** `numerator` / `denominator` * 2^`power` in 64 binary digits, halves to the even one. */
function roundRatio(numerator: bigint, denominator: bigint, power: number): Extended {
  if (numerator === 0n) return { mantissa: 0n, power: 0 };
  const magnitude = numerator < 0n ? -numerator : numerator;
  // One digit more or less than the mantissa has, since lengths alone do not tell.
  let shift = MANTISSA_BITS - (bitsOf(magnitude) - bitsOf(denominator));
  let [top, bottom] = scaled(magnitude, denominator, shift);
  if (bitsOf(top / bottom) > MANTISSA_BITS) {
    shift -= 1;
    [top, bottom] = scaled(magnitude, denominator, shift);
  }
  const mantissa = divideToEven(top, bottom);
  return { mantissa: numerator < 0n ? -mantissa : mantissa, power: power - shift };
}

function scaled(numerator: bigint, denominator: bigint, shift: number): [bigint, bigint] {
  return shift >= 0
    ? [numerator << BigInt(shift), denominator]
    : [numerator, denominator << BigInt(-shift)];
}

function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  const isUp = twice > denominator || (twice === denominator && (quotient & 1n) === 1n);
  return isUp ? quotient + 1n : quotient;
}

function isTooGreat({ mantissa, power }: Extended): boolean {
  return bitsOf(mantissa) + power > POWER_OF_TWO_MAX;
}

function isTooSmall({ mantissa, power }: Extended): boolean {
  return bitsOf(mantissa) + power < -POWER_OF_TWO_MAX;
}

function bitsOf(value: bigint): number {
  return (value < 0n ? -value : value).toString(2).length;
}

function format({ mantissa, power }: Extended): string {
  const magnitude = (mantissa < 0n ? -mantissa : mantissa) * 10n ** BigInt(DECIMALS);
  const scaledUp =
    power >= 0 ? magnitude << BigInt(power) : divideToEven(magnitude, 1n << BigInt(-power));
  const digits = scaledUp.toString().padStart(DECIMALS + 1, "0");
  const whole = digits.slice(0, -DECIMALS);
  const decimals = digits.slice(-DECIMALS).replace(/0+$/, "");
  const text = decimals === "" ? whole : `${whole}.${decimals}`;
  return mantissa < 0n && text !== "0" ? `-${text}` : text;
}
