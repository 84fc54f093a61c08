/** Laws of the frame codec: what is encoded is decoded the same, and nothing whatever makes it throw. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Prng } from "../../src/base/prng.ts";
import { WIRE_VERSION } from "../../src/model/peer-message.ts";
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  frameFrom,
  isDecodeFailure,
} from "../../src/protocol/peer/frame-codec.ts";
import { anyHeader, anyMessage, messageArbitraries } from "./peer-message-arbitrary.ts";

const seed = Number(process.env.SEED ?? 20_261);

/** Values in decoded messages are views of the frame and of Buffer's type: compared as plain bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint32Array) return Array.from(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
  }
  return value;
}

for (const [kind, arbitrary] of Object.entries(messageArbitraries)) {
  test(`every ${kind} comes back as it was sent`, () => {
    fc.assert(
      fc.property(anyHeader, arbitrary, (header, message) => {
        const frame = encodeFrame(header, message);
        const decoded = decodeFrame(frame);
        assert.deepEqual(plain(decoded), plain({ header, message }));
        assert.deepEqual(
          Buffer.from(frameFrom(header, encodeMessage(message))),
          Buffer.from(frame),
        );
      }),
      { seed, numRuns: 200 },
    );
  });
}

// Goal: no bytes make the decoder throw, hang or invent; what it takes is canonical.
// Method: valid frames of all kinds, then cut, extended, flipped at random places, with lengths blown up, and spliced with
// one another. Each result is a failure or a frame that encodes again to the very bytes it came from.
test("mutated, truncated and spliced frames are refused or are frames", { timeout: 60_000 }, () => {
  const random = new Prng(seed);
  const samples = fc
    .sample(fc.tuple(anyHeader, anyMessage), { seed, numRuns: 2_000 })
    .map(([header, message]) => Buffer.from(encodeFrame(header, message)))
    .filter((frame) => frame.length < 4_096);
  let accepted = 0;
  for (let round = 0; round < 150_000; round += 1) {
    const mutant = mutate(random, samples);
    const result = decodeFrame(mutant);
    if (isDecodeFailure(result)) {
      assert.ok(result.reason.length > 0);
      continue;
    }
    accepted += 1;
    const { header, message } = result;
    const isOtherVersion = message.kind === "hello" && message.wireVersion !== WIRE_VERSION;
    if (isOtherVersion) continue;
    const again = encodeFrame(header, message);
    assert.ok(
      mutant.equals(again),
      `seed ${seed}, round ${round}: ${message.kind} is not canonical`,
    );
  }
  assert.ok(accepted > 1_000, `mutation leaves some frames valid: ${accepted}`);
});

function mutate(random: Prng, samples: readonly Buffer[]): Buffer {
  const original = random.pick(samples);
  const mutant = Buffer.from(original);
  switch (random.below(6)) {
    case 0:
      return mutant.subarray(0, random.below(mutant.length + 1));
    case 1:
      return Buffer.concat([mutant, Buffer.alloc(1 + random.below(8), random.below(256))]);
    case 2: {
      const other = random.pick(samples);
      return Buffer.concat([
        mutant.subarray(0, random.below(mutant.length + 1)),
        other.subarray(random.below(other.length + 1)),
      ]);
    }
    case 3: {
      // Lengths and counts: the largest, at any place behind the header.
      const at = random.below(mutant.length);
      mutant.fill(0xff, at, Math.min(mutant.length, at + 1 + random.below(4)));
      return mutant;
    }
    case 4:
      mutant[32 % mutant.length] = random.below(90);
      return mutant;
    default:
      for (let flips = 1 + random.below(3); flips > 0; flips -= 1) {
        mutant[random.below(mutant.length)] = random.below(256);
      }
      return mutant;
  }
}
