/** Calls of the library that say of whom they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeStore } from "../../test/support/fake-store.ts";
import { RecordingTracer } from "../../test/support/recorded-spans.ts";
import { EmbeddedNode } from "../embedded-node.ts";
import type { Tracer } from "../ports/tracer.ts";

const SPAN = "00f067aa0ba902b7";
const traceparent = `00-4bf92f3577b34da6a3ce929d0e0e4736-${SPAN}-01`;

function nodeOver(tracer: Tracer | undefined): EmbeddedNode {
  return new EmbeddedNode({
    store: new FakeStore(),
    address: "",
    httpAddress: undefined,
    redisAddress: undefined,
    left: new Promise(() => undefined),
    end: () => Promise.resolve(),
    tracer,
  });
}

test("each kind of call is a span under the one it names", async () => {
  const tracer = new RecordingTracer();
  const node = nodeOver(tracer);
  const options = { traceparent, tracestate: "a=1" };
  await node.put("k", "v", options);
  await node.get("k", options);
  await node.delete("k", options);
  await node.hash("h", options).set("f", "v");
  await node.type("h", options);
  for await (const _ of node.list({ ...options, values: false }));
  assert.deepEqual(
    tracer.spans.map(({ name, kind, parentId, ends }) => [name, kind, parentId, ends]),
    ["dnd.write", "dnd.read", "dnd.write", "dnd.modify", "dnd.read", "dnd.list"].map((name) => [
      name,
      "internal",
      SPAN,
      1,
    ]),
  );
  assert.equal(tracer.spans[0]?.context.state, "a=1");
});

test("a call that names none, or a malformed one, is left to chance", async () => {
  const tracer = new RecordingTracer();
  const node = nodeOver(tracer);
  await node.get("k");
  await node.get("k", { traceparent: "what" });
  await node.get("k", { traceparent: traceparent.replace(/1$/, "0") });
  assert.deepEqual(
    tracer.spans.map(({ parentId }) => parentId),
    [undefined, undefined],
  );
});

test("without traces what a call names is passed over", async () => {
  const node = nodeOver(undefined);
  await node.put("k", "v", { traceparent });
  assert.equal((await node.get("k", { traceparent }))?.text(), "v");
});
