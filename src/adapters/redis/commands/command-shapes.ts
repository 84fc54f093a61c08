/** What commands look like to `COMMAND`, in short: where their keys are, and their kind. */
import type { Command, CommandFlag, KeyPositions } from "../command.ts";

export const FIRST_KEY: KeyPositions = { first: 1, last: 1, step: 1 };
export const TWO_KEYS: KeyPositions = { first: 1, last: 2, step: 1 };
export const ALL_KEYS: KeyPositions = { first: 1, last: -1, step: 1 };
export const PAIRS: KeyPositions = { first: 1, last: -1, step: 2 };
/** How many keys there are, is said first. */
export const COUNTED_KEYS: KeyPositions = { first: 2, last: 2, step: 1, countAt: 1 };
/** Of a subcommand: its container's name comes first. */
export const SECOND_KEY: KeyPositions = { first: 2, last: 2, step: 1 };

export const READ: readonly CommandFlag[] = ["readonly"];
export const FAST_READ: readonly CommandFlag[] = ["readonly", "fast"];
export const WRITE: readonly CommandFlag[] = ["write"];
export const FAST_WRITE: readonly CommandFlag[] = ["write", "fast"];
/** About all keys, so it must see what was sent before it, and not what was sent after. */
export const READ_ALL: readonly CommandFlag[] = ["readonly", "barrier"];

type Shape = Pick<Command, "name" | "arity" | "flags" | "summary" | "run"> & {
  readonly keys?: KeyPositions | undefined;
};

/** A command on strings; of its first argument unless it says otherwise. */
export function stringCommand(shape: Shape): Command {
  return { keys: FIRST_KEY, ...shape, group: "string" };
}

/** A command on hashes; of its first argument unless it says otherwise. */
export function hashCommand(shape: Shape): Command {
  return { keys: FIRST_KEY, ...shape, group: "hash" };
}

/** A command on sets; of its first argument unless it says otherwise. */
export function setCommand(shape: Shape): Command {
  return { keys: FIRST_KEY, ...shape, group: "set" };
}

/** A command on keys of any type; of its first argument unless it says otherwise. */
export function keyCommand(shape: Shape): Command {
  return { keys: FIRST_KEY, ...shape, group: "generic" };
}
