/** Commands about the connection itself: which protocol it speaks, that it is there, that it ends. */
import { binaryFromBytes } from "../../../base/binary.ts";
import { OK, PONG, type Reply } from "../../../protocol/resp/reply.ts";
import { VERSION } from "../../../version.ts";
import type { Call, Command, CommandFlag } from "../command.ts";
import { quoted, wrongArity } from "../dispatch.ts";
import { type ErrorReply, errorReply, SYNTAX_ERROR } from "../failures.ts";
import { REDIS_VERSION } from "../redis-version.ts";
import type { Session } from "../session.ts";
import { argumentAt, integerAt, wordAt } from "./arguments.ts";
import { EMPTY_BULK } from "./replies.ts";

const AT_ANY_TIME: readonly CommandFlag[] = ["noscript", "loading", "stale", "fast", "no_auth"];
/** The only user there is. It has no password, so that any will do. */
const USER = "default";
const NAME_BYTES_MAX = 1_024;
const DATABASE_MAX = 2n ** 31n - 1n;

const NO_PASSWORD = errorReply(
  "ERR AUTH <password> called without any password configured for the default user. " +
    "Are you sure your configuration is correct?",
);
const WRONG_PASSWORD = errorReply("WRONGPASS invalid username-password pair or user is disabled.");
const BAD_NAME = errorReply(
  "ERR Client names cannot contain spaces, newlines or special characters.",
);
const NO_DATABASE = errorReply("ERR DB index is out of range");

export const CONNECTION_COMMANDS: readonly Command[] = [
  connectionCommand("ping", -1, ["fast"], "Answers, to show that the connection is there.", ping),
  connectionCommand("echo", 2, ["loading", "stale", "fast"], "Answers what it is given.", (call) =>
    call.reply({ kind: "bulk", bytes: argumentAt(call, 1) }),
  ),
  connectionCommand("select", 2, ["loading", "stale", "fast"], "Takes database 0.", select),
  connectionCommand("auth", -2, AT_ANY_TIME, "Says who the client is.", auth),
  connectionCommand("hello", -1, [...AT_ANY_TIME, "barrier"], "Chooses the protocol.", hello),
  connectionCommand("quit", -1, [...AT_ANY_TIME, "barrier"], "Ends the connection.", (call) => {
    call.session.isEnding = true;
    call.reply(OK);
  }),
  connectionCommand(
    "reset",
    1,
    [...AT_ANY_TIME, "barrier"],
    "Makes the connection as it was at first.",
    (call) => {
      call.session.reset();
      call.reply({ kind: "simple", text: "RESET" });
    },
  ),
];

function connectionCommand(
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  summary: string,
  run: (call: Call) => void,
): Command {
  return { name, arity, flags, keys: undefined, group: "connection", summary, run };
}

function ping(call: Call): void {
  const { args, session } = call;
  const [, message] = args;
  if (args.length > 2) return call.reply(wrongArity("ping"));
  const said: Reply = message === undefined ? PONG : { kind: "bulk", bytes: message };
  if (!session.isListening) return call.reply(said);
  // Among messages, it must look like one.
  const items: Reply[] = [
    { kind: "binary", binary: "pong" },
    message === undefined ? EMPTY_BULK : said,
  ];
  return call.reply({ kind: "array", items });
}

function select(call: Call): void {
  const database = integerAt(call, 1);
  if (database === undefined) return;
  if (database > DATABASE_MAX || database < -DATABASE_MAX - 1n) {
    const range = `${-DATABASE_MAX - 1n} and ${DATABASE_MAX}`;
    return call.reply(errorReply(`ERR value is out of range, value must between ${range}`));
  }
  return call.reply(database === 0n ? OK : NO_DATABASE);
}

function auth(call: Call): void {
  const { args } = call;
  if (args.length > 3) return call.reply(SYNTAX_ERROR);
  const [, user] = args;
  if (args.length === 2 || user === undefined) return call.reply(NO_PASSWORD);
  return call.reply(binaryFromBytes(user) === USER ? OK : WRONG_PASSWORD);
}

function hello(call: Call): void {
  const { args, session } = call;
  if (args.length > 1) {
    const version = binaryFromBytes(argumentAt(call, 1));
    if (!/^-?\d{1,18}$/.test(version)) {
      return call.reply(errorReply("ERR Protocol version is not an integer or out of range"));
    }
    if (version !== "2" && version !== "3") {
      return call.reply(errorReply("NOPROTO unsupported protocol version"));
    }
    const fault = takeHelloOptions(call);
    if (fault !== undefined) return call.reply(fault);
    session.protocol = version === "2" ? 2 : 3;
  }
  return call.reply(helloReply(session));
}

/** Does what the options say, one after another, up to the first that is wrong. */
function takeHelloOptions(call: Call): ErrorReply | undefined {
  let index = 2;
  while (index < call.args.length) {
    const word = wordAt(call, index);
    const left = call.args.length - index - 1;
    if (word === "auth" && left >= 2) {
      if (binaryFromBytes(argumentAt(call, index + 1)) !== USER) return WRONG_PASSWORD;
      index += 3;
    } else if (word === "setname" && left >= 1) {
      const name = binaryFromBytes(argumentAt(call, index + 1));
      if (!isClientName(name)) return BAD_NAME;
      call.session.name = name;
      index += 2;
    } else {
      const option = quoted(argumentAt(call, index));
      return errorReply(`ERR Syntax error in HELLO option '${option}'`);
    }
  }
  return undefined;
}

function helloReply(session: Session): Reply {
  const entries: [string, Reply][] = [
    ["server", text("redis")],
    ["version", text(REDIS_VERSION)],
    ["proto", { kind: "integer", value: session.protocol }],
    ["id", { kind: "integer", value: session.id }],
    // Any node answers for any key, across slots too; what clients refuse in cluster mode works here.
    ["mode", text("standalone")],
    ["role", text("master")],
    ["modules", { kind: "array", items: [] }],
    ["dnd", text(VERSION)],
  ];
  return { kind: "map", entries: entries.map(([name, value]) => [text(name), value]) };
}

/** Whether Redis would take it as a name: it is shown in lists of words. */
export function isClientName(name: string): boolean {
  return name.length <= NAME_BYTES_MAX && /^[!-~]*$/.test(name);
}

function text(binary: string): Reply {
  return { kind: "binary", binary };
}
