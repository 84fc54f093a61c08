/**
 * What one message between nodes costs: nanoseconds to encode and to decode, and round trips a second over loopback.
 *
 *   node bench/peer-codec.ts [--json]
 *
 * The round trips run between two transports of this one process, so each counts two sends and two receipts on one core;
 * the bare row is the same exchange over plain sockets with frames of the same length, as a yardstick of the run.
 */
import { connect, createServer } from "node:net";
import { openTransport } from "../src/adapters/tcp/tcp-transport.ts";
import type { EncodedCell } from "../src/model/cell.ts";
import { type Address, epochFrom } from "../src/model/ids.ts";
import { keyFromText } from "../src/model/key.ts";
import type { FrameHeader, PeerMessage } from "../src/model/peer-message.ts";
import { ROOT_ONLY } from "../src/model/selection.ts";
import type { Stamp } from "../src/model/stamp.ts";
import type { Log } from "../src/ports/log.ts";
import type { TransportListener } from "../src/ports/transport.ts";
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  frameFrom,
  isDecodeFailure,
} from "../src/protocol/peer/frame-codec.ts";

const ROUNDS = 400_000;
const IN_FLIGHT = 50;
const TRIPS = 300_000;
const VALUE_BYTES = 100;

const stamp: Stamp = { ms: 1_790_000_000_000, counter: 3, boot: 2 ** 52 + 12_345 };
const key = keyFromText("user:1234567890");
const cell: EncodedCell = { field: undefined, bytes: new Uint8Array(VALUE_BYTES).fill(65) };

const header: FrameHeader = {
  requestId: 77,
  clockMs: 1_790_000_000_123,
  clockCounter: 9,
  epoch: epochFrom(2 ** 51 + 99),
  remainingMs: 4_999,
  sentMs: 123_456.789,
};

const messages: Readonly<Record<string, PeerMessage>> = {
  write: {
    kind: "write",
    key,
    cells: [cell],
    bases: [stamp],
    attempt: "first",
    role: "primary",
    unreached: [],
  },
  "write-reply": { kind: "write-reply", result: "stored", held: stamp, commitNumber: 123_456 },
  read: { kind: "read", key, selection: ROOT_ONLY, want: "cells" },
  "cells-reply": {
    kind: "cells-reply",
    flushed: stamp,
    cells: [cell],
    through: undefined,
    collected: stamp,
  },
  "digest-reply": {
    kind: "digest-reply",
    flushed: stamp,
    digests: [{ field: undefined, stamp, checksum: 0xdeadbeef }],
    collected: stamp,
  },
};

interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

/** Time of this thread's own, so that a busy machine does not count; the best of three. */
function nsEach(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const start = process.threadCpuUsage();
    for (let round = 0; round < ROUNDS; round += 1) run();
    const { user, system } = process.threadCpuUsage(start);
    best = Math.min(best, ((user + system) * 1_000) / ROUNDS);
  }
  return Math.round(best);
}

function codecRows(): Row[] {
  const rows: Row[] = [];
  // All kinds first, so that no message has the decoder to itself while it is measured: in a node it never has.
  for (let round = 0; round < 20_000; round += 1) {
    for (const message of Object.values(messages)) decodeFrame(encodeFrame(header, message));
  }
  for (const [name, message] of Object.entries(messages)) {
    const frame = encodeFrame(header, message);
    if (isDecodeFailure(decodeFrame(frame))) throw new Error(`${name} does not decode`);
    rows.push({
      what: `${name} encode`,
      value: nsEach(() => encodeFrame(header, message)),
      unit: "ns",
    });
    rows.push({ what: `${name} decode`, value: nsEach(() => decodeFrame(frame)), unit: "ns" });
  }
  const encoded = encodeMessage(messages.write as PeerMessage);
  rows.push({
    what: "write, another peer",
    value: nsEach(() => frameFrom(header, encoded)),
    unit: "ns",
  });
  return rows;
}

/** Frames there and back through two transports, `IN_FLIGHT` at a time; with or without the codec. */
async function transportTrips(withCodec: boolean): Promise<number> {
  const log: Log = { log: () => {} };
  const left = await openTransport({ host: "127.0.0.1", port: 0, log });
  const right = await openTransport({ host: "127.0.0.1", port: 0, log });
  const request = encodeFrame(header, messages.write as PeerMessage);
  const reply = encodeFrame(header, messages["write-reply"] as PeerMessage);
  const nothing = { onOpened() {}, onAccepted() {}, onClosed() {}, onDatagram() {} };
  const elapsedMs = await new Promise<number>((resolve) => {
    let sent = 0;
    let done = 0;
    let startMs = 0;
    const ask = (): void => {
      sent += 1;
      left.send(
        connection,
        withCodec ? encodeFrame(header, messages.write as PeerMessage) : request,
      );
    };
    const here: TransportListener = {
      ...nothing,
      onOpened: () => {
        startMs = performance.now();
        for (let index = 0; index < IN_FLIGHT; index += 1) ask();
      },
      onFrame: (_, frame) => {
        if (withCodec) decodeFrame(frame);
        done += 1;
        if (done === TRIPS) resolve(performance.now() - startMs);
        else if (sent < TRIPS) ask();
      },
    };
    const there: TransportListener = {
      ...nothing,
      onFrame: (from, frame) => {
        if (withCodec) decodeFrame(frame);
        right.send(
          from,
          withCodec ? encodeFrame(header, messages["write-reply"] as PeerMessage) : reply,
        );
      },
    };
    left.listen(here);
    right.listen(there);
    const connection = left.connect(`127.0.0.1:${right.port}` as Address);
  });
  await Promise.all([left.shutdown(), right.shutdown()]);
  return Math.round((TRIPS / elapsedMs) * 1_000);
}

/** The same number of bytes there and back on plain sockets, each batch written at once: no chunks, no frames. */
async function bareTrips(): Promise<number> {
  const requestBytes = 4 + encodeFrame(header, messages.write as PeerMessage).length;
  const replyBytes = 4 + encodeFrame(header, messages["write-reply"] as PeerMessage).length;
  const server = createServer({ noDelay: true }, (socket) => {
    let waiting = 0;
    socket.on("data", (bytes) => {
      waiting += bytes.length;
      const count = Math.floor(waiting / requestBytes);
      waiting -= count * requestBytes;
      if (count > 0) socket.write(Buffer.allocUnsafe(count * replyBytes));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const elapsedMs = await new Promise<number>((resolve) => {
    let done = 0;
    let waiting = 0;
    const startMs = performance.now();
    socket.write(Buffer.allocUnsafe(IN_FLIGHT * requestBytes));
    socket.on("data", (bytes) => {
      waiting += bytes.length;
      const count = Math.floor(waiting / replyBytes);
      waiting -= count * replyBytes;
      done += count;
      if (done >= TRIPS) resolve(performance.now() - startMs);
      else if (count > 0) socket.write(Buffer.allocUnsafe(count * requestBytes));
    });
  });
  socket.destroy();
  server.close();
  return Math.round((TRIPS / elapsedMs) * 1_000);
}

const rows = codecRows();
for (const [what, trips] of [
  ["bare sockets", bareTrips],
  ["transport", (): Promise<number> => transportTrips(false)],
  ["transport and codec", (): Promise<number> => transportTrips(true)],
] as const) {
  const start = process.cpuUsage();
  const rate = await trips();
  const { user, system } = process.cpuUsage(start);
  rows.push({ what, value: rate, unit: "round trips/s" });
  rows.push({ what, value: Math.round(((user + system) * 1_000) / TRIPS), unit: "ns CPU each" });
}

if (process.argv.includes("--json")) {
  process.stdout.write(
    `${JSON.stringify({ inFlight: IN_FLIGHT, valueBytes: VALUE_BYTES, rows })}\n`,
  );
} else {
  for (const { what, value, unit } of rows) {
    process.stdout.write(`${what.padEnd(24)} ${String(value).padStart(9)} ${unit}\n`);
  }
}
