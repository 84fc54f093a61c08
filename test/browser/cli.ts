/**
 * `npm run test:browser`: the dashboard in a real browser, over five real processes. Ends with one line, `N passed, N failed`.
 *
 *   npm run test:browser                the tests
 *   npm run test:browser -- --images    ... and writes the pictures of README.md and docs/dashboard.md
 *
 * Needs Chromium, which it installs on Debian as root.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildWeb } from "../../tools/build-web.ts";
import type { TestCounts } from "../../tools/test-reporter.ts";
import { needChromium } from "./chromium.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A single test that takes longer hangs. */
const TEST_MS_MAX = 180_000;

const { values } = parseArgs({ options: { images: { type: "boolean", default: false } } });
const chromium = needChromium();
await buildWeb(join(ROOT, "dist", "web"));
const folder = mkdtempSync(join(tmpdir(), "dnd-browser-"));
try {
  const countsPath = join(folder, "counts.json");
  const status = await run({
    DND_TEST_COUNTS: countsPath,
    DND_TEST_CHROMIUM: chromium,
    ...(values.images ? { DND_TEST_IMAGES: join(ROOT, "docs", "images") } : {}),
  });
  const { passed, failed } = JSON.parse(readFileSync(countsPath, "utf8")) as TestCounts;
  const failures = failed === 0 && status !== 0 ? 1 : failed;
  console.log(`\n${passed} passed, ${failures} failed`);
  process.exitCode = failures === 0 && passed > 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(env: Readonly<Record<string, string>>): Promise<number> {
  const reporter = `--test-reporter=${join(ROOT, "tools", "test-reporter.ts")}`;
  const file = join(ROOT, "test", "browser", "dashboard.test.ts");
  const args = ["--test", reporter, `--test-timeout=${TEST_MS_MAX}`, file];
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
