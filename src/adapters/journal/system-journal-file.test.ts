// Goal: a journal's file goes past the system's cache wherever that can be, and is the same file where it cannot.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
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
const run = promisify(execFile);
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
  return {
    blockBytes: file.blockBytes,
    isDirect: (flags & constants.O_DIRECT) !== 0,
    isSynced: (flags & constants.O_DSYNC) !== 0,
  };
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
    assert.deepEqual(await writeBlock(path, aligned()), { blockBytes, isDirect, isSynced: true });
  }),
);

test("writes that are not synced go through the cache", { skip: !isLinux }, () =>
  inPlace(async (path) => {
    const found = await writeBlock(path, aligned(), false);
    assert.deepEqual(found, { blockBytes: 1, isDirect: false, isSynced: false });
  }),
);

test("memory that a device does not take is written through the cache", { skip: !isLinux }, () =>
  inPlace(async (path) => {
    const memory = new SharedArrayBuffer(ringMemoryBytes(CAPACITY));
    const found = await writeBlock(path, newRing(CAPACITY, 1, memory));
    // Some devices take any address.
    assert.equal(found.blockBytes, found.isDirect ? HEADER_BYTES : 1);
    assert.ok(found.isSynced);
  }),
);

test(
  "what the trial writes is what was there, wherever the memory came from",
  { skip: !isLinux },
  () =>
    inPlace(async (path) => {
      const ring = aligned();
      ring.header.fill("x");
      await writeBlock(path, ring);
    }),
);

// Goal: nothing that a trial meets keeps a node from starting. Method: each of its calls fails, in each way that systems have for it.
for (const error of ["EINVAL", "EOPNOTSUPP", "ENOSYS", "EPERM", "EIO", "ENOSPC"]) {
  for (const call of ["openat", "pread64", "pwrite64"]) {
    test(`a trial whose ${call} meets ${error} leads through the cache`, async (context) => {
      const found = await underStrace(context, `${call}:error=${error}:when=1`);
      if (found !== undefined) assert.deepEqual(found, { blockBytes: 1, error: "ok" });
    });
  }
}

for (const [bytes, error] of [
  [HEADER_BYTES, "ok"],
  [HEADER_BYTES + 100, "ok"],
  [100, "sync-failed"],
] as const) {
  test(`a call that takes ${bytes} bytes of two blocks goes on with whole ones: ${error}`, async (context) => {
    const found = await underStrace(context, `pwrite64:retval=${bytes}:when=2`);
    if (found === undefined || found.blockBytes === 1) return;
    assert.deepEqual(found, { blockBytes: HEADER_BYTES, error });
  });
}

const SOURCE = `
  const { openJournalFile } = await import(${JSON.stringify(import.meta.resolve("./system-journal-file.ts"))});
  const { newRing, ringMemoryBytes } = await import(${JSON.stringify(import.meta.resolve("./journal-record.ts"))});
  const { alignedMemory } = await import(${JSON.stringify(import.meta.resolve("./aligned-memory.ts"))});
  const [path] = process.argv.slice(1);
  const ring = newRing(${CAPACITY}, 1, alignedMemory(ringMemoryBytes(${CAPACITY})));
  const file = await openJournalFile(path, true, ring.header);
  const blocks = ring.bytes.subarray(0, 2 * ${HEADER_BYTES});
  const error = await new Promise((done) => file.write(${HEADERS_BYTES}, blocks, done));
  console.log(JSON.stringify({ blockBytes: file.blockBytes, error: error?.code ?? "ok" }));
`;

interface Found {
  readonly blockBytes: number;
  readonly error: string;
}

/** What a process finds whose calls on the file are tampered with; `undefined` where none can be. */
async function underStrace(context: TestContext, inject: string): Promise<Found | undefined> {
  try {
    await run("strace", ["-qq", "-e", "trace=none", "true"]);
  } catch (cause) {
    context.skip(`needs strace and the right to trace: ${(cause as Error).message.trim()}`);
    return undefined;
  }
  let found: Found | undefined;
  await inPlace(async (path) => {
    const call = inject.slice(0, inject.indexOf(":"));
    const { stdout } = await run(
      "strace",
      // strace counts by thread, hence one thread.
      ["-f", "-qq", "-o", `${path}.trace`, "-P", path, "-e", `trace=${call}`]
        .concat(["-e", `inject=${inject}`, process.execPath])
        .concat(["--input-type=module", "-e", SOURCE, path]),
      { env: { ...process.env, UV_THREADPOOL_SIZE: "1" } },
    );
    found = JSON.parse(stdout) as Found;
  });
  return found;
}
