/** What a node says about itself, one event at a time. Never keys, values or secrets. */

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Log {
  /** Events below it are dropped; whoever operates the node may set it at any time. A log without one has a level of its own. */
  level?: LogLevel;
  /** `event` is a stable kebab-case name, `facts` its numbers and names. */
  log(
    level: LogLevel,
    event: string,
    facts?: Readonly<Record<string, string | number | boolean>>,
  ): void;
}
