/**
 * Read-modify-writes: run at the key's first live primary, one at a time per key, on a quorum read.
 *
 * Invariant: an operation is applied to what a read quorum holds, and the write builds on just that: a replica that
 * holds more pushes back, and the operation is applied anew. Exact while the nodes agree who is the first live
 * primary; where they do not, two of them may both find a condition to hold (that needs consensus, and gets
 * none here). "Nothing was stored" is only said where every replica refused.
 */
import { FleetingMap } from "../base/fleeting-map.ts";
import { applyOperation } from "../core/operations/apply.ts";
import { type Applied, type CellChange, fault } from "../core/operations/changes.ts";
import type { KeyView } from "../core/operations/key-view.ts";
import { needOf } from "../core/operations/needs.ts";
import { isTooLarge } from "../core/operations/sizes.ts";
import { majority } from "../core/replication/quorum.ts";
import type { WriteVerdict } from "../core/replication/write-coordinator.ts";
import type { Key } from "../model/key.ts";
import type { Operation, OperationOutcome, OperationResult } from "../model/operation.ts";
import type { QuorumReport } from "../model/outcome.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../model/stamp.ts";
import type { Span } from "../model/trace.ts";
import type { Random } from "../ports/random.ts";
import { type KeyReadPorts, readKey } from "./key-reader.ts";
import { OwnCounts } from "./own-counts.ts";
import { failure } from "./request-context.ts";

/** How often one operation is applied anew before it gives up. */
const TRIES_MAX = 8;
/** Operations waiting for one key. */
const WAITING_PER_KEY_MAX = 1_024;

export interface ModifyRequest {
  readonly key: Key;
  readonly operation: Operation;
  readonly w: number | undefined;
  /** Monotonic milliseconds. */
  readonly deadlineMs: number;
  readonly trace: Span | undefined;
}

/** What is written of it. */
export interface ModifyWrite {
  readonly key: Key;
  readonly changes: readonly CellChange[];
  readonly stamp: Stamp;
  /** What was read in the places of `changes`. */
  readonly bases: readonly Stamp[];
  readonly w: number | undefined;
  readonly deadlineMs: number;
  readonly trace: Span | undefined;
}

/** What a read-modify-write needs of the node: quorum reads and writes of its own. */
export interface ModifyPorts {
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  readonly mintAbove: (held: Stamp) => Stamp;
  /** Longest value of the cluster. */
  readonly valueBytesMax: () => number;
  readonly random: Random;
  readonly read: KeyReadPorts["read"];
  readonly write: (
    write: ModifyWrite,
    done: (verdict: ModifyVerdict, stamp: Stamp) => void,
  ) => void;
}

/** A write below a floor comes back as `behind`: the operation is applied anew, and stamped above. */
export type ModifyVerdict = Exclude<WriteVerdict, { kind: "below" }>;
const TOO_MANY: Applied = fault("too-many");

type Done = (outcome: OperationOutcome) => void;

/** An operation whose turn has not come. */
interface Waiting {
  readonly deadlineMs: number;
  readonly start: () => void;
  readonly done: Done;
}

export class ReadModifyWrites {
  readonly #ports: ModifyPorts;
  readonly #ownCounts: OwnCounts;
  /** Keys with an operation under way, and those that wait for it in order of arrival. */
  readonly #waiting = new FleetingMap<Key, Waiting[]>();
  /** Keys whose next operation is to begin. */
  readonly #due: Key[] = [];
  #isStarting = false;

  constructor(ports: ModifyPorts) {
    this.#ports = ports;
    this.#ownCounts = new OwnCounts(ports.random);
  }

  /** Keys with an operation under way. */
  get size(): number {
    return this.#waiting.size;
  }

  run(request: ModifyRequest, done: Done): void {
    const { key } = request;
    const start = (): void =>
      this.#try(request, { tries: 0, above: NO_STAMP, mayBeStored: false }, (outcome) => {
        done(outcome);
        this.#next(key);
      });
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      this.#waiting.set(key, []);
      start();
    } else if (waiting.length >= WAITING_PER_KEY_MAX) done(failure("overloaded", "no"));
    else waiting.push({ deadlineMs: request.deadlineMs, start, done });
  }

  /** Answers those whose deadline has passed before their turn came: the one before may have more time than they. */
  expire(nowMs: number): void {
    for (const [key, waiting] of this.#waiting.entries()) {
      const late = waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
      if (late.length === 0) continue;
      this.#waiting.set(
        key,
        waiting.filter(({ deadlineMs }) => deadlineMs > nowMs),
      );
      for (const { done } of late) done(failure("timed-out", "no"));
    }
  }

  /** An operation may end within its start: a loop here, so that a thousand of them are not as many calls deep. */
  #next(key: Key): void {
    this.#due.push(key);
    if (this.#isStarting) return;
    this.#isStarting = true;
    for (let due = this.#due.shift(); due !== undefined; due = this.#due.shift()) {
      const next = this.#waiting.get(due)?.shift();
      if (next === undefined) this.#waiting.delete(due);
      else next.start();
    }
    this.#isStarting = false;
  }

  #try(
    request: ModifyRequest,
    past: { readonly tries: number; readonly above: Stamp; readonly mayBeStored: boolean },
    done: Done,
  ): void {
    const { key, operation, w, deadlineMs, trace } = request;
    const stored = past.mayBeStored ? "maybe" : "no";
    if (this.#ports.monotonicMs() >= deadlineMs) {
      done(failure("timed-out", stored));
      return;
    }
    const need = needOf(operation, this.#ownCounts.id);
    const asked = { key, r: undefined, after: undefined, deadlineMs, trace };
    readKey(this.#portsAbove(past.above), asked, need, (read) => {
      if (read.kind === "failed") {
        done(failure(read.code, stored, read.quorum));
        return;
      }
      const { result, changes } =
        read.kind === "too-many" ? TOO_MANY : this.#apply(request, read.view, read.quorum);
      if (read.kind === "too-many" || changes.length === 0) {
        // After a try that somebody may have kept, what is found may be its own work.
        if (past.mayBeStored) done(failure("contended", "maybe", read.quorum));
        else done({ kind: "applied", result, stamp: undefined, quorum: read.quorum });
        return;
      }
      const held = changes.map(({ field }) => read.view.held(field));
      const stamp = this.#ports.mintAbove(held.reduce(maxStamp, past.above));
      const bases = changes.map((change, index) =>
        change.isOverCleared === true ? stamp : (held[index] as Stamp),
      );
      const write = { key, changes, stamp, bases, w, deadlineMs, trace };
      this.#ports.write(write, (verdict, last) => {
        this.#noteCounts(write, verdict, last);
        this.#settle(request, past, verdict, { result, stamp: last }, done);
      });
    });
  }

  /** Expiry is judged by the stamp about to be minted, as by those who push back: this node's clock may be behind. */
  #portsAbove(above: Stamp): KeyReadPorts {
    const { read, wallMs, mintAbove } = this.#ports;
    if (compareStamps(above, NO_STAMP) === 0) return this.#ports;
    const { ms } = mintAbove(above);
    return { read, wallMs: () => Math.max(wallMs(), ms) };
  }

  #apply({ key, operation }: ModifyRequest, view: KeyView, quorum: QuorumReport): Applied {
    const isKnown = quorum.acks >= majority(quorum.of);
    const { collected } = view;
    const applied = applyOperation(operation, view, {
      valueBytesMax: this.#ports.valueBytesMax(),
      ownCell: (over) => this.#ownCounts.cellFor(key, over, { isKnown, collected }),
      below: (limit) => this.#ports.random.below(limit),
    });
    return isTooLarge(operation, applied.changes) ? TOO_MANY : applied;
  }

  #noteCounts({ key, changes }: ModifyWrite, verdict: ModifyVerdict, stamp: Stamp): void {
    for (const { field, count } of changes) {
      if (count === undefined || field === undefined) continue;
      const noted = { ...count, base: count.base ?? stamp };
      if (verdict.kind === "written") {
        const { acks, of } = verdict.quorum;
        this.#ownCounts.note(key, field, noted, acks >= majority(of));
      } else if (verdict.mayBeStored) this.#ownCounts.note(key, field, noted, false);
    }
  }

  #settle(
    request: ModifyRequest,
    past: { readonly tries: number; readonly above: Stamp; readonly mayBeStored: boolean },
    verdict: ModifyVerdict,
    applied: { readonly result: OperationResult; readonly stamp: Stamp },
    done: Done,
  ): void {
    switch (verdict.kind) {
      case "written":
        done({ kind: "applied", ...applied, quorum: verdict.quorum });
        return;
      case "failed": {
        const mayBeStored = past.mayBeStored || verdict.mayBeStored;
        done(failure(verdict.code, mayBeStored ? "maybe" : "no", verdict.quorum));
        return;
      }
      case "behind": {
        const mayBeStored = past.mayBeStored || verdict.mayBeStored;
        const tries = past.tries + 1;
        // A try that somebody kept may be what the next read finds: building on it would do the work twice.
        if (mayBeStored || tries >= TRIES_MAX) {
          done(failure("contended", mayBeStored ? "maybe" : "no", verdict.quorum));
          return;
        }
        const above = compareStamps(verdict.held, past.above) > 0 ? verdict.held : past.above;
        this.#try(request, { tries, above, mayBeStored }, done);
      }
    }
  }
}
