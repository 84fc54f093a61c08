import assert from "node:assert/strict";
import { test } from "node:test";
import { put, texts } from "../../../test/contracts/storage.ts";
import type { Storage, StorageOperation } from "../../ports/storage.ts";
import { MemoryStorage } from "../memory/memory-storage.ts";
import {
  encodeHeader,
  encodeRecord,
  HEADER_BYTES,
  HEADERS_BYTES,
  newRing,
  recordBytes,
} from "./journal-record.ts";
import { journalHeaders, recover } from "./recover.ts";

const CAPACITY = 1_024;
const SALT = 5;

const emptyFile = (): Buffer =>
  Buffer.concat([journalHeaders(CAPACITY, SALT), Buffer.alloc(CAPACITY)]);

/** A journal's file, as a process leaves it. */
class FileTrial {
  readonly bytes: Buffer = emptyFile();
  head = 0;
  #slot = 0;

  add(...operations: readonly StorageOperation[]): this {
    const ring = newRing(CAPACITY, SALT);
    this.bytes.copy(ring.bytes, 0, HEADERS_BYTES);
    const bytes = recordBytes(operations);
    const left = CAPACITY - (this.head % CAPACITY);
    const gap = left < bytes ? left : 0;
    const position = this.head + gap;
    encodeRecord(ring, position % CAPACITY, { position, gap, bytes }, operations);
    ring.bytes.copy(this.bytes, HEADERS_BYTES);
    this.head = position + bytes;
    return this;
  }

  giveBack(): this {
    this.#slot = 1 - this.#slot;
    const header = encodeHeader({ capacity: CAPACITY, tail: this.head, salt: SALT });
    this.bytes.set(header, this.#slot * HEADER_BYTES);
    return this;
  }

  /** One bit of the header written last. */
  rot(): this {
    const at = this.#slot * HEADER_BYTES + 21;
    this.bytes[at] = (this.bytes[at] ?? 0) ^ 4;
    return this;
  }

  async recovered(): Promise<readonly string[]> {
    const below = new MemoryStorage({ defer: setImmediate });
    await recover(this.bytes, { sync: (done) => setImmediate(done, undefined) }, below);
    return texts(below);
  }
}

const value = (size: number): string => "x".repeat(size);

test("nothing goes below before the file is synced: a process that was killed left it to the system", async () => {
  const order: string[] = [];
  const memory = new MemoryStorage({ defer: setImmediate });
  const below: Storage = {
    get: (key) => memory.get(key),
    scan: (range, done) => memory.scan(range, done),
    close: (done) => memory.close(done),
    write: (operations, done) => {
      order.push("below");
      memory.write(operations, done);
    },
  };
  const sync = (done: (error: undefined) => void): void => {
    order.push("synced");
    setImmediate(done, undefined);
  };
  await recover(new FileTrial().add(put("a", "1")).bytes, { sync }, below);
  assert.deepEqual(order, ["synced", "below"]);
});

test("records go below in order, round the end of the ring", async () => {
  const file = new FileTrial();
  for (let round = 0; round < 9; round += 1) {
    file.add(put("k", `${round}`), put(`k${round % 4}`, value(100 + 30 * round)));
    if (round < 7) file.giveBack();
  }
  const found = await file.recovered();
  assert.deepEqual(
    found.map((text) => text.slice(0, 3)),
    ["k=8", "k0=", "k3="],
  );
});

test("a header that was torn leaves the one before it, and all records", async () => {
  const file = new FileTrial().add(put("a", "1")).giveBack().add(put("b", "2")).add(put("c", "3"));
  assert.deepEqual(await file.giveBack().rot().recovered(), ["b=2", "c=3"]);
});

test("a header that is damaged when its records have been written over is not passed over in silence", async () => {
  const file = new FileTrial()
    .add(put("a", value(600)))
    .giveBack()
    .add(put("b", value(300)));
  file.giveBack().add(put("c", value(700)));
  assert.equal((await file.recovered()).length, 1);
  await assert.rejects(file.rot().recovered(), { code: "read-failed", message: /damaged/ });
});

test("bytes of a record in a value are not one", async () => {
  const inner = newRing(CAPACITY, SALT + 1);
  const forged = [put("forged", "1")];
  const bytes = recordBytes(forged);
  const file = new FileTrial().add(put("a", value(40)));
  // Where the next record would be, had its salt been known.
  encodeRecord(inner, 0, { position: file.head, gap: 0, bytes }, forged);
  inner.bytes.copy(file.bytes, HEADERS_BYTES + file.head, 0, bytes);
  assert.deepEqual(await file.recovered(), [`a=${value(40)}`]);
});

test("another machine's order of bytes, or another size, is no journal", async () => {
  const file = new FileTrial();
  file.bytes.swap32();
  await assert.rejects(file.recovered(), { code: "read-failed" });
  const below = new MemoryStorage({ defer: setImmediate });
  const cut = emptyFile().subarray(8);
  await assert.rejects(recover(cut, { sync: (done) => done(undefined) }, below), {
    code: "read-failed",
  });
});
