/**
 * The way of spans to the collector: a queue of bounded length, batches of it, one under way at a time; and what became of them.
 *
 * Invariant: who ends a span never waits, and no more than WAITING_MAX of them are kept. Each is counted once: exported, failed,
 * or dropped.
 */
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import type { TraceCounts } from "../../ports/tracer.ts";

/** Spans that wait for the collector, or are on their way to it: some 10 MB of memory. */
const WAITING_MAX = 8_192;
const BATCH_SPANS_MAX = 512;
const BATCH_MS = 1_000;
/** One batch, tried again within it included. */
const EXPORT_MS_MAX = 3_000;
/** The collector answers to the exporter's own timeout first. */
const GIVEN_UP_MS = EXPORT_MS_MAX + 1_000;

export interface SpanExportOptions {
  /** Where the collector takes spans, by OTLP in JSON over HTTP. */
  readonly url: string;
  /** The collector does not take spans any more, or does again. Told on change alone. */
  readonly onTaken: (isTaken: boolean, reason: string) => void;
}

type Done = Parameters<SpanExporter["export"]>[1];
type Result = Parameters<Done>[0];

export class SpanExport implements SpanProcessor {
  readonly #options: SpanExportOptions;
  readonly #batches: BatchSpanProcessor;
  #waiting = 0;
  #exported = 0;
  #failed = 0;
  #dropped = 0;
  #isTaken = true;
  #isClosed = false;
  /** What has not been answered by now is given up, and counted so. */
  #isOver = false;

  constructor(options: SpanExportOptions) {
    this.#options = options;
    const exporter = new OTLPTraceExporter({ url: options.url, timeoutMillis: EXPORT_MS_MAX });
    this.#batches = new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => exporter.export(spans, this.#counting(spans.length, done)),
        shutdown: () => exporter.shutdown(),
      },
      // What is passed on is in the batches' queue or under way, so that queue is never full.
      maxQueueSize: WAITING_MAX,
      maxExportBatchSize: BATCH_SPANS_MAX,
      scheduledDelayMillis: BATCH_MS,
      exportTimeoutMillis: GIVEN_UP_MS,
    });
  }

  get counts(): TraceCounts {
    return { exported: this.#exported, failed: this.#failed, dropped: this.#dropped };
  }

  /** A request that begins now would lose its spans: it is better not traced at all, and costs less. */
  get isFull(): boolean {
    return this.#waiting >= WAITING_MAX || this.#isClosed;
  }

  /** Counts what is given up without having become a span. */
  drop(): void {
    this.#dropped += 1;
  }

  onStart(span: Span, parentContext: Parameters<SpanProcessor["onStart"]>[1]): void {
    this.#batches.onStart(span, parentContext);
  }

  onEnd(span: ReadableSpan): void {
    if (this.isFull) return this.drop();
    this.#waiting += 1;
    this.#batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush();
  }

  /** Sends what waits, unless the collector has just taken nothing. Settles within EXPORT_MS_MAX and a second, and never fails. */
  async shutdown(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isTaken) {
      const limit = new Promise<void>((resolve) => setTimeout(resolve, GIVEN_UP_MS).unref());
      // What could not be sent is counted where it failed.
      await Promise.race([this.#batches.shutdown().catch(() => undefined), limit]);
    }
    this.#isOver = true;
    this.#dropped += this.#waiting;
    this.#waiting = 0;
  }

  #counting(spanCount: number, done: Done): Done {
    return (result) => {
      if (this.#isOver) return done(result);
      this.#waiting -= spanCount;
      // The code of success; the enumeration is in a package of its own.
      const isTaken = result.code === 0;
      if (isTaken) this.#exported += spanCount;
      else this.#failed += spanCount;
      if (isTaken !== this.#isTaken) this.#options.onTaken(isTaken, reasonOf(result));
      this.#isTaken = isTaken;
      done(result);
    };
  }
}

function reasonOf({ error }: Result): string {
  if (error === undefined) return "";
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.message : `${code}: ${error.message}`;
}
