/** What ends a command: one line for people, a stable code for programs, and the exit status. */

/** 0 is success. */
export const EXIT = { failed: 1, usage: 2, notFound: 3 } as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

export interface CliErrorFacts {
  readonly exit: ExitStatus;
  /** Stable, kebab-case. */
  readonly code: string;
  /** What to try; one line. */
  readonly hint?: string | undefined;
  /** More for `--json`. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
}

export class CliError extends Error {
  override readonly name = "CliError";
  readonly exit: ExitStatus;
  readonly code: string;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(message: string, { exit, code, hint, facts = {} }: CliErrorFacts) {
    super(message);
    this.exit = exit;
    this.code = code;
    this.hint = hint;
    this.facts = facts;
  }
}

export function usageError(message: string, hint?: string): CliError {
  return new CliError(message, { exit: EXIT.usage, code: "usage", hint });
}

export function failure(code: string, message: string, hint?: string): CliError {
  return new CliError(message, { exit: EXIT.failed, code, hint });
}
