/**
 * `POST /kv`: many writes in one request, one JSON object a line.
 *
 * Invariant: a bad line does not stop the others; lines of one key are written in their order, and those of different keys in
 * none, so many at once; a line that continues one that was not stored is not stored either. At most `bulkWritesMax` writes
 * and `bulkBytesMax` of their bytes are under way, and the client is held back by not being read.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SharedConfig } from "../../model/config.ts";
import type { Key } from "../../model/key.ts";
import { formatStamp } from "../../model/stamp.ts";
import type { Store } from "../../node/store.ts";
import {
  GUARD_HEADERS,
  jsonAnswer,
  NDJSON_TYPE,
  problemAnswer,
} from "../../protocol/http/answer.ts";
import { type BulkEntry, lineBytesMax, parseBulkLine } from "../../protocol/http/bulk-line.ts";
import { LineSplitter } from "../../protocol/http/line-splitter.ts";
import { wantsLines } from "../../protocol/http/pages.ts";
import { type Problem, problem } from "../../protocol/http/problem.ts";
import type { BulkParameters } from "../../protocol/http/query.ts";
import type { ByteBudget, HttpLimits } from "./http-limits.ts";
import { refuse, sendAnswer } from "./send.ts";
import { bytesOfEntry, type Stored, storeEntry } from "./store-entry.ts";

export interface BulkContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly store: Store;
  readonly shared: SharedConfig;
  readonly limits: HttpLimits;
  readonly budget: ByteBudget;
  readonly w: number | undefined;
  readonly deadlineMs: number | undefined;
  readonly existing: BulkParameters["existing"];
}

interface WaitingLine {
  readonly line: number;
  /** `undefined`: it was too long. */
  readonly bytes: Uint8Array | undefined;
}

interface ParsedLine {
  readonly line: number;
  readonly entry: BulkEntry | Problem;
}

/** The line that was begun last: the next may continue it. */
interface LastLine {
  /** `undefined` where it could not be told. */
  readonly key: Key | undefined;
  /** Once it is known. */
  failure: Problem | undefined;
}

export class BulkRequest {
  readonly #context: BulkContext;
  readonly #splitter: LineSplitter;
  readonly #asLines: boolean;
  readonly #lineBytesMax: number;
  /** Lines of the piece last read that have not begun; nothing more is read while there are any. */
  #waiting: WaitingLine[] = [];
  #waitingIndex = 0;
  /** The first of them, where it waits for another line of its key. */
  #parsed: ParsedLine | undefined;
  readonly #keysUnderWay = new Set<Key>();
  #last: LastLine = { key: undefined, failure: undefined };
  #lineCount = 0;
  #writes = 0;
  #writeBytes = 0;
  #stored = 0;
  /** Lines that found their key, or all of their fields, and left it as it was. */
  #kept = 0;
  #failed = 0;
  readonly #errors: Record<string, unknown>[] = [];
  #isBodyOver = false;
  #isOver = false;
  #isDraining = false;
  #hasHeard = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: BulkContext) {
    this.#context = context;
    this.#asLines = wantsLines(context.request.headers.accept);
    this.#lineBytesMax = lineBytesMax(context.shared);
    this.#splitter = new LineSplitter(
      {
        onLine: (bytes) => this.#await(bytes),
        onLongLine: () => this.#await(undefined),
      },
      this.#lineBytesMax,
    );
  }

  start(): void {
    const { request, response, limits } = this.#context;
    if (request.headers.expect !== undefined) response.writeContinue();
    response.on("error", () => this.#stop());
    response.on("close", () => this.#stop());
    response.on("drain", () => {
      this.#isDraining = false;
      this.#pump();
    });
    request.on("data", (chunk: Uint8Array) => {
      this.#hasHeard = true;
      this.#splitter.feed(chunk);
      this.#pump();
    });
    request.on("end", () => {
      this.#splitter.end();
      this.#isBodyOver = true;
      this.#pump();
    });
    this.#timer = setInterval(() => this.#onTick(), limits.bulkIdleMs);
  }

  #await(bytes: Uint8Array | undefined): void {
    this.#lineCount += 1;
    this.#waiting.push({ line: this.#lineCount, bytes });
  }

  /** Begins what may begin, reads on when all of it has, and ends when nothing is left. */
  #pump(): void {
    const { request } = this.#context;
    while (!this.#isOver && this.#hasRoom()) {
      const next = this.#next();
      if (next === undefined) break;
      this.#begin(next);
    }
    if (this.#isOver) return;
    if (this.#waitingIndex < this.#waiting.length || !this.#hasRoom()) {
      request.pause();
      return;
    }
    this.#waiting = [];
    this.#waitingIndex = 0;
    if (this.#isBodyOver && this.#writes === 0) this.#finish();
    else if (!this.#isBodyOver) request.resume();
  }

  /** The next line, if its turn has come. */
  #next(): ParsedLine | undefined {
    while (this.#waitingIndex < this.#waiting.length) {
      this.#parsed ??= this.#parse(this.#waiting[this.#waitingIndex] as WaitingLine);
      const parsed = this.#parsed;
      const isBehind = parsed?.entry.kind === "entry" && this.#keysUnderWay.has(parsed.entry.key);
      if (isBehind) return undefined;
      this.#waitingIndex += 1;
      this.#parsed = undefined;
      if (parsed !== undefined) return parsed;
    }
    return undefined;
  }

  #hasRoom(): boolean {
    const { limits } = this.#context;
    return (
      !this.#isDraining &&
      this.#writes < limits.bulkWritesMax &&
      this.#writeBytes < limits.bulkBytesMax
    );
  }

  /** `undefined` for a blank line. */
  #parse({ line, bytes }: WaitingLine): ParsedLine | undefined {
    if (bytes === undefined) {
      const detail = `the line is longer than ${this.#lineBytesMax} bytes`;
      return { line, entry: problem("line-too-long", detail, { limit: this.#lineBytesMax }) };
    }
    const entry = parseBulkLine(bytes, this.#context.shared);
    return entry === undefined ? undefined : { line, entry };
  }

  #begin({ line, entry }: ParsedLine): void {
    const { store, w, deadlineMs, existing } = this.#context;
    if (entry.kind === "problem") return this.#fail(line, undefined, entry);
    const before = this.#failureBefore(entry);
    if (before !== undefined) return this.#fail(line, entry.key, before);

    const { key } = entry;
    const last: LastLine = { key, failure: undefined };
    this.#last = last;
    const bytes = bytesOfEntry(entry);
    this.#writes += 1;
    this.#writeBytes += bytes;
    this.#keysUnderWay.add(key);
    // A store may shed within the call; `#pump` must then not run inside itself.
    let isInside = true;
    storeEntry(store, entry, { w, deadlineMs, existing }, (outcome) => {
      this.#writes -= 1;
      this.#writeBytes -= bytes;
      this.#keysUnderWay.delete(key);
      if (this.#isOver) return;
      if (outcome.kind === "problem") {
        last.failure = outcome;
        this.#onProblem(line, outcome);
      } else this.#onStored(line, outcome);
      if (!isInside) this.#pump();
    });
    isInside = false;
  }

  /** What is added to a key whose beginning was not stored would be added to what was there before. */
  #failureBefore(entry: BulkEntry): Problem | undefined {
    if (entry.type === "string" || !entry.continues) return undefined;
    const { key, failure } = this.#last;
    if (failure === undefined || (key !== undefined && key !== entry.key)) return undefined;
    const detail = `the line before, which this one continues, was not stored: ${failure.detail}`;
    return problem(failure.code, detail);
  }

  #fail(line: number, key: Key | undefined, failure: Problem): void {
    this.#last = { key, failure };
    this.#onProblem(line, failure);
  }

  #onStored(line: number, { stamp, quorum, isKept }: Stored): void {
    if (isKept === true) this.#kept += 1;
    else this.#stored += 1;
    if (!this.#asLines) return;
    if (isKept === true) return this.#writeLine({ line, kept: true });
    const written = stamp === undefined ? {} : { stamp: formatStamp(stamp) };
    this.#writeLine({ line, ...written, ...quorum });
  }

  #onProblem(line: number, failure: Problem): void {
    this.#failed += 1;
    const error = {
      line,
      code: failure.code,
      detail: failure.detail,
      stored: "no",
      ...failure.facts,
    };
    if (this.#asLines) this.#writeLine({ line, error });
    else if (this.#errors.length < this.#context.limits.bulkErrorsMax) this.#errors.push(error);
  }

  #writeLine(value: unknown): void {
    const { response } = this.#context;
    if (!response.headersSent)
      response.writeHead(200, ["Content-Type", NDJSON_TYPE, ...GUARD_HEADERS]);
    if (!response.write(`${JSON.stringify(value)}\n`)) this.#isDraining = true;
  }

  /** Silence counts only while the client is being listened to. */
  #onTick(): void {
    const { request, response, limits, budget } = this.#context;
    const isSilent = !this.#hasHeard && !this.#isBodyOver && !request.isPaused();
    this.#hasHeard = false;
    if (!isSilent) return;
    const detail = `nothing arrived for ${limits.bulkIdleMs} ms; ${this.#stored} lines were stored before`;
    const stored = this.#stored + this.#writes > 0 ? "maybe" : "no";
    const failure = problem("body-too-slow", detail, {
      stored,
      limit: limits.bulkIdleMs,
      line: this.#lineCount,
    });
    this.#stop();
    if (response.headersSent) response.destroy();
    else refuse(request, response, problemAnswer(failure), limits, budget);
  }

  #finish(): void {
    const { response, budget } = this.#context;
    this.#stop();
    const kept = this.#context.existing === "keep" ? { kept: this.#kept } : {};
    const counts = { stored: this.#stored, ...kept, failed: this.#failed };
    if (!this.#asLines) {
      sendAnswer(response, jsonAnswer({ ...counts, errors: this.#errors }), budget);
      return;
    }
    this.#writeLine(counts);
    response.end();
  }

  #stop(): void {
    this.#isOver = true;
    this.#waiting = [];
    clearInterval(this.#timer);
  }
}
