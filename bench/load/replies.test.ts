import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpReplies } from "./http-replies.ts";
import { ABSENT, type OnReply, type ReplyReader } from "./reply-reader.ts";
import { RespReplies } from "./resp-replies.ts";

type Seen = [problem: string | undefined, integer: number];

/** The same replies, whole, and cut at every byte. */
function everyWay(text: string, reader: (onReply: OnReply) => ReplyReader): Seen[] {
  const bytes = Buffer.from(text, "latin1");
  const ways = [[bytes], Array.from(bytes, (byte) => Buffer.of(byte))].map((chunks) => {
    const seen: Seen[] = [];
    const replies = reader((problem, integer) => seen.push([problem, integer]));
    for (const chunk of chunks) replies.push(chunk);
    return seen;
  });
  assert.deepEqual(ways[0], ways[1]);
  return ways[0] ?? [];
}

test("Redis replies are told apart, whatever is in a value", () => {
  const text = "+OK\r\n$6\r\na\r\n+b\n\r\n:12\r\n$-1\r\n$0\r\n\r\n-ERR no\r\n:0\r\n";
  assert.deepEqual(
    everyWay(text, (onReply) => new RespReplies(onReply)),
    [
      [undefined, -1],
      [undefined, -1],
      [undefined, 12],
      [ABSENT, -1],
      [undefined, -1],
      ["ERR no", -1],
      [undefined, 0],
    ],
  );
});

test("HTTP replies end where their length or their last chunk says", () => {
  const text =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" +
    "HTTP/1.1 204 No Content\r\n\r\n" +
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5\r\n"hel"\r\n0\r\n\r\n' +
    "HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
  assert.deepEqual(
    everyWay(text, (onReply) => new HttpReplies(onReply)),
    [
      [undefined, -1],
      [undefined, -1],
      [undefined, -1],
      ["503 busy", -1],
    ],
  );
});

test("a read that does not hold what it must is about an absent key", () => {
  const text =
    'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"header":1}' +
    'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"kvs":[]}';
  assert.deepEqual(
    everyWay(text, (onReply) => new HttpReplies(onReply, '"kvs"')),
    [
      [ABSENT, -1],
      [undefined, -1],
    ],
  );
});
