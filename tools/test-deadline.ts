/**
 * Loaded into the process of each test file: one that has not ended long after it began is ended, and says what it waited for.
 *
 * A test that takes too long is given up by node:test (`tools/test.ts` says when), its file is not: while a program that a test
 * started still runs, so does the file, and all files behind it wait.
 */
import { appendFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

/** Several times what the longest takes on a busy machine. */
const FILE_MS_MAX = Number(process.env["DND_TEST_FILE_MS"] ?? 600_000);

if (isMainThread) {
  setTimeout(() => {
    const waited = process.getActiveResourcesInfo().join(", ");
    const told = `  ${process.argv[1] ?? ""} is ended after ${FILE_MS_MAX} ms; it waits for ${waited}\n`;
    process.stderr.write(told);
    const path = process.env["DND_TEST_FAILURES"];
    if (path !== undefined) appendFileSync(path, told);
    process.exit(1);
  }, FILE_MS_MAX).unref();
}
