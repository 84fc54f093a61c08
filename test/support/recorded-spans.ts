/** A tracer that keeps its spans, in the order they began, for a test to look at. */
import {
  type Span,
  type SpanFacts,
  type SpanKind,
  TRACE_SAMPLED,
  type TraceContext,
} from "../../src/model/trace.ts";
import type { Tracer } from "../../src/ports/tracer.ts";

export interface RecordedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly parentId: string | undefined;
  readonly context: TraceContext;
  readonly facts: SpanFacts;
  readonly problem: string | undefined;
  readonly ends: number;
}

class Recorded implements RecordedSpan, Span {
  readonly name: string;
  readonly kind: SpanKind;
  readonly parentId: string | undefined;
  readonly context: TraceContext;
  facts: SpanFacts;
  problem: string | undefined;
  ends = 0;
  readonly #tracer: RecordingTracer;

  constructor(
    tracer: RecordingTracer,
    told: Pick<RecordedSpan, "name" | "kind" | "parentId" | "context" | "facts">,
  ) {
    this.#tracer = tracer;
    this.name = told.name;
    this.kind = told.kind;
    this.parentId = told.parentId;
    this.context = told.context;
    this.facts = told.facts;
  }

  begin(name: string, kind: SpanKind, facts: SpanFacts = {}): Span | undefined {
    return this.#tracer.begin(name, kind, this.context, facts);
  }

  end(facts: SpanFacts = {}, problem?: string): void {
    this.facts = { ...this.facts, ...facts };
    this.problem = problem;
    this.ends += 1;
  }
}

export class RecordingTracer implements Tracer {
  readonly counts = { exported: 0, dropped: 0, failed: 0 };
  readonly spans: RecordedSpan[] = [];
  /** Spans it still makes. */
  left = Number.POSITIVE_INFINITY;

  begin(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    facts: SpanFacts = {},
  ): Span | undefined {
    const isUnwanted = parent !== undefined && (parent.flags & TRACE_SAMPLED) === 0;
    if (this.left === 0 || isUnwanted) return undefined;
    this.left -= 1;
    const spanId = (this.spans.length + 1).toString(16).padStart(16, "0");
    const { traceId, flags, state } = parent ?? { traceId: "a".repeat(32), flags: 1, state: "" };
    const context = { traceId, spanId, flags, state };
    const span = new Recorded(this, { name, kind, parentId: parent?.spanId, context, facts });
    this.spans.push(span);
    return span;
  }

  /** Each span's name below that of its parent's, what it says, and how it ended. */
  tree(): readonly string[] {
    return this.spans.map((span) => {
      const parent = this.spans.find(({ context }) => context.spanId === span.parentId);
      const under = parent === undefined ? "" : `${parent.name} > `;
      const facts = Object.entries(span.facts).map(([name, fact]) => ` ${name}=${fact}`);
      const end = span.ends === 1 ? (span.problem ?? "ok") : `ended ${span.ends} times`;
      return `${under}${span.name} (${span.kind})${facts.join("")}: ${end}`;
    });
  }
}
