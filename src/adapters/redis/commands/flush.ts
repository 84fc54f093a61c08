/**
 * FLUSHALL and FLUSHDB: the keys of the whole cluster, page by page, each deleted on its own. What
 * is written meanwhile may stay or go.
 */
import type { ListEntry, WriteOutcome } from "../../../model/outcome.ts";
import { OK } from "../../../protocol/resp/reply.ts";
import type { Call, Command, CommandFlag } from "../command.ts";
import { SYNTAX_ERROR } from "../failures.ts";
import { wordAt } from "./arguments.ts";
import { keyCommand } from "./command-shapes.ts";
import { fanOut } from "./fan-out.ts";
import { walkKeys } from "./key-walk.ts";

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
  walkKeys(call, {
    prefix: "",
    onPage: (entries, goOn) => deletePage(call, entries, goOn),
    onEnd: () => call.reply(OK),
  });
}

function deletePage(call: Call, entries: readonly ListEntry[], done: () => void): void {
  fanOut<ListEntry, WriteOutcome>(
    call,
    entries,
    ({ key }, deleted) => call.store.delete({ key }, deleted),
    done,
  );
}
