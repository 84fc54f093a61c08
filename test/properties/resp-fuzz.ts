/**
 * Streams of Redis requests that were damaged on the way, fed to the parser in random pieces.
 *
 *   node test/properties/resp-fuzz.ts [--inputs 1000000] [--seed 1]
 *
 * Of each input, made from its own seed, the outcome in pieces must be that in one piece and that of the plain reference
 * parser; what the parser holds must stay within twice what it was fed and what its arguments take, and within its limits;
 * and no input may take long. The memory of the process must not grow by 64 MiB over the run. A failure names its seed:
 * `--inputs 1 --seed N` shows it again.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { binaryFromBytes, bytesFromBinary } from "../../src/base/binary.ts";
import { Prng } from "../../src/base/prng.ts";
import {
  ARGUMENT_BYTES,
  isProtocolError,
  REQUEST_LIMITS,
  type RequestLimits,
  RequestParser,
} from "../../src/protocol/resp/request-parser.ts";
import { referenceRequests } from "../support/resp-reference.ts";

const MEBIBYTE = 1024 * 1024;
const GROWTH_BYTES_MAX = 64 * MEBIBYTE;
/** Far more than any input needs, and far less than something quadratic would take. */
const INPUT_MS_MAX = 5_000;
const INPUTS_PER_SAMPLE = 10_000;
/** The shortest argument on the wire: `$0`, CR LF twice. */
const ARGUMENT_WIRE_BYTES = 6;
const PARTIAL_BYTES_MIN = 1_024;

interface Rules extends RequestLimits {
  readonly isAuthenticated: boolean;
}

const small: RequestLimits = {
  argumentsMax: 12,
  bulkBytesMax: 300,
  requestBytesMax: 5 * ARGUMENT_BYTES + 200,
  lineBytesMax: 60,
};

const RULES: readonly Rules[] = [
  { ...REQUEST_LIMITS, isAuthenticated: true },
  { ...REQUEST_LIMITS, isAuthenticated: false },
  { ...small, isAuthenticated: true },
];

const LENGTHS: readonly string[] = [
  "-1",
  "0",
  "00",
  "11",
  "12",
  "13",
  "300",
  "301",
  "16384",
  "16385",
  "262144",
  "262145",
  "1048576",
  "1048577",
  "16777216",
  "17825792",
  "17825793",
  "2147483648",
  "9007199254740993",
  "99999999999999999999",
];

/** What an inline command is made of, now and then with a quote that is not closed. */
const INLINE_PARTS: readonly string[] = [
  "SET",
  "key",
  " ",
  "  ",
  "\t",
  "\v",
  '"a b" ',
  "'a\\'b' ",
  '"\\x41\\n\\q" ',
  "\\",
  "\\x41",
  "\r",
  "\u0000",
  "\u00ff",
  "*",
];

export interface FuzzReport {
  readonly inputs: number;
  readonly bytes: number;
  readonly requests: number;
  readonly failed: number;
  /** How often each reason was given. */
  readonly reasons: ReadonlyMap<string, number>;
  readonly slowestMs: number;
  /** Most that a parser held beside what it was fed. */
  readonly heldBytesMax: number;
  readonly growthBytesMax: number;
}

/** Throws for the first input that breaks a law. `collect` frees what is free, so that growth can be told; or it is not. */
export function fuzz(
  { inputs, seed }: { readonly inputs: number; readonly seed: number },
  collect?: () => void,
): FuzzReport {
  const reasons = new Map<string, number>();
  const total = { bytes: 0, requests: 0, failed: 0, slowestMs: 0, heldBytesMax: 0 };
  let growthBytesMax = 0;
  let baseBytes: number | undefined;
  for (let index = 0; index < inputs; index += 1) {
    if (collect !== undefined && index % INPUTS_PER_SAMPLE === 0) {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      // The first samples are taken while the code is still being compiled.
      if (index <= INPUTS_PER_SAMPLE) baseBytes = heapUsed + external;
      growthBytesMax = Math.max(growthBytesMax, heapUsed + external - (baseBytes ?? 0));
    }
    const startMs = performance.now();
    const outcome = tryInput(seed + index);
    total.slowestMs = Math.max(total.slowestMs, performance.now() - startMs);
    total.bytes += outcome.bytes;
    total.requests += outcome.requests;
    total.heldBytesMax = Math.max(total.heldBytesMax, outcome.heldBytes);
    if (outcome.reason === undefined) continue;
    total.failed += 1;
    reasons.set(outcome.reason, (reasons.get(outcome.reason) ?? 0) + 1);
  }
  assert.ok(total.slowestMs < INPUT_MS_MAX, `an input took ${total.slowestMs} ms`);
  assert.ok(growthBytesMax < GROWTH_BYTES_MAX, `memory grew by ${growthBytesMax} bytes`);
  return { inputs, ...total, reasons, growthBytesMax };
}

function tryInput(seed: number): {
  readonly bytes: number;
  readonly requests: number;
  readonly reason: string | undefined;
  readonly heldBytes: number;
} {
  const random = new Prng(seed);
  const rules = random.pick(RULES);
  const text = damaged(random, pipeline(random));
  const stream = Buffer.from(bytesFromBinary(text));
  const at = `seed ${seed}`;

  const { requests, reason } = referenceRequests(text, rules);
  const expected = requests.map(spelled).join("");
  const whole = feed([stream], rules, at);
  assert.equal(whole.transcript, expected, `${at}, in one piece`);
  assert.equal(whole.reason, reason, `${at}, in one piece`);
  const pieces = feed(cut(random, stream), rules, at);
  assert.equal(pieces.transcript, expected, `${at}, in pieces`);
  assert.equal(pieces.reason, reason, `${at}, in pieces`);
  return {
    bytes: stream.length,
    requests: requests.length,
    reason,
    heldBytes: pieces.heldBytes,
  };
}

/** Feeds `pieces` one after the other and pulls what is there after each. */
function feed(
  pieces: readonly Buffer[],
  rules: Rules,
  at: string,
): {
  readonly transcript: string;
  readonly reason: string | undefined;
  readonly heldBytes: number;
} {
  const parser = new RequestParser(rules);
  let transcript = "";
  let reason: string | undefined;
  let fedBytes = 0;
  let heldBytes = 0;
  for (const piece of pieces) {
    parser.push(piece);
    fedBytes += piece.length;
    for (let next = parser.next(); next !== undefined; next = parser.next()) {
      if (isProtocolError(next)) {
        assert.ok(reason === undefined || reason === next.reason, `${at}: a failure is final`);
        reason = next.reason;
        break;
      }
      assert.ok(reason === undefined, `${at}: no request after a failure`);
      transcript += spelled(next.map((argument) => binaryFromBytes(argument)));
    }
    const held = parser.heldBytes;
    const ahead = Math.ceil(fedBytes / ARGUMENT_WIRE_BYTES) * ARGUMENT_BYTES;
    assert.ok(held <= 2 * fedBytes + PARTIAL_BYTES_MIN + ahead, `${at}: holds ${held}`);
    const limit = rules.requestBytesMax + 2 * rules.lineBytesMax + PARTIAL_BYTES_MIN;
    assert.ok(held <= 2 * limit, `${at}: holds ${held} beyond the limits`);
    assert.ok(reason === undefined || held === 0, `${at}: a failure holds nothing`);
    heldBytes = Math.max(heldBytes, held);
  }
  return { transcript, reason, heldBytes };
}

/** A request as text that no other has. */
function spelled(request: readonly string[]): string {
  return `${request.map((argument) => `${argument.length}:${argument}`).join("")}\n`;
}

function pipeline(random: Prng): string {
  let text = "";
  const count = 1 + random.below(6);
  for (let index = 0; index < count; index += 1) text += requestText(random);
  return text;
}

function requestText(random: Prng): string {
  const kind = random.below(20);
  if (kind === 0) return random.pick(["\r\n", "\n", " \r\n", "*0\r\n", "*-1\r\n"]);
  if (kind <= 5) {
    let line = "";
    for (let part = random.below(9); part > 0; part -= 1) line += random.pick(INLINE_PARTS);
    if (random.chance(1, 10)) line += random.pick(['"', "'", '"\\x4', '"a"b']);
    return `${line}\r\n`;
  }
  const argumentCount = 1 + random.below(random.chance(1, 8) ? 14 : 4);
  let text = `*${argumentCount}\r\n`;
  for (let index = 0; index < argumentCount; index += 1) {
    const argument = argumentText(random);
    text += `$${argument.length}\r\n${argument}\r\n`;
  }
  return text;
}

function argumentText(random: Prng): string {
  const letter = random.pick(["a", "\r", "\n", "$", "*", "1", "\u0000", "\u00ff"]);
  if (random.chance(1, 2_000)) return letter.repeat(20_000 + random.below(60_000));
  return random.chance(1, 20) ? letter.repeat(random.below(400)) : letter.repeat(random.below(8));
}

/** One or two things go wrong, or none. */
function damaged(random: Prng, whole: string): string {
  let text = whole;
  for (let rounds = random.below(3); rounds > 0; rounds -= 1) text = damagedOnce(random, text);
  return text;
}

function damagedOnce(random: Prng, text: string): string {
  const at = random.below(text.length + 1);
  const to = Math.min(text.length, at + random.below(12));
  switch (random.below(8)) {
    case 0: {
      const flipped = text.charCodeAt(at) ^ (1 << random.below(8));
      return at < text.length ? splice(text, at, at + 1, String.fromCharCode(flipped)) : text;
    }
    case 1:
      return text.slice(0, at);
    case 2:
      return splice(text, at, to, "");
    case 3:
      return splice(text, to, to, text.slice(at, to));
    case 4:
      return replaceNumber(text, at, String(random.below(30)));
    case 5:
      return replaceNumber(text, at, random.pick(LENGTHS));
    case 6:
      return splice(text, at, to, String.fromCharCode(random.below(256)).repeat(random.below(80)));
    default: {
      const end = text.indexOf("\r\n", at);
      return end < 0 ? text : splice(text, end, end + 2, random.pick(["\n", "\r", "\r\r\n", ""]));
    }
  }
}

/** Changes the first number at or after `at`. */
function replaceNumber(text: string, at: number, by: string): string {
  const digits = /[0-9]+/g;
  digits.lastIndex = at;
  const found = digits.exec(text);
  return found === null ? text : splice(text, found.index, digits.lastIndex, by);
}

function splice(text: string, start: number, end: number, by: string): string {
  return text.slice(0, start) + by + text.slice(end);
}

function cut(random: Prng, stream: Buffer): Buffer[] {
  const lengthMax = random.pick([1, 2, 5, 30, 1_000]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const length = 1 + random.below(lengthMax);
    pieces.push(stream.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      inputs: { type: "string", default: "1000000" },
      seed: { type: "string", default: "1" },
    },
  });
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const startMs = performance.now();
  const report = fuzz({ inputs: Number(values.inputs), seed: Number(values.seed) }, collect);
  const seconds = (performance.now() - startMs) / 1_000;
  console.log(
    `${report.inputs} inputs, ${report.bytes} bytes, ${report.requests} requests, ` +
      `${report.failed} streams refused; ${seconds.toFixed(0)} s`,
  );
  console.log(
    `slowest input ${report.slowestMs.toFixed(1)} ms, most held ${report.heldBytesMax} bytes, ` +
      `memory grew by at most ${(report.growthBytesMax / MEBIBYTE).toFixed(1)} MiB`,
  );
  for (const [reason, count] of [...report.reasons].sort((a, b) => b[1] - a[1]).slice(0, 16)) {
    console.log(`${String(count).padStart(9)}  ${JSON.stringify(reason)}`);
  }
}

if (import.meta.main) main();
