import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDoor } from "../../../test/support/resp-session.ts";
import { OK, type Reply } from "../../protocol/resp/reply.ts";
import type { Call, Command, CommandFlag } from "./command.ts";
import type { RedisLimits } from "./redis-limits.ts";

/** Commands that are answered when the test says so: their calls by what they were asked. */
function heldCommands(calls: Map<string, Call>): Command[] {
  const command = (
    name: string,
    flags: readonly CommandFlag[],
    last: number | undefined,
  ): Command => ({
    name,
    arity: -1,
    flags,
    keys: last === undefined ? undefined : { first: 1, last, step: 1 },
    group: "generic",
    summary: "",
    run: (call) => {
      calls.set(call.args.map((arg) => Buffer.from(arg).toString()).join(" "), call);
    },
  });
  return [
    command("set", ["write"], 1),
    command("get", ["readonly"], 1),
    command("mset", ["write"], -1),
    command("mget", ["readonly"], -1),
    command("all", ["barrier"], undefined),
    command("other", [], undefined),
    command("say", ["after"], undefined),
    {
      name: "ping",
      arity: 1,
      flags: [],
      keys: undefined,
      group: "connection",
      summary: "",
      run: (call) => call.reply({ kind: "simple", text: "PONG" }),
    },
    {
      name: "quit",
      arity: 1,
      flags: ["barrier"],
      keys: undefined,
      group: "connection",
      summary: "",
      run: (call) => {
        call.session.isEnding = true;
        call.reply(OK);
      },
    },
  ];
}

class Bench {
  readonly calls = new Map<string, Call>();
  readonly door: TestDoor;
  readonly connection;

  constructor(limits: Partial<RedisLimits> = {}) {
    this.door = new TestDoor(limits, heldCommands(this.calls));
    this.connection = this.door.connect();
  }

  get running(): string[] {
    return [...this.calls.keys()];
  }

  send(...requests: string[]): void {
    this.connection.send(...requests);
  }

  /** Answers one that is under way, with its own words. */
  answer(words: string, reply: Reply = { kind: "simple", text: words }): void {
    const call = this.calls.get(words);
    assert.ok(call, `${words} is under way`);
    this.calls.delete(words);
    call.reply(reply);
  }

  written(): unknown[] {
    return this.connection.take();
  }
}

test("what is taken is begun when it is pumped, or when the client sends no more", () => {
  const bench = new Bench();
  const { pipeline } = bench.connection;
  pipeline.take(Buffer.from("SET a 1\r\n"));
  pipeline.take(Buffer.from("SET b 1\r\n"));
  assert.deepEqual([...bench.calls.keys()], []);
  assert.equal(pipeline.isBlocked, true, "more need not be read");
  pipeline.pump();
  assert.deepEqual([...bench.calls.keys()], ["SET a 1", "SET b 1"]);
  pipeline.take(Buffer.from("SET c 1\r\n"));
  pipeline.end();
  assert.deepEqual([...bench.calls.keys()], ["SET a 1", "SET b 1", "SET c 1"]);
});

test("replies leave in the order of the requests, whichever is answered first", () => {
  const bench = new Bench();
  bench.send("get a", "get b", "get c");
  bench.answer("get c");
  bench.answer("get b");
  assert.deepEqual(bench.written(), []);
  bench.answer("get a");
  assert.deepEqual(bench.written(), ["get a", "get b", "get c"]);
});

test("a request waits for an earlier one that shares a key, one of them writing", () => {
  const bench = new Bench();
  bench.send("set a 1", "get b", "get a", "get c");
  assert.deepEqual(bench.running, ["set a 1", "get b"]);
  bench.answer("set a 1");
  assert.deepEqual(bench.running, ["get b", "get a", "get c"]);

  bench.send("get a 2", "set a 2", "set d");
  assert.deepEqual(bench.running, ["get b", "get a", "get c", "get a 2"]);
  bench.answer("get a");
  assert.ok(!bench.running.includes("set a 2"));
  bench.answer("get a 2");
  assert.deepEqual(bench.running, ["get b", "get c", "set a 2", "set d"]);
});

test("each key of a request counts, also one that it names twice", () => {
  const bench = new Bench();
  bench.send("mset a b b", "mget c b", "get d");
  assert.deepEqual(bench.running, ["mset a b b"]);
  bench.answer("mset a b b");
  assert.deepEqual(bench.running, ["mget c b", "get d"]);
  bench.answer("mget c b");
  bench.send("mget b b", "set b");
  bench.answer("mget b b");
  assert.ok(bench.running.includes("set b"));
});

test("a barrier waits for all before it and holds up all behind it", () => {
  const bench = new Bench();
  bench.send("get a", "all", "get b", "ping");
  assert.deepEqual(bench.running, ["get a"]);
  bench.answer("get a");
  assert.deepEqual(bench.running, ["all"]);
  bench.send("get c");
  assert.deepEqual(bench.running, ["all"]);
  bench.answer("all");
  assert.deepEqual(bench.running, ["get b", "get c"]);
  bench.answer("get b");
  bench.answer("get c");
  assert.deepEqual(bench.written(), ["get a", "all", "get b", "PONG", "get c"]);
});

test("what is published waits for all before it but other messages, and nothing waits for it", () => {
  const bench = new Bench();
  bench.send("set a", "say 1", "say 2", "get b");
  assert.deepEqual(bench.running, ["set a"]);
  bench.answer("set a");
  assert.deepEqual(bench.running, ["say 1", "say 2", "get b"]);
  bench.send("say 3");
  bench.answer("say 1");
  assert.deepEqual(bench.running, ["say 2", "get b"], "the third waits for what was asked before");
  bench.answer("get b");
  assert.deepEqual(bench.running, ["say 2", "say 3"]);
  bench.send("all");
  bench.answer("say 3");
  assert.deepEqual(bench.running, ["say 2"], "a barrier waits for messages too");
  bench.answer("say 2");
  bench.answer("all");
  assert.deepEqual(bench.written(), ["set a", "say 1", "say 2", "get b", "say 3", "all"]);
});

test("no more than a window of requests is held, and it grows with small replies", () => {
  const bench = new Bench({ windowStart: 2, windowMax: 3 });
  bench.send("get a", "get b", "get c", "get d", "get e", "get f");
  assert.deepEqual(bench.running, ["get a", "get b"]);
  bench.answer("get b");
  assert.deepEqual(bench.running, ["get a", "get c"], "one answered out of its turn counts");
  bench.answer("get a");
  assert.deepEqual(bench.running, ["get c", "get d", "get e"], "three at once, and no more");
});

test("after a large reply no more are asked for than the bound on their bytes has room for", () => {
  const bench = new Bench({ windowBytes: 200_000 });
  bench.send("get a");
  bench.answer("get a", { kind: "bulk", bytes: new Uint8Array(90_000) });
  bench.send("get b", "get c", "get d", "get e");
  assert.deepEqual(bench.running, ["get b", "get c"]);
  bench.answer("get b");
  bench.answer("get c");
  bench.answer("get d");
  assert.equal(bench.running.length, 1);
});

test("nothing is begun while the wire is full", () => {
  const bench = new Bench();
  bench.connection.wire.isFull = true;
  bench.send("get a", "get b");
  assert.deepEqual(bench.running, []);
  assert.ok(bench.connection.pipeline.isBlocked);
  bench.connection.wire.isFull = false;
  bench.connection.pipeline.pump();
  assert.deepEqual(bench.running, ["get a", "get b"]);
  assert.ok(!bench.connection.pipeline.isBlocked);
});

test("requests of one connection have no more bytes under way than the bound, unless it is one", () => {
  const bench = new Bench({ connectionBytesMax: 20 });
  bench.send(`set a ${"x".repeat(30)}`, "set b 1", "set c 1");
  assert.equal(bench.running.length, 1);
  bench.answer(`set a ${"x".repeat(30)}`);
  assert.deepEqual(bench.running, ["set b 1", "set c 1"]);
});

test("connections share the requests that may be under way, in turn", () => {
  const bench = new Bench({ requestsMax: 2 });
  const other = bench.door.connect();
  bench.send("get a", "get b", "get c");
  other.send("get x", "get y");
  assert.deepEqual(bench.running, ["get a", "get b"]);
  bench.answer("get a");
  assert.deepEqual(bench.running, ["get b", "get c"]);
  bench.answer("get b");
  assert.deepEqual(bench.running, ["get c", "get x"]);
  bench.answer("get c");
  bench.answer("get x");
  bench.answer("get y");
  assert.equal(bench.door.state.budget.requests, 0);
  assert.deepEqual(other.take(), ["get x", "get y"]);
});

test("what waits for room when its connection ends gives it back", () => {
  const bench = new Bench({ requestsMax: 1 });
  const other = bench.door.connect();
  bench.send("get a");
  other.send("get x");
  other.pipeline.finish();
  assert.equal(other.wire.state, "ended");
  bench.answer("get a");
  assert.equal(bench.door.state.budget.requests, 0);
  bench.send("get b");
  assert.deepEqual(bench.running, ["get b"]);
});

test("room that was granted to a request the wire then held up is given back, too", () => {
  const bench = new Bench({ requestsMax: 1 });
  const other = bench.door.connect();
  bench.send("get a");
  other.send("get x");
  other.wire.isFull = true;
  bench.answer("get a");
  assert.equal(bench.door.state.budget.requests, 1);
  other.pipeline.finish();
  assert.equal(bench.door.state.budget.requests, 0);
});

test("requests cut anywhere are the same requests", () => {
  const bench = new Bench();
  const bytes = Buffer.from("*2\r\n$3\r\nGET\r\n$1\r\na\r\nping\r\n");
  for (const byte of bytes) bench.connection.pipeline.push(Uint8Array.of(byte));
  bench.answer("GET a");
  assert.deepEqual(bench.written(), ["GET a", "PONG"]);
});

test("what is no request is told after what came before it, and ends the connection", () => {
  const bench = new Bench();
  bench.send("get a");
  bench.connection.pipeline.push(Buffer.from("*1\r\n+PING\r\n*1\r\n$4\r\nping\r\n"));
  assert.deepEqual(bench.written(), []);
  assert.equal(bench.connection.wire.state, "open");
  bench.answer("get a");
  assert.deepEqual(bench.written(), ["get a", "-ERR Protocol error: expected '$', got '+'"]);
  assert.equal(bench.connection.wire.state, "ended");
  assert.equal(bench.door.state.errorCounts.get("ERR"), 1);
});

test("a request of HTTP ends the connection before anything behind it is obeyed", () => {
  for (const request of ["POST / HTTP/1.1\r\nset a 1\r\n", "Host: localhost\r\nset a 1\r\n"]) {
    const bench = new Bench();
    bench.connection.pipeline.push(Buffer.from(request));
    assert.equal(bench.connection.wire.state, "destroyed");
    assert.deepEqual(bench.running, []);
  }
});

test("QUIT is answered, and nothing behind it is", () => {
  const bench = new Bench();
  bench.send("get a", "quit", "get b");
  bench.answer("get a");
  assert.deepEqual(bench.written(), ["get a", "OK"]);
  assert.equal(bench.connection.wire.state, "ended");
  assert.deepEqual(bench.running, []);
});

test("a client that has sent its last request gets its replies before the end", () => {
  const bench = new Bench();
  bench.send("get a", "all", "get b");
  bench.connection.pipeline.end();
  bench.answer("get a");
  bench.answer("all");
  assert.equal(bench.connection.wire.state, "open");
  bench.answer("get b");
  assert.equal(bench.connection.wire.state, "ended");
  assert.deepEqual(bench.written(), ["get a", "all", "get b"]);
});

test("unknown commands and wrong numbers of arguments are told in Redis's words", () => {
  const bench = new Bench();
  bench.send("nope a b", "ping x", `${"n".repeat(200)} ${"a".repeat(100)} ${"b".repeat(100)}`);
  assert.deepEqual(bench.written(), [
    "-ERR unknown command 'nope', with args beginning with: 'a' 'b' ",
    "-ERR wrong number of arguments for 'ping' command",
    `-ERR unknown command '${"n".repeat(128)}', with args beginning with: '${"a".repeat(100)}' '${"b".repeat(25)}' `,
  ]);
  assert.equal(bench.door.table.find(Buffer.from("PING"))?.counts.rejected, 1);
});

test("what became of each command is counted", () => {
  const bench = new Bench();
  bench.send("GET a", "get b", "get c");
  bench.answer("GET a");
  bench.answer("get b", { kind: "error", text: "WRONGTYPE no" });
  const counts = bench.door.table.find(Buffer.from("get"))?.counts;
  assert.deepEqual([counts?.calls, counts?.failed], [3, 1]);
  assert.equal(bench.door.state.errorCounts.get("WRONGTYPE"), 1);
});
