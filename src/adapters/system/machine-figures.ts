/** What a node's machine has left: memory, and space where its data is. Asked for by whoever watches, never on the way of a request. */
import { constants } from "node:fs";
import { access, readFile, statfs } from "node:fs/promises";
import { freemem, totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

export interface MachineFigures {
  readonly memoryBytes: number;
  /** What programs can still be given, caches included where the system says so. */
  readonly memoryAvailableBytes: number;
  /** JavaScript objects cannot take more. */
  readonly heapLimitBytes: number;
  /** `undefined` where the data is on no disk, or its disk does not say. */
  readonly disk: DiskFigures | undefined;
}

export interface DiskFigures {
  readonly sizeBytes: number;
  /** Free for this user. */
  readonly freeBytes: number;
  /** Whether this process may write in the data directory. */
  readonly isWritable: boolean;
}

/** @param directory where the data is; `undefined` where it is in memory. Never rejects. */
export async function machineFigures(directory: string | undefined): Promise<MachineFigures> {
  return {
    memoryBytes: totalmem(),
    memoryAvailableBytes: await availableMemory(),
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    disk: directory === undefined ? undefined : await diskFigures(directory),
  };
}

async function availableMemory(): Promise<number> {
  try {
    const text = await readFile("/proc/meminfo", "latin1");
    const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1_024;
  } catch {
    // Only Linux has it; elsewhere free memory is all that is known.
  }
  return freemem();
}

async function diskFigures(directory: string): Promise<DiskFigures | undefined> {
  try {
    const { bsize, blocks, bavail } = await statfs(directory);
    const isWritable = await access(directory, constants.W_OK).then(
      () => true,
      () => false,
    );
    return { sizeBytes: blocks * bsize, freeBytes: bavail * bsize, isWritable };
  } catch {
    // A directory that is gone, or a disk that hangs no more: what it does to requests is told elsewhere.
    return undefined;
  }
}
