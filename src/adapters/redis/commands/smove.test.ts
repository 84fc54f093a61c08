import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisCalls } from "../../../../test/support/redis-calls.ts";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value";

test("SMOVE moves a member, if it is there", async () => {
  await new RedisCalls().check([
    ["SADD a x y", 2],
    ["SMOVE a b x", 1],
    ["SMEMBERS a", ["y"]],
    ["SMEMBERS b", ["x"]],
    ["SMOVE a b x", 0],
    ["SADD a x", 1],
    ["SMOVE a b x", 1],
    ["SMEMBERS b", ["x"]],
    ["SMOVE a b y", 1],
    ["EXISTS a", 0],
  ]);
});

test("SMOVE within one set only looks", async () => {
  await new RedisCalls().check([
    ["SADD a x", 1],
    ["SMOVE a a x", 1],
    ["SMOVE a a y", 0],
    ["SMOVE none none x", 0],
    ["SMEMBERS a", ["x"]],
  ]);
});

test("SMOVE tells a key of another type, the target's only where there is a source", async () => {
  await new RedisCalls().check([
    ["SADD a x", 1],
    ["SET s 1", "+OK"],
    ["SMOVE s a x", WRONG_TYPE],
    ["SMOVE a s x", WRONG_TYPE],
    ["SMOVE a s none", WRONG_TYPE],
    ["SMOVE a a2 none", 0],
    ["SMOVE none s x", 0],
    ["SMEMBERS a", ["x"]],
  ]);
});

test("a move of which only the first half succeeded leaves the member in both", async () => {
  const calls = new RedisCalls();
  const { store } = calls;
  await calls.check([["SADD a x", 1]]);
  const operate = store.operate.bind(store);
  store.operate = (request, done) => {
    operate(request, (outcome) => {
      store.operate = operate;
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
    ["SMOVE a b x", "-ERR indeterminate: timed-out: too late"],
    ["SMEMBERS a", ["x"]],
    ["SMEMBERS b", ["x"]],
  ]);
});

test("of two that move one member at once only one took it", async () => {
  const calls = new RedisCalls();
  await calls.check([["SADD a x", 1]]);
  const answers = await Promise.all([calls.ask("SMOVE a b x"), calls.ask("SMOVE a c x")]);
  assert.deepEqual(answers.toSorted(), [0, 1]);
  await calls.check([["EXISTS a", 0]]);
});
