/**
 * `npm test`: the whole truth of a change. Ends with one line, `N passed, N failed`: the tests that node:test ran,
 * and each check (format, lint, types, unused code, simulation) counted as one. Exit status 0 only if none failed.
 *
 *   npm test                      everything
 *   npm test -- unit integration  only these stages
 *   SIM_SECONDS=600 npm test      a longer simulation
 */
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checks } from "./checks.ts";
import type { TestCounts } from "./test-reporter.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SIM_SECONDS = process.env["SIM_SECONDS"] ?? "60";
/** More than any machine gets through: the time decides. */
const SIM_SEEDS_MAX = "1000000";
/** A single test that takes longer hangs. */
const TEST_TIMEOUT_MS = 120_000;
/** Several times what all tests of a stage take on a busy machine. What is last in the output then is what came before the one that hung. */
const TESTS_MS_MAX = 1_800_000;

interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

const CONCURRENCY_ONE = ["--test-concurrency=1"];

const STAGES: Readonly<Record<string, () => Promise<Outcome>>> = {
  checks: runChecks,
  unit: () =>
    runTests("unit", [
      "src/**/*.test.ts",
      "sim/**/*.test.ts",
      "tools/**/*.test.ts",
      "bench/**/*.test.ts",
      "web/**/*.test.ts",
      "test/{tooling,contracts,properties,scenarios,golden,redis}/**/*.test.ts",
    ]),
  sim: runSimulation,
  // One file at a time: they start real nodes, and measure time. The first start would build the dashboard within a test's time.
  integration: async () => {
    await run(["tools/build-web.ts"], { isQuiet: true });
    return await runTests("integration", ["test/integration/**/*.test.ts"], CONCURRENCY_ONE);
  },
};

async function main(): Promise<void> {
  const names = process.argv.slice(2);
  const unknown = names.find((name) => STAGES[name] === undefined);
  if (unknown !== undefined) {
    console.error(`unknown stage "${unknown}"; stages are ${Object.keys(STAGES).join(", ")}`);
    process.exitCode = 2;
    return;
  }
  let passed = 0;
  let failed = 0;
  for (const [name, stage] of Object.entries(STAGES)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const startMs = performance.now();
    console.log(`\n== ${name}`);
    const outcome = await stage();
    passed += outcome.passed;
    failed += outcome.failed;
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(`-- ${name}: ${outcome.passed} passed, ${outcome.failed} failed, ${seconds} s`);
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

async function runChecks(): Promise<Outcome> {
  let passed = 0;
  let failed = 0;
  for (const check of checks) {
    const { status, output } = await run([...check.command], { isQuiet: true });
    if (status === 0) passed += 1;
    else failed += 1;
    console.log(`  ${status === 0 ? "ok  " : "FAIL"} ${check.name}`);
    if (status !== 0) console.log(output);
  }
  return { passed, failed };
}

async function runSimulation(): Promise<Outcome> {
  const { status } = await run(["sim/cli.ts", "--seeds", SIM_SEEDS_MAX, "--seconds", SIM_SECONDS], {
    isQuiet: false,
  });
  console.log(`  ${status === 0 ? "ok  " : "FAIL"} simulation`);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function runTests(name: string, patterns: string[], flags: string[] = []): Promise<Outcome> {
  const files = globSync(patterns, { cwd: ROOT }).sort();
  if (files.length === 0) {
    console.log(`  FAIL no test files match ${patterns.join(", ")}`);
    return { passed: 0, failed: 1 };
  }
  const folder = mkdtempSync(join(tmpdir(), "dnd-test-"));
  const countsPath = join(folder, "counts.json");
  try {
    const reporter = `--test-reporter=${join(ROOT, "tools", "test-reporter.ts")}`;
    const deadline = `--import=${new URL("test-deadline.ts", import.meta.url).href}`;
    const { status } = await run(
      ["--test", deadline, reporter, `--test-timeout=${TEST_TIMEOUT_MS}`, ...flags, ...files],
      { isQuiet: false, env: { DND_TEST_COUNTS: countsPath }, timeoutMs: TESTS_MS_MAX },
    );
    if (!existsSync(countsPath)) {
      console.log(`  FAIL the ${name} tests ended without a summary`);
      return { passed: 0, failed: 1 };
    }
    const counts = JSON.parse(readFileSync(countsPath, "utf8")) as TestCounts;
    if (counts.skipped > 0) console.log(`  ${counts.skipped} skipped`);
    // A file that fails outside any test shows in the status only.
    const failed = counts.failed === 0 && status !== 0 ? 1 : counts.failed;
    return { passed: counts.passed, failed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs this Node with `args`; quiet output is kept for the caller, the rest goes where ours goes. */
function run(
  args: readonly string[],
  options: {
    readonly isQuiet: boolean;
    readonly env?: Readonly<Record<string, string>>;
    readonly timeoutMs?: number;
  },
): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, ...options.env },
      stdio: options.isQuiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.on("close", (code) => resolve({ status: code ?? 1, output }));
    child.on("error", (error) => resolve({ status: 1, output: String(error) }));
  });
}

await main();
