/** Commands about the node as a whole, most of them there because tools ask for them. */
import { binaryFromBytes } from "../../../base/binary.ts";
import type { Key } from "../../../model/key.ts";
import { NULL, OK, type Reply } from "../../../protocol/resp/reply.ts";
import { VERSION } from "../../../version.ts";
import type { Call, Command, CommandFlag } from "../command.ts";
import type { CommandTable } from "../command-table.ts";
import { errorReply, failureReply, SYNTAX_ERROR } from "../failures.ts";
import { infoText } from "../info.ts";
import { argumentAt, integerAt, keyAt, wordAt } from "./arguments.ts";
import { SECOND_KEY } from "./command-shapes.ts";
import { containerCommand } from "./container.ts";
import { walkFields } from "./field-walk.ts";
import type { ContainerType } from "./one-query.ts";
import { binaryReply, integerReply } from "./replies.ts";

const AT_ANY_TIME: readonly CommandFlag[] = ["loading", "stale", "fast"];
const ADMIN: readonly CommandFlag[] = ["admin", "noscript", "loading", "stale"];
const EMPTY: Reply = { kind: "array", items: [] };

/** What a cell takes beside its key and what it holds: stamp, checksum, and the store's own part. About. */
const CELL_OVERHEAD_BYTES = 64;
const TEXT_BYTES_MAX = 4_096;

/** @param table whose counts INFO shows and CONFIG RESETSTAT takes back. */
export function serverCommands(table: CommandTable): readonly Command[] {
  return [
    plain("info", -1, ["loading", "stale"], "Shows the node in numbers.", (call) => {
      const sections = call.args.slice(1).map((bytes) => binaryFromBytes(bytes).toLowerCase());
      const text = infoText({ door: call.door, table, nowMs: call.nowMs }, sections);
      call.reply(textReply(text));
    }),
    plain("time", 1, AT_ANY_TIME, "Shows the node's clock.", (call) => {
      const { nowMs } = call;
      const seconds = Math.floor(nowMs / 1_000);
      const microseconds = (nowMs - seconds * 1_000) * 1_000;
      call.reply({
        kind: "array",
        items: [binaryReply(String(seconds)), binaryReply(String(Math.floor(microseconds)))],
      });
    }),
    plain("lastsave", 1, AT_ANY_TIME, "Now: what is acknowledged is saved.", (call) =>
      call.reply(integerReply(Math.floor(call.nowMs / 1_000))),
    ),
    plain("wait", 3, ["noscript", "barrier"], "Shows how many replicas the last write has.", wait),
    plain("lolwut", -1, ["readonly", "fast"], "Shows the version.", (call) =>
      call.reply(textReply(`dnd ver. ${VERSION}\n`)),
    ),
    config(table),
    MEMORY,
    SLOWLOG,
    LATENCY,
    FUNCTION,
  ];
}

function plain(
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  summary: string,
  run: (call: Call) => void,
): Command {
  return { name, arity, flags, keys: undefined, group: "server", summary, run };
}

function inner(
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  summary: string,
  run: (call: Call) => void,
): Omit<Command, "group"> {
  return { name, arity, flags, keys: undefined, summary, run };
}

/** A write is answered when it has the copies it will be counted with: there is nothing to wait for. */
function wait(call: Call): void {
  const { session, store } = call;
  if (integerAt(call, 1) === undefined) return undefined;
  const timeout = /^-?\d{1,18}$/.exec(binaryFromBytes(argumentAt(call, 2).subarray(0, 20)));
  if (timeout === null) {
    return call.reply(errorReply("ERR timeout is not an integer or out of range"));
  }
  if (timeout[0].startsWith("-")) return call.reply(errorReply("ERR timeout is negative"));
  if (session.lastWrite !== undefined) {
    // Of the copies one is what Redis would call the master's.
    return call.reply(integerReply(Math.max(0, session.lastWrite.acks - 1)));
  }
  const { members, shared } = store.status();
  const alive = members.filter(
    ({ liveness, record }) => liveness === "alive" && record.intent === "active",
  );
  return call.reply(integerReply(Math.max(0, Math.min(alive.length, shared.replicas) - 1)));
}

function config(table: CommandTable): Command {
  return containerCommand({
    name: "config",
    group: "server",
    summary: "Settings of Redis that tools ask for; none does anything.",
    subcommands: [
      inner("get", -3, ADMIN, "Shows settings whose names match patterns.", (call) => {
        const { args, door } = call;
        const patterns = args.slice(2).map((bytes) => binaryFromBytes(bytes));
        const found = door.config.matching(patterns);
        const entries = found.map(
          ([name, value]) => [binaryReply(name), binaryReply(value)] as const,
        );
        call.reply({ kind: "map", entries });
      }),
      inner("set", -4, ADMIN, "Takes settings, and shows them again.", (call) => {
        const { args, door } = call;
        if (args.length % 2 !== 0) return call.reply(SYNTAX_ERROR);
        const words = args
          .slice(2)
          .map((bytes) => binaryFromBytes(bytes.subarray(0, TEXT_BYTES_MAX)));
        const settings: [string, string][] = [];
        for (let index = 0; index < words.length; index += 2) {
          settings.push([words[index] ?? "", words[index + 1] ?? ""]);
        }
        const fault = door.config.set(settings);
        return call.reply(fault === undefined ? OK : errorReply(`ERR ${fault}`));
      }),
      inner("resetstat", 2, ADMIN, "Counts anew.", (call) => {
        const { door } = call;
        door.resetCounts();
        table.resetCounts();
        call.reply(OK);
      }),
      inner("rewrite", 2, ADMIN, "There is no file to rewrite.", (call) =>
        call.reply(errorReply("ERR The server is running without a config file")),
      ),
    ],
  });
}

const MEMORY = containerCommand({
  name: "memory",
  group: "server",
  summary: "Commands about memory.",
  subcommands: [
    {
      ...inner("usage", -3, ["readonly"], "Shows about how many bytes a key takes.", usage),
      keys: SECOND_KEY,
    },
    inner("doctor", 2, [], "Says how the memory is doing.", (call) =>
      call.reply(textReply("Nothing to report: what a node keeps is on its disk.\n")),
    ),
  ],
});

function usage(call: Call): void {
  const key = keyAt(call, 2);
  if (key === undefined) return undefined;
  for (let index = 3; index < call.args.length; index += 2) {
    if (wordAt(call, index) !== "samples" || index + 1 === call.args.length) {
      return call.reply(SYNTAX_ERROR);
    }
    const samples = integerAt(call, index + 1);
    if (samples === undefined) return undefined;
    if (samples < 0n) return call.reply(SYNTAX_ERROR);
  }
  return call.store.read({ key }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    if (outcome.kind === "absent") return call.reply(NULL);
    const { type, payload } = outcome.root;
    const bytes = cellBytes(key, payload.length);
    if (type === "hash" || type === "set") return addFields(call, key, type, bytes);
    return call.reply(integerReply(bytes));
  });
}

/** Adds what each field takes: all of them are looked at, whatever SAMPLES says, since nobody knows how many there are. */
function addFields(call: Call, key: Key, type: ContainerType, rootBytes: number): void {
  let bytes = rootBytes;
  walkFields(call, {
    key,
    type,
    onPage: (entries, goOn) => {
      for (const [name, value] of entries) bytes += cellBytes(key, name.length + value.length);
      goOn();
    },
    onEnd: () => call.reply(integerReply(bytes)),
  });
}

function cellBytes(key: Key, contentBytes: number): number {
  return key.length + contentBytes + CELL_OVERHEAD_BYTES;
}

const SLOWLOG = containerCommand({
  name: "slowlog",
  group: "server",
  summary: "Nothing is logged as slow.",
  subcommands: [
    inner("get", -2, ADMIN, "Shows nothing.", (call) => {
      if (call.args.length > 3) return call.reply(SYNTAX_ERROR);
      const count = call.args.length === 3 ? integerAt(call, 2) : 10n;
      if (count === undefined) return undefined;
      if (count < -1n)
        return call.reply(errorReply("ERR count should be greater than or equal to -1"));
      return call.reply(EMPTY);
    }),
    inner("len", 2, ADMIN, "Shows that nothing is there.", (call) => call.reply(integerReply(0))),
    inner("reset", 2, ADMIN, "Taken, and without effect.", (call) => call.reply(OK)),
  ],
});

const LATENCY = containerCommand({
  name: "latency",
  group: "server",
  summary: "No latencies are recorded.",
  subcommands: [
    inner("latest", 2, ADMIN, "Shows nothing.", (call) => call.reply(EMPTY)),
    inner("history", 3, ADMIN, "Shows nothing.", (call) => call.reply(EMPTY)),
    inner("reset", -2, ADMIN, "Taken, and without effect.", (call) => call.reply(integerReply(0))),
  ],
});

/** There are no functions: having none, all of them can be dropped, which test suites ask for at their start. */
const FUNCTION = containerCommand({
  name: "function",
  group: "server",
  summary: "There are no functions.",
  subcommands: [
    inner("flush", -2, ["write", "noscript"], "Drops all functions: there are none.", (call) => {
      const { args } = call;
      const word = wordAt(call, 2);
      if (args.length === 2 || (args.length === 3 && (word === "sync" || word === "async"))) {
        return call.reply(OK);
      }
      return call.reply(errorReply("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }),
  ],
});

function textReply(text: string): Reply {
  return { kind: "verbatim", format: "txt", bytes: Buffer.from(text, "utf8") };
}
