/**
 * Traces: for which request of which caller a piece of work is done. As W3C Trace Context has it, level 1 (a Recommendation of
 * 2021): https://www.w3.org/TR/trace-context-1/
 */

/** Longest `tracestate` that is taken along; the Recommendation asks for no more. */
export const TRACE_STATE_BYTES_MAX = 512;
/** The bit of `flags` that says that whoever asks keeps this trace. */
export const TRACE_SAMPLED = 1;

/** What goes along with a request to whoever works on it. */
export interface TraceContext {
  /** 32 digits of lower-case hexadecimal, not all of them zero. */
  readonly traceId: string;
  /** 16 digits, not all of them zero: the span that asks. */
  readonly spanId: string;
  /** 0..255. */
  readonly flags: number;
  /** `tracestate`: printable ASCII, up to TRACE_STATE_BYTES_MAX, perhaps nothing. Passed on, never read. */
  readonly state: string;
}

/** What a span says of itself, by names of docs/traces.md. Never a key or a value. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** `server`: done for somebody elsewhere. `client`: asked of somebody elsewhere. `internal`: neither. */
export type SpanKind = "server" | "client" | "internal";

/** A piece of work as a trace shows it, from its beginning to its end. There is one only while its trace is kept. */
export interface Span {
  readonly context: TraceContext;
  /** A piece of it; `undefined` where the request has as many spans as one may have. */
  begin(name: string, kind: SpanKind, facts?: SpanFacts): Span | undefined;
  /** To be called once. `problem`: it failed, and by which of a closed set of words. */
  end(facts?: SpanFacts, problem?: string): void;
}

/** What spans begin under. */
export type SpanParent = Pick<Span, "begin">;
