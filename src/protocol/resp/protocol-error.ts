/** Why a stream of the Redis protocol cannot be understood any further, in the words that Redis has for it. */

export interface ProtocolError {
  readonly kind: "protocol-error";
  /** What is told to the other end, after the word ERR: one line, one byte a character. */
  readonly reason: string;
}

export function protocolError(what: string): ProtocolError {
  return { kind: "protocol-error", reason: `Protocol error: ${what}` };
}
