import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../base/assert.ts";
import { NULL, NULL_ARRAY, OK, PONG, QUEUED, type Reply } from "./reply.ts";
import { COPIED_BYTES_MAX, ReplyEncoder } from "./reply-encoder.ts";

function bulk(text: string): Reply {
  return { kind: "bulk", bytes: Buffer.from(text, "latin1") };
}

function encoded(protocol: 2 | 3, ...replies: readonly Reply[]): string {
  const encoder = new ReplyEncoder(protocol);
  for (const reply of replies) encoder.write(reply);
  const { length } = encoder;
  const bytes = Buffer.concat(encoder.take());
  assert.equal(bytes.length, length);
  return bytes.toString("latin1");
}

/** Of each kind: the reply, and its bytes in version 2 and 3. */
const replies: readonly (readonly [Reply, string, string])[] = [
  [OK, "+OK\r\n", "+OK\r\n"],
  [PONG, "+PONG\r\n", "+PONG\r\n"],
  [QUEUED, "+QUEUED\r\n", "+QUEUED\r\n"],
  [{ kind: "error", text: "ERR no" }, "-ERR no\r\n", "-ERR no\r\n"],
  [{ kind: "integer", value: 0 }, ":0\r\n", ":0\r\n"],
  [{ kind: "integer", value: -17 }, ":-17\r\n", ":-17\r\n"],
  [{ kind: "integer", value: 10 }, ":10\r\n", ":10\r\n"],
  [{ kind: "integer", value: 2147483647 }, ":2147483647\r\n", ":2147483647\r\n"],
  [{ kind: "integer", value: 2147483648 }, ":2147483648\r\n", ":2147483648\r\n"],
  [
    { kind: "integer", value: -9223372036854775808n },
    ":-9223372036854775808\r\n",
    ":-9223372036854775808\r\n",
  ],
  [bulk("a\r\n\u00ff"), "$4\r\na\r\n\u00ff\r\n", "$4\r\na\r\n\u00ff\r\n"],
  [bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"],
  [{ kind: "binary", binary: "k\r\u00ff" }, "$3\r\nk\r\u00ff\r\n", "$3\r\nk\r\u00ff\r\n"],
  [NULL, "$-1\r\n", "_\r\n"],
  [NULL_ARRAY, "*-1\r\n", "_\r\n"],
  [{ kind: "array", items: [] }, "*0\r\n", "*0\r\n"],
  [{ kind: "array", items: [OK, NULL] }, "*2\r\n+OK\r\n$-1\r\n", "*2\r\n+OK\r\n_\r\n"],
  [{ kind: "set", items: [bulk("a")] }, "*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n"],
  [{ kind: "push", items: [bulk("a")] }, "*1\r\n$1\r\na\r\n", ">1\r\n$1\r\na\r\n"],
  [
    {
      kind: "map",
      entries: [
        [bulk("a"), { kind: "integer", value: 1 }],
        [bulk("b"), { kind: "array", items: [NULL] }],
      ],
    },
    "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n$-1\r\n",
    "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n_\r\n",
  ],
  [{ kind: "double", value: 0.5 }, "$3\r\n0.5\r\n", ",0.5\r\n"],
  [{ kind: "double", value: Number.POSITIVE_INFINITY }, "$3\r\ninf\r\n", ",inf\r\n"],
  [{ kind: "double", value: Number.NEGATIVE_INFINITY }, "$4\r\n-inf\r\n", ",-inf\r\n"],
  [{ kind: "double", value: Number.NaN }, "$3\r\nnan\r\n", ",nan\r\n"],
  [{ kind: "boolean", value: true }, ":1\r\n", "#t\r\n"],
  [{ kind: "boolean", value: false }, ":0\r\n", "#f\r\n"],
  [
    { kind: "big-number", value: -(10n ** 30n) },
    `$32\r\n-1${"0".repeat(30)}\r\n`,
    `(-1${"0".repeat(30)}\r\n`,
  ],
  [
    { kind: "verbatim", format: "txt", bytes: Buffer.from("a b") },
    "$3\r\na b\r\n",
    "=7\r\ntxt:a b\r\n",
  ],
];

test("each kind has these bytes", () => {
  for (const [reply, second, third] of replies) {
    assert.equal(encoded(2, reply), second);
    assert.equal(encoded(3, reply), third);
  }
});

test("replies follow one another in the order they were written", () => {
  const all = replies.map(([reply]) => reply);
  assert.equal(encoded(3, ...all), replies.map(([, , third]) => third).join(""));
});

test("the version changes between two replies", () => {
  const encoder = new ReplyEncoder();
  encoder.write(NULL);
  encoder.protocol = 3;
  encoder.write(NULL);
  assert.equal(Buffer.concat(encoder.take()).toString(), "$-1\r\n_\r\n");
});

test("a line stays one line, whatever its text", () => {
  const text = "ERR unknown 'a\r\n+OK\r\n'";
  assert.equal(encoded(2, { kind: "error", text }), "-ERR unknown 'a  +OK  '\r\n");
  assert.equal(encoded(2, { kind: "simple", text: "\n" }), "+ \r\n");
  // These end in 0d and 0a if only their low byte is taken.
  assert.equal(encoded(2, { kind: "simple", text: "\u010d\u010a\u20ac\u00ff" }), "+???\u00ff\r\n");
});

test("large payloads are handed on, small ones copied", () => {
  const large = new Uint8Array(COPIED_BYTES_MAX + 1).fill(0x61);
  const small = new Uint8Array(COPIED_BYTES_MAX).fill(0x62);
  const encoder = new ReplyEncoder();
  encoder.write(OK);
  encoder.write({ kind: "bulk", bytes: large });
  encoder.write({ kind: "bulk", bytes: small });
  const pieces = encoder.take();
  assert.equal(pieces[1], large);
  assert.equal(pieces.length, 3);
  assert.ok(pieces.every((piece) => piece.buffer !== small.buffer));
  assert.equal(
    Buffer.concat(pieces).toString("latin1"),
    `+OK\r\n$4097\r\n${"a".repeat(4_097)}\r\n$4096\r\n${"b".repeat(4_096)}\r\n`,
  );
});

test("a large payload may come where the buffer is full", () => {
  const bytes = Buffer.alloc(10_000, "v");
  for (let before = 0; before < 300; before += 1) {
    const text = "x".repeat(before);
    assert.equal(
      encoded(3, { kind: "simple", text }, { kind: "verbatim", format: "txt", bytes }, OK),
      `+${text}\r\n=10004\r\ntxt:${bytes.toString()}\r\n+OK\r\n`,
    );
  }
});

test("what was taken stays as it is while more is written", () => {
  const encoder = new ReplyEncoder();
  encoder.write(OK);
  const first = encoder.take();
  encoder.write(PONG);
  assert.equal(Buffer.concat(encoder.take()).toString(), "+PONG\r\n");
  assert.equal(Buffer.concat(first).toString(), "+OK\r\n");
  assert.deepEqual(encoder.take(), []);
  assert.equal(encoder.length, 0);
});

test("batches larger than a piece come out whole", () => {
  const encoder = new ReplyEncoder();
  for (const count of [20_000, 10, 20_000]) {
    for (let index = 0; index < count; index += 1) {
      encoder.write({ kind: "integer", value: index });
      encoder.write(bulk("x".repeat(index % 100)));
    }
    const lines = Buffer.concat(encoder.take()).toString().split("\r\n");
    assert.equal(lines.length, 3 * count + 1);
    for (let index = 0; index < count; index += 1) {
      assert.equal(lines[3 * index], `:${index}`);
      assert.equal(lines[3 * index + 2]?.length, index % 100);
    }
  }
});

test("a line longer than any buffer is written whole", () => {
  const text = "e".repeat(200_000);
  assert.equal(encoded(2, OK, { kind: "error", text }), `+OK\r\n-${text}\r\n`);
});

test("what no command can mean to answer stops the process", () => {
  const wrong: readonly Reply[] = [
    { kind: "integer", value: 1.5 },
    { kind: "integer", value: 2 ** 53 },
    { kind: "integer", value: 2n ** 63n },
    { kind: "verbatim", format: "text", bytes: Buffer.alloc(0) },
  ];
  for (const reply of wrong) assert.throws(() => encoded(3, reply), AssertionError);
});
