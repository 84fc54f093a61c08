import assert from "node:assert/strict";
import { test } from "node:test";
import { formatStamp } from "../../model/stamp.ts";
import { formatTag, matchesTag, parseAfter, parseTags, parseWriteCondition } from "./conditions.ts";

const stamp = { ms: 1_800_000_000_000, counter: 3, boot: 77 };
const tag = formatTag(stamp);

test("tags are a star or a list, and anything else is malformed", () => {
  assert.equal(parseTags(" * "), "any");
  assert.deepEqual(parseTags(tag), [{ isWeak: false, stamp }]);
  assert.deepEqual(parseTags(`"x" ,, W/${tag}`), [
    { isWeak: false, stamp: undefined },
    { isWeak: true, stamp },
  ]);
  for (const header of ["", ",", "x", '"x', `${tag} ${tag}`, `w/${tag}`, "*, *", '"a b"']) {
    assert.equal(parseTags(header), undefined, header);
  }
  assert.equal(parseTags(Array.from({ length: 65 }, () => tag).join()), undefined);
});

test("a weak tag matches weakly only", () => {
  const tags = parseTags(`W/${tag}`);
  assert.ok(tags);
  assert.ok(matchesTag(tags, stamp, "weak"));
  assert.ok(!matchesTag(tags, stamp, "strong"));
  assert.ok(!matchesTag(tags, { ...stamp, counter: 4 }, "weak"));
});

// Goal: no header can hold up the event loop. Method: runs of every character the pattern repeats, as long as a head may be; a
// pattern that tries every split of them needs 20 s and more, a linear one a millisecond.
test("a long malformed list is refused in linear time", { timeout: 5_000 }, () => {
  const startMs = performance.now();
  for (const run of [" ", "\t", ",", " ,", '"', '"a",', 'W/"']) {
    const long = run.repeat(Math.floor(130_000 / run.length));
    for (const header of [`${long}x`, `"a"${long}x`, `"${long}`, long]) parseTags(header);
  }
  assert.equal(parseTags(`${" ".repeat(100_000)}x`), undefined);
  assert.ok(performance.now() - startMs < 2_000);
});

test("a write has one condition", () => {
  assert.deepEqual(parseWriteCondition(undefined, undefined), { condition: undefined });
  assert.deepEqual(parseWriteCondition(tag, undefined), { condition: { kind: "stamp-is", stamp } });
  assert.deepEqual(parseWriteCondition("*", undefined), { condition: { kind: "exists" } });
  assert.deepEqual(parseWriteCondition(undefined, "*"), { condition: { kind: "absent" } });
  assert.deepEqual(parseWriteCondition('"other"', undefined), { condition: "never" });
});

test("Dnd-After is a stamp with or without quotes", () => {
  assert.deepEqual(parseAfter(tag), { after: stamp });
  assert.deepEqual(parseAfter(formatStamp(stamp)), { after: stamp });
  assert.ok("kind" in parseAfter(`"${formatStamp(stamp)}`));
  assert.ok("kind" in parseAfter(""));
});
