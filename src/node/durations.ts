/**
 * How long requests took, and each stage of them: for metrics.
 *
 * Invariant: what is told apart is known beforehand, and bounded; a duration costs an addition or two where the times are
 * known anyway.
 */
import { DurationHistogram } from "../base/duration-histogram.ts";
import { majority } from "../core/replication/quorum.ts";
import type { QuorumReport } from "../model/outcome.ts";

/** `modify` is what depends on what the key holds: conditional writes, counters, hashes and sets. */
export const REQUEST_KINDS = ["read", "write", "modify", "list", "flush"] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

/**
 * `met`: by a majority of the primaries, or by as many as the request demanded. `short`: by fewer, and the answer said so. `refused`: a
 * condition did not hold. `failed`: it was not done, or nobody knows.
 */
export const REQUEST_OUTCOMES = ["met", "short", "refused", "failed"] as const;
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

/** Where time goes on the way, in that order; then the background's. */
export const STAGES = [
  "coordinate-read",
  "coordinate-write",
  "peer-round-trip",
  "replica-read",
  "replica-write",
  "commit-queue",
  "commit-sync",
  "exchange",
] as const;
export type Stage = (typeof STAGES)[number];

export class Durations {
  readonly requests: Readonly<Record<RequestKind, Record<RequestOutcome, DurationHistogram>>> =
    record(REQUEST_KINDS, () => record(REQUEST_OUTCOMES, () => new DurationHistogram()));
  readonly stages: Readonly<Record<Stage, DurationHistogram>> = record(
    STAGES,
    () => new DurationHistogram(),
  );

  /** @param demanded replicas that the request asked for; `undefined`: the majority. */
  noteRequest(
    kind: RequestKind,
    outcome: AnyOutcome,
    demanded: number | undefined,
    durationMs: number,
  ): void {
    this.requests[kind][verdictOn(outcome, demanded)].add(durationMs);
  }
}

/** What all outcomes of requests have in common. */
export interface AnyOutcome {
  readonly kind: string;
  readonly quorum?: QuorumReport;
  readonly result?: { readonly kind: string };
}

function verdictOn(
  { kind, quorum, result }: AnyOutcome,
  demanded: number | undefined,
): RequestOutcome {
  if (kind === "failed") return "failed";
  if (kind === "condition-failed" || result?.kind === "condition-failed") return "refused";
  if (quorum === undefined || quorum.of === 0) return "met";
  return quorum.acks >= (demanded ?? majority(quorum.of)) ? "met" : "short";
}

function record<Name extends string, Value>(
  names: readonly Name[],
  make: () => Value,
): Record<Name, Value> {
  return Object.fromEntries(names.map((name) => [name, make()])) as Record<Name, Value>;
}
