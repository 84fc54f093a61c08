/** Publishing and listening. Who listens to how much is confirmed by one message for each name, as in Redis. */
import { binaryFromBytes } from "../../../base/binary.ts";
import { KEY_BYTES_MAX } from "../../../model/limits.ts";
import { matchesGlob } from "../../../protocol/resp/glob.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command, CommandFlag, KeyPositions } from "../command.ts";
import { errorReply } from "../failures.ts";
import type { Session } from "../session.ts";
import type { SubscriptionKind } from "../subscriptions.ts";
import { argumentAt } from "./arguments.ts";
import { ALL_KEYS, FIRST_KEY } from "./command-shapes.ts";
import { containerCommand } from "./container.ts";
import { binaryReply, integerReply } from "./replies.ts";

/** Alone on its connection: a confirmation must not overtake a reply, nor a message its confirmation. */
const LISTEN_FLAGS: readonly CommandFlag[] = ["pubsub", "noscript", "loading", "stale", "barrier"];
/** What was written before is there for those who are told. */
const PUBLISH_FLAGS: readonly CommandFlag[] = ["pubsub", "loading", "stale", "fast", "barrier"];
const ASK_FLAGS: readonly CommandFlag[] = ["pubsub", "loading", "stale"];

const TOO_MANY = errorReply("ERR too many subscriptions of one connection");
const TOO_LONG = errorReply(`ERR a channel's name is longer than ${KEY_BYTES_MAX} bytes`);

export const PUBSUB_COMMANDS: readonly Command[] = [
  listening("subscribe", "channel", "Listens to channels."),
  listening("psubscribe", "pattern", "Listens to all channels whose names match patterns."),
  listening("ssubscribe", "shard", "Listens to sharded channels.", ALL_KEYS),
  ending("unsubscribe", "channel", "Listens to channels no more; to none without arguments."),
  ending("punsubscribe", "pattern", "Listens to patterns no more; to none without arguments."),
  ending("sunsubscribe", "shard", "Listens to sharded channels no more.", ALL_KEYS),
  publishing("publish", false, "Says something on a channel.", undefined),
  publishing("spublish", true, "Says something on a sharded channel.", FIRST_KEY),
  containerCommand({
    name: "pubsub",
    group: "pubsub",
    summary: "Commands about who listens, at this node.",
    subcommands: [
      asking("channels", -2, "Shows what is listened to, by a pattern.", (call) =>
        channels(call, "channel"),
      ),
      asking("numsub", -2, "Shows how many listen to each channel.", (call) =>
        counts(call, "channel"),
      ),
      asking("numpat", 2, "Shows how many patterns are listened to.", ({ door, reply }) =>
        reply(integerReply(door.subscriptions.size("pattern"))),
      ),
      asking("shardchannels", -2, "Shows the sharded channels that are listened to.", (call) =>
        channels(call, "shard"),
      ),
      asking("shardnumsub", -2, "Shows how many listen to each sharded channel.", (call) =>
        counts(call, "shard"),
      ),
    ],
  }),
];

function listening(
  name: string,
  kind: SubscriptionKind,
  summary: string,
  keys?: KeyPositions,
): Command {
  const run = (call: Call): void => {
    const { args, session, door } = call;
    if (session.subscriptionCount + args.length - 1 > door.limits.subscriptionsMax) {
      return call.reply(TOO_MANY);
    }
    const names = args.slice(1);
    if (names.some(({ length }) => length > KEY_BYTES_MAX)) return call.reply(TOO_LONG);
    const confirmed = names.map((bytes) => {
      const channel = binaryFromBytes(bytes);
      session.subscribe(kind, channel);
      return confirmation(name, channel, countOf(session, kind));
    });
    return call.replyAll(confirmed);
  };
  return { name, arity: -2, flags: LISTEN_FLAGS, keys, group: "pubsub", summary, run };
}

function ending(
  name: string,
  kind: SubscriptionKind,
  summary: string,
  keys?: KeyPositions,
): Command {
  const run = (call: Call): void => {
    const { args, session } = call;
    const names =
      args.length > 1
        ? args.slice(1).map((bytes) => binaryFromBytes(bytes))
        : [...session.subscribed(kind)];
    const confirmed = names.map((channel) => {
      session.unsubscribe(kind, channel);
      return confirmation(name, channel, countOf(session, kind));
    });
    if (confirmed.length === 0) {
      confirmed.push(confirmation(name, undefined, countOf(session, kind)));
    }
    return call.replyAll(confirmed);
  };
  return { name, arity: -1, flags: LISTEN_FLAGS, keys, group: "pubsub", summary, run };
}

function publishing(
  name: string,
  isSharded: boolean,
  summary: string,
  keys: KeyPositions | undefined,
): Command {
  const run = (call: Call): void => {
    const channel = binaryFromBytes(argumentAt(call, 1));
    call.door.channels.publish(channel, argumentAt(call, 2), isSharded, (receivers) =>
      call.reply(integerReply(receivers)),
    );
  };
  return { name, arity: 3, flags: PUBLISH_FLAGS, keys, group: "pubsub", summary, run };
}

function asking(
  name: string,
  arity: number,
  summary: string,
  run: (call: Call) => void,
): Omit<Command, "group"> {
  return { name, arity, flags: ASK_FLAGS, keys: undefined, summary, run };
}

/** `channel` is `undefined` where there was nothing to end. */
function confirmation(word: string, channel: string | undefined, count: number): Reply {
  const name = channel === undefined ? NULL : binaryReply(channel);
  return { kind: "push", items: [binaryReply(word), name, integerReply(count)] };
}

/** As confirmations count: sharded channels by themselves. */
function countOf(session: Session, kind: SubscriptionKind): number {
  const shards = session.subscribed("shard").size;
  return kind === "shard" ? shards : session.subscriptionCount - shards;
}

function channels({ args, door, reply }: Call, kind: SubscriptionKind): void {
  const [, , pattern] = args;
  const names = door.subscriptions.names(kind);
  const found = pattern === undefined ? names : names.filter((name) => matchesGlob(pattern, name));
  return reply({ kind: "array", items: found.map(binaryReply) });
}

function counts({ args, door, reply }: Call, kind: SubscriptionKind): void {
  const items = args.slice(2).flatMap((bytes) => {
    const name = binaryFromBytes(bytes);
    return [binaryReply(name), integerReply(door.subscriptions.count(kind, name))];
  });
  return reply({ kind: "array", items });
}
