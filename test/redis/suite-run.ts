/** Runs one unit of Redis's test suite against a server, within time limits. */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseSuiteOutput, type SuiteOutput } from "./suite-output.ts";

export interface UnitRun extends SuiteOutput {
  readonly unit: string;
  readonly seconds: number;
  /** It was ended by a limit: the test that it had come to is not among the results. */
  readonly hasHung: boolean;
}

export interface UnitOptions {
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly limits: Limits;
  /** Tests to leave out, by name. */
  readonly skipped: readonly string[];
}

/** In seconds. */
export interface Limits {
  readonly unit: number;
  /** Without a test that ends. */
  readonly test: number;
}

/** Units by the name of their file in `tests/unit`. */
export const UNITS: readonly string[] = [
  "type/string",
  "type/incr",
  "type/hash",
  "type/set",
  "expire",
  "keyspace",
  "scan",
  "protocol",
  "info-command",
  "quit",
  "multi",
  "pubsub",
];

/** An external server that has one database, whose encodings are its own, and tests that need no switches of Redis. */
const FLAGS: readonly string[] = [
  "--singledb",
  "--ignore-encoding",
  "--ignore-digest",
  "--durable",
  "--clients",
  "1",
  "--tags",
  "-needs:debug -needs:repl -needs:save -needs:config-maxmemory -needs:reset -slow",
];
/** `runtest` takes the first free port of so many below its base for its own use. */
const OWN_PORT_COUNT = 32;

export async function runUnit(unit: string, options: UnitOptions): Promise<UnitRun> {
  const { folder, host, port, limits, skipped } = options;
  const baseport = (await freePortBase()) + OWN_PORT_COUNT;
  const args = ["--host", host, "--port", String(port), "--baseport", String(baseport), ...FLAGS];
  for (const name of skipped) args.push("--skiptest", name);
  const startMs = performance.now();
  const child = spawn(join(folder, "runtest"), [...args, "--single", `unit/${unit}`], {
    cwd: folder,
    // Plain text: it colours what it says on terminals of these names.
    env: { ...process.env, TERM: "dumb" },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that a run that hangs can be ended with all its processes.
    detached: true,
  });
  let hasHung = false;
  const end = (): void => {
    hasHung = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  const unitTimer = setTimeout(end, limits.unit * 1_000);
  const testTimer = setTimeout(end, limits.test * 1_000);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      testTimer.refresh();
    });
  }
  await new Promise<void>((resolve, reject) => {
    child.on("close", () => resolve());
    child.on("error", reject);
  });
  clearTimeout(unitTimer);
  clearTimeout(testTimer);
  const seconds = (performance.now() - startMs) / 1_000;
  return { unit, seconds, hasHung, ...parseSuiteOutput(output) };
}

async function freePortBase(): Promise<number> {
  for (let tryCount = 0; tryCount < 50; tryCount += 1) {
    const base = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(base)) return base;
  }
  throw new Error("no free ports");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
