/** Colour where it is wanted: on a terminal that has any, unless `NO_COLOR` says otherwise. */
import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Text as it is. */
export const unpainted: Paint = (_style, text) => text;

/** Every style, wherever it goes. */
export const painted: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** What suits a stream: the runtime knows terminals, `NO_COLOR` and `TERM`. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream });
}

/** Columns that a line takes: its characters without their colours. A letter that takes two counts as one. */
export function widthOf(line: string): number {
  return Array.from(withoutPaint(line)).length;
}

export function withoutPaint(line: string): string {
  // eslint-disable-next-line no-control-regex -- it is what is looked for
  return line.replace(/\u001b\[[\d;]*m/g, "");
}
