/**
 * HTTP/2 as far as gRPC's unary calls need it (RFC 9113, RFC 7541): frames, and headers that leave the other end's table alone, so
 * that the bytes of a request are the same every time.
 */

export const FRAME_HEAD_BYTES = 9;

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  window: 8,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTING_INITIAL_WINDOW = 4;
/** The largest there is: what is received is not held back by us. */
const WINDOW_MAX = 0x7fffffff;
const WINDOW_DEFAULT = 65_535;
const GRPC_PREFIX_BYTES = 5;

/** `stream` 0 is the connection itself. */
export function frame(type: number, flags: number, stream: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + body.length);
  bytes.writeUIntBE(body.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  body.copy(bytes, FRAME_HEAD_BYTES);
  return bytes;
}

/** What a client says first: no pushing back of what it receives. */
export function greeting(): Buffer {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(SETTING_INITIAL_WINDOW, 0);
  settings.writeUInt32BE(WINDOW_MAX, 2);
  const window = Buffer.alloc(4);
  window.writeUInt32BE(WINDOW_MAX - WINDOW_DEFAULT);
  return Buffer.concat([
    Buffer.from(PREFACE),
    frame(FRAME.settings, 0, 0, settings),
    frame(FRAME.window, 0, 0, window),
  ]);
}

/** Headers of a call, in literals that are not remembered. */
export function callHeaders(path: string): Buffer {
  return Buffer.concat([
    // Of the static table: POST, http.
    Buffer.of(0x83, 0x86),
    // With a name of the static table: `:path`, `:authority`, `content-type`.
    literal([0x04], path),
    literal([0x01], "127.0.0.1"),
    literal([0x0f, 0x10], "application/grpc"),
    literal([0x00, ...lengthAnd("te")], "trailers"),
  ]);
}

function literal(name: readonly number[], value: string): Buffer {
  return Buffer.from([...name, ...lengthAnd(value)]);
}

/** Shorter than 127 bytes, not compressed. */
function lengthAnd(text: string): number[] {
  return [text.length, ...Buffer.from(text, "latin1")];
}

/** A message as gRPC sends it: not compressed. */
export function grpcMessage(body: Buffer): Buffer {
  const bytes = Buffer.alloc(GRPC_PREFIX_BYTES + body.length);
  bytes.writeUInt32BE(body.length, 1);
  body.copy(bytes, GRPC_PREFIX_BYTES);
  return bytes;
}

/** A field of bytes in a protocol buffer. */
export function bytesField(number: number, value: Buffer): Buffer {
  const head = [(number << 3) | 2];
  let rest = value.length;
  while (rest >= 0x80) {
    head.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  head.push(rest);
  return Buffer.concat([Buffer.from(head), value]);
}
