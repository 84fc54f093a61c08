/** Replies out of bytes, in order, however the bytes are cut: one implementation a protocol. */

export interface ReplyReader {
  /** What the client says before its first request. */
  readonly greeting?: Buffer;
  push(chunk: Buffer): void;
}

/** What a reader has at hand. */
export interface ReaderContext {
  readonly onReply: OnReply;
  /** Sends what the protocol asks for beside requests. */
  readonly send: (bytes: Buffer) => void;
}

/**
 * Told of each reply once.
 *
 * `integer` is that of a reply that is one, else -1. `problem` says why a reply is not as it should be: an error, or a
 * value that should have been there and is not.
 */
export type OnReply = (problem: string | undefined, integer: number) => void;

export const ABSENT = "there is no such key";
