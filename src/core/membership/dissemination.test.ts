import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, nodeIdFrom } from "../../model/ids.ts";
import { Dissemination } from "./dissemination.ts";

function queue(values: Map<NodeId, string>): Dissemination<string> {
  return new Dissemination({
    look: (_, id) => values.get(id),
    bytesOf: (update) => update.length,
    retransmitFactor: 4,
  });
}

const [a, b, c] = [nodeIdFrom(0, 1), nodeIdFrom(0, 2), nodeIdFrom(0, 3)];

test("news is told 4 x ceil(log2(n + 1)) times", () => {
  for (const [members, times] of [
    [1, 4],
    [3, 8],
    [32, 24],
  ] as const) {
    const news = queue(new Map([[a, "a"]]));
    news.tell("liveness", a);
    let told = 0;
    while (news.take(100, members).length > 0) told += 1;
    assert.equal(told, times, `${members} members`);
    assert.equal(news.isEmpty, true);
  }
});

test("the least told goes first, then the newest, as far as it fits", () => {
  const news = queue(
    new Map([
      [a, "aaaa"],
      [b, "bbbb"],
      [c, "cc"],
    ]),
  );
  news.tell("liveness", a);
  news.tell("liveness", b);
  assert.deepEqual(news.take(4, 9), ["bbbb"]);
  assert.deepEqual(news.take(4, 9), ["aaaa"]);
  news.tell("liveness", c);
  assert.deepEqual(news.take(7, 9), ["cc", "bbbb"]);
  assert.deepEqual(news.take(1, 9), []);
});

test("what is said is what is believed when it is said, and the newer replaces the older", () => {
  const values = new Map([[a, "old"]]);
  const news = queue(values);
  news.tell("liveness", a);
  news.tell("liveness", a);
  values.set(a, "new");
  assert.deepEqual(news.take(100, 3), ["new"]);
  values.delete(a);
  assert.deepEqual(news.take(100, 3), []);
  assert.equal(news.isEmpty, true);
});
