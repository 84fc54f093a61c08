/**
 * The `Log` port as lines of text on a stream, for people. For machines there is `JsonLog`.
 *
 * Invariants: one event is one line of at most `LINE_CHARACTERS_MAX` characters of text and no control
 * characters, whatever the facts hold, so that nothing a peer sends can forge a line or steer a terminal. A
 * stream that breaks loses lines; it does not end the node.
 */
import { styleText } from "node:util";
import { printable } from "../../base/printable.ts";
import type { Log, LogLevel } from "../../ports/log.ts";

export type Facts = Readonly<Record<string, string | number | boolean>>;

/** What is used of a stream; `process.stderr` fits. */
export interface LogSink {
  write(text: string): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

export interface StreamLogOptions {
  readonly sink: LogSink;
  /** Events below this level are dropped. */
  readonly level: LogLevel;
  /** `pretty`: with colours, for a terminal. `plain`: without. */
  readonly format: "pretty" | "plain";
  /** Wall-clock milliseconds. */
  readonly wallMs: () => number;
}

/** A single string fact is cut to this many characters. */
const FACT_CHARACTERS_MAX = 1_024;
export const LINE_CHARACTERS_MAX = 16 * 1024;

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const COLOUR = { debug: "gray", info: "cyan", warn: "yellow", error: "red" } as const;

export class StreamLog implements Log {
  readonly #sink: LogSink;
  readonly #lineOf: (level: LogLevel, event: string, facts: Facts) => string;
  #lost = 0;
  level: LogLevel;

  constructor(options: StreamLogOptions) {
    this.#sink = options.sink;
    this.level = options.level;
    const { format, wallMs } = options;
    this.#lineOf = (level, event, facts) =>
      textLine(wallMs(), level, event, facts, format === "pretty");
    // The reader of a pipe may go away at any time; without a listener its error would end the process.
    this.#sink.on("error", () => {
      this.#lost += 1;
    });
  }

  /** Writes that the stream has refused. */
  get lost(): number {
    return this.#lost;
  }

  log(level: LogLevel, event: string, facts: Facts = {}): void {
    if (RANK[level] < RANK[this.level]) return;
    this.#sink.write(`${this.#lineOf(level, event, facts)}\n`);
  }
}

function textLine(
  wallMs: number,
  level: LogLevel,
  event: string,
  facts: Facts,
  isColoured: boolean,
): string {
  const time = new Date(wallMs).toISOString().slice(11, 23);
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    isColoured ? styleText(style, text, { validateStream: false }) : text;
  const told = Object.entries(shortened(facts)).map(([name, fact]) => {
    const text =
      typeof fact === "string" && /[\s"=]|^$/.test(fact) ? JSON.stringify(fact) : `${fact}`;
    return ` ${paint("dim", `${printable(name)}=`)}${printable(text)}`;
  });
  const label = paint(COLOUR[level], level.toUpperCase().padEnd(5));
  const head = `${paint("dim", time)} ${label} ${printable(event)}`;
  const line = head + told.join("");
  return line.length <= LINE_CHARACTERS_MAX ? line : `${head} factsDropped=${told.length}`;
}

export function shortened(facts: Facts): Record<string, string | number | boolean> {
  const short: Record<string, string | number | boolean> = {};
  for (const [name, fact] of Object.entries(facts)) {
    const isLong = typeof fact === "string" && fact.length > FACT_CHARACTERS_MAX;
    short[name] = isLong ? `${fact.slice(0, FACT_CHARACTERS_MAX)}...` : fact;
  }
  return short;
}
