import assert from "node:assert/strict";
import { test } from "node:test";
import { binaryFromBytes, bytesFromBinary } from "../../base/binary.ts";
import { parseInline } from "./inline-arguments.ts";

function split(line: string): string[] | undefined {
  return parseInline(bytesFromBinary(line))?.map((one) => binaryFromBytes(one));
}

test("blanks separate arguments, however many", () => {
  assert.deepEqual(split("SET  key\tvalue "), ["SET", "key", "value"]);
  assert.deepEqual(split(" \v\f PING\r"), ["PING"]);
  assert.deepEqual(split("a\rb\nc"), ["a", "b", "c"]);
  assert.deepEqual(split(""), []);
  assert.deepEqual(split(" \t\r"), []);
});

test("vertical tab and form feed separate arguments but do not end a bare one", () => {
  assert.deepEqual(split("a\vb\fc"), ["a\vb\fc"]);
  assert.deepEqual(split('"a"\v"b"'), ["a", "b"]);
});

test("double quotes hold blanks and escapes", () => {
  assert.deepEqual(split('SET k "a b"'), ["SET", "k", "a b"]);
  assert.deepEqual(split(String.raw`"\n\r\t\b\a"`), ["\n\r\t\b\u0007"]);
  assert.deepEqual(split(String.raw`"\x00\xff\xFfg"`), ["\u0000\u00ff\u00ffg"]);
  assert.deepEqual(split(String.raw`"\"\\\q\'"`), [`"\\q'`]);
  assert.deepEqual(split('""'), [""]);
});

test("a broken hexadecimal escape is its letters", () => {
  assert.deepEqual(split(String.raw`"\x0g"`), ["x0g"]);
  assert.deepEqual(split(String.raw`"\x1"`), ["x1"]);
  assert.deepEqual(split(String.raw`"\x"`), ["x"]);
});

test("single quotes know one escape", () => {
  assert.deepEqual(split(String.raw`'a\'b'`), ["a'b"]);
  assert.deepEqual(split(String.raw`'\n\x41\\ '`), [String.raw`\n\x41\\ `]);
  assert.deepEqual(split(`'"'`), [`"`]);
});

test("quotes may begin within an argument", () => {
  assert.deepEqual(split('foo"bar"'), ["foobar"]);
  assert.deepEqual(split("key:'a b' x"), ["key:a b", "x"]);
});

test("backslashes outside quotes are themselves", () => {
  assert.deepEqual(split(String.raw`\n \x41 a\ b`), ["\\n", "\\x41", "a\\", "b"]);
});

test("quotes that are not closed, or closed within a word, are no arguments", () => {
  for (const line of ['"', "'", '"a', "a 'b", '"a"b', `'a'b`, `"a"'b'`, `"a""b"`]) {
    assert.equal(split(line), undefined, line);
  }
  assert.equal(split(String.raw`"a\"`), undefined);
  assert.equal(split(String.raw`'a\'`), undefined);
  assert.equal(split(String.raw`'a\\'`), undefined);
  assert.equal(split('"a\\'), undefined);
});

test("bytes without a meaning are bytes, NUL among them", () => {
  assert.deepEqual(split("a\u0000b \u0000 \u00ff\u0080"), ["a\u0000b", "\u0000", "\u00ff\u0080"]);
});
