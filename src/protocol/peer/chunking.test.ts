import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK_BYTES_MAX, FRAME_BYTES_MAX } from "../../model/limits.ts";
import { chunkWord, GREETING, StreamDecoder, TAG_LARGE, TAG_MORE, TAG_WHOLE } from "./chunking.ts";
import { SendQueue } from "./send-queue.ts";

function word(tag: number, length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(chunkWord(tag, length));
  return bytes;
}

/** What a decoder that was greeted says to these chunks. */
function answer(...chunks: readonly Uint8Array[]): {
  frames: Uint8Array[];
  failure: string | undefined;
} {
  const frames: Uint8Array[] = [];
  const decoder = new StreamDecoder();
  const failure = decoder.push(Buffer.concat([GREETING, ...chunks]), frames);
  return { frames, failure };
}

test("strangers are named by their first bytes", () => {
  const names: readonly (readonly [string, RegExp])[] = [
    ["GET / HTTP/1.1\r\n", /HTTP/],
    ["POST /kv/a HTTP/1.1\r\n", /HTTP/],
    ["PRI * HTTP/2.0\r\n", /HTTP/],
    ["\u0016\u0003\u0001\u0002\u0000", /TLS/],
    ["*1\r\n$4\r\nPING\r\n", /Redis/],
    ["\u0000\u0001\u0002", /000102/],
    ["\u00d7dnd\n", /altered/],
    ["\u00d7dnd\r\n\u0000\u0009", /stream version/],
  ];
  for (const [first, name] of names) {
    const frames: Uint8Array[] = [];
    const decoder = new StreamDecoder();
    assert.match(decoder.push(Buffer.from(first, "latin1"), frames) ?? "", name);
    assert.equal(decoder.isGreeted, false);
    assert.deepEqual(frames, []);
  }
});

test("the greeting may come in pieces, and frames right behind it", () => {
  const decoder = new StreamDecoder();
  const frames: Uint8Array[] = [];
  for (const byte of GREETING) {
    assert.equal(decoder.isGreeted, false);
    assert.equal(decoder.push(Uint8Array.of(byte), frames), undefined);
  }
  assert.equal(decoder.isGreeted, true);
  decoder.push(Buffer.concat([word(TAG_WHOLE, 2), Buffer.from("ab")]), frames);
  assert.deepEqual(
    frames.map((frame) => Buffer.from(frame).toString()),
    ["ab"],
  );
});

test("lengths outside their bounds are refused before memory is taken", () => {
  for (const [tag, length] of [
    [TAG_WHOLE, 0],
    [TAG_WHOLE, CHUNK_BYTES_MAX + 1],
    [TAG_LARGE, CHUNK_BYTES_MAX],
    [TAG_LARGE, FRAME_BYTES_MAX + 1],
    [TAG_LARGE, 0x0fff_ffff],
    [TAG_MORE, 1],
    [0, 1],
    [4, 1],
    [15, 1],
  ] as const) {
    assert.ok(answer(word(tag, length)).failure !== undefined, `tag ${tag} length ${length}`);
    assert.ok(
      answer(word(tag, length), Buffer.alloc(16)).failure !== undefined,
      `${tag} ${length}`,
    );
  }
});

test("pieces of a large frame have the one length that is due", () => {
  const begin = [word(TAG_LARGE, CHUNK_BYTES_MAX + 5), Buffer.alloc(CHUNK_BYTES_MAX)];
  assert.match(answer(...begin, word(TAG_MORE, 4)).failure ?? "", /5 are due/);
  assert.match(answer(...begin, word(TAG_LARGE, CHUNK_BYTES_MAX + 5)).failure ?? "", /within/);
  const whole = answer(...begin, word(TAG_MORE, 5), Buffer.alloc(5));
  assert.equal(whole.failure, undefined);
  assert.deepEqual(
    whole.frames.map((frame) => frame.length),
    [CHUNK_BYTES_MAX + 5],
  );
});

test("a small frame passes between the pieces of a large one", () => {
  const queue = new SendQueue();
  const decoder = new StreamDecoder();
  const frames: Uint8Array[] = [];
  decoder.push(GREETING, frames);
  const write = (): void => {
    const parts: Uint8Array[] = [];
    queue.take(parts);
    assert.equal(decoder.push(Buffer.concat(parts), frames), undefined);
  };
  queue.push(new Uint8Array(FRAME_BYTES_MAX).fill(1));
  write();
  queue.push(Uint8Array.of(2));
  write();
  assert.deepEqual(
    frames.map((frame) => frame.length),
    [1],
  );
  while (queue.bytes > 0) write();
  assert.deepEqual(
    frames.map((frame) => frame.length),
    [1, FRAME_BYTES_MAX],
  );
});

test("a flood of small frames does not stop a large one", () => {
  const queue = new SendQueue();
  queue.push(new Uint8Array(2 * CHUNK_BYTES_MAX));
  const decoder = new StreamDecoder();
  const frames: Uint8Array[] = [];
  decoder.push(GREETING, frames);
  let writes = 0;
  while (!frames.some((frame) => frame.length > CHUNK_BYTES_MAX)) {
    for (let index = 0; index < 10; index += 1) queue.push(new Uint8Array(100_000));
    const parts: Uint8Array[] = [];
    queue.take(parts);
    for (const part of parts) decoder.push(part, frames);
    writes += 1;
  }
  assert.equal(writes, 2);
});

test("frames in line keep their order, and hold up nothing that is not in line", () => {
  const queue = new SendQueue();
  const decoder = new StreamDecoder();
  const frames: Uint8Array[] = [];
  decoder.push(GREETING, frames);
  const write = (): void => {
    const parts: Uint8Array[] = [];
    queue.take(parts);
    assert.equal(decoder.push(Buffer.concat(parts), frames), undefined);
  };
  const push = (number: number, length: number, isInLine: boolean): void =>
    queue.push(new Uint8Array(length).fill(number), isInLine);
  // More small frames than one write takes: the large one that follows must not be done before them.
  for (let index = 0; index < 4; index += 1) push(1, 200_000, true);
  push(2, CHUNK_BYTES_MAX + 1, true);
  push(3, 10, true);
  push(4, 2 * CHUNK_BYTES_MAX, true);
  push(5, 10, true);
  push(6, 10, false);
  write();
  push(7, 10, false);
  while (queue.bytes > 0) write();
  const numbers = frames.map(([number]) => number);
  const isInLine = (number: number | undefined): boolean => number !== undefined && number <= 5;
  assert.deepEqual(numbers.filter(isInLine), [1, 1, 1, 1, 2, 3, 4, 5]);
  assert.ok(numbers.indexOf(6) < numbers.indexOf(2), `order ${numbers.join(" ")}`);
  assert.ok(numbers.indexOf(7) < numbers.indexOf(3), `order ${numbers.join(" ")}`);
});

test("frames of one turn are gathered into one buffer, large values are not copied", () => {
  const queue = new SendQueue();
  for (let index = 0; index < 100; index += 1) queue.push(new Uint8Array(100));
  const parts: Uint8Array[] = [];
  queue.take(parts);
  assert.deepEqual(
    parts.map((part) => part.length),
    [100 * 104],
  );
  const value = new Uint8Array(100_000);
  queue.push(value);
  parts.length = 0;
  queue.take(parts);
  assert.equal(parts.at(-1), value);
  assert.equal(queue.bytes, 0);
});
