/** Spans as a collector gets them: whose they are, how many are kept, and what becomes of them when it does not take them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { type CollectedSpan, OtlpCollector } from "../../../test/support/otlp-collector.ts";
import { Prng } from "../../base/prng.ts";
import type { TraceContext } from "../../model/trace.ts";
import { OtelTracer, SPANS_PER_REQUEST_MAX } from "./otel-tracer.ts";

const CALLER: TraceContext = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  flags: 1,
  state: "rojo=1,congo=2",
};

interface Trial {
  readonly collector: OtlpCollector;
  readonly tracer: OtelTracer;
  readonly logged: string[];
  /** All that has come once the tracer is closed. */
  readonly spans: () => Promise<readonly CollectedSpan[]>;
}

async function trialOf(context: TestContext, ratio = 1): Promise<Trial> {
  const collector = await OtlpCollector.open();
  const logged: string[] = [];
  const tracer = new OtelTracer({
    url: `${collector.url}/v1/traces`,
    ratio,
    version: "1.2.3",
    instance: Promise.resolve("node-1"),
    random: new Prng(1),
    log: { log: (level, event) => void logged.push(`${level} ${event}`) },
  });
  context.after(async () => {
    await tracer.close();
    await collector.close();
  });
  const spans = async (): Promise<readonly CollectedSpan[]> => {
    await tracer.close();
    return collector.spans;
  };
  return { collector, tracer, logged, spans };
}

test("a span comes with whose it is, what it says, and its place in the trace of whoever asks", async (context) => {
  const { collector, tracer, spans } = await trialOf(context);
  const request = tracer.begin("PUT /kv/{key}", "server", CALLER, { "http.route": "/kv/{key}" });
  const asked = request?.begin("dnd.ask/write", "client", { "dnd.peer": "2" });
  assert.deepEqual(asked?.context, {
    traceId: CALLER.traceId,
    spanId: asked?.context.spanId,
    flags: 1,
    state: CALLER.state,
  });
  asked?.end({ "dnd.acks": 3 }, "no-answer");
  request?.end();

  const [child, parent] = await spans();
  assert.deepEqual(
    collector.asked.map(({ path }) => path),
    ["/v1/traces"],
  );
  assert.equal(parent?.parentSpanId, CALLER.spanId);
  assert.equal(parent?.traceState, CALLER.state);
  assert.deepEqual(parent?.facts, { "http.route": "/kv/{key}" });
  assert.deepEqual([parent?.name, parent?.kind, parent?.status], ["PUT /kv/{key}", 2, 0]);
  assert.equal(child?.parentSpanId, parent?.spanId);
  assert.equal(child?.spanId, asked?.context.spanId);
  assert.deepEqual(child?.facts, { "dnd.peer": "2", "dnd.acks": 3, "error.type": "no-answer" });
  assert.deepEqual([child?.kind, child?.status], [3, 2]);
  assert.equal(parent?.resource["service.name"], "dnd");
  assert.equal(parent?.resource["service.version"], "1.2.3");
  assert.equal(parent?.resource["service.instance.id"], "node-1");
  assert.deepEqual(tracer.counts, { exported: 2, dropped: 0, failed: 0 });
});

test("who comes with a trace decides whether it is kept, whatever the ratio; for others chance does", async (context) => {
  const { tracer, spans } = await trialOf(context, 0.25);
  assert.equal(tracer.begin("unwanted", "server", { ...CALLER, flags: 0 }), undefined);
  assert.equal(tracer.begin("unwanted", "server", { ...CALLER, flags: 2 }), undefined);
  for (let count = 0; count < 100; count += 1) tracer.begin("wanted", "server", CALLER)?.end();
  for (let count = 0; count < 1_000; count += 1) tracer.begin("drawn", "server", undefined)?.end();
  const all = await spans();
  const drawn = all.filter(({ name }) => name === "drawn");
  assert.equal(all.length - drawn.length, 100);
  assert.ok(drawn.length > 200 && drawn.length < 300, String(drawn.length));
  assert.equal(new Set(drawn.map(({ traceId }) => traceId)).size, drawn.length);
});

test("a ratio of 0 is none but of those who ask for it", async (context) => {
  const { tracer } = await trialOf(context, 0);
  for (let count = 0; count < 100; count += 1) {
    assert.equal(tracer.begin("drawn", "server", undefined), undefined);
  }
  assert.ok(tracer.begin("wanted", "server", CALLER) !== undefined);
});

test("a request has so many spans, and says how many more it would have had", async (context) => {
  const { tracer, spans } = await trialOf(context);
  const request = tracer.begin("POST /kv", "server", undefined);
  const write = request?.begin("dnd.write", "internal");
  for (let count = 0; count < SPANS_PER_REQUEST_MAX; count += 1) {
    write?.begin("dnd.ask/write", "client")?.end();
  }
  write?.end();
  request?.end();
  const all = await spans();
  assert.equal(all.length, SPANS_PER_REQUEST_MAX);
  assert.deepEqual(all.at(-1)?.facts, { "dnd.spans_omitted": 2 });
  assert.deepEqual(all.at(-2)?.facts, {});
});

test("a collector that hangs costs memory up to a bound, and no request waits for it", async (context) => {
  const { collector, tracer, logged } = await trialOf(context);
  collector.isHanging = true;
  const beganMs = performance.now();
  // Under way when it is still to be seen that nobody takes them; then, those that come later.
  const begun = Array.from({ length: 10_000 }, () => tracer.begin("request", "server", CALLER));
  for (const span of begun) span?.end();
  for (let count = 0; count < 10_000; count += 1) tracer.begin("request", "server", CALLER)?.end();
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
  assert.deepEqual(tracer.counts, { exported: 0, dropped: 20_000 - 8_192, failed: 0 });
  await tracer.close();
  assert.ok(performance.now() - beganMs - tookMs < 5_000, "closing waits a few seconds at most");
  const { exported, dropped, failed } = tracer.counts;
  assert.deepEqual([exported, dropped + failed], [0, 20_000]);
  // What was on its way ends after it was given up, and counts once.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual(tracer.counts, { exported, dropped, failed });
  assert.deepEqual(logged, ["warn traces-not-taken"]);
  assert.equal(tracer.begin("request", "server", CALLER), undefined);
});

test("a collector that refuses is said once, and once more when it takes them again", async (context) => {
  const { collector, tracer, logged } = await trialOf(context);
  const send = async (): Promise<void> => {
    const { exported, failed } = tracer.counts;
    tracer.begin("request", "server", CALLER)?.end();
    while (tracer.counts.exported === exported && tracer.counts.failed === failed) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  collector.status = 400;
  await send();
  await send();
  collector.status = 200;
  await send();
  assert.deepEqual(tracer.counts, { exported: 1, dropped: 0, failed: 2 });
  assert.deepEqual(logged, ["warn traces-not-taken", "info traces-taken-again"]);
});

test("a collector that has just taken nothing is not waited for at the end", async () => {
  // Nobody speaks HTTP there.
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.end("no\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const tracer = new OtelTracer({
    url: `http://127.0.0.1:${port}/`,
    ratio: 1,
    version: "",
    instance: Promise.resolve(""),
    random: new Prng(1),
    log: { log: () => undefined },
  });
  tracer.begin("request", "server", undefined)?.end();
  while (tracer.counts.failed === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  tracer.begin("request", "server", undefined)?.end();
  const beganMs = performance.now();
  await tracer.close();
  assert.ok(performance.now() - beganMs < 500);
  assert.deepEqual(tracer.counts, { exported: 0, dropped: 1, failed: 1 });
  for (const socket of sockets) socket.destroy();
  server.close();
});
