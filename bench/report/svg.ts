/** Just enough to draw: elements as text, and scales. Inline in a page, so colours come from its style sheet. */

export function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  content = "",
): string {
  const written = Object.entries(attributes)
    .map(
      ([key, value]) => ` ${key}="${typeof value === "number" ? round(value) : escapeText(value)}"`,
    )
    .join("");
  return `<${name}${written}>${content}</${name}>`;
}

export function text(x: number, y: number, words: string, className = ""): string {
  return element("text", { x, y, class: className }, escapeText(words));
}

/** @param label What the drawing shows, for those who do not see it. */
export function drawing(width: number, height: number, label: string, parts: readonly string[]) {
  const viewBox = `0 0 ${round(width)} ${round(height)}`;
  return element("svg", { viewBox, role: "img", "aria-label": label }, parts.join(""));
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Where an amount stands between two ends of an axis. */
export type Scale = (value: number) => number;

export function linear(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const [low, high] = domain;
  const [start, end] = range;
  const width = high - low || 1;
  return (value) => start + ((value - low) / width) * (end - start);
}

/** Amounts above 0; what is below the low end is drawn there. */
export function logarithmic(
  domain: readonly [number, number],
  range: readonly [number, number],
): Scale {
  const [low, high] = domain;
  const scale = linear([Math.log10(low), Math.log10(high)], range);
  return (value) => scale(Math.log10(Math.max(low, value)));
}

/** Powers of ten from `low` to `high`, both included where they are ones. */
export function powersOfTen(low: number, high: number): number[] {
  const powers: number[] = [];
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  for (let power = first; power <= last; power += 1) powers.push(10 ** power);
  return powers;
}

/** At most about five round steps from 0 to beyond `high`. */
export function roundSteps(high: number): number[] {
  const rough = high / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const steps: number[] = [];
  for (let at = 0; at < high + step; at += step) steps.push(at);
  return steps;
}

/** 12345.6 as "12 300", 0.1234 as "0.12": three digits that count. */
export function shortNumber(value: number): string {
  if (value === 0) return "0";
  const digits = Math.floor(Math.log10(Math.abs(value)));
  const unit = 10 ** Math.max(digits - 2, -3);
  const rounded = Math.round(value / unit) * unit;
  const decimals = digits >= 2 ? 0 : Math.min(3, 2 - digits);
  return decimals > 0 ? rounded.toFixed(decimals) : grouped(rounded);
}

/** The colour of a system: the same in every drawing. */
export function colourOf(label: string): string {
  if (label.startsWith("Redis")) return "redis";
  if (label.startsWith("etcd")) return "etcd";
  return "dnd";
}

/** Thousands apart. */
function grouped(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+(?!\d))/g, " ");
}
