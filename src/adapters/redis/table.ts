/** All commands that a door offers. */
import { CommandTable } from "./command-table.ts";
import { CLIENT_COMMANDS } from "./commands/client.ts";
import { clusterCommands } from "./commands/cluster.ts";
import { CONNECTION_COMMANDS } from "./commands/connection.ts";
import { HASH_COMMANDS } from "./commands/hashes.ts";
import { introspectionCommands } from "./commands/introspection.ts";
import { KEY_COMMANDS } from "./commands/keys.ts";
import { PUBSUB_COMMANDS } from "./commands/pubsub.ts";
import { serverCommands } from "./commands/server.ts";
import { SET_COMMANDS } from "./commands/sets.ts";
import { STRING_COMMANDS } from "./commands/strings.ts";
import { transactionCommands } from "./commands/transactions.ts";

export function createCommandTable(): CommandTable {
  const table = new CommandTable();
  table.add(CONNECTION_COMMANDS);
  table.add(STRING_COMMANDS);
  table.add(HASH_COMMANDS);
  table.add(SET_COMMANDS);
  table.add(KEY_COMMANDS);
  table.add(CLIENT_COMMANDS);
  table.add(serverCommands(table));
  table.add(introspectionCommands(table));
  table.add(transactionCommands(table));
  table.add(PUBSUB_COMMANDS);
  table.add(clusterCommands());
  return table;
}
