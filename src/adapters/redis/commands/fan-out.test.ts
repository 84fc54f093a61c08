import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure } from "../../../model/outcome.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call } from "../command.ts";
import { fanOut, type Stopped } from "./fan-out.ts";

interface Seen {
  readonly kind: "seen";
  readonly item: number;
}

type Done = (outcome: Seen | Failure | Stopped) => void;

const STOPPED: Stopped = { kind: "stopped", reply: { kind: "integer", value: 7 } };

/** What came of it: the replies given, and the outcomes that `end` got. */
function run(items: readonly number[], start: (item: number, done: Done) => void) {
  const replies: Reply[] = [];
  const ends: (readonly Seen[])[] = [];
  const call = { reply: (reply: Reply) => replies.push(reply) } as unknown as Call;
  fanOut<number, Seen>(call, items, start, (outcomes) => ends.push(outcomes));
  return { replies, ends };
}

const seen = (item: number): Seen => ({ kind: "seen", item });

test("outcomes come in the order of the items, whichever was first", () => {
  const waiting: (() => void)[] = [];
  const { ends, replies } = run([1, 2, 3], (item, done) => waiting.push(() => done(seen(item))));
  for (const give of waiting.toReversed()) give();
  assert.deepEqual(ends, [[seen(1), seen(2), seen(3)]]);
  assert.deepEqual(replies, []);
});

test("nothing to ask for ends at once", () => {
  assert.deepEqual(run([], () => assert.fail()).ends, [[]]);
});

test("a hundred thousand that answer within the call end once, and no stack overflows", () => {
  const items = Array.from({ length: 100_000 }, (_, index) => index);
  const { ends } = run(items, (item, done) => done(seen(item)));
  assert.equal(ends.length, 1);
  assert.equal(ends[0]?.length, items.length);
});

test("after the first that stops none is begun, and the reply waits for those under way", () => {
  const waiting: Done[] = [];
  const items = Array.from({ length: 1_000 }, (_, index) => index);
  const { ends, replies } = run(items, (_, done) => waiting.push(done));
  const begun = waiting.length;
  waiting.pop()?.(STOPPED);
  assert.deepEqual(replies, []);
  for (const done of waiting) done(seen(0));
  assert.equal(waiting.length, begun - 1);
  assert.deepEqual(replies, [STOPPED.reply]);
  assert.deepEqual(ends, []);
});
