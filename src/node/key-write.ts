/**
 * A write to one key, with the later ones that take its place where it came below a floor: each of those is another write, with a
 * stamp of its own, and costs a round trip.
 *
 * Invariant: whoever began it is told of one verdict. "Nothing was stored" is only said where that holds of every try.
 */
import type { CellChange } from "../core/operations/changes.ts";
import type { WriteVerdict } from "../core/replication/write-coordinator.ts";
import type { Key } from "../model/key.ts";
import type { Stamp } from "../model/stamp.ts";
import type { RequestContext } from "./request-context.ts";
import type { Run } from "./run.ts";
import { type BegunWrite, WriteRun, type WriteRunOptions } from "./write-run.ts";

type BelowVerdict = Extract<WriteVerdict, { kind: "below" }>;
/** @param stamp Under which the write stands. */
export type VerdictDone = (verdict: Exclude<WriteVerdict, BelowVerdict>, stamp: Stamp) => void;

/** A write as it is begun; whom to tell is apart. */
export type KeyWriteOptions = Omit<WriteRunOptions, "onVerdict" | "onFinished">;

/** Where runs are kept while they are under way. */
export interface RunKeeper {
  /** Starts it, too. */
  begin(run: Run & { start(): void }): void;
  /** One that goes on where another has begun. */
  keep(run: Run): void;
  finish(run: Run): void;
}

export class KeyWrite implements WriteRunOptions {
  readonly context: RequestContext;
  readonly key: Key;
  readonly changes: readonly CellChange[];
  readonly bases: readonly Stamp[] | undefined;
  readonly w: number | undefined;
  readonly deadlineMs: number;
  readonly #runs: RunKeeper;
  readonly #done: VerdictDone;
  #stamp: Stamp;
  /** An earlier try of it, below a floor, may have left something behind. */
  #mayBeStored = false;

  constructor(options: KeyWriteOptions, runs: RunKeeper, done: VerdictDone) {
    this.context = options.context;
    this.key = options.key;
    this.changes = options.changes;
    this.bases = options.bases;
    this.w = options.w;
    this.deadlineMs = options.deadlineMs;
    this.#stamp = options.stamp;
    this.#runs = runs;
    this.#done = done;
  }

  /** Of the present try. */
  get stamp(): Stamp {
    return this.#stamp;
  }

  start(): void {
    this.#runs.begin(new WriteRun(this));
  }

  /** Takes over one that was begun in another way. */
  goOn(begun: BegunWrite): WriteRun {
    const run = new WriteRun(this, begun);
    this.#runs.keep(run);
    return run;
  }

  onVerdict(verdict: WriteVerdict, stamp: Stamp): void {
    if (verdict.kind === "below") this.#writeAnew(verdict);
    else if (verdict.kind === "failed" && this.#mayBeStored) {
      this.#done({ ...verdict, mayBeStored: true }, stamp);
    } else this.#done(verdict, stamp);
  }

  onFinished(run: WriteRun): void {
    this.#runs.finish(run);
  }

  /** A write that came below a floor is another, later one: each try costs a round trip, and the deadline ends them. */
  #writeAnew({ held, quorum, mayBeStored: mayLast }: BelowVerdict): void {
    const { context } = this;
    context.counters.add("writes-below-floor");
    const mayBeStored = this.#mayBeStored || mayLast;
    if (this.bases !== undefined) {
      this.#done({ kind: "behind", held, mayBeStored, quorum }, this.#stamp);
    } else if (context.monotonicMs() >= this.deadlineMs) {
      this.#done({ kind: "failed", code: "timed-out", mayBeStored, quorum }, this.#stamp);
    } else {
      this.#mayBeStored = mayBeStored;
      this.#stamp = context.mintAbove(held);
      this.start();
    }
  }
}
