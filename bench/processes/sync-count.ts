/**
 * How often processes sync a file, by fdatasync, fsync or a write to one that is synced in the call: counted by the kernel's tracepoints through `perf stat` where that may be
 * used, which costs next to nothing, else by `strace`, which slows the processes down. In a turn of its own either way, so that
 * no measured turn is touched.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { findProgram } from "./program.ts";

export interface SyncCount {
  readonly calls: number;
  readonly tool: "perf" | "strace";
}

const CALLS: readonly string[] = ["fdatasync", "fsync"];
/** What writes at a position of a file: to nothing but a file that syncs each, in processes of which that is said. */
const WRITING_CALL = "pwrite64";
/** Both are attached well before that. */
const ATTACH_MS = 300;

/**
 * Runs `body` and counts meanwhile; `undefined` where neither tool may be used.
 *
 * @param hasSyncedWrites Whatever these processes write at a position is synced by the call.
 */
export async function countSyncs(
  pids: readonly number[],
  hasSyncedWrites: boolean,
  body: () => Promise<void>,
): Promise<SyncCount | undefined> {
  const tool = toolToUse();
  if (tool === undefined) return undefined;
  const calls = hasSyncedWrites ? [...CALLS, WRITING_CALL] : CALLS;
  const args =
    tool === "perf"
      ? ["stat", "-x", ",", "-e", eventsOf(calls), "-p", pids.join(",")]
      : ["-f", "-c", "-e", `trace=${calls.join()}`, ...pids.flatMap((pid) => ["-p", `${pid}`])];
  const counter = spawn(tool, args, { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  counter.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const ended = once(counter, "close");
  await wait(ATTACH_MS);
  try {
    await body();
  } finally {
    counter.kill("SIGINT");
    await ended;
  }
  return { calls: tool === "perf" ? callsOfPerf(output) : callsOfStrace(output), tool };
}

let known: "perf" | "strace" | "none" | undefined;

function toolToUse(): "perf" | "strace" | undefined {
  known ??= isPerfAllowed() ? "perf" : findProgram("strace") === undefined ? "none" : "strace";
  return known === "none" ? undefined : known;
}

function isPerfAllowed(): boolean {
  const path = findProgram("perf");
  if (path === undefined) return false;
  const { status } = spawnSync(path, ["stat", "-x", ",", "-e", eventsOf(CALLS), "true"]);
  return status === 0;
}

function eventsOf(calls: readonly string[]): string {
  return calls.map((call) => `syscalls:sys_enter_${call}`).join();
}

/** Lines of `count,unit,event,...`; the count is text where nothing could be counted. */
export function callsOfPerf(output: string): number {
  return output
    .split("\n")
    .map((line) => line.split(","))
    .filter(([, , event]) => event?.startsWith("syscalls:") === true)
    .reduce((sum, [count]) => sum + (Number(count) || 0), 0);
}

/** Lines of `% time, seconds, usecs/call, calls, errors?, name`. */
export function callsOfStrace(output: string): number {
  return output
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => /^(f(data)?sync|pwrite64)$/.test(words.at(-1) ?? ""))
    .reduce((sum, words) => sum + Number(words[3]), 0);
}
