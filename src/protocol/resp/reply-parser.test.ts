import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "./reply.ts";
import { ReplyParser } from "./reply-parser.ts";

/** What a parser makes of `text`, fed byte by byte. */
function parse(text: string): unknown[] {
  const parser = new ReplyParser();
  const all: unknown[] = [];
  for (const byte of Buffer.from(text, "latin1")) {
    parser.push(Uint8Array.of(byte));
    for (let reply = parser.next(); reply !== undefined; reply = parser.next()) {
      all.push(reply);
      if (reply.kind === "protocol-error") return all;
    }
  }
  return all;
}

function bulk(text: string): Reply {
  return { kind: "bulk", bytes: Buffer.from(text, "latin1") };
}

test("replies of version 2 are read", () => {
  assert.deepEqual(parse("+OK\r\n-ERR no\r\n:-12\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*0\r\n"), [
    { kind: "simple", text: "OK" },
    { kind: "error", text: "ERR no" },
    { kind: "integer", value: -12 },
    bulk("a\r\n"),
    { kind: "null" },
    { kind: "null-array" },
    { kind: "array", items: [] },
  ]);
});

test("replies of version 3 are read", () => {
  assert.deepEqual(parse("_\r\n#t\r\n#f\r\n,1.5\r\n,-inf\r\n(12\r\n=5\r\ntxt:a\r\n!3\r\nERR\r\n"), [
    { kind: "null" },
    { kind: "boolean", value: true },
    { kind: "boolean", value: false },
    { kind: "double", value: 1.5 },
    { kind: "double", value: Number.NEGATIVE_INFINITY },
    { kind: "big-number", value: 12n },
    { kind: "verbatim", format: "txt", bytes: Buffer.from("a") },
    { kind: "error", text: "ERR" },
  ]);
});

test("lists are read with what they hold", () => {
  assert.deepEqual(parse("%2\r\n+a\r\n*2\r\n:1\r\n~1\r\n_\r\n+b\r\n%0\r\n>1\r\n$1\r\nx\r\n"), [
    {
      kind: "map",
      entries: [
        [
          { kind: "simple", text: "a" },
          {
            kind: "array",
            items: [
              { kind: "integer", value: 1 },
              { kind: "set", items: [{ kind: "null" }] },
            ],
          },
        ],
        [
          { kind: "simple", text: "b" },
          { kind: "map", entries: [] },
        ],
      ],
    },
    { kind: "push", items: [bulk("x")] },
  ]);
});

test("integers beyond 53 bits are read exactly", () => {
  assert.deepEqual(parse(":9223372036854775807\r\n"), [
    { kind: "integer", value: 9223372036854775807n },
  ]);
});

test("what is no reply ends the stream", () => {
  const wrong = [
    "HTTP/1.1 400 Bad Request\r\n",
    "+OK\n",
    ":1.5\r\n",
    ":\r\n",
    "$-2\r\n",
    "$x\r\n",
    "$2\r\nabc\r\n",
    "*-2\r\n",
    "#x\r\n",
    "_x\r\n",
    ",x\r\n",
    "(x\r\n",
    "=2\r\nab\r\n",
    "\r\n",
    "*1\r\n".repeat(1_100),
    `$${2 ** 30}\r\n`,
  ];
  for (const text of wrong) {
    const [only, ...more] = parse(text) as { readonly kind: string; readonly reason: string }[];
    assert.equal(only?.kind, "protocol-error", text);
    assert.match(only.reason, /^Protocol error: /);
    assert.equal(more.length, 0);
  }
});

test("a failure is final", () => {
  const parser = new ReplyParser();
  parser.push(Buffer.from("+OK\r\n?\r\n+OK\r\n"));
  assert.equal(parser.next()?.kind, "simple");
  const failure = parser.next();
  parser.push(Buffer.from("+OK\r\n"));
  assert.equal(failure?.kind, "protocol-error");
  assert.equal(parser.next(), failure);
});
