/** The cells of a run as lines of text. */
import type { Cell } from "./summary.ts";

const HEAD = [
  ["row", 30],
  ["system", 18],
  ["requests/s", 11],
  ["spread", 8],
  ["ratio", 7],
  ["p50 ms", 9],
  ["p99 ms", 9],
  ["p99.9", 9],
  ["disk", 7],
  ["syncs", 8],
  ["  CPU s per million: processes; generators", 0],
] as const;
/** Columns that hold words: to the left. */
const WORD_COLUMNS = 2;

export function table(cells: readonly Cell[]): string {
  let above = "";
  const lines = cells.map((cell) => {
    const row = cell.row === above ? "" : cell.row;
    above = cell.row;
    return line([row, ...columns(cell)]);
  });
  return [line(HEAD.map(([name]) => name)), ...lines].join("\n");
}

function columns(cell: Cell): string[] {
  const { rate, ratio, latencyMs, writtenPerStored, syncsPerThousand } = cell;
  const cpu = cell.cpuPerMillion.map(({ seconds }) => seconds.toFixed(0)).join(", ");
  const notes = [
    cell.voidReason === undefined ? "" : `VOID: ${cell.voidReason}`,
    cell.failed === 0 ? "" : `FAILED ${cell.failed}: ${cell.problem ?? ""}`,
    cell.ratePerSecond === undefined ? "" : `asked for ${cell.ratePerSecond}/s`,
  ];
  return [
    cell.label,
    String(Math.round(rate)),
    `${Math.round(cell.spread * 100)} %`,
    ratio === undefined ? "" : ratio.toFixed(2),
    latencyMs.p50.toFixed(2),
    latencyMs.p99.toFixed(2),
    latencyMs.p999.toFixed(2),
    writtenPerStored === undefined ? "" : writtenPerStored.toFixed(1),
    syncsPerThousand === undefined ? "" : syncsPerThousand.toFixed(1),
    [`  ${cpu}; ${cell.generatorCpuPerMillion.toFixed(0)}`, ...notes].filter(Boolean).join("  "),
  ];
}

function line(texts: readonly string[]): string {
  return texts
    .map((text, column) => {
      const width = HEAD[column]?.[1] ?? 0;
      return column < WORD_COLUMNS ? text.padEnd(width) : text.padStart(width);
    })
    .join("")
    .trimEnd();
}
