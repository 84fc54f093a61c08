/** Laws of the HTTP protocol functions: what is written reads back, whatever the bytes and however they are cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../support/fixed-seed.ts";
import { binaryFromBytes } from "../../src/base/binary.ts";
import { fieldsJson } from "../../src/protocol/http/bulk-fields.ts";
import { parseBulkLine } from "../../src/protocol/http/bulk-line.ts";
import { formatCursor, parseCursor } from "../../src/protocol/http/cursor.ts";
import { jsonMembers } from "../../src/protocol/http/json-members.ts";
import { formatKvTarget, parseKvTarget } from "../../src/protocol/http/kv-target.ts";
import { LineSplitter } from "../../src/protocol/http/line-splitter.ts";
import {
  decodeBase64,
  decodePercent,
  encodeBase64,
  encodePercent,
} from "../../src/protocol/http/percent.ts";
import { formatTime, parseTime } from "../../src/protocol/http/time-text.ts";

const binary = fc
  .uint8Array({ minLength: 1, maxLength: 64 })
  .map((bytes) => binaryFromBytes(bytes));

function check<Ts extends [unknown, ...unknown[]]>(
  property: fc.IPropertyWithHooks<Ts>,
  runs = 1_000,
): void {
  fc.assert(property, { numRuns: runs });
}

test("every key survives its percent-encoding, in any spelling", () => {
  check(
    fc.property(binary, (key) => {
      assert.equal(decodePercent(encodePercent(key)), key);
      const everyByte = Buffer.from(key, "latin1").toString("hex").replace(/../g, "%$&");
      assert.equal(decodePercent(everyByte), key);
      const target = parseKvTarget(`/kv/${encodePercent(key)}`);
      assert.equal(target.kind === "key" ? target.key : target.kind, key);
    }),
  );
});

test("a formatted target names its key through a URL parser", () => {
  const dotted = fc.constantFrom(".", "..", "...", "./", "../a", "a/..", "//");
  check(
    fc.property(fc.oneof(binary, dotted), (key) => {
      const { pathname, search } = new URL(formatKvTarget(key), "http://localhost");
      const target = parseKvTarget(pathname + search);
      assert.equal(target.kind === "key" ? target.key : target.kind, key);
    }),
  );
});

test("key64 reaches every key, in both alphabets, padded or not", () => {
  check(
    fc.property(binary, (key) => {
      const standard = Buffer.from(key, "latin1").toString("base64");
      for (const text of [encodeBase64(key), standard, standard.replaceAll("=", "%3D")]) {
        const target = parseKvTarget(`/kv?key64=${text}`);
        assert.equal(target.kind === "key" ? target.key : target.kind, key);
      }
      assert.equal(decodeBase64(encodeBase64(key)), key);
    }),
  );
});

test("no target throws, and a target with a broken escape is never a key", () => {
  check(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      parseKvTarget(text);
      const target = parseKvTarget(`/kv/a${text}`);
      if (/^[^?#]*%(?![0-9A-Fa-f]{2})/.test(text)) assert.notEqual(target.kind, "key");
    }),
  );
});

test("lines do not depend on how the stream was cut", () => {
  const line = fc.string({ maxLength: 12 }).filter((text) => !/[\r\n]/.test(text));
  check(
    fc.property(fc.array(line), fc.array(fc.nat(20), { minLength: 1 }), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      const heard: string[] = [];
      const splitter = new LineSplitter(
        {
          onLine: (found) => heard.push(Buffer.from(found).toString()),
          onLongLine: () => assert.fail("no line is long"),
        },
        100,
      );
      for (let start = 0, cut = 0; start < bytes.length; cut += 1) {
        const length = (cuts[cut % cuts.length] as number) + 1;
        splitter.feed(bytes.subarray(start, start + length));
        start += length;
      }
      splitter.end();
      assert.deepEqual(heard, lines);
    }),
  );
});

test("the members of an object keep their source text", () => {
  check(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(undefined, 1, "\t"),
      (object, indent) => {
        const text = JSON.stringify(object, undefined, indent);
        const members = jsonMembers(text);
        const values = JSON.parse(text) as Record<string, unknown>;
        assert.deepEqual([...(members?.keys() ?? [])].toSorted(), Object.keys(values).toSorted());
        for (const [name, source] of members ?? []) {
          assert.deepEqual(JSON.parse(source), values[name]);
          assert.ok(text.includes(source));
        }
      },
    ),
  );
});

test("a bulk line never throws, and carries any key and value", () => {
  const limits = { keyBytesMax: 100, valueBytesMax: 1_000 };
  check(
    fc.property(binary, fc.uint8Array(), fc.string(), (key, value, junk) => {
      const line = JSON.stringify({
        key64: encodeBase64(key),
        value64: Buffer.from(value).toString("base64"),
      });
      const entry = parseBulkLine(Buffer.from(line), limits);
      assert.ok(entry?.kind === "entry" && entry.type === "string");
      assert.equal(entry.key, key);
      assert.deepEqual(new Uint8Array(entry.value), value);
      parseBulkLine(Buffer.from(junk), limits);
      parseBulkLine(Buffer.from(line.slice(0, junk.length)), limits);
    }),
  );
});

test("the fields of a hash, and the members of a set, read back from the line they make", () => {
  const limits = { keyBytesMax: 100, valueBytesMax: 1_000 };
  const name = fc.oneof(
    fc.uint8Array({ maxLength: 8 }).map((bytes) => binaryFromBytes(bytes)),
    fc.constantFrom("", "__proto__", "0", "value64", "constructor"),
  );
  check(
    fc.property(fc.dictionary(name, fc.uint8Array()), (fields) => {
      const entries = Object.entries(fields);
      const shown = (type: "hash" | "set"): unknown => {
        const line = JSON.stringify({ key: "k", type, ...fieldsJson(type, entries) });
        const entry = parseBulkLine(Buffer.from(line), limits);
        assert.ok(entry?.kind === "entry" && entry.type === type, line);
        return new Map(entry.entries.map(([name, value]) => [name, [...value]]));
      };
      assert.deepEqual(shown("hash"), new Map(entries.map(([name, value]) => [name, [...value]])));
      assert.deepEqual(shown("set"), new Map(entries.map(([name]) => [name, []])));
    }),
  );
});

test("times are those of the calendar, to the millisecond", () => {
  check(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      assert.equal(formatTime(ms), new Date(ms).toISOString());
      assert.equal(parseTime(formatTime(ms)), ms);
    }),
  );
  for (const ms of [253_402_300_800_000, 2 ** 48 - 1]) {
    assert.equal(formatTime(ms), new Date(ms).toISOString().replace(/^\+0*(\d{6})/, "+$1"));
    assert.equal(parseTime(formatTime(ms)), ms);
  }
});

test("a cursor reads back only where it belongs, and not once it is changed", () => {
  check(
    fc.property(binary, fc.string(), fc.nat(), (position, scope, at) => {
      const cursor = formatCursor(position, scope);
      assert.deepEqual(parseCursor(cursor, scope), { position });
      assert.ok("kind" in parseCursor(cursor, `${scope}x`));
      const index = at % cursor.length;
      const changed = `${cursor.slice(0, index)}${cursor[index] === "A" ? "B" : "A"}${cursor.slice(index + 1)}`;
      // The last digit of base64 may hold bits that no byte uses.
      if (decodeBase64(changed) !== decodeBase64(cursor))
        assert.ok("kind" in parseCursor(changed, scope));
    }),
  );
});
