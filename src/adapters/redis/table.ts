/** All commands that a door offers. */
import { CommandTable } from "./command-table.ts";
import { CONNECTION_COMMANDS } from "./commands/connection.ts";

export function createCommandTable(): CommandTable {
  const table = new CommandTable();
  table.add(CONNECTION_COMMANDS);
  return table;
}
