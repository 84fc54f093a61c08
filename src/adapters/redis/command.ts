/**
 * What a command of the Redis protocol is: its name and shape, as `COMMAND` tells them, and what it does.
 *
 * Invariant: a command replies exactly once, whatever happens, within the call or later; the session puts replies in the
 * order of the requests. Commands of one connection that share a key, one of them writing, run one after another;
 * others run side by side, so a pipeline is not as slow as the sum of its parts.
 */
import type { Store } from "../../node/store.ts";
import type { Reply } from "../../protocol/resp/reply.ts";
import type { DoorState } from "./door-state.ts";
import type { Session } from "./session.ts";

/**
 * As `COMMAND INFO` names them. Two are ours. `barrier`: runs when all before it has been answered, and before all after it.
 * `after`: runs when all before it has been answered that is not such a command itself, and nothing waits for it.
 */
export type CommandFlag =
  | "write"
  | "readonly"
  | "fast"
  | "admin"
  | "pubsub"
  | "noscript"
  | "loading"
  | "stale"
  | "no_auth"
  | "barrier"
  | "after";

/** Which arguments are keys: positions as `COMMAND INFO` has them; `last` counts from the end where negative. */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** Where the argument stands that says how many keys there are, which then decides, not `last`. */
  readonly countAt?: number;
}

/** One request, while it runs. */
export interface Call {
  /** The name included. They are the command's to keep. */
  readonly args: readonly Uint8Array[];
  readonly store: Store;
  readonly session: Session;
  /** What all connections share. */
  readonly door: DoorState;
  /** Wall clock, in milliseconds. */
  readonly nowMs: number;
  reply(reply: Reply): void;
  /** Instead of `reply`, for the few that answer with several replies, or with none. */
  replyAll(replies: readonly Reply[]): void;
}

export interface Command {
  /** Lower case; of a subcommand without its container. */
  readonly name: string;
  /** Number of arguments, the name included, of a subcommand that of its container too; negative: at least so many. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  /** `undefined`: it names no key. */
  readonly keys: KeyPositions | undefined;
  /** One line, for `COMMAND DOCS`. */
  readonly summary: string;
  /** `COMMAND DOCS` and the groups of Redis's own documentation. */
  readonly group:
    | "string"
    | "generic"
    | "hash"
    | "set"
    | "connection"
    | "server"
    | "cluster"
    | "pubsub"
    | "transactions";
  /** Of a container: runs where no subcommand is given, if the arity allows that. */
  readonly run: (call: Call) => void;
  readonly subcommands?: readonly Command[];
}
