/**
 * `dnd import FILE`: stores what `dnd export` wrote, or any file of `{"key", "value"}` lines.
 *
 * Lines go out in batches, one batch at a time. No batch holds a key twice, but for a hash or set that takes several lines: so
 * the last line of a key wins, as it would line by line. What failed for a passing reason is sent again, and so are the lines
 * that continue it, in their order: each of these writes may be repeated.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../../model/limits.ts";
import { lineBytesMax } from "../../protocol/http/bulk-line.ts";
import { LineSplitter } from "../../protocol/http/line-splitter.ts";
import { CliError, EXIT, failure } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { type NodeClient, query } from "../node-client.ts";
import { printJson, remark } from "../output.ts";
import { Progress } from "../progress.ts";

interface ImportFlags extends ClientFlags {
  readonly w?: string;
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
  readonly error?: LineError;
}

const LINE_FEED = Buffer.from("\n");
const LINE_BYTES_MAX = lineBytesMax({ keyBytesMax: KEY_BYTES_MAX, valueBytesMax: VALUE_BYTES_MAX });
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
  "overloaded",
  "not-ready",
  "timed-out",
  "quorum-unreachable",
  "no-answer",
  "no-node",
]);

export function addImport(program: Command): void {
  const command = program
    .command("import")
    .argument("<file>", "file of one JSON object a line; - reads stdin")
    .description("store every line of a file: an export, or lines of key and value")
    .option("-w <count>", "replicas that must acknowledge each line");
  addClientFlags(command).action(importAll);
}

async function importAll(file: string, flags: ImportFlags): Promise<void> {
  const size = file === "-" ? undefined : await sizeOf(file);
  const input = file === "-" ? process.stdin : createReadStream(file);
  const importer = await withClient(flags, async (client) => {
    const running = new Importer(client, flags.w);
    let bytes = 0;
    for await (const lines of linesOf(input)) {
      for (const line of lines) {
        bytes += line.length + 1;
        await running.add(line, size === undefined ? undefined : Math.min(1, bytes / size));
      }
    }
    await running.flush();
    return running;
  });
  importer.end();
  if (flags.json === true)
    printJson({ stored: importer.stored, failed: importer.failed, errors: importer.errors });
  if (importer.failed === 0) return;
  throw new CliError(
    `${importer.failed} of ${importer.failed + importer.stored} lines were not stored`,
    {
      exit: EXIT.failed,
      code: "lines-failed",
      hint: "mend those lines and import the file again: what is stored already is written anew",
    },
  );
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw failure("no-file", `${file} is a directory`);
    return found.size;
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw failure("unreadable", `${file} cannot be read (${code})`);
    throw new CliError(`there is no file ${file}`, { exit: EXIT.usage, code: "no-file" });
  }
}

/**
 * Lines by line feeds alone: `node:readline` also breaks at U+2028, which JSON allows in a string. A line beyond any
 * value's length is passed on cut, for the node to refuse by its number.
 */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let lines: Uint8Array[] = [];
  const splitter = new LineSplitter(
    {
      onLine: (line) => lines.push(line),
      onLongLine: () => lines.push(Buffer.from("(a line that is too long)")),
    },
    LINE_BYTES_MAX,
  );
  for await (const chunk of input) {
    splitter.feed(chunk);
    yield lines;
    lines = [];
  }
  splitter.end();
  yield lines;
}

class Importer {
  readonly #client: NodeClient;
  readonly #target: string;
  readonly #progress = new Progress("imported");
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
  failed = 0;
  /** The first few. */
  readonly errors: (LineError & { readonly line: number })[] = [];

  constructor(client: NodeClient, w: string | undefined) {
    this.#client = client;
    const parameters = query({ w });
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
        this.stored += 1;
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
