/**
 * OBJECT: how Redis would keep what a key holds. Nothing here depends on it, but clients and tools
 * look at it.
 */
import { assert } from "../../../base/assert.ts";
import { parseInteger } from "../../../core/operations/integers.ts";
import type { RootCell } from "../../../model/cell.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply } from "../failures.ts";
import { keyAt } from "./arguments.ts";
import { keyCommand, READ, SECOND_KEY } from "./command-shapes.ts";
import { answerRoot } from "./one-key.ts";
import { binaryReply, ONE, ZERO } from "./replies.ts";

/** Longest string that Redis keeps in one piece with its header. */
const EMBEDDED_BYTES_MAX = 44;

const NO_FREQUENCY = errorReply(
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching " +
    "between policies at runtime LRU and LFU data will take some time to adjust.",
);
const HELP = [
  "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "ENCODING <key>",
  "    Return the encoding that Redis would choose for what <key> holds.",
  "FREQ <key>",
  "    Return an error: how often keys are used is not kept.",
  "IDLETIME <key>",
  "    Return 0: when keys were last used is not kept.",
  "REFCOUNT <key>",
  "    Return 1: values are not shared.",
  "HELP",
  "    Print this help.",
];

export const OBJECT_COMMANDS: readonly Command[] = [
  keyCommand({
    name: "object",
    arity: -2,
    flags: [],
    keys: undefined,
    summary: "Tells how what a key holds is kept",
    // Dispatch has found a subcommand, or refused what is none.
    run: () => assert(false, "OBJECT is never run without a subcommand"),
    subcommands: [
      asking("encoding", "Gives the encoding of what a key holds", encodingReply),
      asking("freq", "Gives how often a key is used", () => NO_FREQUENCY),
      asking("idletime", "Gives the time since a key was used", () => ZERO),
      asking("refcount", "Gives how often what a key holds is referred to", () => ONE),
      keyCommand({
        name: "help",
        arity: 2,
        flags: ["loading", "stale"],
        keys: undefined,
        summary: "Tells what subcommands there are",
        run: (call) => call.reply({ kind: "array", items: HELP.map(line) }),
      }),
    ],
  }),
];

function asking(name: string, summary: string, shown: (root: RootCell) => Reply): Command {
  const run = (call: Call): void => {
    const key = keyAt(call, 2);
    if (key === undefined) return;
    answerRoot(call, key, (root) => (root === undefined ? NULL : shown(root)));
  };
  return keyCommand({ name, arity: 3, flags: READ, keys: SECOND_KEY, summary, run });
}

function encodingReply(root: RootCell): Reply {
  return binaryReply(encodingOf(root));
}

function encodingOf({ type, payload }: RootCell): string {
  switch (type) {
    case "counter":
      return "int";
    case "hash":
    case "set":
      return "hashtable";
    case "string":
      if (parseInteger(payload) !== undefined) return "int";
      return payload.length <= EMBEDDED_BYTES_MAX ? "embstr" : "raw";
  }
}

function line(text: string): Reply {
  return { kind: "simple", text };
}
