/** `--base DIR`: where to look for a backup that another one builds on. */
import type { Command } from "commander";

export interface BaseFlags {
  readonly base?: readonly string[];
}

export function addBaseOption(command: Command): Command {
  return command.option(
    "--base <directory>",
    "a backup that it builds on, where that is not beside it; may be given again",
    (directory: string, before: readonly string[] | undefined) => [...(before ?? []), directory],
  );
}
