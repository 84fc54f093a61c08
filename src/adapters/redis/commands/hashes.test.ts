import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";
import { NAME_BYTES_MAX } from "../../../model/limits.ts";
import { FIELDS_BYTES_MAX, FIELDS_PER_REQUEST_MAX } from "../../../model/selection.ts";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value";

function wrongCount(command: string): string {
  return `-ERR wrong number of arguments for '${command}' command`;
}

test("HSET sets fields and counts the new ones, HMSET does not count", async () => {
  await new RedisCalls().check([
    ["HSET h a 1 b 2 a 3", 2],
    ["HGET h a", "3"],
    ["HSET h a 4 c 5", 1],
    ["HMSET h a 6 d 7", "+OK"],
    ["HGETALL h", ["a", "6", "b", "2", "c", "5", "d", "7"]],
    ["HSET h a 1 b", wrongCount("hset")],
    ["HMSET h a 1 b", wrongCount("hmset")],
    ['HSET h "" empty', 1],
    ['HGET h ""', "empty"],
  ]);
});

test("HSETNX sets only what is not there", async () => {
  await new RedisCalls().check([
    ["HSETNX h a 1", 1],
    ["HSETNX h a 2", 0],
    ["HSETNX h b 3", 1],
    ["HMGET h a b", ["1", "3"]],
  ]);
});

test("what is not there is null, nothing, or zero", async () => {
  await new RedisCalls().check([
    ["HGET none a", null],
    ["HMGET none a a", [null, null]],
    ["HGETALL none", []],
    ["HKEYS none", []],
    ["HVALS none", []],
    ["HLEN none", 0],
    ["HEXISTS none a", 0],
    ["HSTRLEN none a", 0],
    ["HDEL none a", 0],
    ["HSET h a value", 1],
    ["HGET h b", null],
    ["HMGET h b a b a", [null, "value", null, "value"]],
    ["HEXISTS h b", 0],
    ["HSTRLEN h b", 0],
  ]);
});

test("HKEYS, HVALS, HLEN, HEXISTS and HSTRLEN look at what is there", async () => {
  await new RedisCalls().check([
    ["HSET h b 22 a 1 c 333", 3],
    ["HKEYS h", ["a", "b", "c"]],
    ["HVALS h", ["1", "22", "333"]],
    ["HLEN h", 3],
    ["HEXISTS h a", 1],
    ["HSTRLEN h c", 3],
  ]);
});

test("HDEL counts what it deletes, and the last field takes the key along", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["HSET h a 1 b 2 c 3", 3],
    ["HDEL h a a none", 1],
    ["EXPIRE h 100", 1],
    ["HDEL h b c", 2],
    ["EXISTS h", 0],
    ["TYPE h", "+none"],
    ["HSET h a 1", 1],
    ["TTL h", -1],
  ]);
});

test("a hash of more than one page is counted and given whole", async () => {
  const calls = new RedisCalls();
  const fields = Array.from({ length: 2_500 }, (_, index) => String(index).padStart(4, "0"));
  await calls.askWith(["HSET", "h", ...fields.flatMap((field) => [field, `v${field}`])]);
  await calls.check([["HLEN h", 2_500]]);
  assert.deepEqual(await calls.ask("HKEYS h"), fields);
});

test("a key of another type is told, whatever is asked of it", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET s 1", "+OK"],
    ["SADD t 1", 1],
  ]);
  const words = ["HSET # a 1", "HSETNX # a 1", "HGET # a", "HMSET # a 1", "HMGET # a", "HGETALL #"];
  words.push("HKEYS #", "HVALS #", "HLEN #", "HSTRLEN # a", "HEXISTS # a", "HDEL # a");
  words.push("HINCRBY # a 1", "HINCRBYFLOAT # a 1", "HSCAN # 0", "HRANDFIELD #");
  words.push("HRANDFIELD # 1 WITHVALUES");
  for (const key of ["s", "t"]) {
    for (const line of words) {
      assert.equal(await calls.ask(line.replace("#", key)), WRONG_TYPE, line);
    }
  }
});

test("a command on strings leaves a hash alone, and SET takes its place", async () => {
  await new RedisCalls().check([
    ["HSET h a 1", 1],
    ["GET h", WRONG_TYPE],
    ["INCR h", WRONG_TYPE],
    ["APPEND h x", WRONG_TYPE],
    ["HGET h a", "1"],
    ["SET h text", "+OK"],
    ["GET h", "text"],
    ["DEL h", 1],
    ["HLEN h", 0],
  ]);
});

test("what is more than one write can hold is refused before anything is done", async () => {
  const calls = new RedisCalls();
  const many = Array.from({ length: FIELDS_PER_REQUEST_MAX + 1 }, (_, index) => String(index));
  const counted = `-ERR ${many.length} fields in one command, max ${FIELDS_PER_REQUEST_MAX}`;
  assert.equal(await calls.askWith(["HSET", "h", ...many.flatMap((name) => [name, ""])]), counted);
  assert.equal(await calls.askWith(["HDEL", "h", ...many]), counted);
  assert.equal(await calls.askWith(["HMGET", "h", ...many]), counted);
  const large = "v".repeat(FIELDS_BYTES_MAX / 2);
  const weighed = await calls.askWith(["HSET", "h", "a", large, "b", large]);
  assert.match(String(weighed), /^-ERR fields of \d+ bytes in one command, max \d+/);
  const long = "n".repeat(NAME_BYTES_MAX + 1);
  for (const words of [
    ["HSET", "h", long, "1"],
    ["HGET", "h", long],
    ["HINCRBY", "h", long, "1"],
  ]) {
    const refused = `-ERR field or member is longer than ${NAME_BYTES_MAX} bytes`;
    assert.equal(await calls.askWith(words), refused);
  }
  const value = "v".repeat(calls.store.shared.valueBytesMax + 1);
  const tooLong = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
  assert.equal(await calls.askWith(["HSET", "h", "a", value]), tooLong);
  await calls.check([["EXISTS h", 0]]);
  assert.deepEqual(calls.writes, []);
});

test("a hash of more fields than may be looked at is an error, not a part of it", async () => {
  const calls = new RedisCalls();
  calls.store.query = (_request, done) => {
    const quorum = { acks: 1, of: 1, hinted: 0 };
    const result = { kind: "fault", fault: "too-many" } as const;
    done({ kind: "answered", result, quorum });
  };
  const text = "-ERR more fields, or bytes of them, than one command may look at";
  for (const line of ["HGETALL h", "HKEYS h", "HRANDFIELD h", "SMEMBERS h", "SUNION h"]) {
    assert.equal(await calls.ask(line), text, line);
  }
});

test("a request that fails is answered as one", async () => {
  const calls = new RedisCalls();
  const lines = ["HSET h a 1", "HGET h a", "HGETALL h", "HLEN h", "HSCAN h 0", "HINCRBY h a 1"];
  lines.push("SADD s a", "SPOP s", "SMEMBERS s", "SINTER s t", "SINTERSTORE d s", "SMOVE s t a");
  lines.push("OBJECT ENCODING h");
  for (const line of lines) {
    calls.store.failNext = {
      kind: "failed",
      code: "quorum-unreachable",
      detail: "1 of 3",
      stored: "no",
      quorum: { acks: 1, of: 3, hinted: 0 },
    };
    assert.equal(await calls.ask(line), "-CLUSTERDOWN quorum-unreachable: 1 of 3", line);
  }
});
