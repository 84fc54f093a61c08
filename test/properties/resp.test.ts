/** Laws of the Redis protocol's bytes: what is written is read, however it is cut; and damage never harms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { binaryFromBytes, bytesFromBinary } from "../../src/base/binary.ts";
import { doubleFromText, textFromDouble } from "../../src/protocol/resp/double-text.ts";
import type { ProtocolError } from "../../src/protocol/resp/protocol-error.ts";
import { NULL, type ProtocolVersion, type Reply } from "../../src/protocol/resp/reply.ts";
import { ReplyEncoder } from "../../src/protocol/resp/reply-encoder.ts";
import { ReplyParser } from "../../src/protocol/resp/reply-parser.ts";
import { isProtocolError, RequestParser } from "../../src/protocol/resp/request-parser.ts";
import { fuzz } from "./resp-fuzz.ts";

const seed = Number(process.env.SEED ?? 73);
const parameters = { seed, numRuns: 500 };

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
/** Mostly what might be taken for syntax. */
const unit = fc.oneof(fc.constantFrom(..."\r\n$*-+:\"'\\ 019x".split("")), byte);
const binary = fc.string({ unit, maxLength: 30 });
const argument = fc.oneof(
  { weight: 50, arbitrary: binary },
  { weight: 1, arbitrary: fc.constant("v".repeat(70_000)) },
);
interface Spelled {
  readonly words: readonly string[];
  readonly spelling: "array" | "inline";
  /** What is passed over before it. */
  readonly before: string;
}

const request: fc.Arbitrary<Spelled> = fc.record({
  words: fc.array(argument, { minLength: 1, maxLength: 6 }),
  spelling: fc.constantFrom("array", "inline"),
  before: fc.constantFrom("", "", "", "\r\n", "\n", "*0\r\n", "*-1\r\n"),
});
/** Lengths of the pieces a stream arrives in, over and over. */
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });

function requestText({ words, spelling, before }: Spelled): string {
  const isInline = spelling === "inline" && words.every(({ length }) => length < 10_000);
  if (isInline) return `${before}${words.map(quoted).join(" ")}\r\n`;
  const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return `${before}*${words.length}\r\n${parts.join("")}`;
}

/** Between double quotes, with every byte that could mean something escaped. */
function quoted(word: string): string {
  const inside = word.replace(/[^a-zA-Z0-9 ]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${inside}"`;
}

function* pieces(stream: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, index = 0; at < stream.length; index += 1) {
    const end = at + (lengths[index % lengths.length] ?? 1);
    yield stream.subarray(at, end);
    at = end;
  }
}

function requestsIn(stream: Uint8Array, lengths: readonly number[]): string[][] {
  const parser = new RequestParser({ isAuthenticated: true });
  const requests: string[][] = [];
  for (const piece of pieces(stream, lengths)) {
    parser.push(piece);
    for (let next = parser.next(); next !== undefined; next = parser.next()) {
      assert.ok(!isProtocolError(next), "a valid stream has no failure");
      requests.push(next.map((one) => binaryFromBytes(one)));
    }
  }
  return requests;
}

test("pipelined requests are read as they were written, however they are cut", () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 8 }), cuts, (requests, lengths) => {
      const stream = bytesFromBinary(requests.map(requestText).join(""));
      const words = requests.map((one) => one.words);
      assert.deepEqual(requestsIn(stream, [stream.length + 1]), words);
      assert.deepEqual(requestsIn(stream, lengths), words);
      assert.deepEqual(requestsIn(stream, [1]), words);
    }),
    { ...parameters, numRuns: 200 },
  );
});

test("damaged requests give the same in pieces as whole, and hold no more than was sent", () => {
  const report = fuzz({ inputs: 20_000, seed });
  assert.ok(report.requests > 20_000, `requests are found: ${report.requests}`);
  assert.ok(report.failed > 5_000, `damage is seen: ${report.failed}`);
  assert.ok(report.reasons.size > 12, `each limit is met: ${report.reasons.size}`);
});

const INT64_MIN = -(2n ** 63n);
const bytes = fc.uint8Array({ maxLength: 40 }).map((all) => Buffer.from(all));
const bare: fc.Arbitrary<Reply> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("simple", "error"),
    text: fc.oneof(binary, fc.string({ unit: "grapheme" })),
  }),
  fc.record({
    kind: fc.constant("integer"),
    value: fc.oneof(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.bigInt({ min: INT64_MIN, max: -INT64_MIN - 1n }),
    ),
  }),
  fc.record({
    kind: fc.constant("bulk"),
    bytes: fc.oneof({ weight: 20, arbitrary: bytes }, fc.constant(Buffer.alloc(5_000, 0x0a))),
  }),
  fc.record({ kind: fc.constant("binary"), binary }),
  fc.constantFrom<Reply>(NULL, { kind: "null-array" }),
  fc.record({ kind: fc.constant("double"), value: fc.double() }),
  fc.record({ kind: fc.constant("boolean"), value: fc.boolean() }),
  fc.record({ kind: fc.constant("big-number"), value: fc.bigInt() }),
  fc.record({
    kind: fc.constant("verbatim"),
    format: fc.constantFrom("txt", "mkd"),
    bytes,
  }),
);
// With a prototype, as a reader makes them.
const leaf = bare.map((one): Reply => ({ ...one }));
const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.record({
      kind: fc.constantFrom("array", "set", "push"),
      items: fc.array(tie("reply"), { maxLength: 4 }),
    }),
    fc.record({
      kind: fc.constant("map"),
      entries: fc.array(fc.tuple(tie("reply"), tie("reply")), { maxLength: 4 }),
    }),
  ),
}));

function encoded(replies: readonly Reply[], protocol: ProtocolVersion): Buffer {
  const encoder = new ReplyEncoder(protocol);
  for (const one of replies) encoder.write(one);
  return Buffer.concat(encoder.take());
}

function repliesIn(stream: Uint8Array, lengths: readonly number[]): (Reply | ProtocolError)[] {
  const parser = new ReplyParser();
  const replies: (Reply | ProtocolError)[] = [];
  for (const piece of pieces(stream, lengths)) {
    parser.push(piece);
    for (let next = parser.next(); next !== undefined; next = parser.next()) {
      replies.push(next);
      if (next.kind === "protocol-error") return replies;
    }
  }
  return replies;
}

/** What a client of `protocol` can tell of a reply. */
function told(one: Reply, protocol: ProtocolVersion): Reply {
  switch (one.kind) {
    case "simple":
    case "error":
      return { kind: one.kind, text: one.text.replace(/[\r\n]/g, " ").replace(/[^\0-\xff]/g, "?") };
    case "integer":
      return { kind: "integer", value: smallest(one.value) };
    case "binary":
      return bulk(one.binary);
    case "null-array":
      return protocol === 2 ? one : NULL;
    case "array":
    case "set":
    case "push": {
      const items = one.items.map((item) => told(item, protocol));
      return { kind: protocol === 2 ? "array" : one.kind, items };
    }
    case "map": {
      const entries = one.entries.map(
        ([key, value]) => [told(key, protocol), told(value, protocol)] as const,
      );
      return protocol === 2 ? { kind: "array", items: entries.flat() } : { kind: "map", entries };
    }
    case "double":
      return protocol === 2 ? bulk(textFromDouble(one.value)) : one;
    case "boolean":
      return protocol === 2 ? { kind: "integer", value: Number(one.value) } : one;
    case "big-number":
      return protocol === 2 ? bulk(String(one.value)) : one;
    case "verbatim":
      return protocol === 2 ? { kind: "bulk", bytes: one.bytes } : one;
    default:
      return one;
  }
}

function bulk(text: string): Reply {
  return { kind: "bulk", bytes: Buffer.from(text, "latin1") };
}

/** An integer as a reader gives it: a number where that is exact, and without a sign of zero. */
function smallest(value: number | bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number + 0 : value;
}

for (const protocol of [2, 3] as const) {
  test(`replies are read as they were written, in version ${protocol}, however they are cut`, () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 5 }), cuts, (replies, lengths) => {
        const stream = encoded(replies, protocol);
        const expected = replies.map((one) => told(one, protocol));
        assert.deepEqual(repliesIn(stream, [stream.length + 1]), expected);
        assert.deepEqual(repliesIn(stream, lengths), expected);
        assert.deepEqual(repliesIn(stream, [1]), expected);
      }),
      parameters,
    );
  });
}

test("damaged replies give the same in pieces as whole", () => {
  const damage = fc.record({ at: fc.nat(), by: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 5 }), damage, cuts, (replies, { at, by }, lengths) => {
      const stream = encoded(replies, 3);
      if (stream.length > 0) stream[at % stream.length] = by;
      assert.deepEqual(repliesIn(stream, lengths), repliesIn(stream, [stream.length + 1]));
    }),
    parameters,
  );
});

test("every double is read back as itself", () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const text = textFromDouble(value);
      assert.ok(Object.is(doubleFromText(text), value), text);
      assert.ok(text.length <= 24, text);
    }),
    { ...parameters, numRuns: 5_000 },
  );
});
