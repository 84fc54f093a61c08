/** Every command that is sent to both servers: how often, in which forms, and what must be equal in its replies. */
import { parseTemplate, type Template } from "./template.ts";

/**
 * - `exact`: all of it.
 * - `sorted`: the items, in any order. `pairs`: the same, of fields with their values.
 * - `seconds`, `milliseconds`: a time, within what two servers can be apart.
 * - `shape`: what kind of reply; of a map, the keys, and of an error, the text.
 * - `description`: of a command, the part that clients read.
 * - `random`: a choice that is each server's own. `scan`: what a whole iteration finds.
 */
export type Comparison =
  | "exact"
  | "sorted"
  | "pairs"
  | "seconds"
  | "milliseconds"
  | "shape"
  | "description"
  | "random"
  | "scan";

export interface Form {
  readonly template: Template;
  readonly weight: number;
}

/** Brackets in brackets: seldom. */
const SELDOM = "[[[{option}]]]";
const SCAN_OPTIONS = `[MATCH {pattern}] [COUNT {page}] ${SELDOM}`;
const EXPIRE_OPTIONS = "[(NX|XX|GT|LT|NX|XX|GT|LT|{option})]";
const TWO_KEYS = "({string} {string}|{number} {number}|{hash} {hash}|{set} {set}|{key} {key})";
const WHEN =
  "[(EX {seconds}|PX {milliseconds}|EXAT {at-seconds}|PXAT {at-milliseconds}|KEEPTTL|PERSIST)]";

/** Weight, comparison, template. The first words are the command's name: one, or two where a subcommand follows. */
const TABLE: readonly (readonly [number, Comparison, string])[] = [
  [12, "exact", "GET {string}"],
  [20, "exact", `SET {string} {value} [(NX|XX)] [GET] ${WHEN}`],
  [3, "exact", "SET {string} {value} <{option}>"],
  [10, "exact", "SET {number} {integer}"],
  [5, "exact", "MGET <{key}>"],
  [3, "exact", "MSET <{string} {value}>"],
  [3, "exact", "MSETNX <{string} {value}>"],
  [3, "exact", "SETNX {string} {value}"],
  [3, "exact", "SETEX {string} {seconds} {value}"],
  [3, "exact", "PSETEX {string} {milliseconds} {value}"],
  [3, "exact", "GETSET {string} {value}"],
  [3, "exact", "GETDEL {string}"],
  [5, "exact", `GETEX {string} ${WHEN} ${SELDOM}`],
  [6, "exact", "APPEND {string} {value}"],
  [3, "exact", "STRLEN {string}"],
  [5, "exact", "GETRANGE {string} {index} {index}"],
  [2, "exact", "SUBSTR {string} {index} {index}"],
  [5, "exact", "SETRANGE {string} {offset} {value}"],
  [5, "exact", "SETBIT {string} {bit} (0|1|0|1|2|x)"],
  [4, "exact", "GETBIT {string} {bit}"],
  [6, "exact", "INCR {number}"],
  [4, "exact", "DECR {number}"],
  [6, "exact", "INCRBY {number} {integer}"],
  [4, "exact", "DECRBY {number} {integer}"],
  [6, "exact", "INCRBYFLOAT {number} {float}"],
  [3, "exact", "LCS {string} {string} [(LEN|IDX)] [IDX] [MINMATCHLEN {count}] [WITHMATCHLEN]"],

  [9, "exact", "DEL <{key}>"],
  [2, "exact", "UNLINK <{key}>"],
  [4, "exact", "EXISTS <{key}>"],
  [5, "exact", "TYPE {key}"],
  [2, "exact", "TOUCH <{key}>"],
  [4, "exact", `RENAME ${TWO_KEYS}`],
  [3, "exact", `RENAMENX ${TWO_KEYS}`],
  [5, "exact", `COPY ${TWO_KEYS} [DB 0] [REPLACE] ${SELDOM}`],
  [2, "random", "RANDOMKEY"],
  [3, "sorted", "KEYS {pattern}"],
  [3, "scan", `SCAN {cursor} [TYPE (string|hash|set|zset|nosuch)] ${SCAN_OPTIONS}`],
  [3, "exact", "DBSIZE"],
  [4, "exact", `EXPIRE {key} {seconds} ${EXPIRE_OPTIONS} [${EXPIRE_OPTIONS}]`],
  [4, "exact", `PEXPIRE {key} {milliseconds} ${EXPIRE_OPTIONS}`],
  [4, "exact", `EXPIREAT {key} {at-seconds} ${EXPIRE_OPTIONS}`],
  [4, "exact", `PEXPIREAT {key} {at-milliseconds} ${EXPIRE_OPTIONS} [${EXPIRE_OPTIONS}]`],
  [4, "seconds", "TTL {key}"],
  [4, "milliseconds", "PTTL {key}"],
  [3, "seconds", "EXPIRETIME {key}"],
  [3, "milliseconds", "PEXPIRETIME {key}"],
  [4, "exact", "PERSIST {key}"],
  [1, "shape", "OBJECT ENCODING {key}"],
  [1, "shape", "OBJECT REFCOUNT {key}"],
  [1, "shape", "OBJECT IDLETIME {key}"],
  [1, "exact", "OBJECT FREQ {key}"],
  [0.3, "exact", "(FLUSHALL|FLUSHDB) [(ASYNC|SYNC|{junk})]"],

  [14, "exact", "HSET {hash} <{field} {value}>"],
  [1, "exact", "HSET {hash} {many-fields}"],
  [3, "exact", "HSETNX {hash} {field} {value}"],
  [5, "exact", "HGET {hash} {field}"],
  [3, "exact", "HMSET {hash} <{field} {value}>"],
  [4, "exact", "HMGET {hash} <{field}>"],
  [5, "pairs", "HGETALL {hash}"],
  [7, "exact", "HDEL {hash} <{field}>"],
  [3, "exact", "HEXISTS {hash} {field}"],
  [2, "sorted", "HKEYS {hash}"],
  [2, "sorted", "HVALS {hash}"],
  [3, "exact", "HLEN {hash}"],
  [2, "exact", "HSTRLEN {hash} {field}"],
  [6, "exact", "HINCRBY {hash} {field} {integer}"],
  [6, "exact", "HINCRBYFLOAT {hash} {field} {float}"],
  [3, "scan", `HSCAN {hash} {cursor} ${SCAN_OPTIONS}`],
  [4, "random", "HRANDFIELD {hash} [{count} [(WITHVALUES|WITHVALUES|{option})]]"],

  [14, "exact", "SADD {set} <{member}>"],
  [1, "exact", "SADD {set} {many-members}"],
  [8, "exact", "SREM {set} <{member}>"],
  [5, "sorted", "SMEMBERS {set}"],
  [4, "exact", "SISMEMBER {set} {member}"],
  [4, "exact", "SMISMEMBER {set} <{member}>"],
  [3, "exact", "SCARD {set}"],
  [4, "random", "SPOP {set} [{count}]"],
  [4, "random", "SRANDMEMBER {set} [{count}]"],
  [5, "exact", "SMOVE {set} {set} {member}"],
  [3, "sorted", "SINTER <{set}>"],
  [
    4,
    "exact",
    `SINTERCARD (1 {set}|2 {set} {set}|2 {set} {set}|{count} <{set}>) [LIMIT {limit}] ${SELDOM}`,
  ],
  [3, "sorted", "SUNION <{set}>"],
  [3, "sorted", "SDIFF <{set}>"],
  [3, "exact", "SINTERSTORE {set} <{set}>"],
  [3, "exact", "SUNIONSTORE {set} <{set}>"],
  [3, "exact", "SDIFFSTORE {set} <{set}>"],
  [3, "scan", `SSCAN {set} {cursor} ${SCAN_OPTIONS}`],

  [1, "exact", "(EXEC|DISCARD|UNWATCH)"],
  [1, "exact", "PUBLISH {channel} {value}"],
  [1, "exact", "PUBSUB (CHANNELS [{pattern}]|NUMSUB [<{channel}>]|NUMPAT)"],
  [1, "exact", "PUBSUB (SHARDCHANNELS|SHARDNUMSUB <{channel}>)"],

  [2, "exact", "PING [{value}]"],
  [1, "exact", "ECHO {value}"],
  [1, "exact", "SELECT (0|0|abc|-1|99999)"],
  [1, "exact", "AUTH (secret|default secret|nobody secret)"],
  [0.5, "shape", "HELLO (4|abc|1)"],
  [0.5, "shape", "HELLO (2|3) [AUTH (default secret|nobody secret)] [SETNAME {name}] [{junk}]"],
  [0.2, "exact", "RESET"],
  [1, "shape", "CLIENT ID"],
  [1, "exact", "CLIENT GETNAME"],
  [1, "exact", "CLIENT SETNAME {name}"],
  [0.5, "shape", "CLIENT LIST"],
  [0.5, "shape", "CLIENT INFO"],
  [0.5, "exact", "CLIENT KILL (ID 999999999|TYPE nosuch|ADDR 1.2.3.4:5|1.2.3.4:5|{junk} {junk})"],
  [0.5, "exact", "CLIENT NO-EVICT (on|off|{junk})"],
  [0.5, "shape", "COMMAND COUNT"],
  [1, "description", "COMMAND INFO <(get|set|HSET|spop|expire|exec|sinterstore|msetnx|nosuch)>"],
  [0.3, "shape", "COMMAND DOCS (get|nosuch)"],
  [0.3, "shape", "COMMAND LIST"],
  [
    1,
    "exact",
    "COMMAND GETKEYS (GET {key}|MSET <{key} {value}>|SINTERCARD 2 {set} {set}|COPY {key} {key}|PING|nosuch|GET)",
  ],
  [0.5, "shape", "INFO [(server|keyspace|all)]"],
  [0.5, "exact", "CONFIG GET nosuch"],
  [0.5, "exact", "CONFIG SET nosuch 1"],
  [0.5, "shape", "TIME"],
  [0.5, "shape", "LASTSAVE"],
  [0.5, "shape", "WAIT 0 1"],
  [0.5, "shape", "WAIT (x 1|0 -1|0 x)"],
  [0.5, "shape", "MEMORY USAGE {key} [SAMPLES 3]"],
  [0.2, "shape", "LOLWUT"],
  [2, "exact", "(nosuch|GETT|xyzzy) [<{value}>]"],
  [1, "exact", "(OBJECT|CLIENT|CONFIG|PUBSUB|MEMORY) {junk} [{key}]"],
  [0.3, "shape", "COMMAND {junk} [{key}]"],
];

export const FORMS: readonly Form[] = TABLE.map(([weight, , text]) => ({
  weight,
  template: parseTemplate(text),
}));

const COMPARISONS: ReadonlyMap<string, Comparison> = new Map(
  TABLE.flatMap(([, comparison, text]) => {
    const [first = "", second = ""] = text.split(" ");
    const isNamed = /^[A-Z-]+$/.test(first);
    const name = /^[A-Z-]+$/.test(second) ? `${first} ${second}` : first;
    return isNamed ? [[name, comparison] as const] : [];
  }),
);

export function comparisonOf(request: readonly string[]): Comparison {
  const [first = "", second = ""] = request;
  const name = first.toUpperCase();
  return COMPARISONS.get(`${name} ${second.toUpperCase()}`) ?? COMPARISONS.get(name) ?? "exact";
}
