/** The report of a run: one file that needs nothing else, readable in light and dark, with a table beside every plot. */
import type { Group } from "../plan/row.ts";
import type { RunOptions } from "../plan/select.ts";
import type { Results } from "../run/results.ts";
import type { Figure } from "./figures.ts";
import { groupChart } from "./group-chart.ts";
import { keysCharts, nodesCharts, openLoopCharts } from "./growth-charts.ts";
import type { Machine } from "./machine.ts";
import { type MembersRow, membersCharts } from "./members.ts";
import { STYLE } from "./page-style.ts";
import { cellTable, figuresTable, tableOf } from "./page-tables.ts";
import { median } from "./statistics.ts";
import type { Cell } from "./summary.ts";
import { escapeText, shortNumber } from "./svg.ts";

export interface PageContent {
  readonly machine: Machine;
  readonly options: RunOptions;
  readonly groups: readonly Group[];
  readonly cells: readonly Cell[];
  readonly figures: readonly Figure[];
  readonly results: Results;
  /** Of the last run of `npm run bench:members`. */
  readonly members: readonly MembersRow[];
}

export function page(content: PageContent): string {
  const { groups, cells, figures, results } = content;
  const sections = [
    section("Figures to reach", figuresTable(figures)),
    ...groups.filter(({ name }) => !isCurve(name)).map((group) => groupSection(group, cells)),
    curves(content),
    membersSection(content),
    section("What the machine can do", calibrationTable(results)),
    results.missing.size === 0
      ? ""
      : section(
          "Left out",
          [...results.missing].map((one) => `<p>${escapeText(one)}</p>`).join(""),
        ),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dnd: benchmark</title>
<style>${STYLE}</style>
</head>
<body>
${header(content)}
${sections.filter(Boolean).join("\n")}
</body>
</html>
`;
}

function header({ machine, options }: PageContent): string {
  const { date, commit, cpus, memory, kernel, versions } = machine;
  const how = `${options.rounds} rounds of ${options.ms / 1_000} s a row and system, in turns; medians of rounds.`;
  return `<h1>dnd beside what people would pick instead</h1>
<p class="soft">${escapeText(`${date}, commit ${commit}. ${cpus}, ${memory}, Linux ${kernel}. ${versions.join("; ")}.`)}</p>
<p>${escapeText(how)} Load generators run on the same cores. Base row: 100-byte values, 50 connections, one request under
way on each, ${shortNumber(options.keyCount)} keys, uniform. Ratios are dnd's rate by the other system's.</p>`;
}

function isCurve(name: string): boolean {
  return name === "keys" || name.startsWith("nodes-");
}

function groupSection({ name, title }: Group, cells: readonly Cell[]): string {
  const ofGroup = cells.filter(({ group }) => group === name);
  if (ofGroup.length === 0) return "";
  const chart = groupChart(title, ofGroup);
  const curve =
    name === "open" ? `<div class="charts">${openLoopCharts(ofGroup).join("")}</div>` : "";
  return section(title, chart + curve + tableBelow(ofGroup));
}

function curves({ cells, groups, results }: PageContent): string {
  const rows = groups.flatMap((group) => group.rows);
  const charts = [...keysCharts(cells, rows, results.memory), ...nodesCharts(cells)];
  if (charts.length === 0) return "";
  const below = tableBelow(cells.filter(({ group }) => isCurve(group)));
  return section("Growth", `<div class="charts">${charts.join("")}</div>${below}`);
}

function membersSection({ members }: PageContent): string {
  const charts = membersCharts(members);
  if (charts.length === 0) return "";
  const about = "<p>Membership machines alone, on virtual time (npm run bench:members).</p>";
  return section("Growth of members", `${about}<div class="charts">${charts.join("")}</div>`);
}

function tableBelow(cells: readonly Cell[]): string {
  if (cells.length === 0) return "";
  return `<details><summary>All numbers</summary>${cellTable(cells)}</details>`;
}

function calibrationTable({ calibrations }: Results): string {
  const middle = (of: (one: (typeof calibrations)[number]) => number): string =>
    `<td>${shortNumber(median(calibrations.map(of)))}</td>`;
  const head = ["", "per second", "p50 ms", "p99 ms", "p99.9 ms"];
  return tableOf(head, [
    [
      "<td>150 bytes appended and synced (fdatasync), one after the other</td>",
      middle(({ syncsPerSecond }) => syncsPerSecond),
      middle(({ syncMs }) => syncMs.p50),
      middle(({ syncMs }) => syncMs.p99),
      middle(({ syncMs }) => syncMs.p999),
    ],
    [
      "<td>150 bytes to another process and back, 50 connections</td>",
      middle(({ echoesPerSecond }) => echoesPerSecond),
      middle(({ echoMs }) => echoMs.p50),
      middle(({ echoMs }) => echoMs.p99),
      middle(({ echoMs }) => echoMs.p999),
    ],
  ]);
}

function section(title: string, content: string): string {
  return `<section><h2>${escapeText(title)}</h2>\n${content}\n</section>`;
}
