/**
 * What a request asks for: the command, or why it is refused, in Redis's words. Decides, and changes nothing.
 *
 * A command that is not offered is an unknown one: clients fall back to others, as with a Redis that is older.
 */
import { binaryFromBytes } from "../../base/binary.ts";
import type { CommandEntry, CommandTable } from "./command-table.ts";
import { type ErrorReply, errorReply } from "./failures.ts";

/** How much of what a client sent is repeated in an error. */
const QUOTED_BYTES_MAX = 128;
/** As which HTTP would be understood: the method of a form, and the one header that every request has. */
const HTTP_WORDS = new Set(["post", "host:"]);
const HTTP_WORD_BYTES_MAX = 5;

export interface Refusal {
  readonly reply: ErrorReply;
  /** The command that was meant, where that is known. */
  readonly entry: CommandEntry | undefined;
}

/** `hostile`: a request of HTTP, which a page in a browser may have sent; what comes behind it must not be obeyed. */
export type Admission = CommandEntry | Refusal | "hostile";

/** @param isListening the connection listens in version 2 of the protocol, where little else may be asked. */
export function admit(
  table: CommandTable,
  args: readonly Uint8Array[],
  isListening: boolean,
): Admission {
  const name = args[0] as Uint8Array;
  const found = table.find(name);
  if (found === undefined) {
    return isHttp(name) ? "hostile" : { reply: unknownCommand(name, args), entry: undefined };
  }
  const entry = innermost(found, args);
  if (entry === undefined) return { reply: unknownSubcommand(found, args), entry: found };
  if (!fits(entry.command.arity, args.length)) return { reply: wrongArity(entry.fullName), entry };
  if (isListening && !entry.isForListeners) return { reply: whileListening(entry), entry };
  return entry;
}

/** The words for too few or too many arguments. */
export function wrongArity(fullName: string): ErrorReply {
  return errorReply(`ERR wrong number of arguments for '${fullName}' command`);
}

/** Whether so many arguments, the name included, are what `arity` asks for. */
export function fits(arity: number, count: number): boolean {
  return arity < 0 ? count >= -arity : count === arity;
}

/** The subcommand, where the command is a container and one is named; `undefined` if it has none of that name. */
export function innermost(
  entry: CommandEntry,
  args: readonly Uint8Array[],
): CommandEntry | undefined {
  const [, name] = args;
  if (entry.subcommands === undefined || name === undefined) return entry;
  return entry.subcommands.find(name);
}

function unknownCommand(name: Uint8Array, args: readonly Uint8Array[]): ErrorReply {
  let given = "";
  for (const arg of args.slice(1)) {
    if (given.length >= QUOTED_BYTES_MAX) break;
    given += `'${quoted(arg, QUOTED_BYTES_MAX - given.length)}' `;
  }
  return errorReply(`ERR unknown command '${quoted(name)}', with args beginning with: ${given}`);
}

function unknownSubcommand(entry: CommandEntry, args: readonly Uint8Array[]): ErrorReply {
  const [, name = new Uint8Array(0)] = args;
  const help = `${entry.fullName.toUpperCase()} HELP`;
  return errorReply(`ERR unknown subcommand '${quoted(name)}'. Try ${help}.`);
}

function whileListening(entry: CommandEntry): ErrorReply {
  return errorReply(
    `ERR Can't execute '${entry.fullName}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET ` +
      "are allowed in this context",
  );
}

/** The beginning of what a client sent, up to a NUL, where C's strings end. */
export function quoted(bytes: Uint8Array, bytesMax: number = QUOTED_BYTES_MAX): string {
  const nul = bytes.indexOf(0);
  return binaryFromBytes(bytes, 0, Math.min(bytesMax, nul < 0 ? bytes.length : nul));
}

function isHttp(name: Uint8Array): boolean {
  if (name.length > HTTP_WORD_BYTES_MAX) return false;
  return HTTP_WORDS.has(binaryFromBytes(name).toLowerCase());
}
