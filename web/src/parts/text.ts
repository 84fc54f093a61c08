/** Numbers, sizes, times and stamps as people read them. */

const SPACE = "\u202f";

/** 16 384. */
export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+(?!\d))/g, SPACE);
}

/** Two or three digits that matter: 0, 0.4, 12, 1.2 k, 3.4 M. */
export function rateText(rate: number): string {
  if (rate === 0) return "0";
  if (rate < 9.95) return rate.toFixed(1);
  if (rate < 9_999.5) return countText(rate);
  if (rate < 999_500) return `${(rate / 1_000).toFixed(rate < 99_950 ? 1 : 0)}${SPACE}k`;
  return `${(rate / 1_000_000).toFixed(1)}${SPACE}M`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2;
  return `${value.toFixed(digits)}${SPACE}${UNITS[unit] ?? ""}`;
}

export function msText(ms: number): string {
  if (ms >= 9_950) return `${(ms / 1_000).toFixed(1)}${SPACE}s`;
  if (ms >= 99.5) return `${ms.toFixed(0)}${SPACE}ms`;
  return `${ms.toFixed(ms >= 9.95 ? 1 : 2)}${SPACE}ms`;
}

export function percentText(part: number, whole: number): string {
  if (whole === 0) return "0 %";
  const percent = (100 * part) / whole;
  return `${percent >= 10 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)}${SPACE}%`;
}

/** 14:03:27. */
export function clockText(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** When a stamp was minted; the wall clock of its coordinator, or ahead of it. */
export function stampTimeText(stamp: string): string {
  const ms = Number.parseInt(stamp.slice(0, 12), 16);
  if (!Number.isFinite(ms)) return stamp;
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

export function plural(count: number, one: string, many: string): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
