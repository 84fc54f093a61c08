/**
 * A flame graph: each box is a function, as wide as the time it and what it calls take, under the function that calls it;
 * colours are stages. Source: Gregg, "The Flame Graph" (Communications of the ACM 59(6), 2016), upside down.
 */
import { element, escapeText, shortNumber, text } from "../report/svg.ts";
import type { Folded, Frame } from "./fold.ts";
import { STAGES, type Stage } from "./stages.ts";

const WIDTH = 1_200;
const LINE = 17;
const TOP = 62;
/** Below this a box cannot be seen. */
const BOX_WIDTH_MIN = 0.6;
const CHARACTER = 6.2;
const DEPTH_MAX = 60;

export function flameGraph(title: string, { root, busyUs }: Folded): string {
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.totalUs / busyUs) * WIDTH;
    if (width < BOX_WIDTH_MIN || depth > DEPTH_MAX) return;
    deepest = Math.max(deepest, depth);
    boxes.push(box(frame, { x, depth, width, busyUs }));
    let at = x;
    const children = [...frame.children.values()].toSorted((a, b) => b.totalUs - a.totalUs);
    for (const child of children) {
      draw(child, at, depth + 1);
      at += (child.totalUs / busyUs) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const height = TOP + (deepest + 1) * LINE + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">
<style>text { fill: #1c1e21 } .title { font-size: 15px; font-weight: 600 } rect { stroke: #fff; stroke-width: .5 }</style>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${text(8, 20, title, "title")}
${legend()}
${boxes.join("\n")}
</svg>
`;
}

function box(
  { name, stage, totalUs, selfUs }: Frame,
  place: {
    readonly x: number;
    readonly depth: number;
    readonly width: number;
    readonly busyUs: number;
  },
): string {
  const { x, depth, width, busyUs } = place;
  const y = TOP + depth * LINE;
  const share = (us: number): string => `${((us / busyUs) * 100).toFixed(1)} %`;
  const words = `${name} (${stage}): ${share(totalUs)}, itself ${share(selfUs)}, ${shortNumber(totalUs / 1_000)} ms`;
  const characters = Math.floor((width - 6) / CHARACTER);
  const label = characters < 3 ? "" : text(x + 3, y + 12, name.slice(0, characters));
  const shape = { x, y, width, height: LINE - 1, fill: colour(stage) };
  return `${element("rect", shape, `<title>${escapeText(words)}</title>`)}${label}`;
}

function legend(): string {
  return STAGES.map((stage, index) => {
    const x = 8 + index * 84;
    const shape = { x, y: 32, width: 10, height: 10, fill: colour(stage) };
    return element("rect", shape) + text(x + 14, 41, stage);
  }).join("");
}

/** Hues around the circle, light enough for dark letters. */
function colour(stage: Stage): string {
  const hue = (STAGES.indexOf(stage) * 360) / STAGES.length;
  return `hsl(${hue.toFixed(0)} 70% 78%)`;
}
