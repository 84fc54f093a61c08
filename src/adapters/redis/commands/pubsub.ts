/**
 * Publishing and listening, over the whole cluster. Who listens to how much is confirmed by one
 * message for each name, as in Redis.
 *
 * PUBSUB tells of all nodes, as SCAN does; of the one that is asked where clients ask them all
 * (`redis-scan = "node"`).
 */
import { binaryFromBytes } from "../../../base/binary.ts";
import {
  CHANNEL_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  SUBSCRIPTION_NAMES_BYTES_MAX,
} from "../../../model/limits.ts";
import {
  bytesOfName,
  type SubscriptionCounts,
  type SubscriptionKind,
  type SubscriptionQuery,
} from "../../../model/publication.ts";
import { NULL, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command, CommandFlag, KeyPositions } from "../command.ts";
import { quoted } from "../dispatch.ts";
import { errorReply, faultReply } from "../failures.ts";
import type { Session } from "../session.ts";
import { argumentAt } from "./arguments.ts";
import { ALL_KEYS, FIRST_KEY } from "./command-shapes.ts";
import { containerCommand } from "./container.ts";
import { binaryReply, integerReply } from "./replies.ts";

/**
 * Alone on its connection: a confirmation must not overtake a reply, nor a message its
 * confirmation.
 */
const LISTEN_FLAGS: readonly CommandFlag[] = ["pubsub", "noscript", "loading", "stale", "barrier"];
/** What was written before is there for those who are told. */
const PUBLISH_FLAGS: readonly CommandFlag[] = ["pubsub", "loading", "stale", "fast", "after"];
const ASK_FLAGS: readonly CommandFlag[] = ["pubsub", "loading", "stale"];

const NO_BYTES = new Uint8Array(0);
const TOO_MANY = errorReply("ERR too many subscriptions of one connection");
const TOO_LONG = errorReply(`ERR a channel's name is longer than ${CHANNEL_BYTES_MAX} bytes`);
const TOO_MANY_NAMES = errorReply(
  `ERR more names than one reply tells of, ${SUBSCRIPTION_NAMES_BYTES_MAX} bytes of a node`,
);

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
    summary: "Commands about who listens.",
    subcommands: [
      asking("channels", -2, "Shows what is listened to, by a pattern.", (call) =>
        channels(call, "channel"),
      ),
      asking("numsub", -2, "Shows how many listen to each channel.", (call) =>
        counts(call, "channel"),
      ),
      asking("numpat", 2, "Shows how many patterns are listened to.", patterns),
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
    if (names.some(({ length }) => length > CHANNEL_BYTES_MAX)) return call.reply(TOO_LONG);
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
    const message = argumentAt(call, 2);
    if (channel.length > CHANNEL_BYTES_MAX) return call.reply(TOO_LONG);
    if (message.length > MESSAGE_BYTES_MAX) return call.reply(faultReply("too-long"));
    return call.store.publish({ channel, message, isSharded }, (receivers) =>
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

function channels(call: Call, of: SubscriptionKind): void {
  const [, word = NO_BYTES, pattern] = call.args;
  if (call.args.length > 3) {
    const given = `subcommand or wrong number of arguments for '${quoted(word)}'`;
    return call.reply(errorReply(`ERR unknown ${given}. Try PUBSUB HELP.`));
  }
  const glob = pattern === undefined ? "*" : binaryFromBytes(pattern);
  if (glob.length > CHANNEL_BYTES_MAX) return call.reply(TOO_LONG);
  return survey(call, { kind: "matching", of, glob }, (found) => {
    call.reply({ kind: "array", items: [...found.keys()].map(binaryReply) });
  });
}

function patterns(call: Call): void {
  survey(call, { kind: "matching", of: "pattern", glob: "*" }, (found) => {
    call.reply(integerReply(found.size));
  });
}

function counts(call: Call, of: SubscriptionKind): void {
  const asked = call.args.slice(2).map((bytes) => binaryFromBytes(bytes));
  // Nobody can listen to what is longer.
  const names = [...new Set(asked)].filter(({ length }) => length <= CHANNEL_BYTES_MAX);
  const bytesTotal = names.reduce((bytes, name) => bytes + bytesOfName(name), 0);
  if (bytesTotal > SUBSCRIPTION_NAMES_BYTES_MAX) return call.reply(TOO_MANY_NAMES);
  return survey(call, { kind: "named", of, names }, (found) => {
    const items = asked.flatMap((name) => [binaryReply(name), integerReply(found.get(name) ?? 0)]);
    call.reply({ kind: "array", items });
  });
}

function survey(
  call: Call,
  query: SubscriptionQuery,
  onFound: (counts: ReadonlyMap<string, number>) => void,
): void {
  const { store, door } = call;
  const done = (found: SubscriptionCounts): void => {
    if (found.isWhole) onFound(found.counts);
    else call.reply(TOO_MANY_NAMES);
  };
  if (door.scan === "node") done(store.subscriptions.survey(query));
  else store.survey(query, done);
}
