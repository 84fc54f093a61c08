/**
 * Plants a bug under the test that must go red with it: for those that the common mix does not show. Red means that a test of
 * the file ran and failed: a bug that keeps the file from being loaded, or a test from ending, proves nothing.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutant.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HOOK = new URL("plant-hook.ts", import.meta.url).href;
/** A bug may make a test endless. */
const TEST_MS_MAX = 60_000;

export interface Seen {
  readonly isRed: boolean;
  /** Names of tests that failed. */
  readonly failed: readonly string[];
}

export async function runUnderTest(mutant: Mutant): Promise<Seen> {
  const { name, seenBy } = mutant;
  if (seenBy === undefined) return { isRed: false, failed: [] };
  const args = ["--import", HOOK, "--test-reporter", "tap", seenBy];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, DND_PLANTED_BUG: name },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: TEST_MS_MAX,
    killSignal: "SIGKILL",
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  await new Promise((resolve) => child.on("close", resolve));
  const failed = [...output.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, title]) => title ?? "");
  return { isRed: failed.length > 0, failed };
}
