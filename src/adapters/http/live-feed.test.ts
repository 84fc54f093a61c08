import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { FakeStore } from "../../../test/support/fake-store.ts";
import type { LiveSample } from "../../protocol/http/live.ts";
import { BACKLOG_BYTES_MAX, LISTENERS_MAX, LiveFeed } from "./live-feed.ts";

const HELLO = { version: "0", mayAct: true };

/** As much of a response as the feed touches. */
class Listener {
  writableLength = 0;
  text = "";
  isEnded = false;
  isDestroyed = false;
  #onClose: (() => void) | undefined;

  writeHead(): void {}
  write(text: string): void {
    this.text += text;
  }
  once(_event: "close", onClose: () => void): void {
    this.#onClose = onClose;
  }
  end(): void {
    this.isEnded = true;
    this.#onClose?.();
  }
  destroy(): void {
    this.isDestroyed = true;
    this.#onClose?.();
  }
  of(event: string): unknown[] {
    const parts = this.text.split("\n\n").map((part) => part.split("\ndata: "));
    return parts
      .filter(([name]) => name === `event: ${event}`)
      .map(([, data]) => JSON.parse(data ?? ""));
  }
  get response(): ServerResponse {
    return this as unknown as ServerResponse;
  }
}

function feedOf(store: FakeStore): LiveFeed {
  return new LiveFeed({ store, disk: async () => undefined, sampleMs: 5 });
}

async function until(claim: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!claim()) {
    assert.ok(performance.now() < endMs, "in vain");
    await wait(2);
  }
}

test("one sampling serves all who listen, and ends with the last of them", async () => {
  const store = new FakeStore();
  let statuses = 0;
  const status = store.status.bind(store);
  store.status = () => {
    statuses += 1;
    return status();
  };
  const feed = feedOf(store);
  await wait(20);
  assert.equal(statuses, 0, "nobody listens, nobody looks");
  const listeners = [new Listener(), new Listener(), new Listener()];
  for (const listener of listeners) assert.ok(feed.attach(listener.response, HELLO));
  const atFirst = statuses;
  await until(() => listeners.every((each) => each.of("sample").length >= 4));
  const [first] = listeners;
  assert.ok(statuses - atFirst <= (first?.of("sample").length ?? 0), "one look a sample");
  assert.deepEqual(first?.of("hello"), [HELLO]);
  const sample = first?.of("sample").at(-1) as LiveSample;
  assert.equal(sample.members.length, 1);
  assert.equal(sample.members[0]?.reach, "self");
  assert.ok(feed.numbers.length >= 3);
  for (const listener of listeners) listener.destroy();
  assert.equal(feed.listeners, 0);
  const atLast = statuses;
  await wait(30);
  assert.equal(statuses, atLast);
});

test("who does not take what is sent is cut off, and the others go on", async () => {
  const feed = feedOf(new FakeStore());
  const [slow, quick] = [new Listener(), new Listener()];
  feed.attach(slow.response, HELLO);
  feed.attach(quick.response, HELLO);
  slow.writableLength = BACKLOG_BYTES_MAX + 1;
  await until(() => slow.isDestroyed);
  const before = quick.of("sample").length;
  await until(() => quick.of("sample").length > before + 1);
  assert.equal(feed.listeners, 1);
  feed.close();
  assert.ok(quick.isEnded);
});

test("so many may listen and no more, and nobody once it is closed", () => {
  const feed = feedOf(new FakeStore());
  for (let count = 0; count < LISTENERS_MAX; count += 1) {
    assert.ok(feed.attach(new Listener().response, HELLO));
  }
  assert.equal(feed.attach(new Listener().response, HELLO), false);
  feed.close();
  assert.equal(feed.attach(new Listener().response, HELLO), false);
});

test("each event is told once to who listens, and all of them to who comes later", async () => {
  const store = new FakeStore();
  const feed = feedOf(store);
  const early = new Listener();
  feed.attach(early.response, HELLO);
  store.insight.events = [{ number: 1, atMs: 5, kind: "died" }];
  await until(() => early.of("timeline").length > 0);
  store.insight.events = [...store.insight.events, { number: 2, atMs: 6, kind: "returned" }];
  await until(() => early.of("timeline").flat().length === 2);
  const late = new Listener();
  feed.attach(late.response, HELLO);
  await until(() => late.of("sample").length >= 3);
  const numbersIn = (each: Listener) =>
    each
      .of("timeline")
      .flat()
      .map((event) => (event as { number: number }).number);
  assert.deepEqual(numbersIn(early), [1, 2]);
  assert.deepEqual(numbersIn(late), [1, 2]);
  feed.close();
});
