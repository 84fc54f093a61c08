/**
 * Cursors of listings as clients carry them: opaque text with a check, bound to what it was handed out for.
 *
 * The check is against mistakes (a cut or edited cursor, one of another listing), not against forgery: a forged cursor shows
 * nothing that its owner could not list anyway.
 */
import { asBuffer, binaryFromBytes, bytesFromBinary } from "../../base/binary.ts";
import { crc32 } from "../../base/checksum.ts";
import { decodeBase64 } from "./percent.ts";
import { type Problem, problem } from "./problem.ts";

const CHECK_BYTES = 4;

/** `position` is a binary string; `scope` what the cursor must be used with again, such as the route and the prefix. */
export function formatCursor(position: string, scope: string): string {
  const place = bytesFromBinary(position);
  const bytes = Buffer.allocUnsafe(CHECK_BYTES + place.length);
  bytes.writeUInt32BE(check(place, scope), 0);
  bytes.set(place, CHECK_BYTES);
  return bytes.toString("base64url");
}

/** The position that `formatCursor` was given, or why the cursor is refused. */
export function parseCursor(
  cursor: string,
  scope: string,
): { readonly position: string } | Problem {
  const binary = decodeBase64(cursor);
  if (binary !== undefined && binary.length >= CHECK_BYTES) {
    const bytes = Buffer.from(binary, "latin1");
    const rest = bytes.subarray(CHECK_BYTES);
    if (bytes.readUInt32BE(0) === check(rest, scope)) return { position: binaryFromBytes(rest) };
  }
  return problem(
    "bad-parameter",
    "cursor is not one that this listing handed out; start without one",
    {
      name: "cursor",
    },
  );
}

function check(place: Uint8Array, scope: string): number {
  return crc32(asBuffer(place), crc32(Buffer.from(scope, "utf8")));
}
