/** Requests that are part of a trace: the spans they become, over a store that answers as told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { FakeStore } from "../../test/support/fake-store.ts";
import { RecordingTracer } from "../../test/support/recorded-spans.ts";
import { keyFromText } from "../model/key.ts";
import type { Span } from "../model/trace.ts";
import { failure } from "./request-context.ts";
import { TracedStore } from "./traced-store.ts";

const KEY = keyFromText("k");
const PUT = { key: KEY, value: Uint8Array.of(1), contentType: "text/plain" };

class Trial {
  readonly store = new FakeStore();
  readonly tracer = new RecordingTracer();
  readonly told: string[] = [];
  readonly traced: TracedStore;

  constructor() {
    const span = this.tracer.begin("request", "server", undefined) as Span;
    this.traced = new TracedStore(this.store, span);
  }

  readonly done = ({ kind }: { readonly kind: string }): void => void this.told.push(kind);

  /** What began, once all is answered. */
  async spans(): Promise<readonly string[]> {
    await turn();
    await turn();
    return this.tracer.tree().slice(1);
  }
}

test("each kind of request is a span with its slot, what it demanded, and how it ended", async () => {
  const trial = new Trial();
  const { traced, done } = trial;
  traced.put({ ...PUT, w: 2 }, done);
  await turn();
  traced.read({ key: KEY, r: 1 }, done);
  traced.query({ key: KEY, query: { kind: "summary" } }, done);
  traced.operate({ key: KEY, operation: { kind: "persist" } }, done);
  await turn();
  traced.list({ prefix: "", limit: 1, withValues: false }, done);
  await turn();
  traced.delete({ key: KEY }, done);
  await turn();
  traced.flush({}, done);
  const counts = "dnd.acks=2 dnd.of=3 dnd.hinted=1";
  assert.deepEqual(await trial.spans(), [
    `request > dnd.write (internal) dnd.operation=put dnd.slot=7629 dnd.w=2 ${counts} dnd.outcome=written: ok`,
    `request > dnd.read (internal) dnd.slot=7629 dnd.r=1 ${counts} dnd.outcome=found: ok`,
    `request > dnd.read (internal) dnd.operation=summary dnd.slot=7629 ${counts} dnd.outcome=answered: ok`,
    `request > dnd.modify (internal) dnd.operation=persist dnd.slot=7629 ${counts} dnd.outcome=applied: ok`,
    "request > dnd.list (internal) dnd.outcome=page: ok",
    `request > dnd.write (internal) dnd.operation=delete dnd.slot=7629 ${counts} dnd.outcome=written: ok`,
    `request > dnd.flush (internal) ${counts} dnd.outcome=flushed: ok`,
  ]);
  assert.equal(trial.told.length, 7);
});

test("the store is asked under the span, so that its own work is part of it", async () => {
  const trial = new Trial();
  trial.traced.put(PUT, trial.done);
  await trial.spans();
  const [put] = trial.store.puts;
  assert.equal(put?.trace?.context.spanId, trial.tracer.spans[1]?.context.spanId);
});

test("a failure is a span that failed, with what it left behind", async () => {
  const trial = new Trial();
  trial.store.failNext = failure("timed-out", "maybe", { acks: 1, of: 3, hinted: 0 });
  trial.traced.put(PUT, trial.done);
  assert.deepEqual(await trial.spans(), [
    "request > dnd.write (internal) dnd.operation=put dnd.slot=7629 " +
      "dnd.acks=1 dnd.of=3 dnd.hinted=0 dnd.stored=maybe: timed-out",
  ]);
  assert.deepEqual(trial.told, ["failed"]);
});

test("a request with as many spans as it may have is answered all the same", async () => {
  const trial = new Trial();
  trial.tracer.left = 0;
  trial.traced.put(PUT, trial.done);
  assert.deepEqual(await trial.spans(), []);
  assert.deepEqual(trial.told, ["written"]);
  assert.equal(trial.store.puts[0]?.trace, undefined);
});
