/**
 * OBJECT: how Redis would keep what a key holds. Nothing here depends on it, but clients and tools
 * look at it.
 */
import { parseInteger } from "../../../core/operations/integers.ts";
import type { RootCell } from "../../../model/cell.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply } from "../failures.ts";
import { keyAt } from "./arguments.ts";
import { READ, SECOND_KEY } from "./command-shapes.ts";
import { containerCommand } from "./container.ts";
import { answerRoot } from "./one-key.ts";
import { binaryReply, ONE, ZERO } from "./replies.ts";

/** Longest string that Redis keeps in one piece with its header. */
const EMBEDDED_BYTES_MAX = 44;
const NO_FREQUENCY = errorReply(
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that " +
    "when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);

export const OBJECT_COMMANDS: readonly Command[] = [
  containerCommand({
    name: "object",
    group: "generic",
    summary: "Tells how what a key holds is kept",
    subcommands: [
      asking("encoding", "Gives the encoding that Redis would choose", encodingReply),
      asking("freq", "Gives an error: how often keys are used is not kept", () => NO_FREQUENCY),
      asking("idletime", "Gives 0: when keys were last used is not kept", () => ZERO),
      asking("refcount", "Gives 1: values are not shared", () => ONE),
    ],
  }),
];

function asking(
  name: string,
  summary: string,
  shown: (root: RootCell) => Reply,
): Omit<Command, "group"> {
  const run = (call: Call): void => {
    const key = keyAt(call, 2);
    if (key === undefined) return;
    answerRoot(call, key, (root) => (root === undefined ? NULL : shown(root)));
  };
  return { name, arity: 3, flags: READ, keys: SECOND_KEY, summary, run };
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
