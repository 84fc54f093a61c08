/** `npm run check`: everything that is checked without running the code. `npm test` runs the same list. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface Check {
  readonly name: string;
  /** Arguments of Node. */
  readonly command: readonly string[];
}

export const checks: readonly Check[] = [
  {
    name: "format (biome)",
    command: [tool("@biomejs/biome/bin/biome"), "check", "--error-on-warnings"],
  },
  {
    name: "lint (oxlint)",
    command: [
      tool("oxlint/bin/oxlint"),
      "--type-aware",
      "--deny-warnings",
      "--report-unused-disable-directives",
    ],
  },
  { name: "types (tsc)", command: [tool("typescript/bin/tsc"), "--noEmit", "-p", ROOT] },
  {
    name: "types of the dashboard (tsc)",
    command: [tool("typescript/bin/tsc"), "--noEmit", "-p", join(ROOT, "web")],
  },
  { name: "unused code and dependencies (knip)", command: [tool("knip/bin/knip.js")] },
];

function tool(path: string): string {
  return join(ROOT, "node_modules", path);
}

if (import.meta.main) {
  let failedCount = 0;
  for (const check of checks) {
    const { status } = spawnSync(process.execPath, [...check.command], {
      cwd: ROOT,
      stdio: "inherit",
    });
    console.log(`${status === 0 ? "ok  " : "FAIL"} ${check.name}`);
    if (status !== 0) failedCount += 1;
  }
  process.exitCode = failedCount === 0 ? 0 : 1;
}
