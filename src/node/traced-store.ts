/**
 * The store as a request sees it that is part of a trace: what it asks becomes spans under its own, with how it ended.
 *
 * Invariant: what is asked and answered is the same as without. No span says a key or a value.
 */
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type {
  BackupOutcome,
  BackupRequest,
  ComparisonOutcome,
  ComparisonRequest,
} from "../model/backup.ts";
import type { NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { OperationOutcome, QueryOutcome } from "../model/operation.ts";
import type {
  Failure,
  FlushOutcome,
  ListOutcome,
  QuorumReport,
  ReadOutcome,
  WriteOutcome,
} from "../model/outcome.ts";
import type { Publication, SubscriptionCounts, SubscriptionQuery } from "../model/publication.ts";
import type {
  DeleteRequest,
  FlushRequest,
  ListRequest,
  OperateRequest,
  PutRequest,
  QueryRequest,
  ReadRequest,
} from "../model/request.ts";
import type { Slot } from "../model/slot.ts";
import type { Span, SpanFacts, SpanParent } from "../model/trace.ts";
import type { Decided, DumpOutcome, Insight, KeyLocation, Store, StoreStatus } from "./store.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** What all outcomes have in common. */
interface Outcome {
  readonly kind: string;
  readonly quorum?: QuorumReport;
}

interface Asked {
  readonly key?: Key;
  readonly w?: number | undefined;
  readonly r?: number | undefined;
}

export class TracedStore implements Store {
  readonly #store: Store;
  readonly #parent: SpanParent;

  constructor(store: Store, parent: SpanParent) {
    this.#store = store;
    this.#parent = parent;
  }

  get insight(): Insight {
    return this.#store.insight;
  }

  get subscriptions(): Subscriptions {
    return this.#store.subscriptions;
  }

  together(asking: () => void): void {
    this.#store.together(asking);
  }

  put(request: PutRequest, done: (outcome: WriteOutcome) => void): void {
    const trace = this.#begin("dnd.write", request, { "dnd.operation": "put" });
    this.#store.put({ ...request, trace }, telling(trace, done));
  }

  delete(request: DeleteRequest, done: (outcome: WriteOutcome) => void): void {
    const trace = this.#begin("dnd.write", request, { "dnd.operation": "delete" });
    this.#store.delete({ ...request, trace }, telling(trace, done));
  }

  operate(request: OperateRequest, done: (outcome: OperationOutcome) => void): void {
    const facts = { "dnd.operation": request.operation.kind };
    const trace = this.#begin("dnd.modify", request, facts);
    this.#store.operate({ ...request, trace }, telling(trace, done));
  }

  read(request: ReadRequest, done: (outcome: ReadOutcome) => void): void {
    const trace = this.#begin("dnd.read", request, {});
    this.#store.read({ ...request, trace }, telling(trace, done));
  }

  query(request: QueryRequest, done: (outcome: QueryOutcome) => void): void {
    const trace = this.#begin("dnd.read", request, { "dnd.operation": request.query.kind });
    this.#store.query({ ...request, trace }, telling(trace, done));
  }

  list(request: ListRequest, done: (outcome: ListOutcome) => void): void {
    const trace = this.#begin("dnd.list", {}, {});
    this.#store.list({ ...request, trace }, telling(trace, done));
  }

  flush(request: FlushRequest, done: (outcome: FlushOutcome) => void): void {
    const span = this.#begin("dnd.flush", {}, {});
    // One span: it is a write for each of up to 16384 slots.
    this.#store.flush(request, telling(span, done));
  }

  publish(publication: Publication, done: (receivers: number) => void): void {
    this.#store.publish(publication, done);
  }

  survey(query: SubscriptionQuery, done: (found: SubscriptionCounts) => void): void {
    this.#store.survey(query, done);
  }

  leave(done: Decided): void {
    this.#store.leave(done);
  }

  remove(node: NodeId, done: Decided): void {
    this.#store.remove(node, done);
  }

  dump(cursor: string, limit: number, done: (outcome: DumpOutcome) => void): void {
    this.#store.dump(cursor, limit, done);
  }

  backup(request: BackupRequest, done: (outcome: BackupOutcome) => void): void {
    this.#store.backup(request, done);
  }

  compareBackup(request: ComparisonRequest, done: (outcome: ComparisonOutcome) => void): void {
    this.#store.compareBackup(request, done);
  }

  status(): StoreStatus {
    return this.#store.status();
  }

  locate(key: Key): KeyLocation {
    return this.#store.locate(key);
  }

  primariesOf(slot: Slot): readonly NodeId[] {
    return this.#store.primariesOf(slot);
  }

  #begin(name: string, { key, w, r }: Asked, facts: SpanFacts): Span | undefined {
    return this.#parent.begin(name, "internal", {
      ...facts,
      ...(key === undefined ? {} : { "dnd.slot": slotOfKey(key) }),
      ...(w === undefined ? {} : { "dnd.w": w }),
      ...(r === undefined ? {} : { "dnd.r": r }),
    });
  }
}

/** `done`, which also ends the span with the outcome. */
function telling<Told extends Outcome>(
  span: Span | undefined,
  done: (outcome: Told | Failure) => void,
): (outcome: Told | Failure) => void {
  if (span === undefined) return done;
  return (outcome) => {
    const { quorum } = outcome;
    const counts =
      quorum === undefined
        ? {}
        : { "dnd.acks": quorum.acks, "dnd.of": quorum.of, "dnd.hinted": quorum.hinted };
    if (isFailure(outcome)) {
      span.end({ ...counts, "dnd.stored": outcome.stored }, outcome.code);
    } else span.end({ ...counts, "dnd.outcome": outcome.kind });
    done(outcome);
  };
}

function isFailure(outcome: Outcome): outcome is Failure {
  return outcome.kind === "failed";
}
