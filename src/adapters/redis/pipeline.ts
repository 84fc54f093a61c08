/**
 * The requests of one connection: which may run, and the order in which they are answered.
 *
 * Requests begin in the order they came. One waits, and all behind it, while an earlier one is unanswered with which it shares
 * a key that one of the two writes; a barrier waits for all before it, and all behind it wait for it. What is published waits for
 * all before it but other messages, and nothing waits for it. So a client that sends ahead finds what it would have found
 * waiting for each reply, and what is far apart goes on side by side.
 *
 *   SET a 1, GET b, PING    begin at once, and are answered in this order
 *   SET a 2                 begins when SET a 1 is answered
 *   FLUSHALL                a barrier: begins when SET a 2 is answered
 *   GET c                   begins when FLUSHALL is answered
 *
 * Invariant: replies leave in the order of the requests; no more than a window of them is held, and nothing is begun for a
 * client to which too much is waiting to be sent. A lone request costs no look at its keys.
 */
import { assert } from "../../base/assert.ts";
import { type Linked, LinkedList } from "../../base/linked-list.ts";
import type { Span } from "../../model/trace.ts";
import type { Store } from "../../node/store.ts";
import { TracedStore } from "../../node/traced-store.ts";
import type { Tracer } from "../../ports/tracer.ts";
import { QUEUED, type Reply } from "../../protocol/resp/reply.ts";
import {
  isProtocolError,
  type ParsedRequest,
  RequestParser,
} from "../../protocol/resp/request-parser.ts";
import type { Call } from "./command.ts";
import { CommandEntry, type CommandTable } from "./command-table.ts";
import { admit } from "./dispatch.ts";
import type { DoorState } from "./door-state.ts";
import { type ErrorReply, errorReply } from "./failures.ts";
import { KeyLocks, keyHashes } from "./key-locks.ts";
import { replyBytes } from "./reply-bytes.ts";
import type { Session, Transaction } from "./session.ts";

type Answer = Reply | readonly Reply[];

/** Replies below this say nothing about the ones to come. */
const LARGE_REPLY_BYTES = 16 * 1024;
const TRANSACTION_FULL = errorReply("ERR too many commands in the transaction");

/** When requests are taken up: the same for many. */
interface Moment {
  /** Wall clock, in milliseconds. */
  readonly wallMs: number;
  /** Monotonic. */
  readonly startMs: number;
}

const LONG_AGO: Moment = { wallMs: 0, startMs: 0 };

/** From the moment it is understood until its reply is written. */
class Request implements Call, Linked<Request> {
  before: Request | undefined = undefined;
  after: Request | undefined = undefined;
  readonly args: ParsedRequest;
  readonly session: Session;
  readonly door: DoorState;
  /** That of the door; where the request is part of a trace, as the trace sees it. */
  store: Store;
  trace: Span | undefined;
  /** Begun, or before that understood. */
  moment: Moment;
  /** `undefined`: refused, or no request at all. */
  readonly entry: CommandEntry | undefined;
  /** Of its arguments. */
  readonly bytes: number;
  /** Why it is refused, where it is. */
  refusal: ErrorReply | undefined;
  /** An EXEC that is refused: it drops what was put aside and what is watched, as DISCARD does. */
  isDropping = false;
  /** Of its keys, once they were asked for. */
  hashes: readonly number[] | undefined;
  isLocked = false;
  answer: Answer | undefined;
  isSilent = false;
  readonly #settle: (request: Request, answer: Answer) => void;

  constructor(
    pipeline: Pipeline,
    args: ParsedRequest,
    entry: CommandEntry | undefined,
    settle: (request: Request, answer: Answer) => void,
  ) {
    this.args = args;
    this.session = pipeline.session;
    this.door = pipeline.door;
    this.store = pipeline.door.store;
    this.trace = undefined;
    this.moment = pipeline.moment;
    this.entry = entry;
    this.bytes = argumentBytes(args);
    this.#settle = settle;
  }

  get nowMs(): number {
    return this.moment.wallMs;
  }

  reply(reply: Reply): void {
    this.#settle(this, reply);
  }

  replyAll(replies: readonly Reply[]): void {
    this.#settle(this, replies);
  }
}

export class Pipeline {
  readonly session: Session;
  readonly door: DoorState;
  /** When requests were last taken up. */
  moment = LONG_AGO;

  readonly #table: CommandTable;
  readonly #parser = new RequestParser({ isAuthenticated: true });
  readonly #locks = new KeyLocks();
  readonly #settle = (request: Request, answer: Answer): void => this.#onAnswer(request, answer);
  /** Begun and not yet written, in order. */
  readonly #held = new LinkedList<Request>();
  /** Of those: not yet answered, and the bytes of their arguments. */
  #unanswered = 0;
  #bytes = 0;
  /** Of the unanswered: those nobody waits for. */
  #unansweredAfter = 0;
  /** The only unanswered one, whose keys are not locked. */
  #lone: Request | undefined;
  #barrier: Request | undefined;
  /** Understood, but may not begin yet. */
  #waiting: Request | undefined;
  /** What `#waiting` has been told by the door's budget. */
  #room: "not-asked" | "asked" | "granted" = "not-asked";
  #askedBytes = 0;
  #window: number;
  #isPumping = false;
  /** The client sends no more: what has arrived is still answered. */
  #hasEnded = false;
  /** Nothing more is taken up. */
  #isOver = false;
  /** What has arrived holds no whole request. */
  #isHungry = true;

  constructor(options: {
    readonly session: Session;
    readonly door: DoorState;
    readonly table: CommandTable;
  }) {
    this.session = options.session;
    this.door = options.door;
    this.#table = options.table;
    this.#window = options.door.limits.windowStart;
  }

  /** Whether requests wait that have arrived: more need not be read. */
  get isBlocked(): boolean {
    return !this.#isHungry;
  }

  /** Bytes that have arrived and are not in a request that has begun. */
  get waitingBytes(): number {
    return this.#parser.heldBytes + (this.#waiting?.bytes ?? 0);
  }

  /** Requests that are not answered. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Takes what the client sent: `pump` begins it. */
  take(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#parser.push(chunk);
    this.#isHungry = false;
  }

  /** Takes what the client sent, and begins what may begin. */
  push(chunk: Uint8Array): void {
    this.take(chunk);
    this.pump();
  }

  /** The client sends no more. */
  end(): void {
    this.#hasEnded = true;
    this.pump();
  }

  /** Takes up no more; the wire ends when what is under way is answered. */
  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#room === "granted") this.door.budget.give(this.#askedBytes);
    this.#waiting = undefined;
    if (this.#held.size === 0) this.session.wire.end();
  }

  /** Answers all that is under way, then with an error, and ends. */
  fail(reply: ErrorReply): void {
    const last = this.#requestFor([], undefined);
    last.refusal = reply;
    this.#begin(last);
    this.finish();
  }

  /** The door's budget has room for the request that waits. */
  onGranted(): void {
    if (this.#waiting === undefined) {
      this.door.budget.give(this.#askedBytes);
      return;
    }
    this.#room = "granted";
    this.pump();
  }

  /** Begins what may begin: to be called when the wire is not full any more. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { clock, store } = this.door;
    this.moment = { wallMs: clock.wallMs(), startMs: clock.turnMs() };
    store.together(this.#takeUp);
    this.#isPumping = false;
    this.session.wire.noteTaken();
    if (this.session.isEnding || (this.#hasEnded && this.#isHungry)) this.finish();
  }

  readonly #takeUp = (): void => {
    while (this.#mayTakeMore()) {
      const request = this.#waiting ?? this.#take();
      if (request === undefined) break;
      if (!this.#mayBegin(request)) {
        this.#waiting = request;
        break;
      }
      this.#waiting = undefined;
      request.moment = this.moment;
      this.#begin(request);
    }
  };

  #mayTakeMore(): boolean {
    const { session } = this;
    if (this.#isOver || session.isEnding || this.#barrier !== undefined) return false;
    return this.#held.size < this.#window && !session.wire.isFull;
  }

  /** The next request; `undefined` if none has arrived whole, or none ever will. */
  #take(): Request | undefined {
    const parsed = this.#parser.next();
    this.#isHungry = parsed === undefined;
    if (parsed === undefined) return undefined;
    if (isProtocolError(parsed)) {
      this.fail(errorReply(`ERR ${parsed.reason}`));
      return undefined;
    }
    const admission = admit(this.#table, parsed, this.session.isListening);
    if (admission instanceof CommandEntry) return this.#requestFor(parsed, admission);
    if (admission === "hostile") {
      this.session.wire.destroy();
      this.finish();
      return undefined;
    }
    if (admission.entry !== undefined) admission.entry.counts.rejected += 1;
    const request = this.#requestFor(parsed, undefined);
    request.refusal = admission.reply;
    if (admission.entry?.fullName === "exec") {
      request.refusal = aborted(admission.reply);
      request.isDropping = true;
    } else if (this.session.transaction !== undefined) this.session.transaction.isAborted = true;
    return request;
  }

  #requestFor(args: ParsedRequest, entry: CommandEntry | undefined): Request {
    return new Request(this, args, entry, this.#settle);
  }

  /** Whether nothing that is under way stands in the way. Once it does not, nothing comes in between any more. */
  #mayBegin(request: Request): boolean {
    const { entry } = request;
    // A WATCH that is still under way would else watch on after it.
    if (request.isDropping) return this.#unanswered === 0;
    if (entry === undefined || this.#isToQueue(entry)) return true;
    if (this.#unanswered > 0) {
      if (entry.isBarrier) return false;
      if (entry.isAfter && this.#unanswered > this.#unansweredAfter) return false;
      if (this.#bytes + request.bytes > this.door.limits.connectionBytesMax) return false;
      if (!this.#areKeysFree(request, entry)) return false;
    }
    if (this.#room === "not-asked") {
      this.#askedBytes = request.bytes;
      this.#room = this.door.budget.take(request.bytes, this) ? "granted" : "asked";
    }
    return this.#room === "granted";
  }

  #areKeysFree(request: Request, entry: CommandEntry): boolean {
    const lone = this.#lone;
    if (lone?.entry !== undefined) {
      this.#lone = undefined;
      this.#lock(lone, lone.entry);
    }
    request.hashes ??= keyHashes(request.args, entry.command.keys);
    return this.#locks.isFree(request.hashes, entry.isWriter);
  }

  #lock(request: Request, entry: CommandEntry): void {
    request.hashes ??= keyHashes(request.args, entry.command.keys);
    request.isLocked = true;
    this.#locks.take(request.hashes, entry.isWriter);
  }

  #isToQueue(entry: CommandEntry): boolean {
    return this.session.transaction !== undefined && entry.isQueued;
  }

  #begin(request: Request): void {
    const { session } = this;
    this.#held.add(request);
    if (session.replies === "skip-next") {
      request.isSilent = true;
      session.replies = "on";
    }
    const { entry, refusal } = request;
    if (request.isDropping) {
      session.transaction = undefined;
      session.watched.clear();
    }
    if (entry === undefined) {
      this.#answerAtOnce(request, refusal ?? QUEUED);
    } else if (session.transaction !== undefined && entry.isQueued) {
      this.#answerAtOnce(request, this.#queue(session.transaction, request));
    } else {
      this.#run(request, entry);
    }
  }

  #run(request: Request, entry: CommandEntry): void {
    if (this.#unanswered === 0) this.#lone = request;
    else this.#lock(request, entry);
    if (entry.isBarrier) this.#barrier = request;
    if (this.door.tracer !== undefined) this.#trace(request, entry, this.door.tracer);
    this.#unanswered += 1;
    if (entry.isAfter) this.#unansweredAfter += 1;
    this.#bytes += request.bytes;
    this.#room = "not-asked";
    this.door.commands += 1;
    entry.counts.calls += 1;
    this.session.lastCommand = entry.fullName;
    this.session.lastActiveMs = this.moment.wallMs;
    entry.command.run(request);
  }

  /** Commands that touch keys; clients of this protocol name no trace, so chance decides. */
  #trace(request: Request, { kind, fullName }: CommandEntry, tracer: Tracer): void {
    if (kind === "other" && fullName !== "exec") return;
    const name = fullName.toUpperCase();
    const facts = { "db.system.name": "redis", "db.operation.name": name };
    request.trace = tracer.begin(name, "server", undefined, facts);
    if (request.trace !== undefined)
      request.store = new TracedStore(this.door.store, request.trace);
  }

  /** Puts a command aside until EXEC. */
  #queue(transaction: Transaction, request: Request): Reply {
    const { queuedMax, queuedBytesMax } = this.door.limits;
    const bytes = transaction.bytes + request.bytes;
    if (transaction.queue.length >= queuedMax || bytes > queuedBytesMax) {
      transaction.isAborted = true;
      return TRANSACTION_FULL;
    }
    // One that will not run need not be kept.
    if (transaction.isAborted) return QUEUED;
    transaction.queue.push(request.args);
    transaction.bytes = bytes;
    return QUEUED;
  }

  #answerAtOnce(request: Request, reply: Reply): void {
    if (reply.kind === "error") this.door.noteError(reply.text);
    request.answer = reply;
    if (this.#held.first === request) this.#write();
  }

  #onAnswer(request: Request, answer: Answer): void {
    assert(request.answer === undefined, "a command replies once");
    request.answer = answer;
    const { entry, bytes } = request;
    this.#unanswered -= 1;
    if (entry?.isAfter === true) this.#unansweredAfter -= 1;
    this.#bytes -= bytes;
    if (this.#lone === request) this.#lone = undefined;
    if (this.#barrier === request) this.#barrier = undefined;
    if (request.isLocked) this.#locks.release(request.hashes ?? [], entry?.isWriter === true);
    if (entry !== undefined) this.#count(request, entry, answer);
    if (request.trace !== undefined) endTrace(request.trace, answer);
    if ("kind" in answer) this.#judgeSize(answer);
    if (this.#held.first === request) this.#write();
    this.door.budget.give(bytes);
    // Where no request waits that has arrived, there is nothing to begin.
    if (!this.#isHungry || this.session.isEnding) this.pump();
  }

  #count(request: Request, entry: CommandEntry, answer: Answer): void {
    const isError = "kind" in answer && answer.kind === "error";
    // One that is answered while it is begun took next to nothing.
    const ms = this.#isPumping ? 0 : this.door.clock.turnMs() - request.moment.startMs;
    entry.counts.usec += Math.round(ms * 1_000);
    this.door.durations.noteRedis(entry.kind, isError, ms);
    if (!isError) return;
    entry.counts.failed += 1;
    this.door.noteError(answer.text);
  }

  /** Replies of a kind come together: after a large one, no more are asked for than there is room for. */
  #judgeSize(reply: Reply): void {
    const { windowBytes, windowMax } = this.door.limits;
    const bytes = replyBytes(reply);
    if (bytes < LARGE_REPLY_BYTES) {
      if (this.#window < windowMax) this.#window += 1;
    } else {
      this.#window = Math.max(1, Math.min(this.#window, Math.floor(windowBytes / bytes)));
    }
  }

  /** Writes what is answered, up to the first that is not. */
  #write(): void {
    const { session } = this;
    for (;;) {
      const request = this.#held.first;
      if (request?.answer === undefined) break;
      const { answer, isSilent } = request;
      if ("kind" in answer) this.#writeReply(answer, isSilent);
      else for (const reply of answer) this.#writeReply(reply, isSilent);
      this.#held.delete(request);
    }
    if (this.#held.size === 0 && this.#isOver) session.wire.end();
  }

  #writeReply(reply: Reply, isSilent: boolean): void {
    // Who turned replies off still wants to hear that it listens.
    const isWanted = reply.kind === "push" || !(isSilent || this.session.replies === "off");
    if (isWanted) this.session.wire.write(reply);
  }
}

/** Ends a span by the code of an error, never by its text: that may repeat what a client sent. */
function endTrace(trace: Span, answer: Answer): void {
  const isError = "kind" in answer && answer.kind === "error";
  if (isError) trace.end({}, /^[A-Z]{1,32}(?= |$)/.exec(answer.text)?.[0] ?? "error");
  else trace.end();
}

/** Why an EXEC was refused. */
function aborted({ text }: ErrorReply): ErrorReply {
  const reason = text.replace(/^ERR /, "");
  return errorReply(`EXECABORT Transaction discarded because of: ${reason}`);
}

function argumentBytes(args: ParsedRequest): number {
  let bytes = 0;
  for (const arg of args) bytes += arg.length;
  return bytes;
}
