/** COMMAND: what is offered, as clients and redis-cli ask for it. */
import { binaryFromBytes } from "../../../base/binary.ts";
import { parseInteger } from "../../../core/operations/integers.ts";
import { matchesGlob } from "../../../protocol/resp/glob.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command, CommandFlag, KeyPositions } from "../command.ts";
import type { CommandEntry, CommandTable } from "../command-table.ts";
import { fits, innermost } from "../dispatch.ts";
import { errorReply, SYNTAX_ERROR } from "../failures.ts";
import { keyIndexes } from "../key-locks.ts";
import { argumentAt, wordAt } from "./arguments.ts";
import { containerCommand } from "./container.ts";
import { binaryReply, bulkReply, integerReply } from "./replies.ts";

const FLAGS: readonly CommandFlag[] = ["loading", "stale"];
const EMPTY: Reply = { kind: "array", items: [] };

/** Groups whose commands have a category of the same name; others have one of another, or none. */
const CATEGORIES: Readonly<Record<Command["group"], string | undefined>> = {
  string: "@string",
  generic: "@keyspace",
  hash: "@hash",
  set: "@set",
  connection: "@connection",
  transactions: "@transaction",
  pubsub: undefined,
  server: undefined,
  cluster: undefined,
};

/** @param table what is shown. */
export function introspectionCommands(table: CommandTable): readonly Command[] {
  const inner = (
    name: string,
    arity: number,
    summary: string,
    run: (call: Call) => void,
  ): Omit<Command, "group"> => ({ name, arity, flags: FLAGS, keys: undefined, summary, run });
  return [
    containerCommand({
      name: "command",
      group: "server",
      flags: FLAGS,
      summary: "Shows all commands.",
      run: (call) => call.reply({ kind: "array", items: table.entries.map(shapeReply) }),
      subcommands: [
        inner("count", 2, "Shows how many commands there are.", (call) =>
          call.reply(integerReply(table.entries.length)),
        ),
        inner("info", -2, "Shows commands by name.", (call) => {
          const { args } = call;
          if (args.length === 2) {
            return call.reply({ kind: "array", items: table.entries.map(shapeReply) });
          }
          const found = args.slice(2).map((name) => table.findFull(name));
          const items = found.map((entry) => (entry === undefined ? NULL : shapeReply(entry)));
          return call.reply({ kind: "array", items });
        }),
        inner("docs", -2, "Describes commands by name.", (call) => {
          const { args } = call;
          const named = args.slice(2).map((name) => table.findFull(name));
          const entries =
            args.length === 2 ? table.entries : named.filter((entry) => entry !== undefined);
          call.reply({ kind: "map", entries: entries.map(docsEntry) });
        }),
        inner("list", -2, "Shows the names, FILTERBY ACLCAT, MODULE or PATTERN.", (call) =>
          list(call, table),
        ),
        inner("getkeys", -4, "Shows which arguments of a command are keys.", (call) =>
          getkeys(call, table),
        ),
      ],
    }),
  ];
}

/** What COMMAND INFO shows: name, arity, flags, first and last key, step, categories, tips, keys once more, subcommands. */
function shapeReply(entry: CommandEntry): Reply {
  const { command, fullName, subcommands } = entry;
  const keys = command.keys;
  const range = keys === undefined ? [0, 0, 0] : [keys.first, keys.last, keys.step];
  const shown = command.flags.filter((flag) => flag !== "barrier" && flag !== "after");
  const movable = keys?.countAt === undefined ? [] : ["movablekeys"];
  const items: Reply[] = [
    binaryReply(fullName),
    integerReply(command.arity),
    { kind: "set", items: [...shown, ...movable].map(simple) },
    ...range.map(integerReply),
    { kind: "set", items: categoriesOf(command).map(simple) },
    EMPTY,
    { kind: "array", items: keys === undefined ? [] : [keysReply(command, keys)] },
    { kind: "array", items: (subcommands?.entries ?? []).map(shapeReply) },
  ];
  return { kind: "array", items };
}

function categoriesOf({ flags, group }: Command): string[] {
  const categories: string[] = [];
  if (flags.includes("write")) categories.push("@write");
  if (flags.includes("readonly")) categories.push("@read");
  if (flags.includes("admin")) categories.push("@admin", "@dangerous");
  if (flags.includes("pubsub")) categories.push("@pubsub");
  categories.push(flags.includes("fast") ? "@fast" : "@slow");
  const own = CATEGORIES[group];
  if (own !== undefined) categories.push(own);
  return categories;
}

/** Where keys begin, and how they are found from there. */
function keysReply(command: Command, keys: KeyPositions): Reply {
  const { first, last, step, countAt } = keys;
  const access = command.flags.includes("write") ? "RW" : "RO";
  const found =
    countAt === undefined
      ? spec("range", [
          ["lastkey", last < 0 ? last : last - first],
          ["keystep", step],
          ["limit", 0],
        ])
      : spec("keynum", [
          ["keynumidx", 0],
          ["firstkey", first - countAt],
          ["keystep", step],
        ]);
  return {
    kind: "map",
    entries: [
      [binaryReply("flags"), { kind: "set", items: [simple(access), simple("access")] }],
      [binaryReply("begin_search"), spec("index", [["index", countAt ?? first]])],
      [binaryReply("find_keys"), found],
    ],
  };
}

function spec(type: string, facts: readonly (readonly [string, number])[]): Reply {
  const entries = facts.map(([name, value]) => [binaryReply(name), integerReply(value)] as const);
  return {
    kind: "map",
    entries: [
      [binaryReply("type"), binaryReply(type)],
      [binaryReply("spec"), { kind: "map", entries }],
    ],
  };
}

function docsEntry(entry: CommandEntry): readonly [Reply, Reply] {
  const { command, fullName, subcommands } = entry;
  const entries: (readonly [Reply, Reply])[] = [
    [binaryReply("summary"), binaryReply(command.summary)],
    [binaryReply("since"), binaryReply("1.0.0")],
    [binaryReply("group"), binaryReply(command.group)],
  ];
  if (subcommands !== undefined) {
    const inner = subcommands.entries.map(docsEntry);
    entries.push([binaryReply("subcommands"), { kind: "map", entries: inner }]);
  }
  return [binaryReply(fullName), { kind: "map", entries }];
}

function list(call: Call, table: CommandTable): void {
  const { args } = call;
  const all = [...table.all()];
  if (args.length === 2) return call.reply(namesReply(table.entries));
  if (args.length !== 5 || wordAt(call, 2) !== "filterby") return call.reply(SYNTAX_ERROR);
  const wanted = binaryFromBytes(argumentAt(call, 4)).toLowerCase();
  switch (wordAt(call, 3)) {
    case "module":
      return call.reply(EMPTY);
    case "aclcat":
      return call.reply(
        namesReply(all.filter(({ command }) => categoriesOf(command).includes(`@${wanted}`))),
      );
    case "pattern":
      return call.reply(namesReply(all.filter(({ fullName }) => matchesGlob(wanted, fullName))));
    default:
      return call.reply(SYNTAX_ERROR);
  }
}

function getkeys(call: Call, table: CommandTable): void {
  const { args } = call;
  const request = args.slice(2);
  const found = table.find(request[0] as Uint8Array);
  const entry = found === undefined ? undefined : innermost(found, request);
  if (entry === undefined) return call.reply(errorReply("ERR Invalid command specified"));
  const { keys, arity } = entry.command;
  if (keys === undefined) return call.reply(errorReply("ERR The command has no key arguments"));
  if (!fits(arity, request.length)) {
    return call.reply(errorReply("ERR Invalid number of arguments specified for command"));
  }
  const items = keyIndexes(request, keys).map((index) => bulkReply(request[index] as Uint8Array));
  if (items.length === 0 || !isCounted(request, keys, items.length))
    return call.reply(errorReply("ERR Invalid arguments specified for command"));
  return call.reply({ kind: "array", items });
}

/** Whether there are as many keys as is said that there are. */
function isCounted(
  request: readonly Uint8Array[],
  { countAt }: KeyPositions,
  count: number,
): boolean {
  return countAt === undefined || parseInteger(request[countAt] as Uint8Array) === BigInt(count);
}

function namesReply(entries: readonly CommandEntry[]): Reply {
  return { kind: "array", items: entries.map(({ fullName }) => binaryReply(fullName)) };
}

function simple(text: string): Reply {
  return { kind: "simple", text };
}
