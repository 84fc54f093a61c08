/** Where traces are kept. A node without one keeps none. Nothing of it throws, waits, or makes a request wait. */
import type { Span, SpanFacts, SpanKind, TraceContext } from "../model/trace.ts";

export interface Tracer {
  /**
   * The first span of a request at this node.
   *
   * @param parent of whoever asks, who decides whether the trace is kept. Without one it is kept by chance, as configured.
   * @returns `undefined` where the trace is not kept.
   */
  begin(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    facts?: SpanFacts,
  ): Span | undefined;
  /** Since the start, by the names of the metric catalogue. */
  readonly counts: TraceCounts;
}

export interface TraceCounts {
  /** Spans that the collector has taken. */
  readonly exported: number;
  /** Spans, and requests that were to be traced, given up because too many waited for the collector. */
  readonly dropped: number;
  /** Spans that the collector refused, or did not take in time. */
  readonly failed: number;
}
