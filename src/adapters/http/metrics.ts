/**
 * What a node tells those who watch it by numbers: what it counts and holds, how long it takes, its members, its process and its machine.
 *
 * Invariant: labels are bounded by the members there can be; no key, value or client is in any of them.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { DURATION_BOUNDS_S, type DurationHistogram } from "../../base/duration-histogram.ts";
import type { Intent, Liveness } from "../../model/member.ts";
import { REQUEST_KINDS, REQUEST_OUTCOMES, STAGES } from "../../node/durations.ts";
import { COUNTERS, GAUGES } from "../../node/metric-catalogue.ts";
import type { Store, StoreStatus } from "../../node/store.ts";
import type {
  HistogramSeries,
  Labels,
  MetricFamily,
  Sample,
} from "../../protocol/http/metrics-text.ts";
import { VERSION } from "../../version.ts";
import type { DoorDurations } from "../metrics/door-durations.ts";
import type { MachineFigures } from "../system/machine-figures.ts";

/** Delays of the event loop are those of so long at most, or since they were last asked for. */
const DELAY_WINDOW_MS = 60_000;
const PERCENTILES = [50, 99, 99.9] as const;
const NS_PER_S = 1e9;
const US_PER_S = 1e6;
const LIVENESSES: readonly Liveness[] = ["alive", "suspect", "dead"];
const INTENTS: readonly Intent[] = ["joining", "active", "leaving", "left", "removing", "removed"];

export interface MetricsOptions {
  readonly store: Store;
  readonly doors: DoorDurations;
  readonly machine: () => Promise<MachineFigures>;
}

export class Metrics {
  readonly #options: MetricsOptions;
  readonly #delays = monitorEventLoopDelay({ resolution: 10 });
  #delaysSinceMs = performance.now();

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  close(): void {
    this.#delays.disable();
  }

  async families(): Promise<readonly MetricFamily[]> {
    const { store, doors, machine } = this.#options;
    const figures = await machine();
    const status = store.status();
    return [
      ...nodeFamilies(status),
      ...memberFamilies(status),
      ...durationFamilies(status, doors),
      ...counterFamilies(status),
      ...gaugeFamilies(status),
      ...processFamilies(),
      ...machineFamilies(figures),
      this.#delayFamily(),
    ];
  }

  /** Measured once somebody asks: it takes a hundred timers a second. */
  #delayFamily(): MetricFamily {
    this.#delays.enable();
    const samples: Sample[] = PERCENTILES.map((percentile) => ({
      labels: { percentile: String(percentile) },
      value: this.#delays.percentile(percentile) / NS_PER_S,
    }));
    samples.push({ labels: { percentile: "100" }, value: this.#delays.max / NS_PER_S });
    const nowMs = performance.now();
    if (nowMs - this.#delaysSinceMs >= DELAY_WINDOW_MS) {
      this.#delays.reset();
      this.#delaysSinceMs = nowMs;
    }
    const help = "How late the event loop came to a timer, within the last minute or two.";
    return { name: "dnd_event_loop_delay_seconds", type: "gauge", help, samples };
  }
}

function gauge(name: string, help: string, ...samples: readonly Sample[]): MetricFamily {
  return { name, type: "gauge", help, samples };
}

function nodeFamilies({
  nodeId,
  clusterId,
  waitsFor,
  epoch,
  shared,
  collection,
}: StoreStatus): MetricFamily[] {
  const labels = {
    node: nodeId,
    cluster: clusterId ?? "",
    version: VERSION,
    runtime: process.versions.node,
  };
  return [
    gauge("dnd_info", "Who this is: its id, its cluster's, its version and Node's.", {
      labels,
      value: 1,
    }),
    gauge("dnd_time_seconds", "What its wall clock says, in Unix time.", {
      value: Date.now() / 1_000,
    }),
    gauge("dnd_ready", "1 while the node serves and has caught up: what /ready says.", {
      value: Number(waitsFor === undefined),
    }),
    gauge(
      "dnd_placement_epoch",
      "Version of the placement: equal where nodes see the same members.",
      { value: epoch },
    ),
    gauge("dnd_replicas", "Copies wanted of every key.", { value: shared.replicas }),
    gauge("dnd_collection_slots_due", "Slots in which something deleted waits to be collected.", {
      value: collection.slotsDue,
    }),
    gauge("dnd_collection_held", "1 while something keeps collection from going on.", {
      value: Number(collection.reason !== undefined),
    }),
  ];
}

function memberFamilies({ members }: StoreStatus): MetricFamily[] {
  const count = (isCounted: (member: (typeof members)[number]) => boolean): number =>
    members.filter(isCounted).length;
  const perMember = (value: (member: (typeof members)[number]) => number): Sample[] =>
    members.map((member) => ({ labels: { member: member.record.id }, value: value(member) }));
  return [
    gauge(
      "dnd_members",
      "Members by how this node sees them; those who left or were removed are not counted.",
      ...LIVENESSES.map((liveness) => ({
        labels: { liveness },
        value: count(
          ({ record, liveness: seen }) =>
            seen === liveness && record.intent !== "left" && record.intent !== "removed",
        ),
      })),
    ),
    gauge(
      "dnd_member_intents",
      "Members by what they are about to do.",
      ...INTENTS.map((intent) => ({
        labels: { intent },
        value: count(({ record }) => record.intent === intent),
      })),
    ),
    gauge(
      "dnd_member_dirty_slots",
      "Slots in which this node knows a member may lack something.",
      ...perMember(({ dirtySlots }) => dirtySlots),
    ),
    gauge(
      "dnd_member_foreign_slots",
      "Slots whose cells this node keeps for a member to take.",
      ...perMember(({ foreignSlots }) => foreignSlots),
    ),
  ];
}

/** Every counter there is, from zero on; one that is not of this version's catalogue too. */
function counterFamilies({ counters }: StoreStatus): MetricFamily[] {
  const help: Readonly<Record<string, string>> = COUNTERS;
  const all = {
    ...Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, 0])),
    ...counters,
  };
  return Object.entries(all).map(([name, value]) => ({
    name: `dnd_${snakeCase(name)}_total`,
    type: "counter",
    help: help[name] ?? `Counter ${name} of GET /cluster.`,
    samples: [{ value }],
  }));
}

function gaugeFamilies({ gauges }: StoreStatus): MetricFamily[] {
  return Object.entries(gauges).map(([name, value]) => {
    const known = GAUGES[name];
    return {
      name: `dnd_${known?.metric ?? snakeCase(name)}`,
      type: known?.isCounter === true ? "counter" : "gauge",
      help: known?.help ?? `Gauge ${name} of GET /cluster.`,
      samples: [{ value: value / (known?.by ?? 1) }],
    };
  });
}

/** What has never happened has no series, but for what usually does. */
function durationFamilies({ durations }: StoreStatus, doors: DoorDurations): MetricFamily[] {
  const requests = REQUEST_KINDS.flatMap((kind) =>
    REQUEST_OUTCOMES.filter(
      (outcome) => outcome === "met" || durations.requests[kind][outcome].total > 0,
    ).map((outcome) => seriesOf({ kind, outcome }, durations.requests[kind][outcome])),
  );
  return [
    histogram(
      "dnd_request_duration_seconds",
      "Requests of this node's clients, from being taken to being answered, by what they were and how they ended.",
      requests,
    ),
    histogram(
      "dnd_stage_duration_seconds",
      "Stages of requests at the nodes they pass, and exchanges.",
      STAGES.map((stage) => seriesOf({ stage: snakeCase(stage) }, durations.stages[stage])),
    ),
    histogram(
      "dnd_http_request_duration_seconds",
      "HTTP requests, from their head having arrived to their answer having been sent.",
      doors.http.map((timed) => seriesOf(timed.labels, timed.durations)),
    ),
    histogram(
      "dnd_redis_command_duration_seconds",
      "Commands of Redis clients, from being begun to being answered.",
      doors.redis.map((timed) => seriesOf(timed.labels, timed.durations)),
    ),
  ];
}

function seriesOf(labels: Labels, durations: DurationHistogram): HistogramSeries {
  return { labels, counts: durations.counts, sum: durations.sumSeconds };
}

function histogram(name: string, help: string, series: readonly HistogramSeries[]): MetricFamily {
  return { name, type: "histogram", help, bounds: DURATION_BOUNDS_S, series };
}

function processFamilies(): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const startedS = Date.now() / 1_000 - process.uptime();
  return [
    {
      name: "process_cpu_seconds_total",
      type: "counter",
      help: "User and system time of the process.",
      samples: [{ value: (user + system) / US_PER_S }],
    },
    gauge("process_resident_memory_bytes", "Memory of the process.", { value: rss }),
    gauge("process_start_time_seconds", "When it started, in Unix time.", { value: startedS }),
    gauge("dnd_heap_used_bytes", "JavaScript objects.", { value: heapUsed }),
    gauge("dnd_heap_external_bytes", "Buffers beside them.", { value: external }),
  ];
}

function machineFamilies(figures: MachineFigures): MetricFamily[] {
  const { memoryBytes, memoryAvailableBytes, heapLimitBytes, disk } = figures;
  const families = [
    gauge("dnd_heap_limit_bytes", "JavaScript objects cannot take more.", {
      value: heapLimitBytes,
    }),
    gauge("dnd_machine_memory_bytes", "Memory of the machine.", { value: memoryBytes }),
    gauge("dnd_machine_memory_available_bytes", "Memory that programs can still be given.", {
      value: memoryAvailableBytes,
    }),
  ];
  if (disk === undefined) return families;
  return [
    ...families,
    gauge("dnd_disk_size_bytes", "Size of the file system with the data.", {
      value: disk.sizeBytes,
    }),
    gauge("dnd_disk_free_bytes", "Of that, free for the node.", { value: disk.freeBytes }),
    gauge("dnd_disk_writable", "1 while the node may write in its data directory.", {
      value: Number(disk.isWritable),
    }),
  ];
}

function snakeCase(name: string): string {
  return name.replaceAll("-", "_");
}
