/** FLUSHALL and FLUSHDB, over the whole cluster: one write a slot. What is written meanwhile may stay or go. */
import { OK } from "../../../protocol/resp/reply.ts";
import type { Call, Command, CommandFlag } from "../command.ts";
import { failureReply, SYNTAX_ERROR } from "../failures.ts";
import { wordAt } from "./arguments.ts";
import { keyCommand } from "./command-shapes.ts";

const FLAGS: readonly CommandFlag[] = ["write", "barrier"];

export const FLUSH_COMMANDS: readonly Command[] = [
  { ...flushing("flushall", "Deletes all keys"), group: "server" },
  { ...flushing("flushdb", "Deletes all keys of the one database there is"), group: "server" },
];

function flushing(name: string, summary: string): Command {
  return keyCommand({ name, arity: -1, flags: FLAGS, keys: undefined, summary, run: flush });
}

/** It is over when it answers, also when told not to wait. */
function flush(call: Call): void {
  const word = wordAt(call, 1);
  const isKnown = call.args.length === 1 || word === "async" || word === "sync";
  if (!isKnown || call.args.length > 2) return call.reply(SYNTAX_ERROR);
  call.store.flush({}, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    if (outcome.slots > 0) call.session.noteWrite(outcome.quorum);
    call.reply(OK);
  });
}
