/**
 * The low-water mark of this node: a stamp at or below which it sends no write, keeps none for others, and takes none.
 * Floors stay below the marks of all members, so that no acknowledged write is found to be too old to be taken.
 *
 * Invariant: a mark is kept from the moment it is chosen and told only once it is on disk; it only rises. There is none
 * to tell while this node holds cells of others: what it promised before, it still keeps. It is raised to what all
 * members could promise, never by one clock alone, and taken over from whoever is met: so the mark of every member, also
 * of one that comes later, is above every C, and no wild clock drags it into the future.
 * Source: docs/ARCHITECTURE.md, "Collection"; decision 0010.
 */
import { decodeAll } from "../base/byte-reader.ts";
import { ByteWriter } from "../base/byte-writer.ts";
import { metaKey } from "../core/causality/storage-key.ts";
import type { MarkHolder } from "../model/peer-message.ts";
import { compareStamps, maxStamp, NO_STAMP, STAMP_MS_MAX, type Stamp } from "../model/stamp.ts";
import { type Storage, StorageError } from "../ports/storage.ts";
import { readStamp, STAMP_BYTES, writeStamp } from "../protocol/peer/message-parts.ts";
import type { GroupCommit } from "./group-commit.ts";
import { opened, sealed } from "./sealed.ts";

const MARK = metaKey("mark");

export interface LowWaterMarkOptions {
  readonly storage: Storage;
  readonly commit: GroupCommit;
  readonly wallMs: () => number;
  readonly graceMs: () => number;
  /** The least stamp of a write still being sent. */
  readonly leastStampInFlight: () => Stamp | undefined;
  /** Whether cells of others are held here; `undefined` while nobody knows. */
  readonly hasForeignCells: () => boolean | undefined;
}

export interface ToldMark {
  /** `NO_STAMP` when there is none to tell. */
  readonly mark: Stamp;
  readonly heldBy: MarkHolder;
}

export class LowWaterMark {
  readonly #options: LowWaterMarkOptions;
  #mark: Stamp;
  /** What is surely on disk. */
  #stored: Stamp;

  /** Throws `StorageError` when the disk cannot be read. */
  constructor(options: LowWaterMarkOptions) {
    this.#options = options;
    this.#mark = load(options.storage);
    this.#stored = this.#mark;
  }

  /** What this node has promised, told or not. */
  get mark(): Stamp {
    return this.#mark;
  }

  /**
   * Raises the mark to `upTo`, or as far as it can be, and tells it once it is on disk; `undefined` if that failed. With
   * `NO_STAMP` it only tells how far that is.
   */
  tell(upTo: Stamp, done: (told: ToldMark | undefined) => void): void {
    const { commit, hasForeignCells, leastStampInFlight, wallMs, graceMs } = this.#options;
    const hasForeign = hasForeignCells();
    if (hasForeign !== false) {
      done({ mark: NO_STAMP, heldBy: hasForeign === true ? "foreign-cells" : "not-ready" });
      return;
    }
    const aged = before(wallMs() - graceMs());
    const least = leastStampInFlight();
    const isInFlight = least !== undefined && compareStamps(least, aged) <= 0;
    const possible = isInFlight ? before(least.ms) : aged;
    const heldBy = isInFlight ? "writes-in-flight" : "grace";
    if (compareStamps(upTo, NO_STAMP) === 0) return done({ mark: possible, heldBy });
    const mark = compareStamps(possible, upTo) < 0 ? possible : upTo;
    this.raise(mark);
    const kept = this.#mark;
    // A commit that carried it may have failed.
    if (compareStamps(kept, this.#stored) > 0) this.#store();
    commit.whenDurable((error) => {
      if (error !== undefined) return done(undefined);
      this.#stored = maxStamp(this.#stored, kept);
      done({ mark, heldBy });
    });
  }

  /** Takes over a promise that others rely on: every member keeps the greatest mark that it has met. */
  raise(mark: Stamp): void {
    if (compareStamps(mark, this.#mark) <= 0) return;
    this.#mark = mark;
    this.#store();
  }

  #store(): void {
    const writer = new ByteWriter(STAMP_BYTES);
    writeStamp(writer, this.#mark);
    this.#options.commit.put(MARK, sealed(writer.finish()));
  }
}

/** Below every stamp of a millisecond. */
function before(ms: number): Stamp {
  return { ms: Math.min(Math.max(0, ms), STAMP_MS_MAX), counter: 0, boot: 0 };
}

function load(storage: Storage): Stamp {
  const bytes = opened(storage.get(MARK));
  if (bytes === undefined) return NO_STAMP;
  const decoded = bytes === "damaged" ? undefined : decodeAll(bytes, readStamp);
  if (decoded?.kind === "decoded") return decoded.value;
  // It was promised all the same: a node that forgot what may come back with what others have collected.
  throw new StorageError("read-failed", "the low-water mark on disk is damaged");
}
