/**
 * What a node tells those who watch it by numbers: its counters and gauges, its members, and its process.
 *
 * Invariant: labels are bounded by the members there can be; no key, value or client is in any of them.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Intent, Liveness } from "../../model/member.ts";
import type { Store, StoreStatus } from "../../node/store.ts";
import type { MetricFamily, Sample } from "../../protocol/http/metrics-text.ts";

/** Delays of the event loop are those of so long at most, or since they were last asked for. */
const DELAY_WINDOW_MS = 60_000;
const QUANTILES = [0.5, 0.99, 0.999] as const;
const NS_PER_S = 1e9;
const US_PER_S = 1e6;
const LIVENESSES: readonly Liveness[] = ["alive", "suspect", "dead"];
const INTENTS: readonly Intent[] = ["joining", "active", "leaving", "left", "removing", "removed"];

/** Gauges that are kept in another unit than the one that metrics are in. */
const SCALED: Readonly<Record<string, { readonly name: string; readonly by: number }>> = {
  "background-percent": { name: "background_share_ratio", by: 100 },
  "foreground-p99-us": { name: "foreground_p99_seconds", by: US_PER_S },
  "foreground-target-us": { name: "foreground_target_seconds", by: US_PER_S },
};

export class Metrics {
  readonly #store: Store;
  readonly #delays = monitorEventLoopDelay({ resolution: 10 });
  #delaysSinceMs = performance.now();

  constructor(store: Store) {
    this.#store = store;
  }

  close(): void {
    this.#delays.disable();
  }

  families(): readonly MetricFamily[] {
    const status = this.#store.status();
    return [
      ...nodeFamilies(status),
      ...memberFamilies(status),
      ...countFamilies(status),
      ...processFamilies(),
      this.#delayFamily(),
    ];
  }

  /** Measured once somebody asks: it takes a hundred timers a second. */
  #delayFamily(): MetricFamily {
    this.#delays.enable();
    const samples: Sample[] = QUANTILES.map((quantile) => ({
      labels: { quantile: String(quantile) },
      value: this.#delays.percentile(100 * quantile) / NS_PER_S,
    }));
    samples.push({ labels: { quantile: "1" }, value: this.#delays.max / NS_PER_S });
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
  phase,
  shared,
  collection,
}: StoreStatus): MetricFamily[] {
  const labels = { node: nodeId, cluster: clusterId ?? "" };
  return [
    gauge("dnd_info", "Who this is.", { labels, value: 1 }),
    gauge("dnd_ready", "1 while the node serves and holds all it is to hold.", {
      value: Number(phase === "ready"),
    }),
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

/** Counters and gauges under the names they have in `GET /cluster`. */
function countFamilies({ counters, gauges }: StoreStatus): MetricFamily[] {
  const families: MetricFamily[] = [];
  for (const [name, value] of Object.entries(counters)) {
    const metric = `dnd_${name.replaceAll("-", "_")}_total`;
    const help = `Counter ${name} of GET /cluster, since the node started.`;
    families.push({ name: metric, type: "counter", help, samples: [{ value }] });
  }
  for (const [name, value] of Object.entries(gauges)) {
    const { name: metric, by } = SCALED[name] ?? { name: name.replaceAll("-", "_"), by: 1 };
    families.push(gauge(`dnd_${metric}`, `Gauge ${name} of GET /cluster.`, { value: value / by }));
  }
  return families;
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
