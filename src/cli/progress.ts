/** How far a long command is: a bar that is redrawn on a terminal, a plain line now and then elsewhere. On stderr. */
import { grouped } from "./output.ts";

const BAR_CELLS = 30;
const REDRAW_MS = 100;
/** Where nobody watches, a line this often. */
const PLAIN_LINE_MS = 10_000;

export class Progress {
  readonly #verb: string;
  readonly #isTty: boolean;
  readonly #startMs = performance.now();
  #shownMs: number = performance.now();

  /** @param verb as in "imported 12 keys". */
  constructor(verb: string) {
    this.#verb = verb;
    this.#isTty = process.stderr.isTTY;
  }

  /** @param fraction 0..1, `undefined` where the end is not known. */
  update(count: number, fraction: number | undefined): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < (this.#isTty ? REDRAW_MS : PLAIN_LINE_MS)) return;
    this.#shownMs = nowMs;
    const line = this.#line(count, fraction);
    process.stderr.write(this.#isTty ? `\r\x1b[K${bar(fraction)}${line}` : `${line}\n`);
  }

  /** The last line, always shown. */
  end(count: number): void {
    process.stderr.write(`${this.#isTty ? "\r\x1b[K" : ""}${this.#line(count, undefined)}\n`);
  }

  #line(count: number, fraction: number | undefined): string {
    const seconds = (performance.now() - this.#startMs) / 1_000;
    const rate = Math.round(count / Math.max(seconds, 0.001));
    const percent = fraction === undefined ? "" : `${Math.floor(100 * fraction)} %, `;
    return `${this.#verb} ${grouped(count)} keys, ${percent}${seconds.toFixed(1)} s, ${grouped(rate)} a second`;
  }
}

function bar(fraction: number | undefined): string {
  if (fraction === undefined) return "";
  const filled = Math.min(BAR_CELLS, Math.max(0, Math.round(BAR_CELLS * fraction)));
  return `${"█".repeat(filled)}${"░".repeat(BAR_CELLS - filled)} `;
}
