import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer } from "../../base/buffer.ts";
import { StorageError } from "../../ports/storage.ts";
import type { ValueFile, ValueFiles } from "./value-files.ts";
import { ValueLog, ValueWriter } from "./value-log.ts";

/** Files in memory; what is asked of one is answered when a test says so. */
class Files implements ValueFiles {
  readonly open = new Set<number>();
  readonly removed: number[] = [];
  fails = false;
  #due: (() => void)[] = [];

  create(number: number, done: (result: ValueFile | StorageError) => void): void {
    this.open.add(number);
    const answer = (callback: () => void): void => {
      assert.ok(this.open.has(number), "a file is open while something is asked of it");
      this.#due.push(() => {
        assert.ok(this.open.has(number), "a file is open until it has answered");
        callback();
      });
    };
    const file: ValueFile = {
      write: (_offset, _pieces, told) => {
        const error = this.fails
          ? new StorageError("disk-full", "as the test wants it")
          : undefined;
        answer(() => told(error));
      },
      readNow: (_offset, length) => Buffer.alloc(length, number),
      read: (_offset, length, told) => answer(() => told(Buffer.alloc(length, number))),
      close: () => this.open.delete(number),
    };
    this.#due.push(() => done(file));
  }

  remove(number: number): void {
    this.removed.push(number);
  }

  answer(): void {
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) next();
  }
}

function trial() {
  const files = new Files();
  const log = new ValueLog({ files, found: [], defer: (callback) => callback(), fileBytes: 1 });
  const writer = new ValueWriter(log);
  const write = (): void => {
    writer.write([{ key: "k", value: Buffer.alloc(8) }], () => undefined);
    files.answer();
  };
  return { files, log, write };
}

const PLACE = { file: 1, offset: 24, length: 8 };

test("a dropped file is closed when nobody holds on who came before", () => {
  const { files, log, write } = trial();
  write();
  write();
  const release = log.hold();
  log.drop(1);
  assert.deepEqual([...files.open], [1, 2]);
  const later = log.hold();
  release();
  assert.deepEqual([...files.open], [2], "who came later has seen no pointer to it");
  assert.deepEqual(files.removed, [1]);
  later();
  assert.equal(log.get(PLACE).length, 8);
});

test("a dropped file that is read by who came later stays until that ends", () => {
  const { files, log, write } = trial();
  write();
  write();
  const release = log.hold();
  log.drop(1);
  const later = log.hold();
  let isRead = false;
  log.read(PLACE, () => {
    isRead = true;
  });
  release();
  assert.deepEqual([...files.open], [1, 2]);
  files.answer();
  assert.ok(isRead);
  later();
  assert.deepEqual([...files.open], [2]);
});

test("a file that could not take its first batch goes, one with others stays, and neither is written to again", () => {
  const { files, log, write } = trial();
  files.fails = true;
  write();
  write();
  assert.deepEqual([files.removed, log.numbers()], [[1, 2], []]);
  files.fails = false;
  write();
  assert.deepEqual(log.numbers(), [3]);
});
