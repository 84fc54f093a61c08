/** What a node says about itself, one event at a time. Never keys, values or secrets. */

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Log {
  /** `event` is a stable kebab-case name, `facts` its numbers and names. */
  log(
    level: LogLevel,
    event: string,
    facts?: Readonly<Record<string, string | number | boolean>>,
  ): void;
}
