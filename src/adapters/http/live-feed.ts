/**
 * Server-sent events: the node as it is, about every second, to all who watch.
 *
 * Invariant: one sampling serves all, and runs only while somebody listens; there are at most LISTENERS_MAX; who does not take
 * what is sent is cut off, and nothing is kept for it beyond BACKLOG_BYTES_MAX.
 * Source: HTML Living Standard, "Server-sent events".
 */
import type { ServerResponse } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Histogram } from "../../base/histogram.ts";
import type { Insight, Store } from "../../node/store.ts";
import type {
  LiveDisk,
  LiveHello,
  LiveNumbers,
  LivePercentiles,
  LiveSample,
  LiveTraffic,
} from "../../protocol/http/live.ts";
import { formatEpoch } from "./cluster-json.ts";

export const LISTENERS_MAX = 64;
/** About twenty samples of a small cluster, or one of the largest. */
export const BACKLOG_BYTES_MAX: number = 512 * 1024;
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
};
const SAMPLE_MS = 1_000;
/** Numbers of five minutes are kept for those who come later. */
const KEPT_MAX = 300;
/** The sizes of thousands of files are not looked up every second. */
const DISK_MS = 10_000;
const NS_PER_MS = 1e6;

export interface LiveFeedOptions {
  readonly store: Store;
  /** What the data takes and leaves; `undefined` where nothing is on a disk, or it cannot be told. */
  readonly disk: () => Promise<LiveDisk | undefined>;
  readonly sampleMs?: number;
}

export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #listeners = new Set<ServerResponse>();
  readonly #numbers: LiveNumbers[] = [];
  readonly #delays = monitorEventLoopDelay({ resolution: 10 });
  readonly #latencies: Latencies;
  #timer: NodeJS.Timeout | undefined;
  #disk: LiveDisk | undefined;
  #diskMs = Number.NEGATIVE_INFINITY;
  #isDiskAsked = false;
  /** The last event that all listeners were told. */
  #told = 0;
  #isClosed = false;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#latencies = new Latencies(options.store.insight);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** What was sampled of late, oldest first. While nobody listens nothing is. */
  get numbers(): readonly LiveNumbers[] {
    return this.#numbers;
  }

  /** False: there are enough, or the door closes; nothing was written. */
  attach(response: ServerResponse, hello: LiveHello): boolean {
    if (this.#isClosed || this.#listeners.size >= LISTENERS_MAX) return false;
    response.writeHead(200, STREAM_HEADERS);
    this.#listeners.add(response);
    response.once("close", () => this.#detach(response));
    const { store } = this.#options;
    // Those who came before are told these with the next sample; this one is told all there are.
    const events = store.insight.timeline.since(0).filter(({ number }) => number <= this.#told);
    if (this.#timer === undefined) this.#begin();
    response.write(
      textOf("hello", hello) + (events.length === 0 ? "" : textOf("timeline", events)),
    );
    this.#send(response, textOf("sample", this.#sample()));
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const response of this.#listeners) response.end();
    this.#end();
  }

  #begin(): void {
    this.#delays.enable();
    this.#delays.reset();
    this.#latencies.reset();
    this.#timer = setInterval(() => this.#tick(), this.#options.sampleMs ?? SAMPLE_MS);
  }

  #detach(response: ServerResponse): void {
    this.#listeners.delete(response);
    if (this.#listeners.size === 0) this.#end();
  }

  #end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#delays.disable();
  }

  #tick(): void {
    const { store } = this.#options;
    this.#refreshDisk();
    const events = store.insight.timeline.since(this.#told);
    this.#told = events.at(-1)?.number ?? this.#told;
    const sample = this.#sample();
    this.#numbers.push(numbersOf(sample));
    if (this.#numbers.length > KEPT_MAX) this.#numbers.shift();
    this.#latencies.reset();
    this.#delays.reset();
    const told = events.length === 0 ? "" : textOf("timeline", events);
    const text = told + textOf("sample", sample);
    for (const response of this.#listeners) this.#send(response, text);
  }

  #send(response: ServerResponse, text: string): void {
    if (response.writableLength > BACKLOG_BYTES_MAX) response.destroy();
    else response.write(text);
  }

  #refreshDisk(): void {
    const nowMs = performance.now();
    if (this.#isDiskAsked || nowMs - this.#diskMs < DISK_MS) return;
    this.#isDiskAsked = true;
    void this.#options.disk().then((disk) => {
      this.#disk = disk;
      this.#diskMs = performance.now();
      this.#isDiskAsked = false;
    });
  }

  #sample(): LiveSample {
    const { store } = this.#options;
    const { insight } = store;
    const status = store.status();
    const { collection, nodeId } = status;
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    return {
      atMs: Date.now(),
      node: nodeId,
      cluster: status.clusterId ?? null,
      phase: status.phase,
      waitsFor: status.waitsFor ?? null,
      epoch: formatEpoch(status.epoch),
      replicas: status.shared.replicas,
      members: status.members.map(({ record, ...member }) => ({
        id: record.id,
        address: record.address,
        httpAddress: record.httpAddress,
        intent: record.intent,
        liveness: member.liveness,
        zone: record.zone,
        weight: record.weight,
        firstSlots: member.firstSlots,
        primarySlots: member.primarySlots,
        dirtySlots: member.dirtySlots,
        foreignSlots: member.foreignSlots,
        reach: record.id === nodeId ? "self" : insight.reach(record.id),
        traffic: { ...insight.traffic(record.id) },
      })),
      dirtySlots: status.members.reduce((sum, member) => sum + member.dirtySlots, 0),
      traffic: summed(status.members.map(({ record }) => insight.traffic(record.id))),
      collection: {
        slotsDue: collection.slotsDue,
        reason: collection.reason ?? null,
        heldBy: collection.heldBy ?? null,
      },
      counters: status.counters,
      gauges: status.gauges,
      latency: this.#latencies.now(),
      eventLoop: {
        p50: this.#delays.percentile(50) / NS_PER_MS,
        p99: this.#delays.percentile(99) / NS_PER_MS,
        max: this.#delays.max / NS_PER_MS,
      },
      process: {
        cpuMs: Math.round((cpu.user + cpu.system) / 1_000),
        rssBytes: memory.rss,
        heapBytes: memory.heapUsed,
      },
      disk: this.#disk ?? null,
    };
  }
}

function numbersOf(sample: LiveSample): LiveNumbers {
  const { atMs, counters, gauges, dirtySlots, traffic } = sample;
  const { latency, eventLoop, process, disk } = sample;
  return { atMs, counters, gauges, dirtySlots, traffic, latency, eventLoop, process, disk };
}

function summed(parts: readonly LiveTraffic[]): LiveTraffic {
  const sum = { framesSent: 0, bytesSent: 0, framesReceived: 0, bytesReceived: 0 };
  for (const part of parts) {
    sum.framesSent += part.framesSent;
    sum.bytesSent += part.bytesSent;
    sum.framesReceived += part.framesReceived;
    sum.bytesReceived += part.bytesReceived;
  }
  return sum;
}

/** How long requests took since the last reset. */
class Latencies {
  readonly #insight: Insight;
  #read: Histogram = new Histogram();
  #write: Histogram = new Histogram();

  constructor(insight: Insight) {
    this.#insight = insight;
  }

  reset(): void {
    const { read, write } = this.#insight.latencies;
    this.#read = read.copy();
    this.#write = write.copy();
  }

  now(): LiveNumbers["latency"] {
    const { read, write } = this.#insight.latencies;
    return {
      read: percentiles(read.since(this.#read)),
      write: percentiles(write.since(this.#write)),
    };
  }
}

function percentiles(histogram: Histogram): LivePercentiles {
  const at = (percent: number): number => Histogram.percentile([histogram], percent);
  return { count: histogram.total, p50: at(50), p99: at(99), p999: at(99.9) };
}

function textOf(event: "hello" | "sample" | "timeline", data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
