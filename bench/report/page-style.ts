/** The style sheet of the report: light and dark, nothing fetched. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: light-dark(#fdfdfc, #16181b);
  --ink: light-dark(#1c1e21, #e6e7e9);
  --soft: light-dark(#5b6068, #a0a6af);
  --rule: light-dark(#e3e4e6, #33373d);
  --dnd: light-dark(#2563c9, #6ea3ff);
  --redis: light-dark(#c2410c, #f28b54);
  --etcd: light-dark(#0f766e, #45c4b5);
  --void: light-dark(#a1a5ab, #6b7078);
  --good: light-dark(#14713a, #58c98a);
  --bad: light-dark(#b3261e, #ff8a80);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem;
  background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.7rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { margin: .25rem 0 .75rem; }
.soft, .axis, .tick { color: var(--soft); fill: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .55rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { font-weight: 600; color: var(--soft); }
th:first-child, td:first-child, .left { text-align: left; }
td.wrap { white-space: normal; min-width: 12rem; }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg text.axis, svg text.tick { fill: var(--soft); font-size: 11px; }
svg text.row { font-weight: 600; }
svg text.tick { text-anchor: middle; }
svg text.end { text-anchor: end; }
.grid { stroke: var(--rule); stroke-width: 1; }
.whisker { stroke: var(--ink); stroke-width: 1.5; opacity: .55; }
.stroke { stroke: currentColor; stroke-width: 2; fill: none; }
.dashed { stroke-dasharray: 5 4; }
.fill { fill: currentColor; }
.dnd { color: var(--dnd); } .redis { color: var(--redis); }
.etcd { color: var(--etcd); } .void { color: var(--void); }
svg text.name { fill: currentColor; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 1rem; }
`;
