import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";

const NO_SUCH_KEY = "-ERR no such key";
const SAME = "-ERR source and destination objects are the same";
const SYNTAX = "-ERR syntax error";

test("RENAME takes the value and its time along, and the place of what was there", async () => {
  const calls = new RedisCalls();
  calls.holdHash("hash");
  await calls.check([
    ["SET a 1 EX 10", "+OK"],
    ["RENAME a b", "+OK"],
    ["EXISTS a", 0],
    ["GET b", "1"],
    ["TTL b", 10],
    ["SET c 2", "+OK"],
    ["RENAME c b", "+OK"],
    ["GET b", "2"],
    ["TTL b", -1],
    ["RENAME b hash", "+OK"],
    ["GET hash", "2"],
    ["RENAME none b", NO_SUCH_KEY],
    ["RENAME none none", NO_SUCH_KEY],
    ["RENAME hash hash", "+OK"],
    ["GET hash", "2"],
  ]);
});

test("RENAMENX leaves alone what is there", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["MSET a 1 b 2", "+OK"],
    ["RENAMENX a b", 0],
    ["MGET a b", ["1", "2"]],
    ["RENAMENX a c", 1],
    ["MGET a c", [null, "1"]],
    ["RENAMENX c c", 0],
    ["RENAMENX none c", NO_SUCH_KEY],
  ]);
});

test("what is written to a key while it is renamed is not lost", async () => {
  const calls = new RedisCalls();
  const { store } = calls;
  await calls.check([["SET a old", "+OK"]]);
  store.held = [];
  const renamed = calls.ask("RENAME a b");
  // Runs when the source has been read, before the target is written.
  const written = calls.ask("SET a new");
  store.release();
  assert.deepEqual(await Promise.all([renamed, written]), ["+OK", "+OK"]);
  await calls.check([["MGET a b", ["new", "old"]]]);
});

test("a renaming of which only the first half succeeded may have been done, and both keys are there", async () => {
  const calls = new RedisCalls();
  const { store } = calls;
  await calls.check([["SET a 1", "+OK"]]);
  const put = store.put.bind(store);
  store.put = (request, done) => {
    put(request, (outcome) => {
      store.failNext = {
        kind: "failed",
        code: "timed-out",
        detail: "too late",
        stored: "no",
        quorum: { acks: 0, of: 3, hinted: 0 },
      };
      done(outcome);
    });
  };
  await calls.check([
    ["RENAME a b", "-ERR indeterminate: timed-out: too late"],
    ["MGET a b", ["1", "1"]],
  ]);
});

test("COPY leaves the source, and what is there unless told to replace it", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET a 1 EX 10", "+OK"],
    ["COPY a b", 1],
    ["MGET a b", ["1", "1"]],
    ["TTL b", 10],
    ["SET a 2", "+OK"],
    ["COPY a b", 0],
    ["COPY a b DB 0", 0],
    ["COPY a b replace db 0", 1],
    ["GET b", "2"],
    ["TTL b", -1],
    ["COPY none b", 0],
    ["COPY none b REPLACE", 0],
    ["GET b", "2"],
  ]);
});

test("COPY knows one database, and no copy of a key to itself", async () => {
  const calls = new RedisCalls();
  await calls.check([
    ["SET a 1", "+OK"],
    ["COPY a a", SAME],
    ["COPY none none REPLACE", SAME],
    ["COPY a b DB x", "-ERR value is not an integer or out of range"],
    ["COPY a b DB -1", "-ERR DB index is out of range"],
    ["COPY a b DB 16", "-ERR DB index is out of range"],
    ["COPY a b DB", SYNTAX],
    ["COPY a b FOO", SYNTAX],
    ["COPY a a FOO", SYNTAX],
  ]);
});

test("RENAME takes a hash or set along, with its time, in the place of anything", async () => {
  await new RedisCalls().check([
    ["HSET h a 1 b 2", 2],
    ["EXPIRE h 10", 1],
    ["SADD s m n", 2],
    ["RENAME h s", "+OK"],
    ["HGETALL s", ["a", "1", "b", "2"]],
    ["TTL s", 10],
    ["EXISTS h", 0],
    ["SADD t m n", 2],
    ["SET text 1", "+OK"],
    ["RENAME t text", "+OK"],
    ["SMEMBERS text", ["m", "n"]],
    ["RENAME text text", "+OK"],
    ["RENAMENX text s", 0],
    ["RENAMENX text new", 1],
    ["EXISTS text", 0],
    ["SMEMBERS new", ["m", "n"]],
    ["HINCRBY counted f 5", 5],
    ["RENAME counted new", "+OK"],
    ["HINCRBY new f 1", 6],
  ]);
});

test("COPY leaves a hash or set, and what is there unless told to replace it", async () => {
  await new RedisCalls().check([
    ["HSET h a 1", 1],
    ["COPY h copy", 1],
    ["HSET copy a 2", 0],
    ["HGET h a", "1"],
    ["SADD s m", 1],
    ["COPY s copy", 0],
    ["COPY s copy REPLACE", 1],
    ["SMEMBERS copy", ["m"]],
    ["SREM copy m", 1],
    ["COPY copy h REPLACE", 0],
    ["EXISTS h", 1],
    ["COPY h copy", 1],
  ]);
});

test("what is written to one field while a hash is renamed is not lost", async () => {
  for (const line of ["HINCRBY h a 1", "HDEL h b", "HSET h c 3"]) {
    const calls = new RedisCalls();
    await calls.check([["HSET h a 1 b 2", 2]]);
    const query = calls.store.query.bind(calls.store);
    // The source has been read, the target not yet written.
    calls.store.query = (request, done) => {
      calls.store.query = query;
      query(request, (outcome) => {
        void (async () => {
          await calls.ask(line);
          done(outcome);
        })();
      });
    };
    await calls.check([
      ["RENAME h to", "+OK"],
      ["HGETALL to", ["a", "1", "b", "2"]],
      ["EXISTS h", 1],
    ]);
  }
});

test("a hash that became a text while it was read is renamed as one", async () => {
  const calls = new RedisCalls();
  await calls.check([["HSET h a 1", 1]]);
  const query = calls.store.query.bind(calls.store);
  calls.store.query = (request, done) => {
    calls.store.query = query;
    void calls.ask("SET h text").then(() => query(request, done));
  };
  await calls.check([
    ["RENAME h to", "+OK"],
    ["GET to", "text"],
  ]);
});
