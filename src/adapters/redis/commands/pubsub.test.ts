import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDoor } from "../../../../test/support/resp-session.ts";

test("each name that is listened to is confirmed, with how many there are now", async () => {
  const connection = new TestDoor().connect();
  assert.deepEqual(await connection.ask("SUBSCRIBE a b a"), [
    ["subscribe", "a", 1],
    ["subscribe", "b", 2],
    ["subscribe", "a", 2],
  ]);
  assert.deepEqual(await connection.ask("PSUBSCRIBE x*"), ["psubscribe", "x*", 3]);
  assert.deepEqual(await connection.ask("SSUBSCRIBE s"), ["ssubscribe", "s", 1]);
  assert.deepEqual(await connection.ask("UNSUBSCRIBE a none"), [
    ["unsubscribe", "a", 2],
    ["unsubscribe", "none", 2],
  ]);
  assert.deepEqual(await connection.ask("UNSUBSCRIBE"), ["unsubscribe", "b", 1]);
  assert.deepEqual(await connection.ask("UNSUBSCRIBE"), ["unsubscribe", null, 1]);
  assert.deepEqual(await connection.ask("PUNSUBSCRIBE"), ["punsubscribe", "x*", 0]);
  assert.deepEqual(await connection.ask("SUNSUBSCRIBE"), ["sunsubscribe", "s", 0]);
});

test("a message reaches channels and patterns, once for each that fits", async () => {
  const door = new TestDoor();
  const [speaker, listener, other] = [door.connect(), door.connect(), door.connect()];
  await listener.ask("SUBSCRIBE news");
  await listener.ask("PSUBSCRIBE n* *s other*");
  await other.ask("SUBSCRIBE else");
  assert.equal(await speaker.ask("PUBLISH news hello"), 3);
  assert.deepEqual(listener.take(), [
    ["message", "news", "hello"],
    ["pmessage", "n*", "news", "hello"],
    ["pmessage", "*s", "news", "hello"],
  ]);
  assert.deepEqual(other.take(), []);
  assert.equal(await speaker.ask("PUBLISH silence hello"), 0);
});

test("sharded channels are a world of their own", async () => {
  const door = new TestDoor();
  const [speaker, listener] = [door.connect(), door.connect()];
  await listener.ask("SSUBSCRIBE a");
  assert.equal(await speaker.ask("PUBLISH a x"), 0);
  assert.equal(await speaker.ask("SPUBLISH a x"), 1);
  assert.deepEqual(listener.take(), [["smessage", "a", "x"]]);
});

test("in version 2 a listener may do little else; in version 3 everything", async () => {
  const door = new TestDoor();
  const connection = door.connect();
  await connection.ask("SUBSCRIBE a");
  assert.equal(
    await connection.ask("GET a"),
    "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
  );
  assert.match(String(await connection.ask("CLIENT ID")), /^-ERR Can't execute 'client\|id'/);
  assert.deepEqual(await connection.ask("PING"), ["pong", ""]);
  assert.deepEqual(await connection.ask("PING x"), ["pong", "x"]);
  await connection.ask("UNSUBSCRIBE a");
  assert.equal(await connection.ask("PING"), "PONG");
  await connection.ask("HELLO 3");
  await connection.ask("SUBSCRIBE a");
  assert.equal(await connection.ask("PING"), "PONG");
  assert.equal(await connection.ask("GET a"), null);
  assert.deepEqual(await connection.ask("PUBLISH a x"), [["message", "a", "x"], 1]);
  assert.equal(connection.wire.replies.length, 0);
});

test("who turned replies off still hears of its subscriptions, and messages", async () => {
  const connection = new TestDoor().connect();
  await connection.ask("HELLO 3");
  await connection.ask("CLIENT REPLY OFF");
  assert.deepEqual(await connection.ask("SUBSCRIBE a"), ["subscribe", "a", 1]);
  assert.deepEqual(await connection.ask("PUBLISH a x"), ["message", "a", "x"]);
  assert.deepEqual(await connection.ask("UNSUBSCRIBE a"), ["unsubscribe", "a", 0]);
});

test("PUBSUB shows who listens", async () => {
  const door = new TestDoor();
  const [asker, listener] = [door.connect(), door.connect()];
  await listener.ask("SUBSCRIBE a ab");
  await listener.ask("PSUBSCRIBE p* q*");
  await listener.ask("SSUBSCRIBE s");
  assert.deepEqual(await asker.ask("PUBSUB CHANNELS"), ["a", "ab"]);
  assert.deepEqual(await asker.ask("PUBSUB CHANNELS a?"), ["ab"]);
  assert.deepEqual(await asker.ask("PUBSUB NUMSUB a b"), ["a", 1, "b", 0]);
  assert.equal(await asker.ask("PUBSUB NUMPAT"), 2);
  assert.deepEqual(await asker.ask("PUBSUB SHARDCHANNELS"), ["s"]);
  assert.deepEqual(await asker.ask("PUBSUB SHARDNUMSUB s"), ["s", 1]);
  listener.session.unsubscribeAll();
  assert.deepEqual(await asker.ask("PUBSUB CHANNELS"), []);
  assert.equal(await asker.ask("PUBSUB NUMPAT"), 0);
});

test("PUBSUB tells of all nodes, or of this one where clients ask them all", async () => {
  for (const scan of ["cluster", "node"] as const) {
    const door = new TestDoor({}, undefined, scan);
    const [asker, listener] = [door.connect(), door.connect()];
    const other = { deliver: () => undefined };
    await listener.ask("SUBSCRIBE a");
    await listener.ask("PSUBSCRIBE p*");
    for (const name of ["a", "b"]) door.store.elsewhere.add("channel", name, other);
    for (const name of ["p*", "q*"]) door.store.elsewhere.add("pattern", name, other);
    door.store.elsewhere.add("shard", "s", other);
    const isAll = scan === "cluster";
    assert.deepEqual(await asker.ask("PUBSUB CHANNELS"), isAll ? ["a", "b"] : ["a"]);
    assert.deepEqual(
      await asker.ask("PUBSUB NUMSUB a b a"),
      isAll ? ["a", 2, "b", 1, "a", 2] : ["a", 1, "b", 0, "a", 1],
    );
    assert.equal(await asker.ask("PUBSUB NUMPAT"), isAll ? 2 : 1);
    assert.deepEqual(await asker.ask("PUBSUB SHARDNUMSUB s"), ["s", isAll ? 1 : 0]);
    assert.equal(
      await asker.ask("PUBLISH a x"),
      2,
      "those who are told are all, whatever is shown",
    );
  }
});

test("what is too long to be published is refused", async () => {
  const connection = new TestDoor().connect();
  assert.match(
    String(await connection.ask("PUBLISH", "x".repeat(40_000), "m")),
    /^-ERR a channel's name/,
  );
  assert.match(
    String(await connection.ask("PUBLISH", "c", "x".repeat(16 * 1024 * 1024 + 1))),
    /^-ERR string exceeds maximum allowed size/,
  );
  assert.match(
    String(await connection.ask("PUBSUB", "CHANNELS", "x".repeat(40_000))),
    /^-ERR a channel's name/,
  );
  const names = Array.from({ length: 130 }, (_none, index) => `${index}`.padEnd(32_768, "x"));
  assert.match(String(await connection.ask("PUBSUB", "NUMSUB", ...names)), /^-ERR more names/);
});

test("subscriptions have a bound, and one beyond it leaves all as they were", async () => {
  const connection = new TestDoor({ subscriptionsMax: 2 }).connect();
  assert.equal(
    await connection.ask("SUBSCRIBE a b c"),
    "-ERR too many subscriptions of one connection",
  );
  assert.equal(connection.session.subscriptionCount, 0);
  assert.match(
    String(await connection.ask("SUBSCRIBE", "x".repeat(40_000))),
    /^-ERR a channel's name/,
  );
});

test("PUBSUB CHANNELS takes one pattern", async () => {
  const connection = new TestDoor().connect();
  assert.equal(
    await connection.ask("PUBSUB channels a b"),
    "-ERR unknown subcommand or wrong number of arguments for 'channels'. Try PUBSUB HELP.",
  );
});
