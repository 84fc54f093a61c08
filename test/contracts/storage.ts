/**
 * What every `Storage` must do, whatever is below it. Each adapter runs it from its own `*.test.ts`.
 *
 * Goal: batches are atomic, ordered and isolated, bytes are exact, bounds are kept.
 * Method: each law on a fresh storage, then random batches and scans against a plain sorted model.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import "../support/fixed-seed.ts";
import { binaryFromBytes } from "../../src/base/binary.ts";
import type {
  ScanRange,
  ScanResult,
  Storage,
  StorageEntry,
  StorageError,
  StorageOperation,
} from "../../src/ports/storage.ts";

/** A place for one storage: opened, closed and opened again, and cleared away at the end. */
export interface StoragePlace {
  /** A storage holding what the last one of this place was closed with. */
  open(): Promise<Storage>;
  /** Gives up the place; the storage is closed. */
  remove(): Promise<void>;
}

/** Above every key of these tests. */
const END = "\xff".repeat(8);
const ALL: ScanRange = { from: "", before: END, entriesMax: 1e6, bytesMax: 1e9 };

/** Runs the suite; `place` makes a fresh, empty place for each test. */
export function storageContract(name: string, place: () => Promise<StoragePlace>): void {
  const law = (claim: string, body: (storage: Storage) => Promise<void>): void => {
    test(`${name}: ${claim}`, async () => {
      const here = await place();
      const storage = await here.open();
      try {
        await body(storage);
      } finally {
        await close(storage);
        await here.remove();
      }
    });
  };

  law("an absent key has no value", async (storage) => {
    assert.equal(storage.get("nothing"), undefined);
    assert.deepEqual(await scan(storage, ALL), { entries: [], isComplete: true });
  });

  law("a batch applies puts and removals together, in order", async (storage) => {
    await write(storage, [put("a", "1"), put("b", "2"), put("c", "3")]);
    await write(storage, [put("b", "4"), remove("a"), put("d", "5"), remove("d"), put("c", "6")]);
    assert.deepEqual(await texts(storage), ["b=4", "c=6"]);
    assert.equal(storage.get("a"), undefined);
    assert.equal(storage.get("d"), undefined);
  });

  law("removing what is absent does nothing", async (storage) => {
    await write(storage, [remove("a")]);
    assert.deepEqual(await texts(storage), []);
  });

  law("an empty batch is done", async (storage) => {
    await write(storage, []);
    assert.deepEqual(await texts(storage), []);
  });

  law("keys may hold every byte, and are ordered by byte", async (storage) => {
    const keys = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
    const all = ["", ...keys, ...keys.map((key) => `k${key}`), "\x00\x00", "\xff\xff"];
    const backwards = [...new Set(all)]
      .sort()
      .reverse()
      .filter((key) => key !== "");
    await write(
      storage,
      backwards.map((key) => put(key, key)),
    );
    const { entries } = await scan(storage, ALL);
    assert.deepEqual(
      entries.map((entry) => entry.key),
      backwards.toReversed(),
    );
    for (const entry of entries) {
      assert.equal(binaryFromBytes(entry.value), entry.key);
      assert.equal(binaryFromBytes(bytesOf(storage.get(entry.key))), entry.key);
    }
  });

  law("an empty value is not an absent one", async (storage) => {
    await write(storage, [put("a", "")]);
    assert.equal(storage.get("a")?.length, 0);
    assert.deepEqual(await texts(storage), ["a="]);
  });

  law("long keys and values of 16 MiB come back as they were", async (storage) => {
    const value = Buffer.alloc(16 * 1024 * 1024);
    for (let index = 0; index < value.length; index += 4) {
      value.writeUInt32LE(Math.imul(index, 0x9e3779b1) >>> 0, index);
    }
    const key = "\xfe".repeat(66 * 1024);
    await write(storage, [{ key, value }, put("a", "1")]);
    assert.equal(Buffer.compare(bytesOf(storage.get(key)), value), 0);
    const { entries } = await scan(storage, { ...ALL, from: "b" });
    assert.equal(entries.length, 1);
    assert.equal(entries[0]?.key, key);
    assert.equal(Buffer.compare(bytesOf(entries[0]?.value), value), 0);
  });

  law("a scan includes its lower bound and excludes its upper one", async (storage) => {
    await write(
      storage,
      ["a", "b", "ba", "c", "d"].map((key) => put(key, key)),
    );
    const keys = async (from: string, before: string) =>
      (await scan(storage, { ...ALL, from, before })).entries.map((entry) => entry.key);
    assert.deepEqual(await keys("b", "d"), ["b", "ba", "c"]);
    assert.deepEqual(await keys("b\x00", "c\x00"), ["ba", "c"]);
    assert.deepEqual(await keys("", "b"), ["a"]);
    assert.deepEqual(await keys("b", "b"), []);
    assert.deepEqual(await keys("d", "b"), []);
    assert.deepEqual(await keys("", ""), []);
    assert.deepEqual(await keys("e", END), []);
  });

  law("a scan stops after entriesMax and says whether more follows", async (storage) => {
    await write(
      storage,
      ["a", "b", "c", "d"].map((key) => put(key, key)),
    );
    for (let entriesMax = 0; entriesMax <= 5; entriesMax += 1) {
      const page = await scan(storage, { ...ALL, entriesMax });
      assert.equal(page.entries.length, Math.min(entriesMax, 4));
      assert.equal(page.isComplete, entriesMax >= 4, `entriesMax ${entriesMax}`);
    }
    const inside = await scan(storage, { ...ALL, before: "c", entriesMax: 2 });
    assert.equal(inside.isComplete, true, "what lies beyond the range does not count");
  });

  law("a scan stops after the entry that reaches bytesMax", async (storage) => {
    await write(
      storage,
      ["a", "b", "c"].map((key) => put(key, "x".repeat(9))),
    );
    const sizes: [number, number][] = [
      [0, 1],
      [1, 1],
      [10, 1],
      [11, 2],
      [20, 2],
      [21, 3],
      [99, 3],
    ];
    for (const [bytesMax, expected] of sizes) {
      const page = await scan(storage, { ...ALL, bytesMax });
      assert.equal(page.entries.length, expected, `bytesMax ${bytesMax}`);
      assert.equal(page.isComplete, expected === 3, `bytesMax ${bytesMax}`);
    }
  });

  law("a scan passes over hidden keys as if they were not there", async (storage) => {
    const keys = Array.from({ length: 400 }, (_, index) => `k${String(index).padStart(3, "0")}`);
    await write(
      storage,
      keys.map((key) => put(key, key)),
    );
    const hidden = new Set([...keys.slice(0, 150), ...keys.filter((key) => key.endsWith("7"))]);
    const shown = keys.filter((key) => !hidden.has(key));
    for (const entriesMax of [0, 1, 7, shown.length - 1, shown.length, 1e6]) {
      const page = await scan(storage, { ...ALL, entriesMax, hidden });
      assert.deepEqual(
        page.entries.map(({ key }) => key),
        shown.slice(0, entriesMax),
      );
      assert.equal(page.isComplete, entriesMax >= shown.length, `entriesMax ${entriesMax}`);
    }
    const one = await scan(storage, { ...ALL, bytesMax: 1, hidden });
    assert.deepEqual(
      one.entries.map(({ key }) => key),
      shown.slice(0, 1),
    );
    const none = await scan(storage, { ...ALL, before: keys[150] as string, hidden });
    assert.deepEqual(none, { entries: [], isComplete: true });
  });

  law("pages of a range add up to the range", async (storage) => {
    const keys = Array.from({ length: 2_500 }, (_, index) => `k${String(index).padStart(5, "0")}`);
    await write(
      storage,
      keys.map((key) => put(key, key.repeat(20))),
    );
    for (const bounds of [{ entriesMax: 7 }, { bytesMax: 3_000 }, { entriesMax: 1_000 }, {}]) {
      const seen: string[] = [];
      for (let from = ""; ; ) {
        const page = await scan(storage, { ...ALL, ...bounds, from });
        seen.push(...page.entries.map((entry) => entry.key));
        if (page.isComplete) break;
        from = `${seen.at(-1)}\x00`;
      }
      assert.deepEqual(seen, keys);
    }
  });

  law("no read sees half a batch", async (storage) => {
    await write(storage, [put("a", "old"), put("b", "old")]);
    const batch = writeCall(storage, [put("a", "new"), put("b", "new")]);
    // What is committed may be seen before `done` tells so, but then all of it.
    const first = textOf(storage.get("a"));
    const second = textOf(storage.get("b"));
    assert.notDeepEqual([first, second], ["new", "old"]);
    const during = (await texts(storage)).join();
    assert.ok(["a=old,b=old", "a=new,b=new"].includes(during), `saw ${during}`);
    assert.equal(await batch, undefined);
    assert.equal(textOf(storage.get("a")), "new", "after done");
    assert.deepEqual(await texts(storage), ["a=new", "b=new"]);
  });

  law("a scan shows one moment, whatever is written while it runs", async (storage) => {
    const keys = Array.from({ length: 3_000 }, (_, index) => `k${String(index).padStart(5, "0")}`);
    const filler = "x".repeat(300);
    await write(
      storage,
      keys.map((key) => put(key, `old${filler}`)),
    );
    const running = scan(storage, ALL);
    await write(
      storage,
      keys.map((key) => put(key, `new${filler}`)),
    );
    const { entries } = await running;
    const kinds = new Set(entries.map((entry) => textOf(entry.value).slice(0, 3)));
    assert.deepEqual([...kinds], ["old"]);
    assert.equal(entries.length, keys.length);
  });

  law("nothing answers within the call", async (storage) => {
    let isInside = true;
    const outside = (): void => assert.equal(isInside, false, "done ran within the call");
    const written = new Promise<void>((resolve) => {
      storage.write([put("a", "1")], () => {
        outside();
        resolve();
      });
    });
    const scanned = new Promise<void>((resolve) => {
      storage.scan(ALL, () => {
        outside();
        resolve();
      });
    });
    isInside = false;
    await Promise.all([written, scanned]);
  });

  law("the next write may start within done", async (storage) => {
    await new Promise<void>((resolve) => {
      storage.write([put("a", "1")], () => {
        storage.write([put("b", "2")], () => resolve());
      });
    });
    assert.deepEqual(await texts(storage), ["a=1", "b=2"]);
  });

  law("bytes handed in and out may be changed afterwards", async (storage) => {
    const value = Buffer.from("mine");
    await write(storage, [{ key: "a", value }]);
    value.fill(0);
    bytesOf(storage.get("a")).fill(1);
    for (const entry of (await scan(storage, ALL)).entries) entry.value.fill(2);
    assert.deepEqual(await texts(storage), ["a=mine"]);
  });

  test(`${name}: what was written is there after closing and opening again`, async () => {
    const here = await place();
    const first = await here.open();
    await write(first, [put("a", "1"), put("b", "2"), put("c", "")]);
    await write(first, [remove("b")]);
    // Closing waits for what is under way.
    const last = writeCall(first, [put("d", "4")]);
    await close(first);
    assert.equal(await last, undefined);
    const second = await here.open();
    assert.deepEqual(await texts(second), ["a=1", "c=", "d=4"]);
    await close(second);
    await here.remove();
  });

  test(`${name}: a closed storage answers "closed"`, async () => {
    const here = await place();
    const storage = await here.open();
    await close(storage);
    assert.throws(() => storage.get("a"), { name: "StorageError", code: "closed" });
    assert.equal((await writeCall(storage, [put("a", "1")]))?.code, "closed");
    const result = await scanCall(storage, ALL);
    assert.equal(result.kind === "failed" && result.error.code, "closed");
    await here.remove();
  });

  // Goal: no sequence of batches, scans and reopenings tells a storage from a sorted map.
  // Method: random steps over few keys, so that they overlap; the seed and the steps are in the failure.
  test(`${name}: it is a sorted map`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 30 }), async (steps) => {
        const here = await place();
        let storage = await here.open();
        const model = new Map<string, string>();
        try {
          for (const step of steps) {
            if (step.kind === "write") {
              await write(storage, step.operations);
              applyTo(model, step.operations);
              for (const { key } of step.operations) {
                assert.equal(optionalText(storage.get(key)), model.get(key));
              }
            } else if (step.kind === "scan") {
              assert.deepEqual(asTexts(await scan(storage, step.range)), pageOf(model, step.range));
            } else {
              await close(storage);
              storage = await here.open();
            }
          }
          assert.deepEqual(asTexts(await scan(storage, ALL)), pageOf(model, ALL));
        } finally {
          await close(storage);
          await here.remove();
        }
      }),
      { numRuns: 40 },
    );
  });
}

const keyArbitrary = fc
  .array(fc.constantFrom("\x00", "a", "b", "\x7f", "\x80", "\xff"), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join(""));
const operationArbitrary = fc.record({
  key: keyArbitrary,
  // Some adapters keep larger ones elsewhere.
  value: fc.option(
    fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ minLength: 16, maxLength: 40 })),
    { nil: undefined },
  ),
});
const rangeArbitrary = fc.record({
  from: fc.oneof(fc.constant(""), keyArbitrary),
  before: fc.oneof(fc.constant(END), keyArbitrary),
  entriesMax: fc.integer({ min: 0, max: 20 }),
  bytesMax: fc.integer({ min: 0, max: 100 }),
});
const stepArbitrary = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      operations: fc.array(operationArbitrary, { maxLength: 12 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("scan" as const), range: rangeArbitrary }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
);

function applyTo(model: Map<string, string>, operations: readonly StorageOperation[]): void {
  for (const { key, value } of operations) {
    if (value === undefined) model.delete(key);
    else model.set(key, textOf(value));
  }
}

/** The page that `range` must give, by the plainest means. */
function pageOf(model: Map<string, string>, range: ScanRange): TextPage {
  const inside = [...model]
    .filter(([key]) => key >= range.from && key < range.before)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const entries: string[] = [];
  let bytes = 0;
  for (const [key, value] of inside) {
    if (entries.length === range.entriesMax) break;
    if (entries.length > 0 && bytes >= range.bytesMax) break;
    entries.push(`${key}=${value}`);
    bytes += key.length + value.length;
  }
  return { entries, isComplete: entries.length === inside.length };
}

interface Page {
  readonly entries: readonly StorageEntry[];
  readonly isComplete: boolean;
}

interface TextPage {
  readonly entries: readonly string[];
  readonly isComplete: boolean;
}

function asTexts(page: Page): TextPage {
  const entries = page.entries.map((entry) => `${entry.key}=${textOf(entry.value)}`);
  return { entries, isComplete: page.isComplete };
}

export function put(key: string, value: string): StorageOperation {
  return { key, value: Buffer.from(value, "latin1") };
}

export function remove(key: string): StorageOperation {
  return { key, value: undefined };
}

/** One batch; resolves to its error. */
export function writeCall(
  storage: Storage,
  operations: readonly StorageOperation[],
): Promise<StorageError | undefined> {
  return new Promise((resolve) => storage.write(operations, resolve));
}

/** One batch that must succeed. */
export async function write(
  storage: Storage,
  operations: readonly StorageOperation[],
): Promise<void> {
  assert.equal(await writeCall(storage, operations), undefined);
}

export function scanCall(storage: Storage, range: ScanRange): Promise<ScanResult> {
  return new Promise((resolve) => storage.scan(range, resolve));
}

async function scan(storage: Storage, range: ScanRange): Promise<Page> {
  const result = await scanCall(storage, range);
  if (result.kind === "failed") throw result.error;
  return { entries: result.entries, isComplete: result.isComplete };
}

export function close(storage: Storage): Promise<void> {
  return new Promise((resolve) => storage.close(resolve));
}

/** All entries as `key=value`. */
export async function texts(storage: Storage): Promise<readonly string[]> {
  return asTexts(await scan(storage, ALL)).entries;
}

function bytesOf(value: Uint8Array | undefined): Uint8Array {
  assert.ok(value !== undefined, "there is a value");
  return value;
}

function textOf(value: Uint8Array | undefined): string {
  return binaryFromBytes(bytesOf(value));
}

function optionalText(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : textOf(value);
}
