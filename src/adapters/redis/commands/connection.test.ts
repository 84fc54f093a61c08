import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDoor } from "../../../../test/support/resp-session.ts";

test("PING and ECHO answer what they are given", async () => {
  const connection = new TestDoor().connect();
  assert.equal(await connection.ask("PING"), "PONG");
  assert.equal(await connection.ask("ping", "a b"), "a b");
  assert.equal(
    await connection.ask("ping a b"),
    "-ERR wrong number of arguments for 'ping' command",
  );
  assert.equal(await connection.ask("ECHO", ""), "");
});

test("HELLO 3 changes the protocol of its own reply, and tells who is there", async () => {
  const connection = new TestDoor().connect();
  const reply = (await connection.ask("HELLO 3 AUTH default any SETNAME me")) as {
    map: [string, unknown][];
  };
  assert.equal(connection.wire.protocol, 3);
  const facts = new Map(reply.map);
  assert.deepEqual(
    ["server", "proto", "mode", "role", "modules"].map((name) => facts.get(name)),
    ["redis", 3, "standalone", "master", []],
  );
  assert.match(String(facts.get("version")), /^7\.0\./);
  assert.equal(await connection.ask("CLIENT GETNAME"), "me");
  await connection.ask("HELLO 2");
  assert.equal(connection.wire.protocol, 2);
});

test("HELLO refuses in Redis's words, and leaves everything as it was", async () => {
  const connection = new TestDoor().connect();
  for (const [request, refusal] of [
    ["HELLO 4", "-NOPROTO unsupported protocol version"],
    ["HELLO x", "-ERR Protocol version is not an integer or out of range"],
    ["HELLO 3 AUTH a b", "-WRONGPASS invalid username-password pair or user is disabled."],
    ["HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'"],
    ["HELLO 3 nope", "-ERR Syntax error in HELLO option 'nope'"],
  ] as const) {
    assert.equal(await connection.ask(request), refusal);
  }
  assert.equal(
    await connection.ask("HELLO", "3", "SETNAME", "a b"),
    "-ERR Client names cannot contain spaces, newlines or special characters.",
  );
  assert.equal(connection.wire.protocol, 2);
});

test("there is one database and no password", async () => {
  const connection = new TestDoor().connect();
  assert.equal(await connection.ask("SELECT 0"), "OK");
  assert.equal(await connection.ask("SELECT 1"), "-ERR DB index is out of range");
  assert.equal(await connection.ask("SELECT x"), "-ERR value is not an integer or out of range");
  assert.match(String(await connection.ask("AUTH x")), /^-ERR AUTH <password> called without any/);
  assert.equal(await connection.ask("AUTH default x"), "OK");
  assert.match(String(await connection.ask("AUTH other x")), /^-WRONGPASS/);
  assert.equal(await connection.ask("AUTH a b c"), "-ERR syntax error");
});

test("RESET makes a connection as it was at first, and QUIT ends it", async () => {
  const connection = new TestDoor().connect();
  await connection.ask("HELLO 3");
  await connection.ask("SUBSCRIBE a");
  await connection.ask("CLIENT SETNAME x");
  await connection.ask("MULTI");
  assert.equal(await connection.ask("RESET"), "RESET");
  assert.equal(connection.wire.protocol, 2);
  assert.equal(connection.session.subscriptionCount, 0);
  assert.equal(await connection.ask("CLIENT GETNAME"), null);
  assert.equal(await connection.ask("EXEC"), "-ERR EXEC without MULTI");
  assert.equal(await connection.ask("QUIT"), "OK");
  assert.equal(connection.wire.state, "ended");
});

test("HELLO does what its options say up to the first that is wrong", async () => {
  const connection = new TestDoor().connect();
  const refused = await connection.ask("HELLO 3 SETNAME first NOPE");
  assert.equal(refused, "-ERR Syntax error in HELLO option 'NOPE'");
  assert.equal(await connection.ask("CLIENT GETNAME"), "first");
});
