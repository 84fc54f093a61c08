import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const DEADLINE = new URL("../../tools/test-deadline.ts", import.meta.url).href;

function run(
  source: string,
  failures: string,
): { readonly status: number | null; readonly told: string } {
  const args = [`--import=${DEADLINE}`, "--input-type=module", "-e", source];
  const env = { ...process.env, DND_TEST_FILE_MS: "300", DND_TEST_FAILURES: failures };
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  return { status, told: stderr };
}

test("what never ends is ended, and what it waits for is told twice; what ends is left alone", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "dnd-deadline-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const failures = join(folder, "failures.txt");
  assert.deepEqual(run("setTimeout(() => undefined, 1)", failures), { status: 0, told: "" });
  const { status, told } = run("setInterval(() => undefined, 60_000)", failures);
  assert.equal(status, 1);
  assert.match(told, /is ended after 300 ms; it waits for .*Timeout/);
  assert.equal(readFileSync(failures, "utf8"), told);
});
