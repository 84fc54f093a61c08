import assert from "node:assert/strict";
import { test } from "node:test";
import { binaryFromBytes } from "../../base/binary.ts";
import { VALUE_BYTES_MAX } from "../../model/limits.ts";
import {
  ARGUMENT_BYTES,
  isProtocolError,
  REQUEST_LIMITS,
  type RequestLimits,
  RequestParser,
} from "./request-parser.ts";

type Options = Partial<RequestLimits> & { readonly isAuthenticated?: boolean };

interface Answer {
  readonly requests: string[][];
  readonly reason: string | undefined;
}

/** All that is in the parser, as binary strings. */
function drain(parser: RequestParser): Answer {
  const requests: string[][] = [];
  for (;;) {
    const next = parser.next();
    if (next === undefined) return { requests, reason: undefined };
    if (isProtocolError(next)) return { requests, reason: next.reason };
    requests.push(next.map((argument) => binaryFromBytes(argument)));
  }
}

function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** What a parser makes of `text`, which is fed whole and byte by byte. */
function parse(text: string, options: Options = { isAuthenticated: true }): Answer {
  const whole = new RequestParser(options);
  whole.push(bytes(text));
  const answer = drain(whole);

  const slow = new RequestParser(options);
  const requests: string[][] = [];
  let reason: string | undefined;
  for (const byte of bytes(text)) {
    slow.push(Uint8Array.of(byte));
    const part = drain(slow);
    requests.push(...part.requests);
    reason ??= part.reason;
  }
  assert.deepEqual({ requests, reason }, answer, "byte by byte");
  return answer;
}

function requestsIn(text: string): string[][] {
  const { requests, reason } = parse(text);
  assert.equal(reason, undefined);
  return requests;
}

function reasonFor(text: string, options?: Options): string | undefined {
  return parse(text, options).reason;
}

test("arrays of bulk strings are requests", () => {
  assert.deepEqual(requestsIn("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n"), [
    ["SET", "k", "hello"],
  ]);
  assert.deepEqual(requestsIn("*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\u0000\u00ff\r\n"), [
    ["ECHO", "\r\n\u0000\u00ff"],
  ]);
  assert.deepEqual(requestsIn("*1\r\n$0\r\n\r\n"), [[""]]);
});

test("inline commands are requests, and both kinds follow one another", () => {
  assert.deepEqual(requestsIn("PING\r\n*1\r\n$4\r\nQUIT\r\nSET k 'a b'\n*1\r\n$1\r\nx\r\n"), [
    ["PING"],
    ["QUIT"],
    ["SET", "k", "a b"],
    ["x"],
  ]);
});

test("empty lines and counts up to zero are passed over", () => {
  assert.deepEqual(requestsIn("\r\n\n  \r\n*0\r\n*-1\r\n*-20\r\nPING\r\n\r\n"), [["PING"]]);
});

test("an incomplete request is no request, at whichever byte it ends", () => {
  const text = "*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n";
  for (let length = 0; length < text.length; length += 1) {
    assert.deepEqual(parse(text.slice(0, length)), { requests: [], reason: undefined });
  }
});

test("chunks may wait, and none of their bytes is lost", () => {
  const parser = new RequestParser();
  for (const part of ["*2\r\n$3\r\nG", "", "ET\r\n$1\r", "\nk\r\nPI", "NG\r\n"]) {
    parser.push(bytes(part));
  }
  assert.deepEqual(drain(parser).requests, [["GET", "k"], ["PING"]]);
  assert.equal(parser.heldBytes, 0);
});

test("arguments that lie whole in a chunk are views of it", () => {
  const chunk = Uint8Array.from(bytes("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"));
  const parser = new RequestParser();
  parser.push(chunk);
  const request = parser.next();
  assert.ok(request !== undefined && !isProtocolError(request));
  assert.equal(request[1]?.buffer, chunk.buffer);
});

test("a name that came before is given out again, and keeps nothing of what it came in", () => {
  const named = (parser: RequestParser, text: string): Uint8Array => {
    const chunk = Uint8Array.from(bytes(text));
    parser.push(chunk);
    const request = parser.next();
    assert.ok(request !== undefined && !isProtocolError(request));
    const [name] = request;
    assert.ok(name !== undefined);
    return name;
  };
  const parser = new RequestParser();
  const key = "$1\r\nk\r\n";
  named(parser, `*2\r\n$5\r\nGETEX\r\n${key}`);
  const again = named(parser, `*2\r\n$5\r\nGETEX\r\n${key}`);
  assert.equal(again.buffer.byteLength, 5, "memory of its own");
  assert.equal(named(new RequestParser(), `*2\r\n$5\r\nGETEX\r\n${key}`), again);
  // The same length and beginning, and so the same place.
  const other = named(parser, `*2\r\n$5\r\nGETXX\r\n${key}`);
  assert.equal(binaryFromBytes(other), "GETXX");
  assert.equal(binaryFromBytes(again), "GETEX");
  assert.equal(binaryFromBytes(named(parser, `*2\r\n$5\r\nGETEX\r\n${key}`)), "GETEX");
  assert.equal(requestsIn("*1\r\n$5\r\nGETEX\r\n*1\r\n$5\r\nGETX\u00ff\r\n").length, 2);
});

test("an argument that spans chunks ends in one buffer of its length and its CR LF", () => {
  const value = "v".repeat(100_000);
  const parser = new RequestParser({ isAuthenticated: true });
  const stream = bytes(`*2\r\n$4\r\nECHO\r\n$100000\r\n${value}\r\n`);
  for (let at = 0; at < stream.length; at += 1_000) parser.push(stream.subarray(at, at + 1_000));
  const request = parser.next();
  assert.ok(request !== undefined && !isProtocolError(request));
  assert.equal(request[1]?.buffer.byteLength, 100_002);
  assert.equal(binaryFromBytes(request[1] ?? bytes("")), value);
});

test("a length that is announced takes no memory until its bytes come", () => {
  const parser = new RequestParser({ isAuthenticated: true });
  parser.push(bytes(`*2\r\n$4\r\nECHO\r\n$${VALUE_BYTES_MAX}\r\n`));
  assert.equal(parser.next(), undefined);
  assert.ok(parser.heldBytes < 1_024);
  let arrived = 0;
  for (let round = 0; round < 2_000; round += 1) {
    parser.push(Buffer.alloc(100));
    arrived += 100;
    assert.equal(parser.next(), undefined);
    assert.ok(parser.heldBytes <= 2 * arrived + 1_024 + 2 * ARGUMENT_BYTES, `${arrived} bytes`);
  }
});

test("a count that is announced takes no memory until its arguments come", () => {
  const parser = new RequestParser({ isAuthenticated: true });
  parser.push(bytes("*200000\r\n"));
  assert.equal(parser.next(), undefined);
  assert.equal(parser.heldBytes, 0);
});

test("what cannot be a count is refused", () => {
  const invalid = "Protocol error: invalid multibulk length";
  const counts = ["", "x", "1x", "+1", " 1", "01", "-0", "1 ", "1.5", "0x1", "--1", "1\u0000"];
  for (const count of counts) assert.equal(reasonFor(`*${count}\r\n`), invalid, `"${count}"`);
  for (const count of ["1048577", "2147483648", "9".repeat(30), `-${"9".repeat(30)}`]) {
    assert.equal(reasonFor(`*${count}\r\n`), invalid, count);
  }
  assert.equal(reasonFor("*1\n$4\r\nPING\r\n"), invalid);
  assert.equal(reasonFor("*1\r$4\r\nPING\r\n"), invalid);
});

test("what cannot be a length is refused", () => {
  const invalid = "Protocol error: invalid bulk length";
  for (const length of ["", "x", "-1", "-0", "01", "+1", "4x", "9".repeat(30), "536870913"]) {
    assert.equal(reasonFor(`*1\r\n$${length}\r\n`), invalid, `"${length}"`);
  }
  const options = { bulkBytesMax: 10, isAuthenticated: true };
  assert.deepEqual(parse("*1\r\n$10\r\n0123456789\r\n", options).requests, [["0123456789"]]);
  assert.equal(reasonFor("*1\r\n$11\r\n", options), invalid);
});

test("a bulk string that is longer or shorter than announced is refused", () => {
  const invalid = "Protocol error: invalid bulk length";
  assert.equal(reasonFor("*1\r\n$4\r\nPINGS\r\n"), invalid);
  assert.equal(reasonFor("*1\r\n$4\r\nPIN\r\n*1\r\n"), invalid);
  assert.equal(reasonFor("*1\r\n$4\r\nPING\n\n"), invalid);
});

test("what stands for a bulk string's length is named by its first byte", () => {
  assert.equal(reasonFor("*1\r\nPING\r\n"), "Protocol error: expected '$', got 'P'");
  assert.equal(reasonFor("*1\r\n*1\r\n"), "Protocol error: expected '$', got '*'");
  assert.equal(reasonFor("*1\r\n\u00e9\r\n"), "Protocol error: expected '$', got '\u00e9'");
  assert.equal(reasonFor("*1\r\n\r\n"), "Protocol error: expected '$', got ' '");
  assert.equal(reasonFor("*1\r\n\n"), "Protocol error: expected '$', got ' '");
});

test("lines without an end are refused once they are too long", () => {
  const options = { lineBytesMax: 8, isAuthenticated: true };
  assert.deepEqual(parse("12345678\n", options).requests, [["12345678"]]);
  assert.equal(reasonFor("12345678", options), undefined);
  assert.equal(reasonFor("123456789", options), "Protocol error: too big inline request");
  assert.equal(reasonFor("123456789\n", options), "Protocol error: too big inline request");
  assert.equal(reasonFor("*1234567", options), undefined);
  assert.equal(reasonFor("*12345678", options), "Protocol error: too big mbulk count string");
  assert.equal(reasonFor("*1\r\n$1234567", options), undefined);
  const bulk = "Protocol error: too big bulk count string";
  assert.equal(reasonFor("*1\r\n$12345678", options), bulk);
  assert.equal(reasonFor("*1\r\nx12345678", options), bulk);
  const whole = new RequestParser();
  whole.push(Buffer.alloc(REQUEST_LIMITS.lineBytesMax + 1, "x"));
  assert.deepEqual(whole.next(), {
    kind: "protocol-error",
    reason: "Protocol error: too big inline request",
  });
});

test("unbalanced quotes are refused", () => {
  const reason = "Protocol error: unbalanced quotes in request";
  assert.equal(reasonFor('SET k "v\r\n'), reason);
  assert.equal(reasonFor("SET k 'v'x\r\n"), reason);
});

test("who is not authenticated sends little", () => {
  const options = { isAuthenticated: false };
  const ten = `*10\r\n${"$1\r\nx\r\n".repeat(10)}`;
  assert.equal(parse(ten, options).requests.length, 1);
  assert.equal(reasonFor("*11\r\n", options), "Protocol error: unauthenticated multibulk length");
  assert.equal(reasonFor("*1\r\n$16384\r\n", options), undefined);
  assert.equal(
    reasonFor("*1\r\n$16385\r\n", options),
    "Protocol error: unauthenticated bulk length",
  );
});

test("what is authenticated by one request holds for the next, in the same chunk", () => {
  const parser = new RequestParser();
  parser.push(bytes(`AUTH secret\r\n*11\r\n${"$1\r\nx\r\n".repeat(11)}`));
  const auth = parser.next();
  assert.ok(auth !== undefined && !isProtocolError(auth) && auth.length === 2);
  parser.isAuthenticated = true;
  assert.deepEqual(drain(parser).requests, [Array<string>(11).fill("x")]);
});

test("a request that is too big altogether is refused at the length that makes it so", () => {
  const reason = "Protocol error: too big request";
  const options = { requestBytesMax: 3 * ARGUMENT_BYTES + 10, isAuthenticated: true };
  const fits = "*3\r\n$4\r\nMSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n";
  assert.equal(parse(fits.repeat(3), options).requests.length, 3);
  assert.equal(reasonFor("*3\r\n$4\r\nMSET\r\n$1\r\nk\r\n$6\r\n", options), reason);
  assert.equal(reasonFor("*4\r\n", options), reason);
  assert.equal(reasonFor("*300000\r\n"), reason);
});

test("a failure is final and holds nothing", () => {
  const parser = new RequestParser();
  parser.push(bytes("PING\r\n*x\r\nPING\r\n"));
  parser.push(bytes("PING\r\n"));
  assert.ok(Array.isArray(parser.next()));
  const failure = parser.next();
  parser.push(bytes("PING\r\n"));
  assert.equal(parser.next(), failure);
  assert.equal(parser.heldBytes, 0);
});

test("a long line fed byte by byte holds at most twice its length", () => {
  const parser = new RequestParser();
  for (let length = 1; length <= REQUEST_LIMITS.lineBytesMax; length += 1) {
    parser.push(Uint8Array.of(0x61));
    assert.equal(parser.next(), undefined);
    assert.ok(parser.heldBytes <= 2 * length + 1_024);
  }
});
