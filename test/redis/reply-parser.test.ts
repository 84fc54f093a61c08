import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reply, ReplyParser, showBytes, showReply } from "./reply-parser.ts";

const STREAM =
  "+OK\r\n-ERR no\r\n:-12\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$-1\r\n*-1\r\n_\r\n*0\r\n" +
  "*2\r\n$1\r\na\r\n*1\r\n:1\r\n%1\r\n+k\r\n,1.5\r\n~2\r\n#t\r\n(99999999999999999999\r\n" +
  "=7\r\ntxt:abc\r\n!5\r\nERR x\r\n>2\r\n+message\r\n$1\r\nm\r\n|1\r\n+a\r\n+b\r\n";

const REPLIES: readonly Reply[] = [
  { kind: "simple", text: "OK" },
  { kind: "error", text: "ERR no" },
  { kind: "integer", text: "-12" },
  { kind: "bulk", text: "a\r\nb" },
  { kind: "bulk", text: "" },
  { kind: "null-bulk" },
  { kind: "null-array" },
  { kind: "null" },
  { kind: "array", items: [] },
  {
    kind: "array",
    items: [
      { kind: "bulk", text: "a" },
      { kind: "array", items: [{ kind: "integer", text: "1" }] },
    ],
  },
  {
    kind: "map",
    items: [
      { kind: "simple", text: "k" },
      { kind: "double", text: "1.5" },
    ],
  },
  {
    kind: "set",
    items: [
      { kind: "boolean", text: "t" },
      { kind: "big-number", text: "99999999999999999999" },
    ],
  },
  { kind: "verbatim", text: "txt:abc" },
  { kind: "bulk-error", text: "ERR x" },
  {
    kind: "push",
    items: [
      { kind: "simple", text: "message" },
      { kind: "bulk", text: "m" },
    ],
  },
  {
    kind: "attribute",
    items: [
      { kind: "simple", text: "a" },
      { kind: "simple", text: "b" },
    ],
  },
];

test("replies of both protocols are read, in pieces of any size", () => {
  const bytes = Buffer.from(STREAM, "latin1");
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const parser = new ReplyParser();
    const replies: Reply[] = [];
    for (let start = 0; start < bytes.length; start += size) {
      replies.push(...parser.push(bytes.subarray(start, start + size)));
    }
    assert.deepEqual(replies, REPLIES, `in pieces of ${size}`);
  }
});

test("what is no reply is refused", () => {
  for (const text of ["hello\r\n", "$x\r\n", "$-2\r\n", "*-3\r\n", "%-1\r\n", "$1\r\nabc"]) {
    assert.throws(() => new ReplyParser().push(Buffer.from(text)), Error, text);
  }
});

test("a reply is shown in one line of printable characters", () => {
  assert.equal(
    showReply({ kind: "array", items: [{ kind: "bulk", text: "a\0\xff\r\n" }, { kind: "null" }] }),
    'array(bulk "a\\u0000\\xff\\r\\n", null)',
  );
  assert.equal(showBytes("x".repeat(200), 3), '"xxx"... (200 bytes)');
});
