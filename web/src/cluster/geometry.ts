/** Where slots and nodes are in the picture: a ring of 512 columns with 32 slots each, the nodes inside it. Lengths are parts of the radius. */
export const COLUMNS = 512;
export const ROWS = 32;

export const OUTER = 0.93;
export const INNER = 0.63;
/** The band that sums up the health of each column. */
export const BAND_FROM = 0.948;
export const BAND_TO = 0.978;
/** Where nodes stand: with their names below them, and, where there are many, further out and without. */
const NAMED = 0.41;
const UNNAMED = 0.53;
/** With more nodes names would be in each other's way. */
export const NAMED_MAX = 16;

export interface Point {
  readonly x: number;
  readonly y: number;
}

function angleOfColumn(column: number): number {
  return (column / COLUMNS) * 2 * Math.PI - Math.PI / 2;
}

function columnOf(slot: number): number {
  return Math.floor(slot / ROWS);
}

function radiusOfRow(row: number): number {
  return INNER + ((OUTER - INNER) * row) / ROWS;
}

export function slotPoint(slot: number): Point {
  const angle = angleOfColumn(columnOf(slot) + 0.5);
  const radius = radiusOfRow((slot % ROWS) + 0.5);
  return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
}

/** The slot at a point; `undefined` beside the ring. */
export function slotAt({ x, y }: Point): number | undefined {
  const radius = Math.hypot(x, y);
  if (radius < INNER || radius >= OUTER) return undefined;
  const row = Math.floor(((radius - INNER) / (OUTER - INNER)) * ROWS);
  const turn = (Math.atan2(y, x) + Math.PI / 2) / (2 * Math.PI);
  const column = Math.floor((turn - Math.floor(turn)) * COLUMNS);
  return column * ROWS + row;
}

export function nodePoint(index: number, count: number): Point {
  if (count === 1) return { x: 0, y: 0 };
  const angle = (index / count) * 2 * Math.PI - Math.PI / 2;
  const radius = circleFor(count);
  return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
}

/** Discs get smaller where there are many. */
export function nodeRadius(count: number): number {
  return Math.min(0.1, (circleFor(count) * Math.PI * 0.72) / Math.max(1, count));
}

function circleFor(count: number): number {
  return count > NAMED_MAX ? UNNAMED : NAMED;
}
