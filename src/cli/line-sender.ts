/**
 * Sends lines to be stored, as `POST /kv` takes them: in batches, one batch at a time. No batch holds a key twice, but for a hash
 * or set that takes several lines: so the last line of a key wins, as it would line by line. What failed for a passing reason is
 * sent again, and so are the lines that continue it, in their order: each of these writes may be repeated.
 */
import { setTimeout as wait } from "node:timers/promises";
import { CliError } from "./cli-error.ts";
import { type NodeClient, query } from "./node-client.ts";
import { remark } from "./output.ts";
import { Progress } from "./progress.ts";

export interface LineOptions {
  /** Replicas that must acknowledge each line. */
  readonly w?: string | undefined;
  /** What becomes of what a key holds already; replaced, where it is not said. */
  readonly existing?: "replace" | "keep" | undefined;
}

interface Line {
  /** In the file, from 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** It adds to the key of the line before. */
  readonly continues: boolean;
}

interface LineError {
  readonly code: string;
  readonly detail: string;
}

/** One line of the node's answer to a batch. */
interface LineResult {
  readonly line?: number;
  readonly kept?: boolean;
  readonly error?: LineError;
}

const LINE_FEED = Buffer.from("\n");
const BATCH_LINES_MAX = 2_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Passing failures of one line; with the pauses between them about 15 s. */
const TRIES_MAX = 6;
const PAUSE_MS_FIRST = 250;
/** Bad lines that are told one by one. */
const ERRORS_SHOWN_MAX = 10;
const NOT_BEGUN: LineError = {
  code: "bad-line",
  detail: "the line before, which this one continues, was not stored",
};
const PASSING = new Set([
  "contended",
  "overloaded",
  "not-ready",
  "timed-out",
  "quorum-unreachable",
  "no-answer",
  "no-node",
]);

/** Lines that are stored, batch by batch. */
export class LineSender {
  readonly #client: NodeClient;
  readonly #target: string;
  readonly #progress: Progress;
  #batch: Line[] = [];
  #batchBytes = 0;
  #batchKeys = new Set<string>();
  /** Of the batch that was last sent, lines that were given up. */
  readonly #givenUp = new Set<number>();
  #lineNumber = 0;
  /** The last line that was not blank. */
  #last: { readonly number: number; readonly key: string | undefined } | undefined;
  #fraction: number | undefined;
  /** Stored, as far as lines that begin one tell. */
  #keys = 0;
  stored = 0;
  /** With `existing: "keep"`: lines that added nothing to what their key holds. */
  kept = 0;
  failed = 0;
  /** The first few. */
  readonly errors: (LineError & { readonly line: number })[] = [];

  /** @param verb as in "imported 12 keys". */
  constructor(client: NodeClient, verb: string, options: LineOptions) {
    this.#client = client;
    this.#progress = new Progress(verb);
    const parameters = query({ w: options.w, existing: options.existing });
    this.#target = parameters === "" ? "/kv" : `/kv?${parameters}`;
  }

  async add(bytes: Uint8Array, fraction: number | undefined): Promise<void> {
    this.#lineNumber += 1;
    if (bytes.length === 0) return;
    const number = this.#lineNumber;
    const last = this.#last;
    const { key, continues } = factsOf(bytes);
    const line = { number, bytes, continues };
    this.#last = { number, key };
    const isSameAgain = key !== undefined && this.#batchKeys.has(key);
    if (isSameAgain && !(continues && key === last?.key)) await this.flush();
    if (continues && this.#batch.length === 0 && last !== undefined) {
      // Its beginning went with the batch before, so the node cannot know what became of it.
      if (this.#givenUp.has(last.number)) return this.#onFailed(line, NOT_BEGUN);
    }
    if (key !== undefined) this.#batchKeys.add(key);
    this.#batch.push(line);
    this.#batchBytes += bytes.length;
    this.#fraction = fraction;
    if (this.#batch.length >= BATCH_LINES_MAX || this.#batchBytes >= BATCH_BYTES_MAX)
      await this.flush();
  }

  async flush(): Promise<void> {
    let left = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#batchKeys = new Set();
    this.#givenUp.clear();
    for (let tryCount = 1; left.length > 0; tryCount += 1) {
      left = await this.#send(left, tryCount === TRIES_MAX);
      if (left.length > 0) await wait(PAUSE_MS_FIRST * 2 ** (tryCount - 1));
    }
    this.#progress.update(this.#keys, this.#fraction);
  }

  end(): void {
    this.#progress.end(this.#keys);
  }

  /** Sends lines; answers with those that are worth another try. */
  async #send(lines: readonly Line[], isLast: boolean): Promise<Line[]> {
    const results = await this.#ask(lines, isLast);
    const again: Line[] = [];
    for (const [index, line] of lines.entries()) {
      const result = results.get(index + 1);
      if (result?.error === undefined && result !== undefined) {
        if (result.kept === true) this.kept += 1;
        else this.stored += 1;
        if (!line.continues) this.#keys += 1;
      } else if (!isLast && PASSING.has(result?.error?.code ?? "no-answer")) again.push(line);
      else
        this.#onFailed(
          line,
          result?.error ?? { code: "no-answer", detail: "the node did not say" },
        );
    }
    return again;
  }

  async #ask(lines: readonly Line[], isLast: boolean): Promise<Map<number, LineResult>> {
    const results = new Map<number, LineResult>();
    const body = Buffer.concat(lines.flatMap(({ bytes }) => [bytes, LINE_FEED]));
    try {
      const answer = await this.#client.ask({
        method: "POST",
        target: this.#target,
        headers: { "Content-Type": "application/x-ndjson", Accept: "application/x-ndjson" },
        body,
      });
      for (const text of answer.body.toString("utf8").split("\n")) {
        if (text === "") continue;
        const result = JSON.parse(text) as LineResult;
        if (result.line !== undefined) results.set(result.line, result);
      }
    } catch (error) {
      // The whole batch went unanswered: which of its lines are stored is not known, so all of them go again.
      if (!(error instanceof CliError) || isLast || !PASSING.has(error.code)) throw error;
    }
    return results;
  }

  #onFailed(line: Line, error: LineError): void {
    this.failed += 1;
    this.#givenUp.add(line.number);
    if (this.failed > ERRORS_SHOWN_MAX) return;
    this.errors.push({ line: line.number, code: error.code, detail: error.detail });
    remark(`line ${line.number}: ${error.detail} (${error.code})`);
  }
}

interface LineFacts {
  /** What tells two lines of one key from lines of two; `undefined` for a line that the node will refuse. */
  readonly key: string | undefined;
  readonly continues: boolean;
}

function factsOf(bytes: Uint8Array): LineFacts {
  try {
    const parsed = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
    return { key: keyOf(parsed), continues: parsed["continues"] === true };
  } catch {
    return { key: undefined, continues: false };
  }
}

function keyOf({ key, key64 }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof key === "string") return Buffer.from(key, "utf8").toString("latin1");
  return typeof key64 === "string" ? Buffer.from(key64, "base64").toString("latin1") : undefined;
}
