/**
 * What `.ci/run` runs: everything a change is tried with, from a clean checkout. `npm test`, then what takes longer: seeds of
 * the full mix, double runs, each planted bug near the seed that is recorded for it, and a few cycles of `kill -9`.
 * Ends with how long each stage took, what failed, and one line, `N passed, N failed`; exit status 0 only if none failed. Whoever
 * keeps only the end of a log finds the failures there.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Stage {
  readonly name: string;
  /** Arguments of Node. */
  readonly command: readonly string[];
}

const STAGES: readonly Stage[] = [
  { name: "npm test", command: ["tools/test.ts"] },
  { name: "300 seeds of the full mix", command: ["sim/cli.ts", "--seeds", "300"] },
  { name: "equal seeds, equal traces", command: ["sim/cli.ts", "--double", "--seeds", "10"] },
  { name: "planted bugs are found", command: ["sim/mutants/cli.ts", "--recorded"] },
  { name: "or seen by a test", command: ["sim/mutants/cli.ts", "--tests"] },
  {
    name: "five kill cycles on five nodes",
    command: [
      "test/integration/kill-cycles.ts",
      "--cycles",
      "5",
      "--keys",
      "2000",
      "--lanes",
      "4",
      "--seed",
      "20260712",
    ],
  },
  {
    name: "the package on Node 26",
    command: ["test/integration/package-trial.ts", "--node", "26"],
  },
  { name: "the dashboard in a browser", command: ["test/browser/cli.ts"] },
  { name: "the chart by Helm, the alerts by promtool", command: ["test/deploy/cli.ts"] },
  // These start the servers they need. As the browser's, what Debian has for them is installed.
  { name: "Redis's own suite", command: ["test/redis/suite-cli.ts"] },
  {
    name: "the same answers as redis-server",
    // What fails for one change is to fail for the next one too. The seed has found something once; new ones are tried by hand.
    command: ["test/redis/differential.ts", "--seed", "375049"],
  },
];

const COUNTS = /^(\d+) passed, (\d+) failed$/gm;
/** What `npm test` says of its own stages, and of a file or check that failed or took half a minute. */
const WORTH_REPEATING = /^(?:-- .*|\s+FAIL .*|\s+ok .*; (?:[3-9]\d{4}|\d{6,}) ms\))$/gm;
/** Of a stage that failed and wrote no failures of its tests. */
const LAST_CHARACTERS = 2_000;
const FAILURES_CHARACTERS = 6_000;

const folder = mkdtempSync(join(tmpdir(), "dnd-ci-"));
const summary: string[] = [];
let passed = 0;
let failed = 0;
for (const [index, { name, command }] of STAGES.entries()) {
  const startMs = performance.now();
  console.log(`\n#### ${name}`);
  const failuresPath = join(folder, `${index}.txt`);
  const { status, output } = await run(command, failuresPath);
  // A stage that counts for itself ends with its own line; any other is one thing that passed or failed.
  const counts = [...output.matchAll(COUNTS)].at(-1);
  const isOk = status === 0;
  passed += counts === undefined ? Number(isOk) : Number(counts[1]);
  const failures = counts === undefined ? 0 : Number(counts[2]);
  failed += isOk ? failures : Math.max(1, failures);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
  const verdict = `#### ${isOk ? "ok  " : "FAIL"} ${name}, ${seconds} s`;
  console.log(verdict);
  summary.push(verdict, ...(output.match(WORTH_REPEATING) ?? []));
  if (!isOk) summary.push(failuresOf(failuresPath, output));
}
rmSync(folder, { recursive: true });
console.log(`\n${summary.join("\n")}\n\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

function failuresOf(path: string, output: string): string {
  if (!existsSync(path)) return output.slice(-LAST_CHARACTERS);
  return readFileSync(path, "utf8").slice(0, FAILURES_CHARACTERS);
}

/** Shows what it says as it says it, and keeps it. */
function run(
  args: readonly string[],
  failuresPath: string,
): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, args[0] ?? ""), ...args.slice(1)], {
      cwd: ROOT,
      env: { ...process.env, DND_TEST_FAILURES: failuresPath },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      process.stdout.write(text);
    });
    child.on("close", (code) => resolve({ status: code ?? 1, output }));
    child.on("error", (error) => resolve({ status: 1, output: String(error) }));
  });
}
