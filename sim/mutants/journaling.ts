/** Planted bugs of the journal: what a start takes for done, what is put below and when, what a reader is shown. */
import type { Mutant } from "./mutant.ts";

const RECORD = "src/adapters/journal/journal-record.ts";
const JOURNAL = "src/adapters/journal/journal.ts";
const STORAGE = "src/adapters/journal/journaled-storage.ts";
const MEMTABLE = "src/adapters/journal/memtable.ts";
const FILE = "src/adapters/journal/system-journal-file.ts";
const RECOVER = "src/adapters/journal/recover.ts";
const seenBy = "sim/journal.test.ts";
const expected: readonly string[] = [];

export const JOURNALING: readonly Mutant[] = [
  {
    name: "journal-checksum-not-asked",
    file: RECORD,
    find: `  return crc === ring.words[offset / 4] ? size : 0;`,
    replace: `  return crc === -1 ? 0 : size;`,
    expected,
    seenBy,
    breaks: "a torn record is put below",
  },
  {
    name: "journal-gap-not-asked",
    file: RECORD,
    find: `  if (ring.words[offset / 4 + 4] !== gap) return 0;`,
    replace: `  if (ring.words[offset / 4 + 4] === gap + 1) return 0;`,
    expected,
    seenBy,
    breaks: "a record is taken for the next one though another stood between",
  },
  {
    name: "journal-read-before-it-is-synced",
    file: RECOVER,
    find: `  const error = await new Promise<StorageError | undefined>((resolve) => file.sync(resolve));`,
    replace: `  const error = undefined as StorageError | undefined;
  void file;`,
    expected,
    seenBy: "src/adapters/journal/recover.test.ts",
    breaks:
      "a start puts below what only the system has: the next one may find less, and put that over it",
  },
  {
    name: "journal-older-header-trusted",
    file: RECOVER,
    find: `  if (records === 0 && header.isOnlyOne) throw damaged();`,
    replace: `  if (records === -1 && header.isOnlyOne) throw damaged();`,
    expected,
    seenBy: "src/adapters/journal/recover.test.ts",
    breaks:
      "a damaged header leaves one of before, and all that was written since is passed over in silence",
  },
  {
    name: "journal-beside-what-is-undone",
    file: STORAGE,
    find: `    return goesAround || this.#isBelowFull || !this.#journal.hasRoomFor(bytes);`,
    replace: `    return goesAround || !this.#journal.hasRoomFor(bytes);`,
    expected,
    seenBy,
    breaks: "writes are done while a refused batch stands below, which a start would apply",
  },
  {
    name: "journal-releases-what-came-since",
    file: MEMTABLE,
    find: `    if (until <= this.#released) {`,
    replace: `    if (until < 0) {`,
    expected,
    seenBy: "src/adapters/journal/memtable.test.ts",
    breaks: "a step that put nothing below takes out what was added meanwhile",
  },
  {
    name: "journal-changed-after-it-was-written",
    file: MEMTABLE,
    find: `      const hash = hashAt(this.#ring, offset);
`,
    replace: `      const hash = hashAt(this.#ring, offset);
      this.#ring.words[recordOffset / 4 + 5] = 1;
`,
    expected,
    seenBy,
    breaks:
      "a record that is written again with what follows it in its block is not sound any more",
  },
  {
    name: "journal-direct-not-synced",
    file: FILE,
    find: `openDirect(path, flags | DIRECT, trial)`,
    replace: `openDirect(path, constants.O_RDWR | DIRECT, trial)`,
    expected,
    seenBy: "src/adapters/journal/system-journal-file.test.ts",
    breaks: "what is done may be in the drive's cache alone",
  },
  {
    name: "journal-gap-left-as-it-was",
    file: RECORD,
    find: `  if (record.gap > 0) {`,
    replace: `  if (record.gap < 0) {`,
    expected,
    seenBy: "src/adapters/journal/memtable.test.ts",
    breaks: "bytes of a client's value are taken for operations",
  },
  {
    name: "journal-block-cut-short",
    file: JOURNAL,
    find: `    const to = Math.ceil((offset + bytes) / blockBytes) * blockBytes;`,
    replace: `    const to = offset + bytes;`,
    expected,
    seenBy,
    breaks: "a file that takes whole blocks refuses what is not one",
  },
  {
    name: "journal-header-in-its-place",
    file: JOURNAL,
    find: `    const slot = 1 - this.#slot;`,
    replace: `    const slot = this.#slot;`,
    expected,
    seenBy,
    breaks:
      "a torn header leaves one that knows an older tail, where records have been written over",
  },
  {
    name: "journal-refused-not-taken-back",
    file: JOURNAL,
    find: `    if (this.#refused === undefined) {`,
    replace: `    if (this.#refused !== -1) {`,
    expected,
    seenBy,
    breaks: "the record of a batch that was refused is found by a start",
  },
  {
    name: "journal-taken-for-empty",
    file: JOURNAL,
    find: `    return this.#head - this.#tail;`,
    replace: `    return Math.max(0, this.#head - this.#tail - 300);`,
    expected,
    seenBy,
    breaks: "a batch goes below beside records of before, which a start puts over it",
  },
  {
    name: "journal-put-below-unsynced",
    file: STORAGE,
    find: `    const { head } = this.#memtable;
    if (this.#isSynced) {`,
    replace: `    const { head } = this.#memtable;
    if (this.#isSynced || head > 0) {`,
    expected,
    seenBy,
    breaks: "what goes below may be lost in the journal, with what came before it",
  },
  {
    name: "journal-replaced-by-what-may-be-lost",
    file: MEMTABLE,
    find: `    if (before >= this.#head) return true;`,
    replace: `    if (before >= 0) return true;`,
    expected,
    seenBy: "src/adapters/journal/memtable.test.ts",
    breaks: "an operation is not put below for one that is not durable yet",
  },
  {
    name: "journal-released-before-it-is-below",
    file: STORAGE,
    find: `    this.#below.write(operations, (error) => {
      if (error !== undefined) {
        this.#onDrained(error);
        return;
      }
      this.#isBelowFull = false;
      this.#release(until);
    });`,
    replace: `    this.#below.write(operations, (error) => {
      if (error !== undefined) this.#noteFailure(error);
    });
    this.#defer(() => this.#release(until));`,
    expected,
    seenBy,
    breaks: "space is given back for what is not below yet",
  },
  {
    name: "journal-hides-nothing",
    file: STORAGE,
    find: `      recent.entries.has(key) || hidden?.has(key) === true;`,
    replace: `      hidden?.has(key) === true;`,
    expected,
    seenBy,
    breaks: "a scan shows what was replaced or removed since",
  },
  {
    name: "journal-page-not-cut",
    file: STORAGE,
    find: `isComplete: below.isComplete && recent.before === before };`,
    replace: `isComplete: below.isComplete && recent.before <= before };`,
    expected,
    seenBy,
    breaks: "a page ends where the recent entries do, and says that nothing follows",
  },
];
