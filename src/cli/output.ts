/**
 * What commands print: results to stdout, everything else to stderr.
 *
 * Invariant: no control character that came from a node, a file or an argument reaches a terminal; a line is one line. Colours are
 * put on by ourselves, around text that was made printable before.
 */
import { textFromBytes } from "../base/binary.ts";
import { printable } from "../base/printable.ts";
import { paintFor } from "./paint.ts";

/** One JSON value a line. Escapes are JSON's own: the value is the same. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printable(JSON.stringify(value))}\n`);
}

export function printLine(line: string): void {
  process.stdout.write(`${printable(line)}\n`);
}

/** Lines with colours in them, made by our own code from what `readable` or `table` made printable. */
export function printPainted(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Progress and remarks, never results. */
export function remark(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

/** Bytes to stdout, waiting where the reader is slow. */
export async function printBytes(bytes: Uint8Array | string): Promise<void> {
  if (process.stdout.write(bytes)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}

/** JSON lines, or whatever else is text line by line: printable where somebody looks at it, else as it is. */
export async function printLines(text: string): Promise<void> {
  await printBytes(process.stdout.isTTY ? printableLines(text) : text);
}

/** A value, byte for byte; on a terminal as text that cannot steer it, and on a line of its own. */
export async function printValue(bytes: Uint8Array): Promise<void> {
  if (!process.stdout.isTTY) return await printBytes(bytes);
  const text = textFromBytes(bytes) ?? Buffer.from(bytes).toString("latin1");
  const shown = printableLines(text);
  await printBytes(shown.endsWith("\n") ? shown : `${shown}\n`);
  if (shown !== text) remark("dnd: control characters are shown escaped; a pipe gets every byte");
}

/** The same value with every string in it printable: an answer of a node, before it is made into lines. */
export function readable<Value>(value: Value): Value {
  return readableValue(value) as Value;
}

function readableValue(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(readableValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [printable(name), readableValue(part)]),
  );
}

function printableLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.split("\t").map(printable).join("\t"))
    .join("\n");
}

/** Columns as wide as their widest cell, headings above; the last one is not padded. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(printable));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...shown.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [paintFor(process.stdout)("bold", line(headings)), ...shown.map(line)].join("\n");
}

/** 12 345 678 as "12.3 million" would round too much: groups of three digits. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, " ");
}
