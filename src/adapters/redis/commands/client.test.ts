import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDoor } from "../../../../test/support/resp-session.ts";

test("a connection has a number, a name and a library", async () => {
  const connection = new TestDoor().connect();
  assert.equal(await connection.ask("CLIENT ID"), 1);
  assert.equal(await connection.ask("CLIENT GETNAME"), null);
  assert.equal(await connection.ask("CLIENT SETNAME me"), "OK");
  assert.match(
    String(await connection.ask("CLIENT", "SETNAME", "a b")),
    /^-ERR Client names cannot/,
  );
  assert.equal(await connection.ask("client setinfo LIB-NAME lib"), "OK");
  assert.equal(await connection.ask("client setinfo lib-ver 1.2"), "OK");
  assert.match(String(await connection.ask("client setinfo x 1")), /^-ERR Unrecognized option 'x'/);
  const line = String(await connection.ask("CLIENT INFO"));
  assert.match(
    line,
    /^id=1 addr=127\.0\.0\.1:50001 laddr=127\.0\.0\.1:6400 fd=\d+ name=me age=0 idle=0 flags=N db=0 sub=0 /,
  );
  assert.match(line, / cmd=client\|info user=default redir=-1 resp=2 lib-name=lib lib-ver=1\.2\n$/);
});

test("CLIENT LIST shows all, by type and by number", async () => {
  const door = new TestDoor();
  const [one, two] = [door.connect(), door.connect()];
  await two.ask("SUBSCRIBE a");
  const idsOf = (text: unknown) => [...String(text).matchAll(/^id=(\d+)/gm)].map(([, id]) => id);
  assert.deepEqual(idsOf(await one.ask("CLIENT LIST")), ["1", "2"]);
  assert.deepEqual(idsOf(await one.ask("CLIENT LIST TYPE pubsub")), ["2"]);
  assert.deepEqual(idsOf(await one.ask("CLIENT LIST TYPE replica")), []);
  assert.deepEqual(idsOf(await one.ask("CLIENT LIST ID 2 9 1")), ["2", "1"]);
  assert.equal(await one.ask("CLIENT LIST TYPE x"), "-ERR Unknown client type 'x'");
  assert.equal(await one.ask("CLIENT LIST ID x"), "-ERR Invalid client ID");
  assert.equal(await one.ask("CLIENT LIST x"), "-ERR syntax error");
});

test("CLIENT KILL ends who fits all that is said, itself only when asked to, after its reply", async () => {
  const door = new TestDoor();
  const [one, two, three] = [door.connect(), door.connect(), door.connect()];
  assert.equal(await one.ask("CLIENT KILL ID 2 ADDR 127.0.0.1:50003"), 0);
  assert.equal(await one.ask("CLIENT KILL ID 2"), 1);
  assert.equal(two.wire.state, "destroyed");
  assert.equal(await one.ask("CLIENT KILL 127.0.0.1:50003"), "OK");
  assert.equal(three.wire.state, "destroyed");
  assert.equal(await one.ask("CLIENT KILL 1.2.3.4:5"), "-ERR No such client");
  assert.equal(await one.ask("CLIENT KILL ID 0"), "-ERR client-id should be greater than 0");
  assert.equal(await one.ask("CLIENT KILL SKIPME maybe"), "-ERR syntax error");
  assert.equal(await one.ask("CLIENT KILL ID 1"), 0);
  assert.equal(await one.ask("CLIENT KILL ID 1 SKIPME no"), 1);
  assert.equal(one.wire.state, "ended");
});

test("replies can be turned off, on, and skipped once", async () => {
  const connection = new TestDoor().connect();
  connection.send("CLIENT REPLY OFF", "PING", "CLIENT REPLY SKIP", "CLIENT REPLY ON", "PING");
  await connection.settled();
  assert.deepEqual(connection.take(), ["OK", "PONG"]);
  connection.send("CLIENT REPLY SKIP", "ECHO a", "ECHO b");
  await connection.settled();
  assert.deepEqual(connection.take(), ["b"]);
  assert.equal(await connection.ask("CLIENT REPLY x"), "-ERR syntax error");
});

test("what a listener is told of its subscriptions comes with replies off, too", async () => {
  const connection = new TestDoor().connect();
  await connection.ask("HELLO 3");
  connection.send("CLIENT REPLY OFF", "SUBSCRIBE c", "PING", "UNSUBSCRIBE c");
  await connection.settled();
  assert.deepEqual(connection.take(), [
    ["subscribe", "c", 1],
    ["unsubscribe", "c", 0],
  ]);
});

test("what has no effect is taken, if it is spelled right", async () => {
  const connection = new TestDoor().connect();
  assert.equal(await connection.ask("CLIENT NO-EVICT on"), "OK");
  assert.equal(await connection.ask("CLIENT NO-TOUCH off"), "OK");
  assert.equal(await connection.ask("CLIENT NO-EVICT x"), "-ERR syntax error");
  assert.equal(
    await connection.ask("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none"),
    "OK",
  );
  assert.equal(
    await connection.ask("CLIENT TRACKING on"),
    "-ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.",
  );
  assert.equal(
    await connection.ask("CLIENT"),
    "-ERR wrong number of arguments for 'client' command",
  );
});
