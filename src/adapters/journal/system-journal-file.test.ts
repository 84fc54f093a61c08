// Goal: a journal's file goes past the system's cache wherever that can be, and is the same file where it cannot.
import assert from "node:assert/strict";
import { constants } from "node:fs";
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { takesDirectWrites } from "../../../test/support/direct-writes.ts";
import { alignedMemory } from "./aligned-memory.ts";
import {
  HEADER_BYTES,
  HEADERS_BYTES,
  newRing,
  type Ring,
  ringMemoryBytes,
} from "./journal-record.ts";
import { journalHeaders } from "./recover.ts";
import { openJournalFile } from "./system-journal-file.ts";

const CAPACITY = 4 * HEADER_BYTES;
const isLinux = process.platform === "linux";

async function inPlace(body: (path: string) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), "dnd-journal-file-"));
  const path = join(parent, "journal");
  try {
    await writeFile(path, Buffer.concat([journalHeaders(CAPACITY, 1), Buffer.alloc(CAPACITY)]));
    await body(path);
  } finally {
    await rm(parent, { recursive: true });
  }
}

/** Opens the file, writes the ring's third block, and answers with what it was opened for while it was open. */
async function writeBlock(path: string, ring: Ring, isSynced = true) {
  ring.bytes.fill("b", 2 * HEADER_BYTES, 3 * HEADER_BYTES);
  const file = await openJournalFile(path, isSynced, ring.header);
  const flags = await flagsOf(path);
  const block = ring.bytes.subarray(2 * HEADER_BYTES, 3 * HEADER_BYTES);
  const error = await new Promise((resolve) => {
    file.write(HEADERS_BYTES + 2 * HEADER_BYTES, block, resolve);
  });
  await new Promise<void>((resolve) => file.close(resolve));
  assert.equal(error, undefined);
  assert.ok(HEADER_BYTES % file.blockBytes === 0);
  const expected = Buffer.concat([journalHeaders(CAPACITY, 1), Buffer.alloc(CAPACITY)]);
  expected.fill("b", HEADERS_BYTES + 2 * HEADER_BYTES, HEADERS_BYTES + 3 * HEADER_BYTES);
  assert.deepEqual(await readFile(path), expected);
  return { blockBytes: file.blockBytes, isDirect: (flags & constants.O_DIRECT) !== 0 };
}

/** What the only descriptor of a file is open for, as the system tells. */
async function flagsOf(path: string): Promise<number> {
  for (const descriptor of await readdir("/proc/self/fd")) {
    const target = await readlink(`/proc/self/fd/${descriptor}`).catch(() => "");
    if (target !== path) continue;
    const info = await readFile(`/proc/self/fdinfo/${descriptor}`, "latin1");
    return Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? "", 8);
  }
  throw new Error("not open");
}

const aligned = (): Ring => newRing(CAPACITY, 1, alignedMemory(ringMemoryBytes(CAPACITY)));

test("synced writes go past the cache where the file system takes that", { skip: !isLinux }, () =>
  inPlace(async (path) => {
    const isDirect = await takesDirectWrites(path);
    const blockBytes = isDirect ? HEADER_BYTES : 1;
    assert.deepEqual(await writeBlock(path, aligned()), { blockBytes, isDirect });
  }),
);

test("writes that are not synced go through the cache", { skip: !isLinux }, () =>
  inPlace(async (path) => {
    const found = await writeBlock(path, aligned(), false);
    assert.deepEqual(found, { blockBytes: 1, isDirect: false });
  }),
);

test("memory that a device does not take is written through the cache", { skip: !isLinux }, () =>
  inPlace(async (path) => {
    const memory = new SharedArrayBuffer(ringMemoryBytes(CAPACITY));
    const found = await writeBlock(path, newRing(CAPACITY, 1, memory));
    // Some devices take any address.
    assert.equal(found.blockBytes, found.isDirect ? HEADER_BYTES : 1);
  }),
);

test("a header that the trial writes again is what it was", { skip: !isLinux }, () =>
  inPlace(async (path) => {
    const ring = aligned();
    ring.header.fill("x");
    await writeBlock(path, ring);
  }),
);
