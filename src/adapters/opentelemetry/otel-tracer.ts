/**
 * The `Tracer` port by OpenTelemetry's own libraries: spans, their ids and times, OTLP to a collector. Loaded only where traces are
 * configured (decision 0025).
 *
 * Nothing of OpenTelemetry's global state is set: an application that embeds a node has its own, and what is sent here does not become
 * spans there.
 */
import {
  createTraceState,
  type Span as OtelApiSpan,
  type Tracer as OtelApiTracer,
  SpanKind as OtelKind,
  ROOT_CONTEXT,
  SpanStatusCode,
  type TraceState,
  trace,
} from "@opentelemetry/api";
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import { AlwaysOnSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import {
  type Span,
  type SpanFacts,
  type SpanKind,
  TRACE_SAMPLED,
  type TraceContext,
} from "../../model/trace.ts";
import type { Log } from "../../ports/log.ts";
import type { Random } from "../../ports/random.ts";
import type { TraceCounts, Tracer } from "../../ports/tracer.ts";
import { SpanExport } from "./span-export.ts";

/** Spans of one request at one node: a bulk request is thousands of writes, of which so many show as well as all. */
export const SPANS_PER_REQUEST_MAX = 256;

/** Numbers there are to draw from. */
const DRAWS = 2 ** 32;

const KINDS: Readonly<Record<SpanKind, OtelKind>> = {
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  internal: OtelKind.INTERNAL,
};

export interface OtelTracerOptions {
  /** Where the collector takes spans: `http://host:4318/v1/traces`. */
  readonly url: string;
  /** Of requests that come without a trace, the part that begins one: 0..1. */
  readonly ratio: number;
  readonly version: string;
  /** The node's id, once it is known. */
  readonly instance: Promise<string>;
  readonly random: Random;
  readonly log: Log;
}

export class OtelTracer implements Tracer {
  readonly #export: SpanExport;
  readonly #provider: TracerProvider;
  readonly #tracer: OtelApiTracer;
  readonly #random: Random;
  /** Draws below it are kept. */
  readonly #keptBelow: number;

  constructor({ url, ratio, version, instance, random, log }: OtelTracerOptions) {
    this.#random = random;
    this.#keptBelow = ratio * DRAWS;
    const { host } = new URL(url);
    this.#export = new SpanExport({
      url,
      onTaken: (isTaken, reason) => {
        if (isTaken) log.log("info", "traces-taken-again", { collector: host });
        else log.log("warn", "traces-not-taken", { collector: host, reason });
      },
    });
    const own = { "service.name": "dnd", "service.version": version };
    const given = [resourceAttributesEnvDetector, serviceNameEnvDetector];
    this.#provider = new TracerProvider({
      resource: defaultResource()
        .merge(resourceFromAttributes({ ...own, "service.instance.id": instance }))
        .merge(detectResources({ detectors: given })),
      // Whoever gets as far as to begin a span is to be kept.
      sampler: new AlwaysOnSampler(),
      spanProcessors: [this.#export],
    });
    this.#tracer = this.#provider.getTracer("dnd", version);
  }

  get counts(): TraceCounts {
    return this.#export.counts;
  }

  begin(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    facts: SpanFacts = {},
  ): Span | undefined {
    if (!this.#isKept(parent)) return undefined;
    if (this.#export.isFull) {
      this.#export.drop();
      return undefined;
    }
    const context =
      parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote(parent));
    const span = this.#tracer.startSpan(name, { kind: KINDS[kind], attributes: facts }, context);
    const budget = { left: SPANS_PER_REQUEST_MAX - 1, omitted: 0 };
    return new OtelSpan(this.#tracer, span, budget, true);
  }

  /** Sends what has ended, within a few seconds. No span begins from now on. */
  close(): Promise<void> {
    return this.#provider.shutdown();
  }

  #isKept(parent: TraceContext | undefined): boolean {
    if (parent !== undefined) return (parent.flags & TRACE_SAMPLED) !== 0;
    return this.#random.next32() < this.#keptBelow;
  }
}

function remote({ traceId, spanId, flags, state }: TraceContext): {
  traceId: string;
  spanId: string;
  traceFlags: number;
  isRemote: true;
  traceState?: TraceState;
} {
  const context = { traceId, spanId, traceFlags: flags, isRemote: true } as const;
  return state === "" ? context : { ...context, traceState: createTraceState(state) };
}

/** What all spans of one request at this node share. */
interface Budget {
  left: number;
  omitted: number;
}

class OtelSpan implements Span {
  readonly #tracer: OtelApiTracer;
  readonly #span: OtelApiSpan;
  readonly #budget: Budget;
  readonly #isFirst: boolean;

  constructor(tracer: OtelApiTracer, span: OtelApiSpan, budget: Budget, isFirst = false) {
    this.#tracer = tracer;
    this.#span = span;
    this.#budget = budget;
    this.#isFirst = isFirst;
  }

  get context(): TraceContext {
    const { traceId, spanId, traceFlags, traceState } = this.#span.spanContext();
    return { traceId, spanId, flags: traceFlags, state: traceState?.serialize() ?? "" };
  }

  begin(name: string, kind: SpanKind, facts: SpanFacts = {}): Span | undefined {
    if (this.#budget.left === 0) {
      this.#budget.omitted += 1;
      return undefined;
    }
    this.#budget.left -= 1;
    const context = trace.setSpan(ROOT_CONTEXT, this.#span);
    const span = this.#tracer.startSpan(name, { kind: KINDS[kind], attributes: facts }, context);
    return new OtelSpan(this.#tracer, span, this.#budget);
  }

  end(facts: SpanFacts = {}, problem?: string): void {
    this.#span.setAttributes(facts);
    if (this.#isFirst && this.#budget.omitted > 0) {
      this.#span.setAttribute("dnd.spans_omitted", this.#budget.omitted);
    }
    if (problem !== undefined) {
      this.#span.setAttribute("error.type", problem);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: problem });
    }
    this.#span.end();
  }
}
