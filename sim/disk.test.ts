import assert from "node:assert/strict";
import { test } from "node:test";
import type { Storage } from "../src/ports/storage.ts";
import {
  close,
  put,
  type StoragePlace,
  storageContract,
  texts,
  write,
} from "../test/contracts/storage.ts";
import { Disk } from "./disk.ts";
import { Streams } from "./random.ts";
import { Trace } from "./trace.ts";
import { Process, Scheduler } from "./virtual-clock.ts";

/** A scheduler that lives on real turns: contract tests are written with promises. */
function pumped(scheduler: Scheduler, storage: Storage): Storage {
  const pump = (): void => {
    setImmediate(() => {
      while (scheduler.step());
    });
  };
  return {
    get: (key) => storage.get(key),
    write: (operations, done) => {
      storage.write(operations, (error) => {
        pump();
        done(error);
      });
      pump();
    },
    scan: (range, done) => {
      storage.scan(range, done);
      pump();
    },
    close: (done) => {
      storage.close(done);
      pump();
    },
  };
}

function place(): StoragePlace & { disk: Disk; process: Process | undefined } {
  const streams = new Streams(7);
  const scheduler = new Scheduler(streams.stream("turns"), new Trace());
  const disk = new Disk("fsync", streams.stream("disk"));
  let boots = 0;
  return {
    disk,
    process: undefined,
    async open() {
      boots += 1;
      this.process = new Process(0, boots);
      return pumped(scheduler, disk.open(this.process, scheduler));
    },
    async remove() {},
  };
}

storageContract("virtual disk", async () => place());

/** Writes `count` batches, ends the boot and tells which of them are still there. */
async function survivors(disk: Disk, ending: "process" | "power", count: number): Promise<number> {
  const scheduler = new Scheduler(new Streams(1).stream("turns"), new Trace());
  const first = pumped(scheduler, disk.open(new Process(0, 1), scheduler));
  for (let index = 0; index < count; index += 1)
    await write(first, [put(`k${index}`, "v"), put(`l${index}`, "v")]);
  disk.endBoot(ending);
  const second = pumped(scheduler, disk.open(new Process(0, 2), scheduler));
  const held = await texts(second);
  await close(second);
  assert.equal(held.length % 2, 0, "a batch is there whole or not at all");
  return held.length / 2;
}

test("what was synced survives the loss of power", async () => {
  for (let seed = 0; seed < 20; seed += 1) {
    assert.equal(
      await survivors(new Disk("fsync", new Streams(seed).stream("d")), "power", 10),
      10,
    );
  }
});

test("what was only written survives its process, and not always the loss of power", async () => {
  let lost = 0;
  for (let seed = 0; seed < 20; seed += 1) {
    assert.equal(await survivors(new Disk("os", new Streams(seed).stream("d")), "process", 10), 10);
    lost += 10 - (await survivors(new Disk("os", new Streams(seed).stream("d")), "power", 10));
  }
  assert.ok(lost > 20 && lost < 180, `${lost} of 200 batches lost`);
});

test("a lying disk loses what it said was synced", async () => {
  let lost = 0;
  for (let seed = 0; seed < 20; seed += 1) {
    const disk = new Disk("fsync", new Streams(seed).stream("d"));
    disk.faults.lies = true;
    lost += 10 - (await survivors(disk, "power", 10));
  }
  assert.ok(lost > 20, `${lost} of 200 batches lost`);
});

test("a full disk stores nothing of a batch and says so, until there is space", async () => {
  const here = place();
  const storage = await here.open();
  here.disk.faults.isFull = true;
  const error = await new Promise((resolve) => storage.write([put("a", "1")], resolve));
  assert.equal((error as { code: string }).code, "disk-full");
  assert.deepEqual(await texts(storage), []);
  here.disk.faults.isFull = false;
  await write(storage, [put("a", "2")]);
  assert.deepEqual(await texts(storage), ["a=2"]);
});

test("a failed sync is told once, and its batch may or may not be there", async () => {
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 20; seed += 1) {
    const scheduler = new Scheduler(new Streams(seed).stream("turns"), new Trace());
    const disk = new Disk("fsync", new Streams(seed).stream("disk"));
    const storage = pumped(scheduler, disk.open(new Process(0, 1), scheduler));
    disk.faults.failsNextSync = true;
    const error = await new Promise((resolve) => storage.write([put("a", "1")], resolve));
    assert.equal((error as { code: string }).code, "sync-failed");
    outcomes.add((await texts(storage)).join());
  }
  assert.deepEqual([...outcomes].sort(), ["", "a=1"]);
});
