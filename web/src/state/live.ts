/**
 * What the node tells of itself, as signals. One stream of events; when it breaks it is opened again, and until then the last
 * that was heard stays, marked as such.
 */
import { batch, computed, signal } from "@preact/signals";
import type {
  LiveEvent,
  LiveHello,
  LiveMember,
  LiveNumbers,
  LiveSample,
} from "../../../src/protocol/http/live.ts";

/** Five minutes. */
const NUMBERS_MAX = 300;
const EVENTS_MAX = 400;
/** Samples come every second. */
const SILENCE_MS_MAX = 4_000;
const REOPEN_MS = 1_500;

export type Connection = "connecting" | "live" | "lost";

export const connection = signal<Connection>("connecting");
/** The node answers, and would not tell: as many watch it as may, or it is about to end. */
export const isRefused = signal(false);
export const hello = signal<LiveHello | undefined>(undefined);
export const sample = signal<LiveSample | undefined>(undefined);
export const numbers = signal<readonly LiveNumbers[]>([]);
/** Latest last. */
export const events = signal<readonly LiveEvent[]>([]);
const before = signal<LiveSample | undefined>(undefined);

/** Those who belong, in order of address: so does somebody count them who looks for one. */
export const members = computed<readonly LiveMember[]>(() =>
  (sample.value?.members ?? [])
    .filter(({ intent }) => intent !== "left" && intent !== "removed")
    .sort((a, b) => a.address.localeCompare(b.address, "en", { numeric: true })),
);

export interface Rates {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly framesSent: number;
  readonly framesReceived: number;
}

/** What goes between the node and each member, a second. */
export const traffic = computed<ReadonlyMap<string, Rates>>(() => {
  const rates = new Map<string, Rates>();
  const [now, then] = [sample.value, before.value];
  if (now === undefined || then === undefined) return rates;
  const seconds = Math.max(0.1, (now.atMs - then.atMs) / 1_000);
  for (const { id, traffic: counts } of now.members) {
    const earlier = then.members.find((member) => member.id === id)?.traffic ?? counts;
    const rate = (name: keyof Rates): number => Math.max(0, counts[name] - earlier[name]) / seconds;
    rates.set(id, {
      bytesSent: rate("bytesSent"),
      bytesReceived: rate("bytesReceived"),
      framesSent: rate("framesSent"),
      framesReceived: rate("framesReceived"),
    });
  }
  return rates;
});

let lastHeardMs = 0;

/** Begins to listen, for as long as the page is there. */
export function watchNode(): void {
  open();
  setInterval(() => {
    const isSilent = performance.now() - lastHeardMs > SILENCE_MS_MAX;
    if (isSilent && connection.value === "live") connection.value = "lost";
  }, 500);
}

function open(): void {
  const source = new EventSource("/cluster/live");
  source.addEventListener("hello", (event) => {
    hello.value = parse<LiveHello>(event);
    // All that is to be told of the past comes behind it; a node that started anew counts anew.
    events.value = [];
    before.value = undefined;
    void loadNumbers();
  });
  source.addEventListener("sample", (event) => take(parse<LiveSample>(event)));
  source.addEventListener("timeline", (event) => {
    events.value = [...events.value, ...parse<LiveEvent[]>(event)].slice(-EVENTS_MAX);
  });
  source.addEventListener("error", () => {
    if (connection.value === "live") connection.value = "lost";
    // Where the node refuses, the browser gives up: it is asked again all the same.
    isRefused.value = source.readyState === EventSource.CLOSED;
    if (isRefused.value) setTimeout(open, REOPEN_MS);
  });
}

function parse<Data>(event: MessageEvent<string>): Data {
  return JSON.parse(event.data) as Data;
}

function take(next: LiveSample): void {
  lastHeardMs = performance.now();
  batch(() => {
    connection.value = "live";
    isRefused.value = false;
    before.value = sample.value?.node === next.node ? sample.value : undefined;
    sample.value = next;
    numbers.value = [...numbers.value, next].slice(-NUMBERS_MAX);
  });
}

/** What was sampled before this page listened. */
async function loadNumbers(): Promise<void> {
  try {
    const response = await fetch("/cluster/samples");
    if (!response.ok) return;
    const { samples } = (await response.json()) as { readonly samples: readonly LiveNumbers[] };
    const first = numbers.value[0]?.atMs ?? Number.POSITIVE_INFINITY;
    const earlier = samples.filter(({ atMs }) => atMs < first);
    numbers.value = [...earlier, ...numbers.value].slice(-NUMBERS_MAX);
  } catch {
    // Charts begin now instead.
  }
}
