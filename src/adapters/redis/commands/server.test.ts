import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDoor } from "../../../../test/support/resp-session.ts";

test("INFO has Redis's sections and ours, each by its name", async () => {
  const connection = new TestDoor().connect();
  await connection.ask("SET a 1");
  await connection.ask("nope");
  const all = String(await connection.ask("INFO"));
  for (const line of [
    /^redis_version:7\.0\.\d+\r$/m,
    /^connected_clients:1\r$/m,
    /^used_memory:\d+\r$/m,
    /^loading:0\r$/m,
    /^total_commands_processed:\d+\r$/m,
    /^role:master\r$/m,
    /^used_cpu_user:\d+\.\d+\r$/m,
    /^cluster_enabled:1\r$/m,
    /^errorstat_ERR:count=1\r$/m,
    /^node_id:[0-9a-f]{16}\r$/m,
  ]) {
    assert.match(all, line);
  }
  assert.doesNotMatch(all, /cmdstat/);
  const some = String(await connection.ask("INFO commandstats CPU nope"));
  assert.match(some, /^# CPU\r\n/);
  assert.match(
    some,
    /cmdstat_set:calls=1,usec=\d+,usec_per_call=[\d.]+,rejected_calls=0,failed_calls=0/,
  );
  assert.equal(await connection.ask("INFO nope"), "");
  assert.match(String(await connection.ask("INFO everything")), /cmdstat_info/);
});

test("CONFIG shows and takes what is inert, all or nothing, and makes no promises", async () => {
  const connection = new TestDoor().connect();
  assert.deepEqual(await connection.ask("CONFIG GET MAXMEMORY hash-max-listpack-*"), {
    map: [
      ["hash-max-listpack-entries", "512"],
      ["hash-max-listpack-value", "64"],
      ["maxmemory", "0"],
    ],
  });
  assert.equal(await connection.ask("CONFIG SET maxmemory 1gb appendonly YES"), "OK");
  assert.deepEqual(await connection.ask("CONFIG GET maxmemory appendonly"), {
    map: [
      ["appendonly", "yes"],
      ["maxmemory", "1073741824"],
    ],
  });
  const failed = (name: string, why: string) =>
    `-ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`;
  assert.equal(
    await connection.ask("CONFIG SET hz 20 appendonly maybe"),
    failed("appendonly", "argument must be 'yes' or 'no'"),
  );
  assert.deepEqual(await connection.ask("CONFIG GET hz"), { map: [["hz", "10"]] });
  for (const fixed of ["requirepass secret", "notify-keyspace-events KEA", "databases 16"]) {
    const [name = ""] = fixed.split(" ");
    assert.equal(
      await connection.ask(`CONFIG SET ${fixed}`),
      failed(name, "can't set immutable config"),
    );
  }
  assert.equal(await connection.ask("CONFIG", "SET", "notify-keyspace-events", ""), "OK");
  assert.equal(
    await connection.ask("CONFIG SET nope 1"),
    "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'",
  );
  assert.equal(await connection.ask("CONFIG SET hz 1 hz 2"), failed("hz", "duplicate parameter"));
  assert.equal(await connection.ask("CONFIG SET hz 1 save"), "-ERR syntax error");
});

test("CONFIG RESETSTAT counts anew", async () => {
  const door = new TestDoor();
  const connection = door.connect();
  await connection.ask("nope");
  await connection.ask("CONFIG RESETSTAT");
  assert.deepEqual([...door.state.errorCounts], []);
  assert.match(String(await connection.ask("INFO commandstats")), /^# Commandstats\r\n[^g]*$/);
});

test("WAIT tells how many replicas the connection's last write has, beside the first", async () => {
  const connection = new TestDoor().connect();
  assert.equal(await connection.ask("WAIT 0 0"), 0, "one member is alive");
  await connection.ask("SET a 1");
  assert.equal(await connection.ask("WAIT 5 100"), 1, "of two copies");
  assert.equal(await connection.ask("WAIT 1 -1"), "-ERR timeout is negative");
  assert.equal(await connection.ask("WAIT 1 x"), "-ERR timeout is not an integer or out of range");
  assert.equal(await connection.ask("WAIT x 1"), "-ERR value is not an integer or out of range");
});

test("clocks, logs and the rest answer as tools expect", async () => {
  const connection = new TestDoor().connect();
  assert.deepEqual(await connection.ask("TIME"), ["1800000000", "0"]);
  assert.equal(await connection.ask("LASTSAVE"), 1_800_000_000);
  assert.deepEqual(await connection.ask("SLOWLOG GET"), []);
  assert.equal(await connection.ask("SLOWLOG LEN"), 0);
  assert.equal(
    await connection.ask("SLOWLOG GET -2"),
    "-ERR count should be greater than or equal to -1",
  );
  assert.deepEqual(await connection.ask("LATENCY LATEST"), []);
  assert.equal(await connection.ask("FUNCTION FLUSH async"), "OK");
  assert.match(String(await connection.ask("FUNCTION LOAD x")), /^-ERR unknown subcommand 'LOAD'/);
  assert.match(String(await connection.ask("LOLWUT")), /^dnd ver\. /);
  await connection.ask("SET a 12345");
  assert.equal(await connection.ask("MEMORY USAGE a SAMPLES 0"), 70);
  assert.equal(await connection.ask("MEMORY USAGE none"), null);
  const notAnInteger = "-ERR value is not an integer or out of range";
  assert.equal(await connection.ask("MEMORY USAGE a SAMPLES x 3"), notAnInteger);
  assert.equal(await connection.ask("MEMORY USAGE a SAMPLES"), "-ERR syntax error");
  assert.equal(await connection.ask("MEMORY USAGE a SAMPLES -1"), "-ERR syntax error");
  await connection.ask("HSET h f 1 g 22");
  assert.equal(
    await connection.ask("MEMORY USAGE h"),
    3 * (64 + 1) + 2 + 3,
    "each field is a cell",
  );
  for (const name of [
    "BGSAVE",
    "SHUTDOWN",
    "SWAPDB 0 1",
    "EVAL x 0",
    "LPUSH a 1",
    "DEBUG SLEEP 1",
  ]) {
    assert.match(String(await connection.ask(name)), /^-ERR unknown command '/);
  }
});
