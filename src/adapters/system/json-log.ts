/**
 * The `Log` port as JSON, one object a line, by pino: `time`, `level`, `event`, and the facts of the event.
 *
 * Invariants: as of `StreamLog`: a line is one line, of printable characters and bounded length, whatever the facts hold; no fact
 * passes itself off as a level, an event or a time; a stream that breaks loses lines, not the node.
 */
import { type Logger, pino } from "pino";
import { printable } from "../../base/printable.ts";
import type { Log, LogLevel } from "../../ports/log.ts";
import { type Facts, LINE_CHARACTERS_MAX, type LogSink, shortened } from "./stream-log.ts";

export interface JsonLogOptions {
  readonly sink: LogSink;
  /** Events below this level are dropped. */
  readonly level: LogLevel;
  /** Wall-clock milliseconds. */
  readonly wallMs: () => number;
}

/** What every line has, and no fact may be called. */
const OWN_MEMBERS = new Set(["time", "level", "event"]);

export class JsonLog implements Log {
  readonly #logger: Logger<never, false>;
  #lost = 0;

  constructor({ sink, level, wallMs }: JsonLogOptions) {
    sink.on("error", () => {
      this.#lost += 1;
    });
    const options = {
      level,
      // Neither process id nor host name: whoever runs several nodes knows whose stream this is.
      base: null,
      messageKey: "event",
      formatters: { level: (label: string) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date(wallMs()).toISOString()}"`,
    };
    this.#logger = pino(options, { write: (line) => void sink.write(bounded(line)) });
  }

  get level(): LogLevel {
    return this.#logger.level as LogLevel;
  }

  set level(level: LogLevel) {
    this.#logger.level = level;
  }

  /** Writes that the stream has refused. */
  get lost(): number {
    return this.#lost;
  }

  log(level: LogLevel, event: string, facts: Facts = {}): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    const told = Object.entries(shortened(facts)).filter(([name]) => !OWN_MEMBERS.has(name));
    this.#logger[level](Object.fromEntries(told), event);
  }
}

function bounded(line: string): string {
  const text = printable(line.trimEnd());
  if (text.length <= LINE_CHARACTERS_MAX) return `${text}\n`;
  const { level, time, event, ...facts } = JSON.parse(line) as Record<string, unknown>;
  return `${printable(JSON.stringify({ level, time, event, factsDropped: Object.keys(facts).length }))}\n`;
}
