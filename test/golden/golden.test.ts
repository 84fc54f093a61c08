/** Golden bytes of every format: what was written once is read for what it was, and written the same again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMATS } from "./formats.ts";
import { goldenNames, hasGolden, readGolden } from "./golden-files.ts";

for (const format of FORMATS) {
  test(`${format.name}: the bytes are these, both ways`, () => {
    const hint = "node tools/golden.ts begins the file of a new format";
    assert.ok(hasGolden(format.name), hint);
    const goldens = readGolden(format.name);
    assert.ok(goldens.length > 0);
    for (const { value, bytes } of goldens) {
      assert.deepEqual(plain(format.decode(bytes)), plain(value), "another version is understood");
      const again = Buffer.from(format.encode(value as never)).toString("hex");
      assert.equal(again, Buffer.from(bytes).toString("hex"), "another version understands");
    }
  });
}

test("each file is of a format that there is", () => {
  const names = FORMATS.map(({ name }) => name).sort();
  assert.deepEqual([...goldenNames()].sort(), names);
});

/** Bytes by what they are, whatever class carries them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Uint32Array) return [...value];
  if (value instanceof Map) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
