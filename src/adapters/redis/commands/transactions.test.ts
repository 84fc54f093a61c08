import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDoor } from "../../../../test/support/resp-session.ts";

test("what is put aside runs in order at EXEC, each command by itself", async () => {
  const connection = new TestDoor().connect();
  connection.send("MULTI", "SET a x", "INCR a", "GET a", "PING", "EXEC", "GET a");
  await connection.settled();
  assert.deepEqual(connection.take(), [
    "OK",
    "QUEUED",
    "QUEUED",
    "QUEUED",
    "QUEUED",
    ["OK", "-ERR value is not an integer or out of range", "x", "PONG"],
    "x",
  ]);
});

test("a command that is refused has EXEC run nothing", async () => {
  for (const refused of ["nope", "GET", "client nope"]) {
    const connection = new TestDoor().connect();
    connection.send("MULTI", "SET a x", refused, "EXEC", "GET a");
    await connection.settled();
    const replies = connection.take();
    assert.match(String(replies[2]), /^-ERR /);
    assert.deepEqual(replies.slice(3), [
      "-EXECABORT Transaction discarded because of previous errors.",
      null,
    ]);
  }
});

test("DISCARD drops what was put aside; none of it without MULTI, no MULTI or WATCH within it", async () => {
  const connection = new TestDoor().connect();
  assert.equal(await connection.ask("EXEC"), "-ERR EXEC without MULTI");
  assert.equal(await connection.ask("DISCARD"), "-ERR DISCARD without MULTI");
  await connection.ask("MULTI");
  assert.equal(await connection.ask("MULTI"), "-ERR MULTI calls can not be nested");
  assert.equal(await connection.ask("WATCH a"), "-ERR WATCH inside MULTI is not allowed");
  assert.equal(await connection.ask("SET a 1"), "QUEUED");
  assert.equal(await connection.ask("DISCARD"), "OK");
  assert.equal(await connection.ask("GET a"), null);
  await connection.ask("MULTI");
  assert.deepEqual(await connection.ask("EXEC"), []);
});

test("EXEC runs nothing if a watched key was written, deleted or created meanwhile", async () => {
  const door = new TestDoor();
  const [own, other] = [door.connect(), door.connect()];
  await other.ask("SET there 1");
  for (const change of ["SET there 1", "DEL there", "SET new 1"]) {
    await own.ask("WATCH there new");
    await other.ask(change);
    await own.ask("MULTI");
    await own.ask("SET done 1");
    assert.equal(await own.ask("EXEC"), null, change);
  }
  assert.equal(await own.ask("GET done"), null);
  await own.ask("MULTI");
  await own.ask("SET done 1");
  assert.deepEqual(await own.ask("EXEC"), ["OK"], "watching ends with EXEC");
});

test("UNWATCH, DISCARD and a refused EXEC end watching, also of a WATCH sent just before", async () => {
  const door = new TestDoor();
  const [own, other] = [door.connect(), door.connect()];
  own.send("WATCH a", "UNWATCH");
  await own.settled();
  await other.ask("SET a 1");
  await own.ask("MULTI");
  assert.deepEqual(await own.ask("EXEC"), []);
  own.send("WATCH a", "MULTI", "DISCARD");
  await own.settled();
  await other.ask("SET a 2");
  await own.ask("MULTI");
  assert.deepEqual(await own.ask("EXEC"), []);
  own.send("WATCH a", "MULTI", "EXEC x");
  await own.settled();
  await other.ask("SET a 3");
  await own.ask("MULTI");
  assert.deepEqual(await own.ask("EXEC"), []);
});

test("a key watched twice stays as it was at first", async () => {
  const door = new TestDoor();
  const [own, other] = [door.connect(), door.connect()];
  await own.ask("WATCH a");
  await other.ask("SET a 1");
  await own.ask("WATCH a");
  await own.ask("MULTI");
  assert.equal(await own.ask("EXEC"), null);
});

test("where it cannot be told whether a key changed, nothing runs", async () => {
  const door = new TestDoor();
  const own = door.connect();
  await own.ask("WATCH a");
  await own.ask("MULTI");
  await own.ask("SET b 1");
  door.store.failNext = {
    kind: "failed",
    code: "timed-out",
    detail: "too late",
    stored: "no",
    quorum: { acks: 0, of: 3, hinted: 0 },
  };
  assert.equal(await own.ask("EXEC"), "-EXECABORT nothing was done: timed-out: too late");
  assert.equal(await own.ask("GET b"), null);
});

test("a transaction has a bound, and one beyond it runs nothing", async () => {
  const connection = new TestDoor({ queuedMax: 2 }).connect();
  connection.send("MULTI", "SET a 1", "SET a 2", "SET a 3", "EXEC");
  await connection.settled();
  assert.deepEqual(connection.take().slice(3), [
    "-ERR too many commands in the transaction",
    "-EXECABORT Transaction discarded because of previous errors.",
  ]);
});

test("a hundred thousand commands that answer at once run without nesting", async () => {
  const connection = new TestDoor().connect();
  connection.send("MULTI", ...Array.from({ length: 100_000 }, () => "PING"), "EXEC");
  await connection.settled();
  assert.equal((connection.take().at(-1) as unknown[]).length, 100_000);
});

test("EXEC runs nothing if a field of a watched hash or set changed, and something where none did", async () => {
  const door = new TestDoor();
  const [own, other] = [door.connect(), door.connect()];
  await other.ask("HSET h a 1 b 2");
  await other.ask("SADD s a b c");
  for (const [change, isRun] of [
    ["HINCRBY h a 1", false],
    ["HINCRBY h a 1", false],
    ["HDEL h b", false],
    ["HDEL h none", true],
    ["HSET h a 1", false],
    ["SREM s a", false],
    ["SADD s b", true],
    ["SPOP s", false],
    ["EXPIRE s 100", false],
    ["DEL h", false],
  ] as const) {
    await own.ask("WATCH h s");
    await other.ask(change);
    await own.ask("MULTI");
    assert.deepEqual(await own.ask("EXEC"), isRun ? [] : null, change);
  }
});

test("an EXEC that is refused drops what was put aside", async () => {
  const connection = new TestDoor().connect();
  const text = "wrong number of arguments for 'exec' command";
  const refused = `-EXECABORT Transaction discarded because of: ${text}`;
  assert.equal(await connection.ask("EXEC x"), refused);
  await connection.ask("MULTI");
  assert.equal(await connection.ask("SET a 1"), "QUEUED");
  assert.equal(await connection.ask("EXEC x"), refused);
  assert.equal(await connection.ask("EXEC"), "-ERR EXEC without MULTI");
  assert.equal(await connection.ask("GET a"), null);
});
