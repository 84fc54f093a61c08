/** Redis commands as spans: those that touch keys, by their names, under a trace that chance has begun. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { RecordingTracer } from "../../../test/support/recorded-spans.ts";
import { TestDoor } from "../../../test/support/resp-session.ts";
import { failure } from "../../node/request-context.ts";

async function spansOf(door: TestDoor, tracer: RecordingTracer, ...requests: string[]) {
  const connection = door.connect();
  for (const request of requests) {
    connection.send(request);
    for (let count = 0; count < 4; count += 1) await turn();
  }
  return { spans: tracer.tree(), replies: connection.take() };
}

test("a command is a span with what it asks of the store under it; what touches no key is none", async () => {
  const tracer = new RecordingTracer();
  const door = new TestDoor({}, undefined, "cluster", tracer);
  const { spans, replies } = await spansOf(door, tracer, "PING", "set k v", "GET k", "CLIENT ID");
  assert.deepEqual(replies, ["PONG", "OK", "v", 1]);
  const counts = "dnd.acks=2 dnd.of=3 dnd.hinted=1";
  assert.deepEqual(spans, [
    "SET (server) db.system.name=redis db.operation.name=SET: ok",
    `SET > dnd.write (internal) dnd.operation=put dnd.slot=7629 ${counts} dnd.outcome=written: ok`,
    "GET (server) db.system.name=redis db.operation.name=GET: ok",
    `GET > dnd.read (internal) dnd.slot=7629 ${counts} dnd.outcome=found: ok`,
  ]);
});

test("an error is a span that failed, by its code and never by its text", async () => {
  const tracer = new RecordingTracer();
  const door = new TestDoor({}, undefined, "cluster", tracer);
  await spansOf(door, tracer, "sadd k secret");
  tracer.spans.length = 0;
  const { spans } = await spansOf(door, tracer, "incr k");
  assert.equal(spans[0], "INCR (server) db.system.name=redis db.operation.name=INCR: WRONGTYPE");
  tracer.spans.length = 0;
  door.store.failNext = failure("quorum-unreachable", "no");
  const failed = await spansOf(door, tracer, "get k");
  assert.match(failed.spans[0] ?? "", /: [A-Z]+$/);
  assert.match(failed.spans[1] ?? "", /: quorum-unreachable$/);
});

test("the commands of a transaction are spans under its own", async () => {
  const tracer = new RecordingTracer();
  const door = new TestDoor({}, undefined, "cluster", tracer);
  const { spans } = await spansOf(door, tracer, "MULTI", "set k v", "get k", "EXEC");
  assert.deepEqual(
    spans.map((line) => line.split(" (")[0]),
    ["EXEC", "EXEC > dnd.write", "EXEC > dnd.read"],
  );
});

test("a command that is not traced is answered as ever", async () => {
  const tracer = new RecordingTracer();
  tracer.left = 0;
  const door = new TestDoor({}, undefined, "cluster", tracer);
  const { spans, replies } = await spansOf(door, tracer, "set k v", "get k");
  assert.deepEqual([spans, replies], [[], ["OK", "v"]]);
});
