/** What commands print: results to stdout, everything else to stderr. */
import { styleText } from "node:util";

/** One JSON value a line. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Progress and remarks, never results. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Bytes to stdout, waiting where the reader is slow. */
export async function printBytes(bytes: Uint8Array | string): Promise<void> {
  if (process.stdout.write(bytes)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}

/** Columns as wide as their widest cell, headings above; the last one is not padded. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [bold(line(headings)), ...rows.map(line)].join("\n");
}

export function bold(text: string): string {
  return process.stdout.isTTY ? styleText("bold", text) : text;
}

/** 12 345 678 as "12.3 million" would round too much: groups of three digits. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, " ");
}
