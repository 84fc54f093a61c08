/** Tables of the report. */
import { type Figure, show } from "./figures.ts";
import type { Cell } from "./summary.ts";
import { escapeText, shortNumber } from "./svg.ts";

const CELL_HEAD = [
  "row",
  "system",
  "requests/s",
  "spread",
  "dnd's ratio",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "CPU s per million: processes",
  "generators",
  "bytes to disk per byte stored",
  "syncs per 1000",
  "remarks",
];

export function cellTable(cells: readonly Cell[]): string {
  const lines = cells.map((cell) => {
    const { latencyMs, cpuPerMillion, ratio, writtenPerStored, syncsPerThousand } = cell;
    return [
      cell.row,
      cell.label,
      shortNumber(cell.rate),
      `${Math.round(cell.spread * 100)} %`,
      ratio?.toFixed(2) ?? "",
      shortNumber(latencyMs.p50),
      shortNumber(latencyMs.p99),
      shortNumber(latencyMs.p999),
      cpuPerMillion.map(({ seconds }) => shortNumber(seconds)).join(" + "),
      shortNumber(cell.generatorCpuPerMillion),
      writtenPerStored === undefined ? "" : shortNumber(writtenPerStored),
      syncsPerThousand === undefined ? "" : shortNumber(syncsPerThousand),
      remarks(cell),
    ];
  });
  return tableOf(
    CELL_HEAD,
    lines.map((line) =>
      line.map(
        (text, column) => `<td${column === 1 ? ' class="left"' : ""}>${escapeText(text)}</td>`,
      ),
    ),
  );
}

function remarks({ voidReason, failed, problem, ratePerSecond }: Cell): string {
  return [
    voidReason === undefined ? "" : `void: ${voidReason}`,
    failed === 0 ? "" : `${failed} failed: ${problem ?? ""}`,
    ratePerSecond === undefined ? "" : `asked for ${ratePerSecond}/s`,
  ]
    .filter(Boolean)
    .join("; ");
}

export function figuresTable(figures: readonly Figure[]): string {
  const lines = figures.map(({ name, unit, reach, aim, measured, verdict, note }) => [
    `<td>${escapeText(name)}</td>`,
    `<td>${show(reach, unit)}</td>`,
    `<td>${show(aim, unit)}</td>`,
    `<td>${measured === undefined ? "" : show(measured, unit)}</td>`,
    `<td class="left ${verdictClass(verdict)}">${verdict}</td>`,
    `<td class="left wrap soft">${escapeText(note)}</td>`,
  ]);
  return tableOf(["figure", "reach", "aim", "measured", "", ""], lines);
}

function verdictClass(verdict: Figure["verdict"]): string {
  if (verdict === "not measured") return "soft";
  return verdict === "not reached" ? "bad" : "good";
}

/** `lines`: cells with their tags. */
export function tableOf(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const heads = head.map((text) => `<th>${escapeText(text)}</th>`).join("");
  const rows = lines.map((line) => `<tr>${line.join("")}</tr>`).join("\n");
  return `<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>\n${rows}\n</tbody></table></div>`;
}
