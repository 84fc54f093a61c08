/** Laws of the chunked stream: any frames, queued in any way and cut anywhere, come out whole, once and in order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { CHUNK_BYTES_MAX } from "../../src/model/limits.ts";
import { GREETING, StreamDecoder } from "../../src/protocol/peer/chunking.ts";
import { SendQueue } from "../../src/protocol/peer/send-queue.ts";

const seed = Number(process.env.SEED ?? 71);

function randomFrames(random: Prng, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const length = random.chance(1, 20)
      ? CHUNK_BYTES_MAX - 2 + random.below(3 * CHUNK_BYTES_MAX)
      : 1 + random.below(random.chance(1, 4) ? 40_000 : 300);
    const frame = new Uint8Array(length).fill(random.below(256));
    frame[0] = index & 0xff;
    return frame;
  });
}

/** The stream as a queue writes it, with writes and pushes mixed at random. */
function streamOf(
  random: Prng,
  frames: readonly Uint8Array[],
  inLine: ReadonlySet<Uint8Array> = new Set(),
): Buffer {
  const queue = new SendQueue();
  const parts: Uint8Array[] = [GREETING];
  for (const frame of frames) {
    queue.push(frame, inLine.has(frame));
    if (random.chance(1, 3)) queue.take(parts);
  }
  while (queue.bytes > 0) queue.take(parts);
  return Buffer.concat(parts);
}

function small(frames: readonly Uint8Array[]): Uint8Array[] {
  return frames.filter((frame) => frame.length <= CHUNK_BYTES_MAX);
}

function large(frames: readonly Uint8Array[]): Uint8Array[] {
  return frames.filter((frame) => frame.length > CHUNK_BYTES_MAX);
}

function assertSame(
  actual: readonly Uint8Array[],
  expected: readonly Uint8Array[],
  at: string,
): void {
  assert.equal(actual.length, expected.length, at);
  for (const [index, frame] of expected.entries()) {
    assert.equal(Buffer.compare(actual[index] as Uint8Array, frame), 0, `${at}, frame ${index}`);
  }
}

test("cut at random, the stream gives the small frames in order and the large ones in order", () => {
  for (let round = 0; round < 60; round += 1) {
    const random = new Prng(seed + round);
    const frames = randomFrames(random, 1 + random.below(40));
    const stream = streamOf(random, frames);
    const decoder = new StreamDecoder();
    const arrived: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const cut = 1 + random.below(random.chance(1, 2) ? 64 : 100_000);
      assert.equal(decoder.push(stream.subarray(at, at + cut), arrived), undefined);
      at += cut;
    }
    assertSame(small(arrived), small(frames), `seed ${seed + round}, small`);
    assertSame(large(arrived), large(frames), `seed ${seed + round}, large`);
  }
});

// Goal: frames in line arrive in the order they were sent, whatever their size, and the rest as without them.
// Method: about half of the frames are in line; each bears a number of its own, by which what arrives is told apart.
test("frames in line arrive in order whatever their size", () => {
  for (let round = 0; round < 60; round += 1) {
    const random = new Prng(seed + round);
    const frames = randomFrames(random, 1 + random.below(60));
    const inLine = new Set(frames.filter(() => random.chance(1, 2)));
    const arrived: Uint8Array[] = [];
    const stream = streamOf(random, frames, inLine);
    assert.equal(new StreamDecoder().push(stream, arrived), undefined);
    assert.equal(arrived.length, frames.length);
    const numbers = new Set([...inLine].map(([number]) => number));
    const isInLine = ([number]: Uint8Array): boolean => numbers.has(number);
    const at = `seed ${seed + round}`;
    assertSame(arrived.filter(isInLine), [...inLine], `${at}, in line`);
    const others = arrived.filter((frame) => !isInLine(frame));
    const rest = frames.filter((frame) => !inLine.has(frame));
    assertSame(small(others), small(rest), `${at}, small`);
    assertSame(large(others), large(rest), `${at}, large`);
  }
});

test("byte by byte gives the same as the whole", () => {
  const random = new Prng(seed);
  const frames = randomFrames(random, 12);
  frames.push(new Uint8Array(2 * CHUNK_BYTES_MAX + 1).fill(7));
  const stream = streamOf(random, frames);
  const whole: Uint8Array[] = [];
  assert.equal(new StreamDecoder().push(stream, whole), undefined);
  const slow: Uint8Array[] = [];
  const decoder = new StreamDecoder();
  for (let at = 0; at < stream.length; at += 1) decoder.push(stream.subarray(at, at + 1), slow);
  assertSame(slow, whole, `seed ${seed}`);
  assert.equal(whole.length, frames.length);
});

// Goal: bytes fed one at a time cost the same each, however large the frame they belong to.
// Method: the work is counted, not timed: a frame under way is held once, and nothing is copied twice, so the frame that
// comes out is the buffer that was filled.
test("a large frame under way is held in one buffer of its size", () => {
  const frame = new Uint8Array(4 * CHUNK_BYTES_MAX).fill(3);
  const stream = streamOf(new Prng(1), [frame]);
  const arrived: Uint8Array[] = [];
  const decoder = new StreamDecoder();
  for (let at = 0; at < stream.length; at += 1_000) {
    decoder.push(stream.subarray(at, at + 1_000), arrived);
  }
  assert.equal(arrived[0]?.buffer.byteLength, frame.length);
});

// Goal: damaged streams end in a reason or in frames within limits, and never in an exception.
// Method: real streams with bytes changed, cut out and doubled, fed in random cuts.
test("damaged streams are refused or give frames within limits", () => {
  const random = new Prng(seed);
  let refused = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const frames = Array.from({ length: 1 + random.below(6) }, () =>
      new Uint8Array(1 + random.below(200)).fill(random.below(256)),
    );
    const stream = damage(random, streamOf(random, frames));
    const decoder = new StreamDecoder();
    const arrived: Uint8Array[] = [];
    let failure: string | undefined;
    for (let at = 0; at < stream.length; ) {
      const cut = 1 + random.below(300);
      const before = arrived.length;
      const result = decoder.push(stream.subarray(at, at + cut), arrived);
      if (failure !== undefined) {
        assert.equal(result, failure, "a stream that failed stays failed");
        assert.equal(arrived.length, before, "and gives nothing more");
      }
      failure = result;
      at += cut;
    }
    if (failure !== undefined) refused += 1;
    for (const frame of arrived) assert.ok(frame.length >= 1 && frame.length <= stream.length);
  }
  assert.ok(refused > 5_000, `most damage is seen: ${refused}`);
});

function damage(random: Prng, stream: Buffer): Buffer {
  const at = random.below(stream.length);
  const to = Math.min(stream.length, at + 1 + random.below(10));
  switch (random.below(4)) {
    case 0:
      return Buffer.concat([stream.subarray(0, at), stream.subarray(to)]);
    case 1:
      return Buffer.concat([stream.subarray(0, to), stream.subarray(at)]);
    case 2:
      stream.fill(random.below(256), at, to);
      return stream;
    default:
      stream.writeUInt32BE(random.next32(), Math.min(GREETING.length, stream.length - 4));
      return stream;
  }
}
