/**
 * What the bytes of the Redis protocol cost: nanoseconds for each request parsed and each reply encoded.
 *
 *   node bench/resp-codec.ts [--json]
 *
 * Requests come pipelined in chunks of 64 KiB, as a busy socket gives them; replies are taken in batches of as many as such
 * a chunk asks for. Time is this thread's own, so that a busy machine does not count; the best of five.
 */
import { OK, type Reply } from "../src/protocol/resp/reply.ts";
import { ReplyEncoder } from "../src/protocol/resp/reply-encoder.ts";
import { ReplyParser } from "../src/protocol/resp/reply-parser.ts";
import { isProtocolError, RequestParser } from "../src/protocol/resp/request-parser.ts";

const CHUNK_BYTES = 64 * 1024;
const STREAM_BYTES = 64 * CHUNK_BYTES;
const ATTEMPTS = 5;
const BATCH = 500;
const BATCHES = 1_000;
const VALUE = "v".repeat(100);

interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

interface Stream {
  readonly bytes: Buffer;
  readonly count: number;
}

function stream(one: (index: number) => string): Stream {
  const parts: string[] = [];
  let length = 0;
  while (length < STREAM_BYTES) {
    const part = one(parts.length);
    parts.push(part);
    length += part.length;
  }
  return { bytes: Buffer.from(parts.join(""), "latin1"), count: parts.length };
}

function array(...all: readonly string[]): string {
  return `*${all.length}\r\n${all.map((one) => `$${one.length}\r\n${one}\r\n`).join("")}`;
}

function cut(bytes: Buffer, length: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += length) chunks.push(bytes.subarray(at, at + length));
  return chunks;
}

/** `run` does `count` things; nanoseconds for each. */
function nsEach(count: number, run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const start = process.threadCpuUsage();
    // The clock of a thread's own time is coarse on some systems.
    for (let round = 0; round < 10; round += 1) run();
    const { user, system } = process.threadCpuUsage(start);
    best = Math.min(best, ((user + system) * 100) / count);
  }
  return best;
}

function parseAll(chunks: readonly Buffer[], count: number): void {
  const parser = new RequestParser({ isAuthenticated: true });
  let parsed = 0;
  for (const chunk of chunks) {
    parser.push(chunk);
    for (let request = parser.next(); request !== undefined; request = parser.next()) {
      if (isProtocolError(request)) throw new Error(request.reason);
      parsed += 1;
    }
  }
  if (parsed !== count) throw new Error(`${parsed} requests of ${count}`);
}

function requestRows(): Row[] {
  const streams: Readonly<Record<string, Stream>> = {
    "PING inline": stream(() => "PING\r\n"),
    "SET inline": stream((index) => `SET key:${index} "hello"\r\n`),
    PING: stream(() => array("PING")),
    GET: stream((index) => array("GET", `key:${index}`)),
    "SET 100 bytes": stream((index) => array("SET", `key:${index}`, VALUE)),
    "MSET 50 keys": stream((index) =>
      array("MSET", ...Array.from({ length: 50 }, (_, key) => [`k${index}:${key}`, "v"]).flat()),
    ),
  };
  const rows: Row[] = [];
  // All kinds first, so that none has the parser to itself while it is measured.
  for (const { bytes, count } of Object.values(streams)) parseAll(cut(bytes, CHUNK_BYTES), count);
  for (const [name, { bytes, count }] of Object.entries(streams)) {
    const chunks = cut(bytes, CHUNK_BYTES);
    const ns = nsEach(count, () => parseAll(chunks, count));
    rows.push({ what: `parse ${name}`, value: Math.round(ns), unit: "ns" });
    rows.push({ what: `parse ${name}`, value: Math.round(1e9 / ns), unit: "requests/s" });
  }
  const slow = stream((index) => array("SET", `key:${index}`, VALUE));
  const bytes = cut(slow.bytes.subarray(0, STREAM_BYTES / 16), 1);
  rows.push({
    what: "parse, byte by byte",
    value: Math.round(nsEach(bytes.length, () => parsePart(bytes))),
    unit: "ns/byte",
  });
  const large = Buffer.from(array("SET", "k", "v".repeat(16 * 1024 * 1024)), "latin1");
  const chunks = cut(large, CHUNK_BYTES);
  const ns = nsEach(large.length, () => parseAll(chunks, 1));
  rows.push({ what: "parse SET 16 MiB", value: Math.round(1e3 / ns), unit: "MB/s" });
  return rows;
}

function parsePart(chunks: readonly Buffer[]): void {
  const parser = new RequestParser({ isAuthenticated: true });
  for (const chunk of chunks) {
    parser.push(chunk);
    parser.next();
  }
}

function replyRows(): Row[] {
  const bulk: Reply = { kind: "bulk", bytes: Buffer.from(VALUE) };
  const replies: Readonly<Record<string, Reply>> = {
    OK,
    "small integer": { kind: "integer", value: 1 },
    "large integer": { kind: "integer", value: 1_790_000_000_000 },
    null: { kind: "null" },
    error: { kind: "error", text: "WRONGTYPE Operation against a key holding the wrong kind" },
    "key of 16 bytes": { kind: "binary", binary: "user:12345678901" },
    "value of 100 bytes": bulk,
    "10 values": { kind: "array", items: Array.from({ length: 10 }, () => bulk) },
    double: { kind: "double", value: 3.25 },
  };
  const rows: Row[] = [];
  for (const reply of Object.values(replies)) encodeBatches(reply, 20);
  for (const [name, reply] of Object.entries(replies)) {
    const ns = nsEach(BATCHES * BATCH, () => encodeBatches(reply, BATCHES));
    rows.push({ what: `encode ${name}`, value: Math.round(ns), unit: "ns" });
  }
  const encoder = new ReplyEncoder(3);
  for (let index = 0; index < BATCH * 20; index += 1) encoder.write(bulk);
  const bytes = Buffer.concat(encoder.take());
  const ns = nsEach(BATCH * 20, () => {
    const parser = new ReplyParser();
    for (const chunk of cut(bytes, CHUNK_BYTES)) {
      parser.push(chunk);
      while (parser.next() !== undefined);
    }
  });
  rows.push({ what: "parse value of 100 bytes", value: Math.round(ns), unit: "ns" });
  return rows;
}

function encodeBatches(reply: Reply, batches: number): void {
  const encoder = new ReplyEncoder(3);
  for (let batch = 0; batch < batches; batch += 1) {
    for (let index = 0; index < BATCH; index += 1) encoder.write(reply);
    encoder.take();
  }
}

const rows = [...requestRows(), ...replyRows()];
if (process.argv.includes("--json")) {
  process.stdout.write(`${JSON.stringify({ chunkBytes: CHUNK_BYTES, batch: BATCH, rows })}\n`);
} else {
  for (const { what, value, unit } of rows) {
    process.stdout.write(`${what.padEnd(26)} ${String(value).padStart(9)} ${unit}\n`);
  }
}
