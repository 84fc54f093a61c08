/** Traces over three real processes, as a collector gets them; and what they cost where nobody asked for them, or nobody takes them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, beforeEach, test } from "node:test";
import { readMetrics } from "../../src/protocol/http/metrics-reader.ts";
import { type CollectedSpan, OtlpCollector } from "../support/otlp-collector.ts";
import { eventually, RealCluster, type RunningDnd, type UpNode } from "./real-cluster.ts";

const CALLER = "00f067aa0ba902b7";
const PATIENCE_MS = 20_000;

let collector: OtlpCollector;
let cluster: RealCluster;
let up: RunningDnd;
let nodes: readonly UpNode[] = [];
/** The trace of the test that runs: spans of the one before may come while it does. */
let trace = "";
let traces = 0;

before(async () => {
  collector = await OtlpCollector.open();
  cluster = await RealCluster.create(3);
  // Chance begins no trace: all there are were asked for.
  const flags = ["--traces-to", collector.url, "--traces-ratio", "0"];
  ({ up, nodes } = await cluster.up("--durability", "memory", ...flags));
  // A demand for all three is met once each of them has a connection to both others: a moment after they are ready.
  for (const index of nodes.keys()) {
    await eventually(`node ${index} to reach all`, PATIENCE_MS, async () => {
      const status = await ask(index, "/kv/all?w=3", { method: "PUT", body: "1" });
      return status === 200 ? status : undefined;
    });
  }
});
after(async () => {
  await cluster.close();
  await collector.close();
});
beforeEach(() => {
  traces += 1;
  trace = traces.toString(16).padStart(32, "0");
});

/** Headers of a caller who has a span of its own in the test's trace. */
function parent(flags = "01"): Readonly<Record<string, string>> {
  return { traceparent: `00-${trace}-${CALLER}-${flags}`, tracestate: "caller=1" };
}

async function ask(
  index: number,
  path: string,
  init: {
    readonly method?: string;
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<number> {
  const { status } = await fetch(`${nodes[index]?.http}${path}`, init);
  return status;
}

function spansOfTrace(): readonly CollectedSpan[] {
  return collector.spans.filter(({ traceId }) => traceId === trace);
}

function nodeOf(span: CollectedSpan | undefined): unknown {
  return span?.resource["service.instance.id"];
}

/** The names of a span's parents, outermost first, each with whether it is at another node than the one below it. */
function pathOf(span: CollectedSpan, spans: readonly CollectedSpan[]): string {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  if (parent === undefined) return span.parentSpanId === CALLER ? `caller > ${span.name}` : "lost";
  const isElsewhere = nodeOf(parent) !== nodeOf(span);
  return `${pathOf(parent, spans)} ${isElsewhere ? ">>" : ">"} ${span.name}`;
}

function pathsOf(spans: readonly CollectedSpan[]): readonly string[] {
  return spans.map((span) => pathOf(span, spans)).sort();
}

/** The spans of the test's trace once all of these are there: each node sends its own, when it comes to it. */
async function spansOn(expected: readonly string[]): Promise<readonly CollectedSpan[]> {
  try {
    await eventually("all spans", PATIENCE_MS, () =>
      spansOfTrace().length >= expected.length ? true : undefined,
    );
  } finally {
    assert.deepEqual(pathsOf(spansOfTrace()), expected);
  }
  return spansOfTrace();
}

test("a write is one trace: its request, what coordinates it, and each replica with its commit", async () => {
  const init = { method: "PUT", body: "value-marked", headers: parent() };
  assert.equal(await ask(0, "/kv/key-marked?w=3", init), 200);
  const write = "caller > PUT /kv/{key} > dnd.write";
  const spans = await spansOn([
    "caller > PUT /kv/{key}",
    write,
    `${write} > dnd.ask/write`,
    `${write} > dnd.ask/write`,
    `${write} > dnd.ask/write >> dnd.replica/write`,
    `${write} > dnd.ask/write >> dnd.replica/write`,
    `${write} > dnd.ask/write >> dnd.replica/write > dnd.commit`,
    `${write} > dnd.ask/write >> dnd.replica/write > dnd.commit`,
    `${write} > dnd.replica/write`,
    `${write} > dnd.replica/write > dnd.commit`,
  ]);
  assert.ok(spans.every(({ traceState }) => traceState === "caller=1"));
  assert.equal(new Set(spans.map(nodeOf)).size, 3);
  const coordinated = spans.find(({ name }) => name === "dnd.write");
  const facts = { "dnd.operation": "put", "dnd.w": 3, "dnd.outcome": "written" };
  const counts = { "dnd.acks": 3, "dnd.of": 3, "dnd.hinted": 0 };
  assert.deepEqual(coordinated?.facts, {
    ...facts,
    ...counts,
    "dnd.slot": coordinated?.facts["dnd.slot"],
  });
  for (const asked of spans.filter(({ name }) => name === "dnd.ask/write")) {
    const replica = spans.find(({ parentSpanId }) => parentSpanId === asked.spanId);
    assert.equal(asked.facts["dnd.peer"], nodeOf(replica), "the peer that is named did it");
    assert.equal(replica?.facts["dnd.peer"], nodeOf(asked));
  }
  for (const span of spans) assert.ok(span.endNs >= span.startNs);
});

test("a read is one trace, with the replicas it asked", async () => {
  assert.equal(await ask(1, "/kv/key-marked?r=3", { headers: parent() }), 200);
  const read = "caller > GET /kv/{key} > dnd.read";
  await spansOn([
    "caller > GET /kv/{key}",
    read,
    `${read} > dnd.ask/read`,
    `${read} > dnd.ask/read`,
    `${read} > dnd.ask/read >> dnd.replica/read`,
    `${read} > dnd.ask/read >> dnd.replica/read`,
    `${read} > dnd.replica/read`,
  ]);
});

test("what is forwarded goes on under the span of the node that took it", async () => {
  // One key, written under a condition at each node in turn: two of the three are not its first primary, whichever that is.
  assert.equal(await ask(0, "/kv/forwarded-key", { method: "PUT", body: "0" }), 200);
  for (const index of nodes.keys()) {
    const headers = { ...parent(), "if-match": "*" };
    assert.equal(
      await ask(index, "/kv/forwarded-key?w=3", { method: "PUT", body: "1", headers }),
      200,
    );
  }
  const spans = await eventually("a forwarded write", PATIENCE_MS, () => {
    const found = spansOfTrace();
    return pathsOf(found).some((path) =>
      path.endsWith("> dnd.ask/forward >> dnd.modify > dnd.ask/write >> dnd.replica/write"),
    )
      ? found
      : undefined;
  });
  const served = spans.find(({ name, kind }) => name === "dnd.modify" && kind === 2);
  assert.equal(served?.facts["dnd.operation"], "put-if");
});

test("what nobody traces is not sent, and no key or value ever is", async () => {
  for (const headers of [{}, parent("00")]) {
    assert.equal(await ask(0, "/kv/untraced", { method: "DELETE", headers }), 204);
  }
  // What comes later has come, so what came before would have.
  const untraced = trace;
  trace = "f".repeat(32);
  assert.equal(await ask(0, "/kv/none", { headers: parent() }), 404);
  await eventually("the later one", PATIENCE_MS, () =>
    spansOfTrace().some(({ name }) => name === "GET /kv/{key}") ? true : undefined,
  );
  assert.ok(!collector.spans.some(({ traceId }) => traceId === untraced));
  assert.ok(!collector.spans.some(({ name }) => name === "DELETE /kv/{key}"));
  assert.ok(collector.text.includes("dnd.slot"));
  for (const secret of ["key-marked", "value-marked", "forwarded-key"]) {
    assert.ok(!collector.text.includes(secret), secret);
  }
});

test("a collector that hangs costs requests nothing, and a stop a few seconds", async () => {
  collector.isHanging = true;
  const beganMs = performance.now();
  for (let count = 0; count < 200; count += 1) {
    const init = { method: "PUT", body: "1", headers: parent() };
    assert.equal(await ask(count % 3, `/kv/hanging-${count}`, init), 200);
  }
  const eachMs = (performance.now() - beganMs) / 200;
  assert.ok(eachMs < 250, `${eachMs} ms each`);
  const failed = await eventually("spans that were not taken", PATIENCE_MS, async () => {
    const read = readMetrics(await (await fetch(`${nodes[0]?.http}/metrics`)).text());
    assert.ok(Array.isArray(read));
    const family = read.find(({ name }) => name === "dnd_spans_failed_total");
    const value = family?.samples[0]?.value ?? 0;
    return value > 0 ? value : undefined;
  });
  assert.ok(failed > 0);
  up.process.kill("SIGTERM");
  const stoppedMs = performance.now();
  assert.equal(await up.ended, 0);
  assert.ok(performance.now() - stoppedMs < 15_000);
  assert.match(up.stderr, /traces-not-taken/);
});

/** Modules of OpenTelemetry that a program has loaded which opens a node, uses it, and closes it. */
function loadedBy(options: object): readonly string[] {
  const source = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    const { openNode } = await import(${JSON.stringify(new URL("../../src/open-node.ts", import.meta.url))});
    const node = await openNode({ port: 0, durability: "memory", replicas: 1, ...${JSON.stringify(options)} });
    await node.put("k", "v");
    await node.close();
    console.log(JSON.stringify(loaded.filter((url) => url.includes("opentelemetry"))));
  `;
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const told = execFileSync(process.execPath, ["--input-type=module", "-e", source], {
    stdio: [...stdio],
    encoding: "utf8",
  });
  return JSON.parse(told) as string[];
}

test("nothing of OpenTelemetry is loaded where no traces are configured", async () => {
  assert.deepEqual(loadedBy({}), []);
  assert.deepEqual(loadedBy({ tracesTo: "off" }), []);
  assert.ok(loadedBy({ tracesTo: collector.url, tracesRatio: 0 }).length > 10);
});
