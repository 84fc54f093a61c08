/** How far a long command is: a bar that is redrawn on a terminal, a plain line now and then elsewhere. On stderr. */
import { printable } from "../base/printable.ts";
import { grouped } from "./output.ts";

const BAR_CELLS = 30;
/** Of a terminal that does not say. */
const COLUMNS_USUAL = 80;
const REDRAW_MS = 100;
/** Where nobody watches, a line this often. */
const PLAIN_LINE_MS = 10_000;
const CLEAR = "\r\x1b[K";

/** What is used of a stream; `process.stderr` fits. */
interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** One line that says how far something is, at the bottom of what the stream shows. */
export class ProgressLine {
  readonly #stream: ProgressStream;
  readonly #isTty: boolean;
  readonly #nowMs: () => number;
  #shownMs = Number.NEGATIVE_INFINITY;
  #said = "";
  /** What stands on the terminal's last line. */
  #drawn = "";

  constructor(
    stream: ProgressStream = process.stderr,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#stream = stream;
    this.#isTty = stream.isTTY === true;
    this.#nowMs = nowMs;
  }

  /** @param fraction 0..1, `undefined` where the end is not known. */
  show(text: string, fraction: number | undefined): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#shownMs < (this.#isTty ? REDRAW_MS : PLAIN_LINE_MS)) return;
    if (!this.#isTty && text === this.#said) return;
    this.#shownMs = nowMs;
    this.#said = text;
    if (this.#isTty) this.#draw(this.#cut(bar(fraction) + printable(text)));
    else this.#stream.write(`${printable(text)}\n`);
  }

  /** Takes the line away; what is to stay comes instead of it. */
  end(text?: string): void {
    const shown = this.#drawn === "" ? "" : CLEAR;
    this.#drawn = "";
    this.#stream.write(shown + (text === undefined ? "" : `${printable(text)}\n`));
  }

  /** Whole lines of somebody else's, which go above this one. */
  write(lines: string): void {
    if (this.#drawn === "") this.#stream.write(lines);
    else this.#stream.write(CLEAR + lines + this.#drawn);
  }

  #draw(line: string): void {
    this.#drawn = line;
    this.#stream.write(CLEAR + line);
  }

  /** A line that the terminal breaks could not be taken away again. */
  #cut(line: string): string {
    return Array.from(line)
      .slice(0, (this.#stream.columns || COLUMNS_USUAL) - 1)
      .join("");
  }
}

export class Progress {
  readonly #verb: string;
  readonly #startMs = performance.now();
  readonly #line = new ProgressLine();
  #isFirst = true;

  /** @param verb as in "imported 12 keys". */
  constructor(verb: string) {
    this.#verb = verb;
  }

  /** @param fraction 0..1, `undefined` where the end is not known. */
  update(count: number, fraction: number | undefined): void {
    const waitMs = process.stderr.isTTY ? REDRAW_MS : PLAIN_LINE_MS;
    // What is over at once needs no bar.
    if (this.#isFirst && performance.now() - this.#startMs < waitMs) return;
    this.#isFirst = false;
    this.#line.show(this.#text(count, fraction), fraction);
  }

  /** The last line, always shown. */
  end(count: number): void {
    this.#line.end(this.#text(count, undefined));
  }

  #text(count: number, fraction: number | undefined): string {
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
