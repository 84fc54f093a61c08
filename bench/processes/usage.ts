/** What processes have used so far, as Linux tells it in /proc. */
import { readdirSync, readFileSync } from "node:fs";

/** Of the kernel's accounting, the same on all common systems: `getconf CLK_TCK`. */
const TICKS_PER_SECOND = 100;
const UTIME = 11;
const STIME = 12;
const BYTES_PER_KIB = 1_024;

export interface Usage {
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
  /** Bytes the process has caused to be written to a disk: pages it made dirty, counted once when they became so. */
  readonly bytesWritten: number;
}

export interface Memory {
  readonly rssBytes: number;
  /** What of it is not pages of files. */
  readonly anonymousBytes: number;
}

/** Of the calling process, to the microsecond. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** To a hundredth of a second. */
export function usageOf(pid: number): Usage {
  const io = readFileSync(`/proc/${pid}/io`, "utf8");
  return {
    cpuSeconds: cpuOf(`/proc/${pid}/stat`),
    bytesWritten: Number(/^write_bytes: (\d+)$/m.exec(io)?.[1] ?? 0),
  };
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * BYTES_PER_KIB;
  return { rssBytes: bytes("VmRSS"), anonymousBytes: bytes("RssAnon") };
}

/** CPU seconds of the main thread, and of all others together. */
export function threadSeconds(pid: number): { readonly main: number; readonly others: number } {
  let main = 0;
  let others = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const seconds = cpuOf(`/proc/${pid}/task/${thread}/stat`);
    if (Number(thread) === pid) main += seconds;
    else others += seconds;
  }
  return { main, others };
}

function cpuOf(path: string): number {
  return cpuSecondsIn(readFileSync(path, "utf8"));
}

/** From a line of /proc/PID/stat. The name in it may hold spaces and brackets: what counts comes after the last one. */
export function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND;
}
