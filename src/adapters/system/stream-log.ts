/**
 * The `Log` port as lines on a stream: one JSON object an event for machines, or aligned text for people.
 *
 * Invariants: one event is one line of at most `LINE_CHARACTERS_MAX` characters of text and no control
 * characters, whatever the facts hold, so that nothing a peer sends can forge a line or steer a terminal. A
 * stream that breaks loses lines; it does not end the node.
 */
import { styleText } from "node:util";
import { printable } from "../../base/printable.ts";
import type { Log, LogLevel } from "../../ports/log.ts";

type Facts = Readonly<Record<string, string | number | boolean>>;

/** What is used of a stream; `process.stderr` fits. */
export interface LogSink {
  write(text: string): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

export interface StreamLogOptions {
  readonly sink: LogSink;
  /** Events below this level are dropped. */
  readonly level: LogLevel;
  /** `json`: one object a line. `pretty`: coloured text for a terminal. `plain`: the same without colour. */
  readonly format: "json" | "pretty" | "plain";
  /** Wall-clock milliseconds. */
  readonly wallMs: () => number;
}

/** A single string fact is cut to this many characters. */
const FACT_CHARACTERS_MAX = 1_024;
const LINE_CHARACTERS_MAX = 16 * 1024;

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const COLOUR = { debug: "gray", info: "cyan", warn: "yellow", error: "red" } as const;

export class StreamLog implements Log {
  readonly #sink: LogSink;
  readonly #rankMin: number;
  readonly #lineOf: (level: LogLevel, event: string, facts: Facts) => string;
  #lost = 0;

  constructor(options: StreamLogOptions) {
    this.#sink = options.sink;
    this.#rankMin = RANK[options.level];
    const { format, wallMs } = options;
    this.#lineOf =
      format === "json"
        ? (level, event, facts) => jsonLine(wallMs(), level, event, facts)
        : (level, event, facts) => textLine(wallMs(), level, event, facts, format === "pretty");
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
    if (RANK[level] < this.#rankMin) return;
    this.#sink.write(`${this.#lineOf(level, event, facts)}\n`);
  }
}

function jsonLine(wallMs: number, level: LogLevel, event: string, facts: Facts): string {
  const head = { time: new Date(wallMs).toISOString(), level, event };
  // The head comes last in the spread as well: a fact must not pass itself off as a level.
  const line = printable(JSON.stringify({ ...head, ...shortened(facts), ...head }));
  if (line.length <= LINE_CHARACTERS_MAX) return line;
  return printable(JSON.stringify({ ...head, factsDropped: Object.keys(facts).length }));
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

function shortened(facts: Facts): Record<string, string | number | boolean> {
  const short: Record<string, string | number | boolean> = {};
  for (const [name, fact] of Object.entries(facts)) {
    const isLong = typeof fact === "string" && fact.length > FACT_CHARACTERS_MAX;
    short[name] = isLong ? `${fact.slice(0, FACT_CHARACTERS_MAX)}...` : fact;
  }
  return short;
}
