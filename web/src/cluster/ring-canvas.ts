/**
 * Paints the 16 384 slots and, around them, how they stand; nothing here decides anything.
 *
 * Pixel by pixel: which slot a pixel belongs to, and how much of it, depends on the size alone and is found out once. A painting is
 * then a look-up a pixel, milliseconds also where there is no graphics processor; as paths it would be tens of thousands of edges.
 */
import { isAway, type Picture, SLOT_COUNT } from "../state/slots.ts";
import { BAND_FROM, BAND_TO, COLUMNS, INNER, OUTER, ROWS } from "./geometry.ts";

/** Of a column's and a row's width: the rest is the gap to the next. */
const FILLED = 0.8;
const HEALTH_COLOURS = ["--full", "--behind", "--moving", "--short"] as const;
/** Pixels of the band have numbers behind those of the slots. */
const NOTHING = 0xffff;
const PIXELS_MAX = 1_600;

export interface Painting {
  readonly picture: Picture;
  readonly colouring: "owner" | "health";
  /** Only what it holds stands out. */
  readonly node: string | undefined;
  readonly colourIndexOf: (id: string) => number;
}

interface Layout {
  readonly pixels: number;
  /** By pixel: a slot, or SLOT_COUNT and a column of the band, or NOTHING. */
  readonly places: Uint16Array;
  /** By pixel: how much of it belongs to that place, of 255. */
  readonly cover: Uint8Array;
}

let known: Layout | undefined;

/** `size` in CSS pixels. */
export function paintRing(canvas: HTMLCanvasElement, size: number, painting: Painting): void {
  const pixels = Math.min(PIXELS_MAX, Math.round(size * (window.devicePixelRatio || 1)));
  if (known?.pixels !== pixels) known = layoutOf(pixels);
  const { places, cover } = known;
  if (canvas.width !== pixels) {
    canvas.width = pixels;
    canvas.height = pixels;
  }
  const context = canvas.getContext("2d");
  if (context === null) return;
  const colours = coloursOf(painting, getComputedStyle(canvas));
  const image = context.createImageData(pixels, pixels);
  const { data } = image;
  for (let pixel = 0; pixel < places.length; pixel += 1) {
    const place = places[pixel] ?? NOTHING;
    if (place === NOTHING) continue;
    const colour = colours[place] ?? 0;
    const at = 4 * pixel;
    data[at] = colour >>> 24;
    data[at + 1] = (colour >>> 16) & 0xff;
    data[at + 2] = (colour >>> 8) & 0xff;
    data[at + 3] = ((colour & 0xff) * (cover[pixel] ?? 0)) / 255;
  }
  context.putImageData(image, 0, 0);
}

function layoutOf(pixels: number): Layout {
  const places = new Uint16Array(pixels * pixels).fill(NOTHING);
  const cover = new Uint8Array(pixels * pixels);
  const radius = pixels / 2;
  const rowPixels = (radius * (OUTER - INNER)) / ROWS;
  for (let y = 0; y < pixels; y += 1) {
    for (let x = 0; x < pixels; x += 1) {
      const [dx, dy] = [(x + 0.5) / radius - 1, (y + 0.5) / radius - 1];
      const distance = Math.hypot(dx, dy);
      if (distance < INNER || distance > BAND_TO + 2 / radius) continue;
      const turn = Math.atan2(dy, dx) / (2 * Math.PI) + 0.25;
      const along = (turn - Math.floor(turn)) * COLUMNS;
      const column = Math.min(COLUMNS - 1, Math.floor(along));
      const pixel = y * pixels + x;
      if (distance < OUTER) {
        const across = ((distance - INNER) / (OUTER - INNER)) * ROWS;
        const row = Math.min(ROWS - 1, Math.floor(across));
        const columnPixels = (2 * Math.PI * radius * distance) / COLUMNS;
        places[pixel] = column * ROWS + row;
        cover[pixel] = 255 * inside(along - column, columnPixels) * inside(across - row, rowPixels);
      } else if (distance > BAND_FROM - 1 / radius) {
        const middle = (BAND_FROM + BAND_TO) / 2;
        const depth = ((BAND_TO - BAND_FROM) / 2 - Math.abs(distance - middle)) * radius + 0.5;
        places[pixel] = SLOT_COUNT + column;
        cover[pixel] = 255 * Math.max(0, Math.min(1, depth));
      }
    }
  }
  return { pixels, places, cover };
}

/** How much of a pixel at `part` of a cell's width is filled, in quarters: edges are as soft as a pixel is wide. */
function inside(part: number, widthPixels: number): number {
  const depth = (FILLED / 2 - Math.abs(part - 0.5)) * widthPixels + 0.5;
  return Math.round(4 * Math.max(0, Math.min(1, depth))) / 4;
}

/** By place: red, green, blue and opacity in one number. */
function coloursOf(painting: Painting, style: CSSStyleDeclaration): Uint32Array {
  const { picture, colouring, node, colourIndexOf } = painting;
  const { slots, health } = picture;
  const { holders } = slots.map;
  const colour = (name: string, opacity: number): number =>
    packed(style.getPropertyValue(name).trim(), opacity);
  const byHealth = HEALTH_COLOURS.map((name, index) => colour(name, index === 0 ? 0.75 : 1));
  const ofBand = HEALTH_COLOURS.map((name, index) => colour(name, index === 0 ? 0.5 : 1));
  // Short of copies is paler: its first holder that is there, and nobody else's colour.
  const byHolder = holders.map(({ primaries }) => {
    const first = primaries.find((id) => !isAway(id)) ?? primaries[0];
    const name = first === undefined ? "--faint" : `--node-${colourIndexOf(first)}`;
    return { whole: colour(name, 1), short: colour(name, 0.36) };
  });
  const ofNode = holders.map(({ primaries }) => {
    const rank = node === undefined ? -1 : primaries.indexOf(node);
    const name = `--node-${node === undefined ? 0 : colourIndexOf(node)}`;
    return colour(name, rank === 0 ? 1 : rank > 0 ? 0.38 : 0.07);
  });

  const colours = new Uint32Array(SLOT_COUNT + COLUMNS);
  const worst = new Uint8Array(COLUMNS);
  const short = HEALTH_COLOURS.indexOf("--short");
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const holder = slots.holders[slot] ?? 0;
    const state = health[slot] ?? 0;
    const column = Math.floor(slot / ROWS);
    worst[column] = Math.max(worst[column] ?? 0, state);
    if (colouring === "health") colours[slot] = byHealth[state] ?? 0;
    else if (node !== undefined) colours[slot] = ofNode[holder] ?? 0;
    else colours[slot] = byHolder[holder]?.[state === short ? "short" : "whole"] ?? 0;
  }
  // The worst of a column: a single slot that is short of copies must be seen.
  for (let column = 0; column < COLUMNS; column += 1) {
    colours[SLOT_COUNT + column] = ofBand[worst[column] ?? 0] ?? 0;
  }
  return colours;
}

/** `#rrggbb` with an opacity. */
function packed(hex: string, opacity: number): number {
  const rgb = Number.parseInt(hex.slice(1, 7), 16) || 0;
  return ((rgb << 8) | Math.round(255 * opacity)) >>> 0;
}
