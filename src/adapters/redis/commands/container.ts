/** Commands that are a family of subcommands: the family itself, with the HELP that each has. */

import { assert } from "../../../base/assert.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Command, CommandFlag } from "../command.ts";

const FROM_THE_START: readonly CommandFlag[] = ["loading", "stale"];

type Family = Pick<Command, "name" | "group" | "summary"> & {
  /** All but HELP. */
  readonly subcommands: readonly Omit<Command, "group">[];
  /** Of the family alone, where it does something without a subcommand; then it is one of any number of arguments. */
  readonly run?: Command["run"];
  readonly flags?: readonly CommandFlag[];
};

export function containerCommand(family: Family): Command {
  const { name, group, summary, flags = [], run } = family;
  const offered = family.subcommands.map((subcommand): Command => ({ ...subcommand, group }));
  const help: Command = {
    name: "help",
    arity: 2,
    flags: FROM_THE_START,
    keys: undefined,
    group,
    summary: "Prints this help.",
    run: (call) => call.reply({ kind: "array", items: helpLines(name, subcommands) }),
  };
  const subcommands = [...offered, help];
  return {
    name,
    arity: run === undefined ? -2 : -1,
    flags,
    keys: undefined,
    group,
    summary,
    run: run ?? missing,
    subcommands,
  };
}

function missing(): void {
  assert(false, "a container without a subcommand has too few arguments");
}

function helpLines(name: string, subcommands: readonly Command[]): Reply[] {
  const lines = [`${name.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const subcommand of subcommands) {
    lines.push(subcommand.name.toUpperCase(), `    ${subcommand.summary}`);
  }
  return lines.map((text) => ({ kind: "simple", text }));
}
