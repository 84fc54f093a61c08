/** The command line as commander knows it: one file a command, whatever is heavy loaded by its action. */
import { Command } from "commander";
import { VERSION } from "../version.ts";
import { addBackup } from "./commands/backup.ts";
import { addCompletion } from "./commands/completion.ts";
import { addDelete } from "./commands/delete.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addDump } from "./commands/dump.ts";
import { addExport } from "./commands/export.ts";
import { addGet } from "./commands/get.ts";
import { addImport } from "./commands/import.ts";
import { addJoin } from "./commands/join.ts";
import { addLeave } from "./commands/leave.ts";
import { addLocate } from "./commands/locate.ts";
import { addLogLevel } from "./commands/log-level.ts";
import { addMembers } from "./commands/members.ts";
import { addPut } from "./commands/put.ts";
import { addRemove } from "./commands/remove.ts";
import { addRestore } from "./commands/restore.ts";
import { addStart } from "./commands/start.ts";
import { addStatus } from "./commands/status.ts";
import { addTop } from "./commands/top.ts";
import { addUp } from "./commands/up.ts";
import { addVerify } from "./commands/verify.ts";

const EXAMPLES = `
Examples:
  dnd up                                     a cluster of three on this machine
  dnd start                                  the first node of a cluster
  dnd join 10.0.0.1:5000                     another one, through any member
  dnd put user1 '{"name": "Jack"}'           store
  dnd get user1 --node http://10.0.0.2:6000  read at any node

Exit status: 0 done, 1 failed, 2 wrong usage, 3 the key does not exist.`;

const COMMANDS = [
  addUp,
  addStart,
  addJoin,
  addStatus,
  addTop,
  addDoctor,
  addMembers,
  addLeave,
  addRemove,
  addLocate,
  addGet,
  addPut,
  addDelete,
  addImport,
  addExport,
  addDump,
  addLogLevel,
  addBackup,
  addVerify,
  addRestore,
  addCompletion,
];

export function createProgram(): Command {
  const program = new Command("dnd")
    .description("A masterless, durable, always-writable key-value store.")
    .version(VERSION, "--version", "print the version")
    .helpOption("-h, --help", "print this")
    .helpCommand("help [command]", "print help for a command")
    .addHelpText("after", EXAMPLES)
    .showSuggestionAfterError()
    // Errors are thrown to `main.ts`, which prints all of them in one form.
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  for (const add of COMMANDS) add(program);
  return program;
}
