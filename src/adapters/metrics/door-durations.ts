/**
 * How long requests took at the front doors: from being understood to being answered, for metrics. One for all doors of a node.
 *
 * Invariant: what is told apart is bounded: methods and commands by a few kinds, answers by whether they were errors.
 */
import { DurationHistogram } from "../../base/duration-histogram.ts";

const HTTP_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "other"] as const;
type HttpMethod = (typeof HTTP_METHODS)[number];
const HTTP_STATUSES = ["2xx", "3xx", "4xx", "5xx"] as const;
const REDIS_KINDS = ["read", "write", "other"] as const;
type RedisKind = (typeof REDIS_KINDS)[number];
const REDIS_OUTCOMES = ["ok", "error"] as const;

/** One series of a family: its labels and its durations. */
interface Timed {
  readonly labels: Readonly<Record<string, string>>;
  readonly durations: DurationHistogram;
}

export class DoorDurations {
  readonly #http = new Map<string, Timed>();
  readonly #redis: Readonly<Record<RedisKind, readonly [Timed, Timed]>> = {
    read: redisSeries("read"),
    write: redisSeries("write"),
    other: redisSeries("other"),
  };

  /** @param method as the request names it: any text. */
  noteHttp(method: string, status: number, durationMs: number): void {
    const known = HTTP_METHODS.find((name): name is HttpMethod => name === method) ?? "other";
    const kind = HTTP_STATUSES[Math.floor(status / 100) - 2] ?? "5xx";
    const name = `${known} ${kind}`;
    let series = this.#http.get(name);
    if (series === undefined) {
      series = { labels: { method: known, status: kind }, durations: new DurationHistogram() };
      this.#http.set(name, series);
    }
    series.durations.add(durationMs);
  }

  noteRedis(kind: RedisKind, isError: boolean, durationMs: number): void {
    this.#redis[kind][isError ? 1 : 0].durations.add(durationMs);
  }

  /** Those that there have been any of. */
  get http(): readonly Timed[] {
    return [...this.#http.values()];
  }

  get redis(): readonly Timed[] {
    return REDIS_KINDS.flatMap((kind) => this.#redis[kind]);
  }
}

function redisSeries(kind: RedisKind): readonly [Timed, Timed] {
  const series = (outcome: (typeof REDIS_OUTCOMES)[number]): Timed => ({
    labels: { kind, outcome },
    durations: new DurationHistogram(),
  });
  return [series("ok"), series("error")];
}
