/** OBJECT: how Redis would keep what a key holds. Nothing here depends on it, but clients and tools look at it. */
import { bytesFromBinary } from "../../../base/binary.ts";
import { parseInteger } from "../../../core/operations/integers.ts";
import type { Key } from "../../../model/key.ts";
import type { HashEntry } from "../../../model/operation.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, failureReply } from "../failures.ts";
import { keyAt } from "./arguments.ts";
import { READ, SECOND_KEY } from "./command-shapes.ts";
import { containerCommand } from "./container.ts";
import { walkFields } from "./field-walk.ts";
import { answerRoot } from "./one-key.ts";
import type { ContainerType } from "./one-query.ts";
import { binaryReply, ONE, ZERO } from "./replies.ts";

/** Longest string that Redis keeps in one piece with its header. */
const EMBEDDED_BYTES_MAX = 44;
/** Fields of a hash, and integers of a set, that Redis keeps in one piece, and their longest name and value. */
const SMALL_FIELDS_MAX = 512;
const SMALL_BYTES_MAX = 64;

const NO_FREQUENCY = errorReply(
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching " +
    "between policies at runtime LRU and LFU data will take some time to adjust.",
);
export const OBJECT_COMMANDS: readonly Command[] = [
  containerCommand({
    name: "object",
    group: "generic",
    summary: "Tells how what a key holds is kept",
    subcommands: [
      {
        name: "encoding",
        arity: 3,
        flags: READ,
        keys: SECOND_KEY,
        summary: "Gives the encoding that Redis would choose",
        run: encoding,
      },
      asking("freq", "Gives an error: how often keys are used is not kept", () => NO_FREQUENCY),
      asking("idletime", "Gives 0: when keys were last used is not kept", () => ZERO),
      asking("refcount", "Gives 1: values are not shared", () => ONE),
    ],
  }),
];

function asking(name: string, summary: string, shown: () => Reply): Omit<Command, "group"> {
  const run = (call: Call): void => {
    const key = keyAt(call, 2);
    if (key === undefined) return;
    answerRoot(call, key, (root) => (root === undefined ? NULL : shown()));
  };
  return { name, arity: 3, flags: READ, keys: SECOND_KEY, summary, run };
}

function encoding(call: Call): void {
  const key = keyAt(call, 2);
  if (key === undefined) return;
  call.store.read({ key }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    if (outcome.kind === "absent") return call.reply(NULL);
    const { type, payload } = outcome.root;
    if (type === "hash" || type === "set") return answerFieldsEncoding(call, key, type);
    call.reply(binaryReply(textEncoding(payload)));
  });
}

function textEncoding(text: Uint8Array): string {
  if (parseInteger(text) !== undefined) return "int";
  return text.length <= EMBEDDED_BYTES_MAX ? "embstr" : "raw";
}

/** Looks at no more fields than it takes to see that they are too many to be kept in one piece. */
function answerFieldsEncoding(call: Call, key: Key, type: ContainerType): void {
  const [small, isSmall] = type === "hash" ? HASH_ENCODING : SET_ENCODING;
  let count = 0;
  walkFields(call, {
    key,
    type,
    onPage: (entries, goOn) => {
      count += entries.length;
      if (count <= SMALL_FIELDS_MAX && entries.every(isSmall)) goOn();
      else call.reply(binaryReply("hashtable"));
    },
    onEnd: () => call.reply(count === 0 ? NULL : binaryReply(small)),
  });
}

type FieldsEncoding = readonly [name: string, isSmall: (entry: HashEntry) => boolean];

const HASH_ENCODING: FieldsEncoding = [
  "listpack",
  ([name, value]) => name.length <= SMALL_BYTES_MAX && value.length <= SMALL_BYTES_MAX,
];
const SET_ENCODING: FieldsEncoding = [
  "intset",
  ([member]) => parseInteger(bytesFromBinary(member)) !== undefined,
];
