/**
 * Whether a disk has less space than a node should go on filling: asked of the file system a few times a second.
 *
 * Invariant: once low, it is low until there is a quarter of the floor more than the floor, and at least RESUME_BYTES_MIN: a
 * node must not take a write, refuse the next, and take the one after. What cannot be found out changes nothing.
 */
import { statfs } from "node:fs/promises";

/** A fast disk takes some ten megabytes between two looks. */
const PERIOD_MS = 250;
const RESUME_BYTES_MIN = 4 * 1024 * 1024;

/** Bytes that are free where `directory` is. May reject. */
export type FreeBytes = (directory: string) => Promise<number>;

export interface SpaceWatchOptions {
  readonly directory: string;
  /** 0: never low. */
  readonly floorBytes: number;
  /** For tests. */
  readonly freeBytes?: FreeBytes | undefined;
  readonly periodMs?: number | undefined;
}

export class SpaceWatch {
  readonly #options: SpaceWatchOptions;
  #isLow = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: SpaceWatchOptions) {
    this.#options = options;
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  /** Settles after the first look; goes on looking, which does not keep the process alive. */
  async start(): Promise<void> {
    if (this.#options.floorBytes === 0) return;
    await this.#look();
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.start(), this.#options.periodMs ?? PERIOD_MS);
    this.#timer.unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { directory, floorBytes, freeBytes = freeBytesAt } = this.#options;
    try {
      const free = await freeBytes(directory);
      const marginBytes = Math.max(RESUME_BYTES_MIN, Math.floor(floorBytes / 4));
      this.#isLow = free < (this.#isLow ? floorBytes + marginBytes : floorBytes);
    } catch {
      // A file system that does not answer is the next write's to find out about.
    }
  }
}

/** What this user may still take: not what is kept for others, or for root. */
async function freeBytesAt(directory: string): Promise<number> {
  const figures = await statfs(directory);
  return figures.bavail * figures.bsize;
}
