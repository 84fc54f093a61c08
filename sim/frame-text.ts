/** One line about a frame between nodes, for people who read a trace. */
import { decodeFrame, isDecodeFailure } from "../src/protocol/peer/frame-codec.ts";

/** What the frame says, and the key it is about where it is about one. */
export function describeFrame(frame: Uint8Array): {
  readonly text: string;
  readonly key: string | undefined;
} {
  const decoded = decodeFrame(frame);
  if (isDecodeFailure(decoded))
    return { text: `undecodable, ${frame.length} bytes`, key: undefined };
  const { header, message } = decoded;
  const key = "key" in message ? message.key : undefined;
  const facts = JSON.stringify(message, (name, value: unknown) => {
    if (name === "kind") return undefined;
    if (typeof value === "bigint") return value.toString();
    if (isBytesAsJson(value)) return `${value.data.length} bytes`;
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    if (value instanceof Uint32Array) return `${value.length} words`;
    if (Array.isArray(value) && value.length > 8) return `${value.length} items`;
    return value;
  });
  return { text: `${message.kind} r${header.requestId} ${facts}`, key };
}

/** A `Buffer` is turned into an object of its own before a replacer sees it. */
function isBytesAsJson(value: unknown): value is { readonly data: readonly number[] } {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    value.type === "Buffer" &&
    "data" in value
  );
}
