/**
 * The requests this node coordinates: takes them from the front doors, keeps those in flight, and wakes them.
 *
 * Invariant: what is taken (`intake.ts`) is answered once, by its deadline.
 */
import { LinkedList } from "../base/linked-list.ts";
import { visibleRoot } from "../core/causality/view.ts";
import { type CellChange, TOMBSTONE, value as valueChange } from "../core/operations/changes.ts";
import { needOfQuery } from "../core/operations/needs.ts";
import { bytesOf } from "../core/operations/sizes.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { majority } from "../core/replication/quorum.ts";
import type { ReadVerdict } from "../core/replication/read-coordinator.ts";
import type { SharedConfig } from "../model/config.ts";
import type { BootId, NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import { DEADLINE_MS_MAX, EXPIRES_AT_MS_MAX } from "../model/limits.ts";
import type { Liveness } from "../model/member.ts";
import type { Operation, OperationOutcome, QueryOutcome } from "../model/operation.ts";
import type {
  Failure,
  FlushOutcome,
  ListOutcome,
  QuorumReport,
  ReadOutcome,
  WriteOutcome,
} from "../model/outcome.ts";
import type { PeerRequest } from "../model/peer-message.ts";
import type {
  DeleteRequest,
  FlushRequest,
  ListRequest,
  OperateRequest,
  PutRequest,
  QueryRequest,
  ReadRequest,
} from "../model/request.ts";
import type { Selection } from "../model/selection.ts";
import { compareStamps, type Stamp } from "../model/stamp.ts";
import type { Span } from "../model/trace.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { BlindWrite, type BlindWritePorts } from "./blind-write.ts";
import { flushSlots } from "./flush.ts";
import { Forwards } from "./forwards.ts";
import { GatheredWrites } from "./gathered-writes.ts";
import { Intake, TakenWrite } from "./intake.ts";
import {
  type KeyReadPorts,
  type KeyReadRequest,
  readKey,
  readKeyOn,
  readPage,
} from "./key-reader.ts";
import { KeyWrite, type RunKeeper } from "./key-write.ts";
import { placeOfCursor } from "./list-cursor.ts";
import { listPage } from "./listing.ts";
import { listed, pageOutcome, queryOutcome, readOutcome, writeOutcome } from "./outcomes.ts";
import { type ModifyVerdict, ReadModifyWrites } from "./read-modify-write.ts";
import { ReadRun } from "./read-run.ts";
import { failure, type RequestContext, readFailure } from "./request-context.ts";
import type { Run } from "./run.ts";
import { tracedContext } from "./tracing.ts";

/** How often runs in flight are looked at for something due. */
const TICK_MS = 5;
/** Forwarded writes remembered, so that a frame delivered twice is not carried out twice. */
const SEEN_MAX = 65_536;

const VALUE_NEED = needOfQuery({ kind: "value" });
/** Reads answered within their call in one turn: some hundred microseconds. */
const AT_ONCE_MAX = 64;

/** What a disk with little space left is still asked for: it gives some back, or takes next to none. */
const TAKES_NO_SPACE: ReadonlySet<Operation["kind"]> = new Set([
  "delete-if",
  "take",
  "get-expire",
  "expire",
  "persist",
  "hash-delete",
  "set-remove",
  "set-pop",
]);

type WriteDone = (outcome: WriteOutcome) => void;
type OperateDone = (outcome: OperationOutcome) => void;
type Forward = Extract<PeerRequest, { kind: "forward" }>;

export interface RequestsOptions {
  readonly context: RequestContext;
  readonly clock: Clock;
  readonly random: Random;
  readonly boot: () => BootId;
  readonly shared: () => SharedConfig;
  readonly liveness: (node: NodeId) => Liveness | undefined;
  /** Whether the disk has too little free space for what takes some. */
  readonly isLow: () => boolean;
  /** A client's request was answered after so long. */
  readonly onAnswered: (durationMs: number, kind: "read" | "write") => void;
}

export class Requests {
  readonly #options: RequestsOptions;
  readonly #intake: Intake;
  readonly #modifies: ReadModifyWrites;
  readonly #readPorts: KeyReadPorts;
  readonly #seen = new Set<string>();
  /** Those that wait for somebody, in the order they began. */
  readonly #runs = new LinkedList<Run>();
  readonly #keeper: RunKeeper = {
    begin: (run) => this.#start(run),
    keep: (run) => this.#runs.add(run),
    finish: (run) => this.#runs.delete(run),
  };
  readonly #blindWrites: BlindWritePorts;
  readonly #gathered = new GatheredWrites();
  /** Read-modify-writes of this node's clients, wherever they run. */
  readonly #forwards: Forwards;
  #isTicking = false;
  /** Reads answered within their call, in this turn. */
  #atOnce = 0;

  constructor(options: RequestsOptions) {
    const { context } = options;
    this.#options = options;
    this.#intake = new Intake({
      counters: context.counters,
      monotonicMs: context.monotonicMs,
      turnMs: context.turnMs,
      defer: (callback) => options.clock.defer(callback),
      isPlaced: () => context.placement().effectiveReplicas > 0,
      isLow: options.isLow,
      onAnswered: options.onAnswered,
    });
    this.#blindWrites = {
      intake: this.#intake,
      keeper: this.#keeper,
      written: (quorum, stamp) => this.#written(quorum, stamp),
      outcome: (verdict, stamp) => this.#outcome(verdict, stamp),
    };
    this.#readPorts = { wallMs: context.wallMs, read: (read, done) => this.#read(read, done) };
    this.#modifies = new ReadModifyWrites({
      ...this.#readPorts,
      monotonicMs: context.monotonicMs,
      mintAbove: context.mintAbove,
      random: options.random,
      valueBytesMax: () => options.shared().valueBytesMax,
      write: (write, done) => {
        const demanded = {
          ...write,
          context: this.#contextFor(write.trace),
          w: this.#demanded(write.w),
        };
        new KeyWrite(demanded, this.#keeper, done).start();
      },
    });
    this.#forwards = new Forwards({
      ...options,
      firstLivePrimary: (key) => this.#firstLivePrimary(key),
      peersFor: ({ trace }) => this.#contextFor(trace).peers,
      run: (request, done) => this.#modifies.run(request, done),
    });
  }

  /** Whether clients' writes are refused for lack of space. */
  get isStorageLow(): boolean {
    return this.#options.isLow();
  }

  /** Requests waiting for their answer. */
  get inFlight(): number {
    return this.#intake.inFlight;
  }

  get isOpen(): boolean {
    return this.#intake.isOpen;
  }

  /** The least stamp of a write that is still being sent; `undefined` when none is. */
  leastStampInFlight(): Stamp | undefined {
    let least: Stamp | undefined;
    const running = this.#runs.members().map(({ stamp }) => stamp);
    for (const stamp of [...running, ...this.#gathered.stamps()]) {
      if (stamp === undefined) continue;
      if (least === undefined || compareStamps(stamp, least) < 0) least = stamp;
    }
    return least;
  }

  open(): void {
    this.#intake.open();
  }

  /** Takes no more from clients; what is in flight goes on, and so does what peers forward until they know. */
  drain(): void {
    this.#intake.drain();
  }

  /** Takes no more from anybody. */
  end(): void {
    this.#intake.end();
  }

  /** See `Store`. */
  together(asking: () => void): void {
    this.#gathered.gather(asking);
  }

  put(request: PutRequest, done: WriteDone): void {
    if (this.#intake.shedForSpace(done)) return;
    const { value, contentType, ttlMs, condition } = request;
    const expiry =
      request.expiresAtMs ?? (ttlMs === undefined ? 0 : this.#options.context.wallMs() + ttlMs);
    const expiresAtMs = Math.min(Math.ceil(expiry), EXPIRES_AT_MS_MAX);
    if (condition === undefined) {
      this.#blind(request, valueChange(value, expiresAtMs, contentType), value.length, done);
      return;
    }
    const operation = { kind: "put-if", value, contentType, expiresAtMs, condition } as const;
    this.operate({ ...request, operation }, (outcome) => done(writeOutcome(outcome)));
  }

  delete(request: DeleteRequest, done: WriteDone): void {
    const { condition } = request;
    if (condition === undefined) return this.#blind(request, TOMBSTONE, 0, done);
    const operation = { kind: "delete-if", condition } as const;
    this.operate({ ...request, operation }, (outcome) => done(writeOutcome(outcome)));
  }

  flush(request: FlushRequest, done: (outcome: FlushOutcome) => void): void {
    const refusal = this.#intake.refusal();
    if (refusal !== undefined) return this.#intake.shed(() => done(failure(refusal, "no")));
    const { context, clock } = this.#options;
    const deadlineMs = this.#intake.deadlineAfter(request.deadlineMs ?? DEADLINE_MS_MAX);
    this.#intake.begin();
    context.counters.add("flushes");
    const ports = {
      remainingMs: () => Math.max(1, deadlineMs - context.monotonicMs()),
      list: (asked: ListRequest, told: (outcome: ListOutcome) => void) => this.list(asked, told),
      remove: (key: Key, remainingMs: number, told: WriteDone) =>
        this.delete({ key, deadlineMs: remainingMs }, told),
    };
    const startMs = context.turnMs();
    flushSlots(ports, request.slots, (outcome) => {
      this.#intake.finish();
      const durationMs = context.turnMs() - startMs;
      context.counters.durations.noteRequest("flush", outcome, undefined, durationMs);
      clock.defer(() => done(outcome));
    });
  }

  operate(request: OperateRequest, done: OperateDone): void {
    const { operation } = request;
    if (!TAKES_NO_SPACE.has(operation.kind) && this.#intake.shedForSpace(done)) return;
    const bytes = bytesOf(operation);
    if (!this.#intake.takeWrite(bytes, done)) return;
    const taken = new TakenWrite(this.#intake, "modify", request, bytes, done);
    const { deadlineMs } = taken;
    this.#options.context.counters.add(operation.kind === "delete-if" ? "deletes" : "puts");
    const { key, w, trace } = request;
    this.#forwards.start({ key, operation, w, deadlineMs, trace }, (outcome) =>
      taken.answer(outcome),
    );
    this.#tickLater();
    taken.leave();
  }

  /** A plain key's value; of a container, that it is there. */
  read(request: ReadRequest, done: (outcome: ReadOutcome) => void): void {
    this.#ask(request, done, (asked, answer) => {
      this.#read({ ...asked, selection: VALUE_NEED.selection }, (verdict) => {
        const found = this.#plainValue(verdict);
        if (found !== undefined) return answer(found);
        readKeyOn(this.#readPorts, asked, VALUE_NEED, verdict, (read) => answer(readOutcome(read)));
      });
    });
  }

  /** A value to be seen, with no need of a view of the key. */
  #plainValue(verdict: ReadVerdict): ReadOutcome | undefined {
    const cell = verdict.kind === "read" ? verdict.cells[0]?.cell : undefined;
    if (verdict.kind !== "read" || verdict.cells.length > 1 || cell?.kind !== "value") {
      return undefined;
    }
    const root = visibleRoot(cell, this.#options.context.wallMs(), verdict.flushed);
    return root === undefined ? undefined : { kind: "found", root, quorum: verdict.quorum };
  }

  query(request: QueryRequest, done: (outcome: QueryOutcome) => void): void {
    const { query } = request;
    this.#ask(request, done, (asked, answer) => {
      if (query.kind === "page") {
        readPage(this.#readPorts, asked, query, (read) => answer(pageOutcome(query, read)));
      } else {
        readKey(this.#readPorts, asked, needOfQuery(query), (read) =>
          answer(queryOutcome(query, read)),
        );
      }
    });
  }

  /** Takes a request that only reads, unless it is to be shed, and answers it once, in a later turn. */
  #ask<Outcome extends { readonly kind: string }>(
    request: Omit<ReadRequest, "key"> & { readonly key: Key },
    done: (outcome: Outcome | Failure) => void,
    begin: (asked: KeyReadRequest, answer: (outcome: Outcome | Failure) => void) => void,
  ): void {
    const refusal = this.#intake.refusal();
    if (refusal !== undefined) return this.#intake.shed(() => done(readFailure(refusal)));
    const { context, clock } = this.#options;
    const { key, r, after, trace } = request;
    const deadlineMs = this.#intake.deadlineAfter(request.deadlineMs);
    this.#intake.begin();
    context.counters.add("reads");
    const startMs = context.turnMs();
    let isInside = true;
    begin({ key, r, after, deadlineMs, trace }, (outcome) => {
      this.#intake.finish();
      const durationMs = context.turnMs() - startMs;
      this.#options.onAnswered(durationMs, "read");
      context.counters.durations.noteRequest("read", outcome, r, durationMs);
      if (outcome.kind === "failed") context.counters.add("reads-failed");
      // Where this node alone is asked the verdict is there at once, and callers count on a later turn.
      if (isInside && !(request.isAtOnce === true && this.#mayAnswerAtOnce())) {
        clock.defer(() => done(outcome));
      } else done(outcome);
    });
    isInside = false;
  }

  /** Whoever reads on at each answer would keep the node from everything else: so many, and then a turn passes. */
  #mayAnswerAtOnce(): boolean {
    if (this.#atOnce >= AT_ONCE_MAX) return false;
    if (this.#atOnce === 0) {
      this.#options.clock.defer(() => {
        this.#atOnce = 0;
      });
    }
    this.#atOnce += 1;
    return true;
  }

  list(request: ListRequest, done: (outcome: ListOutcome) => void): void {
    const refusal = this.#intake.refusal();
    if (refusal !== undefined) return this.#intake.shed(() => done(readFailure(refusal)));
    const { context, clock } = this.#options;
    const { cursor } = request;
    if (cursor !== undefined && placeOfCursor(cursor) === undefined) {
      clock.defer(() => done({ kind: "page", entries: [], next: undefined }));
      return;
    }
    this.#intake.begin();
    context.counters.add("listings");
    const after = (delayMs: number, callback: () => void): void => clock.after(delayMs, callback);
    const deadlineMs = this.#intake.deadlineAfter(request.deadlineMs);
    const startMs = context.turnMs();
    const listing = { context: this.#contextFor(request.trace), after };
    listPage(listing, request, deadlineMs, (outcome) => {
      this.#complete(request, outcome, deadlineMs, (completed) => {
        this.#intake.finish();
        const durationMs = context.turnMs() - startMs;
        context.counters.durations.noteRequest("list", completed, undefined, durationMs);
        done(completed);
      });
    });
  }

  /** A listing meets roots alone: what they are the roots of is read, and left out where there is nothing to see. */
  #complete(
    request: ListRequest,
    outcome: ListOutcome,
    deadlineMs: number,
    done: (outcome: ListOutcome) => void,
  ): void {
    const entries = outcome.kind === "page" ? [...outcome.entries] : [];
    const containers = entries.filter(({ root }) => root.kind === "container");
    if (outcome.kind !== "page" || containers.length === 0) return done(outcome);
    let left = containers.length;
    let failed: Failure | undefined;
    for (const entry of containers) {
      const { trace } = request;
      const asked = { key: entry.key, r: undefined, after: undefined, deadlineMs, trace };
      readKey(this.#readPorts, asked, VALUE_NEED, (read) => {
        const seen = readOutcome(read);
        const index = entries.indexOf(entry);
        if (seen.kind === "failed") failed = seen;
        else if (seen.kind === "absent") entries.splice(index, 1);
        else entries[index] = { key: entry.key, root: listed(seen.root, request.withValues) };
        left -= 1;
        if (left === 0) done(failed ?? { ...outcome, entries });
      });
    }
  }

  /** A read-modify-write that another node takes for its client. */
  runForwarded(
    message: Forward,
    deadlineMs: number,
    done: (outcome: OperationOutcome | "seen" | "not-first") => void,
    trace: Span | undefined,
  ): void {
    const refusal = this.#intake.isDraining ? this.#intake.overload() : this.#intake.refusal();
    if (refusal !== undefined) return done(failure(refusal, "no"));
    if (this.#firstLivePrimary(message.key) !== this.#options.context.self)
      return done("not-first");
    const name = `${message.boot}.${message.sequence}`;
    if (this.#seen.has(name)) return done("seen");
    this.#seen.add(name);
    if (this.#seen.size > SEEN_MAX)
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    const { key, operation, w } = message;
    this.#intake.begin();
    const request = { key, operation, w: w === 0 ? undefined : w, deadlineMs, trace };
    this.#modifies.run(request, (outcome) => {
      this.#intake.finish();
      done(outcome);
    });
  }

  /** A write that depends on nothing the key holds. */
  #blind(request: DeleteRequest, change: CellChange, bytes: number, done: WriteDone): void {
    if (!this.#intake.takeWrite(bytes, done)) return;
    this.#options.context.counters.add(change === TOMBSTONE ? "deletes" : "puts");
    const { key, deadlineMs, w, trace } = request;
    const demanded = this.#demanded(w);
    const isWatched = trace !== undefined;
    const asked = { key, change, bytes, deadlineMs, w, demanded, isWatched, done };
    this.#gathered.begin(new BlindWrite(this.#blindWrites, this.#contextFor(trace), asked));
  }

  #written(quorum: QuorumReport, stamp: Stamp): WriteOutcome {
    const { counters } = this.#options.context;
    if (quorum.hinted > 0) counters.add("writes-hinted");
    if (quorum.acks < majority(quorum.of)) counters.add("writes-below-majority");
    return { kind: "written", stamp, quorum };
  }

  #outcome(verdict: ModifyVerdict, stamp: Stamp): WriteOutcome {
    if (verdict.kind === "written") return this.#written(verdict.quorum, stamp);
    const code = verdict.kind === "behind" ? "contended" : verdict.code;
    return failure(code, verdict.mayBeStored ? "maybe" : "no", verdict.quorum);
  }

  /** The first primary of a key that this node believes to be alive. */
  #firstLivePrimary(key: Key): NodeId | undefined {
    const { context, liveness } = this.#options;
    const primaries = context.placement().primaries(slotOfKey(key));
    return primaries.find((node) => {
      if (node === context.self) return true;
      return liveness(node) !== "dead" && context.peers.reach(node) !== "down";
    });
  }

  #read(
    read: {
      readonly key: Key;
      readonly selection: Selection;
      readonly r: number | undefined;
      readonly after: Stamp | undefined;
      readonly deadlineMs: number;
      readonly trace: Span | undefined;
    },
    done: (verdict: ReadVerdict) => void,
  ): void {
    const own = read.selection.kind === "root" ? this.#ownWord(read) : undefined;
    if (own !== undefined) return done(own);
    const context = this.#contextFor(read.trace);
    this.#start(
      new ReadRun({ ...read, context, done, onFinished: (ended) => this.#runs.delete(ended) }),
    );
  }

  /** What a request asks the others and this node's replica through. */
  #contextFor(trace: Span | undefined): RequestContext {
    const { context } = this.#options;
    return trace === undefined ? context : tracedContext(context, trace);
  }

  #start(run: Run & { start(): void }): void {
    this.#runs.add(run);
    run.start();
    this.#tickLater();
  }

  /** The verdict on a root where this node's own vote is all that is needed, and there at once. */
  #ownWord({
    key,
    r,
    after,
  }: Pick<KeyReadRequest, "key" | "r" | "after">): ReadVerdict | undefined {
    const { placement, replica, self } = this.#options.context;
    const slot = slotOfKey(key);
    const { primaries } = placement().planOf(slot);
    const isEnough = (r ?? majority(Math.max(1, primaries.length))) === 1;
    if (!isEnough || after !== undefined || !primaries.includes(self)) return undefined;
    const root = replica.readRootNow(slot, key);
    if (root === undefined) return undefined;
    const quorum = { acks: 1, of: primaries.length, hinted: 0 };
    return { kind: "read", through: undefined, quorum, ...root };
  }

  #tickLater(): void {
    const waiting = this.#runs.size + this.#modifies.size + this.#forwards.size;
    if (this.#isTicking || waiting === 0) return;
    this.#isTicking = true;
    this.#options.clock.after(TICK_MS, () => {
      this.#isTicking = false;
      const nowMs = this.#options.context.turnMs();
      for (const run of this.#runs.filter(({ wakeMs }) => wakeMs <= nowMs)) {
        // One that ticks may end others, or change when they are due.
        if (run.wakeMs <= nowMs && this.#runs.has(run)) run.tick();
      }
      this.#modifies.expire(nowMs);
      this.#forwards.expire(nowMs);
      this.#tickLater();
    });
  }

  /** In a strict cluster everybody demands the majority. */
  #demanded(w: number | undefined): number | undefined {
    const shared = this.#options.shared();
    if (w !== undefined || shared.writeQuorum === "sloppy") return w;
    return majority(Math.max(1, this.#options.context.placement().effectiveReplicas));
  }
}
