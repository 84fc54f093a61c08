/**
 * A reporter for node:test: a line per file, every failure in full, and the counts for `tools/test.ts`.
 *
 * The counts go to the file named by DND_TEST_COUNTS as one JSON line, because a number that is added up must
 * not be fished out of text for people. A run that dies before its last event leaves no counts: a failure.
 * Failures are also added to the file named by DND_TEST_FAILURES, for whoever repeats them at the end (`tools/ci.ts`).
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { inspect } from "node:util";

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The parts of node:test's events that are used here. */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly file?: string;
    readonly line?: number;
    readonly message?: string;
    readonly details?: { readonly error?: Error; readonly type?: string };
    readonly counts?: Counts;
    readonly duration_ms?: number;
  };
}

interface Counts {
  readonly tests: number;
  readonly passed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
}

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type === "test:summary" && data.counts !== undefined) {
      if (data.file === undefined) writeCounts(data.counts);
      else yield fileLine(data.file, data.counts, data.duration_ms ?? 0);
    } else if (type === "test:fail") {
      const text = failureText(data);
      const path = process.env["DND_TEST_FAILURES"];
      if (path !== undefined) appendFileSync(path, text);
      yield text;
    } else if (type === "test:stderr" && data.message !== undefined) {
      yield data.message;
    }
  }
}

function writeCounts(counts: Counts): void {
  const path = process.env["DND_TEST_COUNTS"];
  if (path === undefined) return;
  const sum: TestCounts = {
    passed: counts.passed,
    failed: counts.failed + counts.cancelled,
    skipped: counts.skipped + counts.todo,
  };
  writeFileSync(path, JSON.stringify(sum));
}

function fileLine(file: string, counts: Counts, durationMs: number): string {
  const failed = counts.failed + counts.cancelled;
  const verdict = failed === 0 ? "ok  " : "FAIL";
  const numbers = failed === 0 ? `${counts.passed}` : `${counts.passed} passed, ${failed} failed`;
  return `  ${verdict} ${relative(process.cwd(), file)} (${numbers}; ${Math.round(durationMs)} ms)\n`;
}

function failureText(data: TestEvent["data"]): string {
  // A parent fails with its subtests; only the innermost says why.
  const error = data.details?.error;
  if (error?.message.includes("subtests failed") === true) return "";
  const place =
    data.file === undefined ? "" : ` (${relative(process.cwd(), data.file)}:${data.line})`;
  const cause = error?.cause ?? error;
  const text = inspect(cause, { depth: 6 });
  return `\n  FAIL ${data.name}${place}\n${text.replaceAll(/^/gm, "       ")}\n\n`;
}
