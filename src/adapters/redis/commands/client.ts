/** CLIENT: who is connected, under what name, and what becomes of their replies. */
import { binaryFromBytes } from "../../../base/binary.ts";
import { NULL, OK, type Reply } from "../../../protocol/resp/reply.ts";
import { clientLine, clientType } from "../client-line.ts";
import type { Call, Command, CommandFlag } from "../command.ts";
import { type ErrorReply, errorReply, SYNTAX_ERROR } from "../failures.ts";
import type { Session } from "../session.ts";
import { argumentAt, wordAt } from "./arguments.ts";
import { isClientName } from "./connection.ts";
import { containerCommand } from "./container.ts";
import { integerReply } from "./replies.ts";

const CONNECTION_FLAGS: readonly CommandFlag[] = ["noscript", "loading", "stale"];
const ADMIN_FLAGS: readonly CommandFlag[] = ["admin", ...CONNECTION_FLAGS];
const TYPES = new Set(["normal", "master", "replica", "slave", "pubsub"]);
const ID_DIGITS_MAX = 15;
const BAD_NAME = "cannot contain spaces, newlines or special characters.";

const CLIENT = containerCommand({
  name: "client",
  group: "connection",
  summary: "Commands about connections.",
  subcommands: [
    subcommand("id", 2, CONNECTION_FLAGS, "Shows the connection's number.", (call) =>
      call.reply(integerReply(call.session.id)),
    ),
    subcommand("getname", 2, CONNECTION_FLAGS, "Shows its name.", (call) =>
      call.reply(call.session.name === "" ? NULL : { kind: "binary", binary: call.session.name }),
    ),
    subcommand("setname", 3, CONNECTION_FLAGS, "Gives it a name.", setname),
    subcommand("setinfo", 4, CONNECTION_FLAGS, "Says which library it uses.", setinfo),
    subcommand("info", 2, CONNECTION_FLAGS, "Shows the connection.", (call) =>
      call.reply(lines([call.session], call.nowMs)),
    ),
    subcommand("list", -2, ADMIN_FLAGS, "Shows all connections, by TYPE or ID.", list),
    subcommand("kill", -3, ADMIN_FLAGS, "Ends connections.", kill),
    subcommand("no-evict", 3, ADMIN_FLAGS, "Taken, and without effect.", (call) => {
      const isOn = isSwitchedOn(call);
      if (isOn !== undefined) call.session.isNoEvict = isOn;
    }),
    subcommand("no-touch", 3, CONNECTION_FLAGS, "Taken, and without effect.", (call) => {
      const isOn = isSwitchedOn(call);
      if (isOn !== undefined) call.session.isNoTouch = isOn;
    }),
    subcommand("reply", 3, [...CONNECTION_FLAGS, "barrier"], "Turns replies off and on.", reply),
    subcommand(
      "maint_notifications",
      -3,
      CONNECTION_FLAGS,
      "Taken: there is no maintenance to be told of.",
      isSwitchedOn,
    ),
  ],
});

export const CLIENT_COMMANDS: readonly Command[] = [CLIENT];

function subcommand(
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  summary: string,
  run: (call: Call) => void,
): Omit<Command, "group"> {
  return { name, arity, flags, keys: undefined, summary, run };
}

function setname(call: Call): void {
  const { args, session } = call;
  const name = binaryFromBytes(args[2] as Uint8Array);
  if (!isClientName(name)) return call.reply(errorReply(`ERR Client names ${BAD_NAME}`));
  session.name = name;
  return call.reply(OK);
}

function setinfo(call: Call): void {
  const attribute = wordAt(call, 2);
  const value = binaryFromBytes(argumentAt(call, 3));
  if (attribute !== "lib-name" && attribute !== "lib-ver") {
    return call.reply(errorReply(`ERR Unrecognized option '${attribute}'`));
  }
  if (!isClientName(value)) return call.reply(errorReply(`ERR ${attribute} ${BAD_NAME}`));
  if (attribute === "lib-name") call.session.libName = value;
  else call.session.libVersion = value;
  return call.reply(OK);
}

/** ON or OFF, which is answered; anything else is refused. */
function isSwitchedOn(call: Call): boolean | undefined {
  const word = wordAt(call, 2);
  const isKnown = word === "on" || word === "off";
  call.reply(isKnown ? OK : SYNTAX_ERROR);
  return isKnown ? word === "on" : undefined;
}

function reply(call: Call): void {
  const { session } = call;
  switch (wordAt(call, 2)) {
    case "on":
      session.replies = "on";
      return call.reply(OK);
    case "off":
      session.replies = "off";
      return call.replyAll([]);
    case "skip":
      // Where nothing is answered, nothing is there to skip.
      if (session.replies !== "off") session.replies = "skip-next";
      return call.replyAll([]);
    default:
      return call.reply(SYNTAX_ERROR);
  }
}

function list(call: Call): void {
  const { args, door, nowMs } = call;
  const all = [...door.sessions.values()];
  if (args.length === 2) return call.reply(lines(all, nowMs));
  const word = wordAt(call, 2);
  if (word === "type" && args.length === 4) {
    const type = typeOf(call, 3);
    if (type === undefined) return undefined;
    return call.reply(
      lines(
        all.filter((session) => clientType(session) === type),
        nowMs,
      ),
    );
  }
  if (word !== "id" || args.length < 4) return call.reply(SYNTAX_ERROR);
  const named: Session[] = [];
  for (const arg of args.slice(3)) {
    const id = parseId(arg);
    if (id === undefined) return call.reply(errorReply("ERR Invalid client ID"));
    const session = door.sessions.get(id);
    if (session !== undefined) named.push(session);
  }
  return call.reply(lines(named, nowMs));
}

/** What CLIENT KILL looks for: all that is given must hold. */
interface Wanted {
  id?: number;
  address?: string;
  localAddress?: string;
  type?: string;
  sparesOwn: boolean;
}

function kill(call: Call): void {
  const { args, door } = call;
  if (args.length === 3) {
    const address = binaryFromBytes(argumentAt(call, 2));
    const ended = end(call, { address, sparesOwn: false });
    return call.reply(ended > 0 ? OK : errorReply("ERR No such client"));
  }
  const wanted: Wanted = { sparesOwn: true };
  for (let index = 2; index < args.length; index += 2) {
    const fault = readFilter(call, index, wanted);
    if (fault !== undefined) return call.reply(fault);
  }
  if (wanted.id !== undefined && !door.sessions.has(wanted.id)) return call.reply(integerReply(0));
  return call.reply(integerReply(end(call, wanted)));
}

/** Reads the filter at `index` and its value; answers what is wrong with it. */
function readFilter(call: Call, index: number, wanted: Wanted): ErrorReply | undefined {
  const bytes = call.args[index + 1];
  if (bytes === undefined) return SYNTAX_ERROR;
  const value = binaryFromBytes(bytes);
  switch (wordAt(call, index)) {
    case "id":
      wanted.id = parseId(bytes) ?? 0;
      return wanted.id > 0 ? undefined : errorReply("ERR client-id should be greater than 0");
    case "addr":
      wanted.address = value;
      return undefined;
    case "laddr":
      wanted.localAddress = value;
      return undefined;
    case "type":
      wanted.type = value.toLowerCase();
      return TYPES.has(wanted.type) ? undefined : unknownType(value);
    case "user":
      return value === "default" ? undefined : errorReply(`ERR No such user '${value}'`);
    case "skipme":
      if (!/^(yes|no)$/i.test(value)) return SYNTAX_ERROR;
      wanted.sparesOwn = value.toLowerCase() === "yes";
      return undefined;
    default:
      return SYNTAX_ERROR;
  }
}

/** Ends all that fit: how many. The own connection ends after its reply. */
function end({ session: own, door }: Call, wanted: Wanted): number {
  let ended = 0;
  for (const session of door.sessions.values()) {
    if (wanted.sparesOwn && session === own) continue;
    if (wanted.id !== undefined && session.id !== wanted.id) continue;
    if (wanted.address !== undefined && session.address !== wanted.address) continue;
    if (wanted.localAddress !== undefined && session.localAddress !== wanted.localAddress) continue;
    if (wanted.type !== undefined && clientType(session) !== sameType(wanted.type)) continue;
    ended += 1;
    if (session === own) session.isEnding = true;
    else session.wire.destroy();
  }
  return ended;
}

function typeOf(call: Call, index: number): string | undefined {
  const word = wordAt(call, index);
  if (TYPES.has(word)) return sameType(word);
  call.reply(unknownType(binaryFromBytes(argumentAt(call, index))));
  return undefined;
}

function sameType(type: string): string {
  return type === "slave" ? "replica" : type;
}

function unknownType(type: string): ErrorReply {
  return errorReply(`ERR Unknown client type '${type}'`);
}

function parseId(bytes: Uint8Array): number | undefined {
  const text = binaryFromBytes(bytes.subarray(0, ID_DIGITS_MAX + 1));
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function lines(sessions: readonly Session[], nowMs: number): Reply {
  const text = sessions.map((session) => `${clientLine(session, nowMs)}\n`).join("");
  return { kind: "verbatim", format: "txt", bytes: Buffer.from(text, "latin1") };
}
