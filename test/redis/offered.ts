/**
 * Which of Redis's commands a node offers. What is not here answers `ERR unknown command`, and a test of Redis's own
 * suite that needs it is not expected to pass (`not-passing.json`).
 */

/** In groups as `docs/redis.md` has them. */
const COMMANDS: readonly string[] = [
  "GET SET MGET MSET MSETNX SETNX SETEX PSETEX GETSET GETDEL GETEX APPEND STRLEN GETRANGE SETRANGE SUBSTR",
  "SETBIT GETBIT INCR DECR INCRBY DECRBY INCRBYFLOAT LCS",
  "DEL UNLINK EXISTS TYPE TOUCH RENAME RENAMENX COPY RANDOMKEY KEYS SCAN DBSIZE FLUSHDB FLUSHALL",
  "EXPIRE PEXPIRE EXPIREAT PEXPIREAT EXPIRETIME PEXPIRETIME TTL PTTL PERSIST",
  "HSET HSETNX HGET HMSET HMGET HGETALL HDEL HEXISTS HKEYS HVALS HLEN HSTRLEN HINCRBY HINCRBYFLOAT",
  "HSCAN HRANDFIELD",
  "SADD SREM SMEMBERS SISMEMBER SMISMEMBER SCARD SPOP SRANDMEMBER SMOVE SSCAN",
  "SINTER SINTERCARD SUNION SDIFF SINTERSTORE SUNIONSTORE SDIFFSTORE",
  "MULTI EXEC DISCARD WATCH UNWATCH",
  "SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUNSUBSCRIBE PUBLISH SPUBLISH",
  "READONLY READWRITE ASKING",
  "PING ECHO QUIT SELECT AUTH HELLO RESET INFO TIME LASTSAVE WAIT LOLWUT",
];

/** Commands that are nothing without a second word. */
const SUBCOMMANDS: Readonly<Record<string, string>> = {
  OBJECT: "ENCODING FREQ IDLETIME REFCOUNT HELP",
  CLIENT: "ID GETNAME SETNAME SETINFO LIST INFO KILL NO-EVICT NO-TOUCH REPLY MAINT_NOTIFICATIONS",
  CLUSTER: "SLOTS SHARDS NODES INFO MYID KEYSLOT COUNTKEYSINSLOT GETKEYSINSLOT LINKS",
  COMMAND: "COUNT INFO DOCS LIST GETKEYS",
  CONFIG: "GET SET",
  MEMORY: "USAGE",
  PUBSUB: "CHANNELS NUMSUB NUMPAT SHARDCHANNELS SHARDNUMSUB",
  // The suite clears what it calls functions before each block of tests: accepted, and nothing to clear.
  FUNCTION: "FLUSH",
};

const OFFERED: ReadonlySet<string> = new Set([
  ...COMMANDS.flatMap((group) => group.split(" ")),
  ...Object.entries(SUBCOMMANDS).flatMap(([parent, subs]) =>
    subs.split(" ").map((sub) => `${parent} ${sub}`),
  ),
  // Alone it lists all commands.
  "COMMAND",
]);

/** Settings that a node does not let be set: they would be promises that it does not keep. */
const REFUSED_SETTINGS: ReadonlySet<string> = new Set(["notify-keyspace-events"]);

/** Whether a request is a CONFIG SET that is refused. */
export function isRefusedSetting(request: readonly string[]): boolean {
  const [first = "", second = "", setting = ""] = request.map((word) => word.toLowerCase());
  return first === "config" && second === "set" && REFUSED_SETTINGS.has(setting);
}

/** @param name `GET`, or `CLIENT KILL`: as `commandName` makes it. */
export function isOffered(name: string): boolean {
  return OFFERED.has(name);
}

/** The name that a request goes by, in capitals, with its second word where the first is nothing alone. */
export function commandName(request: readonly string[], known: ReadonlySet<string>): string {
  const [first = "", second] = request.map((word) => word.toUpperCase());
  const long = `${first} ${second}`;
  return second !== undefined && known.has(long) ? long : first;
}

/** All names that the replies to `COMMAND LIST` have, in the form of `commandName`. */
export function knownNames(list: readonly string[]): ReadonlySet<string> {
  return new Set(list.map((name) => name.toUpperCase().replace("|", " ")));
}
