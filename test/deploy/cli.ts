/**
 * `npm run test:deploy`: what is in deploy/, held against the programs that its users have: Helm and promtool, which are fetched
 * where they are missing (test/deploy/programs.ts). `npm test` has the same tests and skips what it has no program for; here
 * that is a failure. Ends with one line, `N passed, N failed`.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestCounts } from "../../tools/test-reporter.ts";
import { ALL_PRESENT, needHelm, needPromtool } from "./programs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILES = [
  "test/tooling/helm-chart.test.ts",
  "test/tooling/alerts.test.ts",
  "test/integration/metrics.test.ts",
];
/** A single test that takes longer hangs. */
const TEST_MS_MAX = 120_000;

needHelm();
needPromtool();
const folder = mkdtempSync(join(tmpdir(), "dnd-deploy-"));
try {
  const countsPath = join(folder, "counts.json");
  const status = await run({ DND_TEST_COUNTS: countsPath, [ALL_PRESENT]: "1" });
  const { passed, failed } = JSON.parse(readFileSync(countsPath, "utf8")) as TestCounts;
  const failures = failed === 0 && status !== 0 ? 1 : failed;
  console.log(`\n${passed} passed, ${failures} failed`);
  process.exitCode = failures === 0 && passed > 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(env: Readonly<Record<string, string>>): Promise<number> {
  const reporter = `--test-reporter=${join(ROOT, "tools", "test-reporter.ts")}`;
  const args = ["--test", reporter, `--test-timeout=${TEST_MS_MAX}`, ...FILES];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return new Promise((resolve) => {
    child.on("error", () => resolve(1));
    child.on("close", (code) => resolve(code ?? 1));
  });
}
