/** All commands that a door offers. */
import { CommandTable } from "./command-table.ts";
import { CONNECTION_COMMANDS } from "./commands/connection.ts";
import { KEY_COMMANDS } from "./commands/keys.ts";
import { STRING_COMMANDS } from "./commands/strings.ts";

export function createCommandTable(): CommandTable {
  const table = new CommandTable();
  table.add(CONNECTION_COMMANDS);
  table.add(STRING_COMMANDS);
  table.add(KEY_COMMANDS);
  return table;
}
