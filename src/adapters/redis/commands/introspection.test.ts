import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDoor } from "../../../../test/support/resp-session.ts";

test("COMMAND INFO tells the shape of a command and of a subcommand, null for what is not there", async () => {
  const connection = new TestDoor().connect();
  const [get, id, nope] = (await connection.ask("COMMAND INFO GET client|id nope")) as unknown[][];
  assert.deepEqual(get?.slice(0, 7), [
    "get",
    2,
    ["readonly", "fast"],
    1,
    1,
    1,
    ["@read", "@fast", "@string"],
  ]);
  assert.equal(id?.[0], "client|id");
  assert.equal(nope, null);
});

test("COMMAND counts, lists and describes all that is offered", async () => {
  const door = new TestDoor();
  const connection = door.connect();
  const count = (await connection.ask("COMMAND COUNT")) as number;
  assert.equal(((await connection.ask("COMMAND")) as unknown[]).length, count);
  assert.equal(((await connection.ask("COMMAND LIST")) as unknown[]).length, count);
  const docs = (await connection.ask("COMMAND DOCS get nope")) as { map: [string, unknown][] };
  assert.deepEqual(
    docs.map.map(([name]) => name),
    ["get"],
  );
  assert.deepEqual(await connection.ask("COMMAND LIST FILTERBY PATTERN mul*"), ["multi"]);
  assert.deepEqual(await connection.ask("COMMAND LIST FILTERBY MODULE x"), []);
  const writers = (await connection.ask("COMMAND LIST FILTERBY ACLCAT write")) as string[];
  assert.ok(writers.includes("set") && !writers.includes("get"));
});

test("every command has a summary, and its barrier is nobody's business", async () => {
  const door = new TestDoor();
  for (const { command, fullName } of door.table.all()) {
    assert.ok(command.summary.length > 5, fullName);
    assert.equal(command.name, command.name.toLowerCase());
  }
  const exec = JSON.stringify(await door.connect().ask("COMMAND INFO exec"));
  assert.ok(exec.includes("noscript") && !exec.includes("barrier"));
});

test("COMMAND GETKEYS finds the keys of a request", async () => {
  const connection = new TestDoor().connect();
  assert.deepEqual(await connection.ask("COMMAND GETKEYS MSET a 1 b 2"), ["a", "b"]);
  assert.deepEqual(await connection.ask("COMMAND GETKEYS MEMORY USAGE k"), ["k"]);
  assert.equal(await connection.ask("COMMAND GETKEYS nope x"), "-ERR Invalid command specified");
  assert.equal(
    await connection.ask("COMMAND GETKEYS ECHO x"),
    "-ERR The command has no key arguments",
  );
  assert.equal(
    await connection.ask("COMMAND GETKEYS GET a b"),
    "-ERR Invalid number of arguments specified for command",
  );
});

test("a container explains itself", async () => {
  const connection = new TestDoor().connect();
  const help = (await connection.ask("PUBSUB HELP")) as string[];
  assert.equal(help[0], "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  assert.deepEqual(help.slice(-2), ["HELP", "    Prints this help."]);
});

test("COMMAND GETKEYS believes a count of keys only if there are as many", async () => {
  const connection = new TestDoor().connect();
  const invalid = "-ERR Invalid arguments specified for command";
  assert.deepEqual(await connection.ask("COMMAND GETKEYS SINTERCARD 2 a b LIMIT 1"), ["a", "b"]);
  for (const count of ["0", "3", "x", "-1", "99999999999999999999"]) {
    assert.equal(await connection.ask(`COMMAND GETKEYS SINTERCARD ${count} a b`), invalid, count);
  }
});
