/**
 * What the storage port costs: group-committed batches of random updates, beside the bare cost of a sync.
 *
 *   node bench/storage.ts [--keys 200000] [--seconds 5] [--only fsync|os|memory] [--tuning '{"blockSize":16384}']
 *
 * Each row: writes a second, CPU per write (user and system, all threads), bytes written to the disk per byte of
 * payload, median and 99th percentile of a commit, longest stall of the event loop, then point reads.
 */
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import type { LevelTuning } from "../src/adapters/leveldb/level-database.ts";
import { openLevelStorage } from "../src/adapters/leveldb/level-storage.ts";
import { MemoryStorage } from "../src/adapters/memory/memory-storage.ts";
import { Prng } from "../src/base/prng.ts";
import type { Storage, StorageOperation } from "../src/ports/storage.ts";

const BATCH = 64;

const { values: options } = parseArgs({
  options: {
    keys: { type: "string", default: "200000" },
    seconds: { type: "string", default: "5" },
    bytes: { type: "string", default: "200" },
    only: { type: "string" },
    tuning: { type: "string", default: "{}" },
    directory: { type: "string", default: ".dnd" },
  },
});
const keyCount = Number(options.keys);
const seconds = Number(options.seconds);
const valueBytes = Number(options.bytes);
const tuning = JSON.parse(options.tuning) as Partial<LevelTuning>;

const random = new Prng(42);
// Half of a value is noise, half is not: about what JSON documents compress to.
const noise = Buffer.alloc(1 << 20);
for (let index = 0; index < noise.length; index += 4) noise.writeUInt32LE(random.next32(), index);

// Keys and values are made beforehand: their making must not pass for the storage's cost.
const keys = Array.from({ length: keyCount }, (_, index) =>
  Buffer.from(
    `d\x00${String.fromCharCode(index & 63)}user:${String(index).padStart(9, "0")}`,
    "latin1",
  ).toString("latin1"),
);
const valuePool = Array.from({ length: 4_096 }, () => {
  const value = Buffer.alloc(valueBytes, '"name":"value",');
  const start = random.below(noise.length - valueBytes);
  noise.copy(value, 0, start, start + (valueBytes >> 1));
  return value;
});

const randomKey = (): string => keys[random.next32() % keyCount] as string;
const randomValue = (): Buffer => valuePool[random.next32() & 4_095] as Buffer;

const write = (storage: Storage, operations: readonly StorageOperation[]): Promise<void> =>
  new Promise((resolve, reject) =>
    storage.write(operations, (error) => (error === undefined ? resolve() : reject(error))),
  );

/** Bytes this process caused to be written to a device. */
function bytesWritten(): number {
  const match = /^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "latin1"));
  return Number(match?.[1] ?? Number.NaN);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function measure(name: string, storage: Storage): Promise<void> {
  for (let index = 0; index < keyCount; ) {
    const batch: StorageOperation[] = [];
    for (; batch.length < 512 && index < keyCount; index += 1) {
      batch.push({ key: keys[index] as string, value: randomValue() });
    }
    await write(storage, batch);
  }
  let lastMs = performance.now();
  let stallMs = 0;
  const watch = setInterval(() => {
    const nowMs = performance.now();
    stallMs = Math.max(stallMs, nowMs - lastMs - 1);
    lastMs = nowMs;
  }, 1);
  const commitsMs: number[] = [];
  const diskBefore = bytesWritten();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  let writes = 0;
  while (performance.now() - startMs < seconds * 1_000) {
    const batch: StorageOperation[] = [];
    for (let count = 0; count < BATCH; count += 1) {
      batch.push({ key: randomKey(), value: randomValue() });
    }
    const beganMs = performance.now();
    await write(storage, batch);
    commitsMs.push(performance.now() - beganMs);
    writes += BATCH;
  }
  const tookMs = performance.now() - startMs;
  const cpu = process.cpuUsage(cpuBefore);
  const disk = bytesWritten() - diskBefore;
  clearInterval(watch);

  const readsStartMs = performance.now();
  const reads = 50_000;
  for (let count = 0; count < reads; count += 1) storage.get(randomKey());
  const readUs = ((performance.now() - readsStartMs) * 1_000) / reads;

  commitsMs.sort((a, b) => a - b);
  const figures = [
    name.padEnd(8),
    `${Math.round(writes / (tookMs / 1_000)).toLocaleString("en")}/s`.padStart(10),
    `${((cpu.user + cpu.system) / writes).toFixed(1)} us CPU`.padStart(12),
    `${(disk / (writes * valueBytes)).toFixed(2)}x disk`.padStart(11),
    `p50 ${percentile(commitsMs, 0.5).toFixed(2)} ms`.padStart(13),
    `p99 ${percentile(commitsMs, 0.99).toFixed(2)} ms`.padStart(14),
    `stall ${stallMs.toFixed(1)} ms`.padStart(15),
    `get ${readUs.toFixed(2)} us`.padStart(13),
  ];
  console.log(figures.join(" "));
}

/** What the machine itself takes to append one batch's bytes and sync them. */
function calibrate(directory: string): void {
  const file = openSync(join(directory, "calibration"), "w");
  const bytes = Buffer.alloc(BATCH * (valueBytes + 30), 1);
  const tookMs: number[] = [];
  for (let round = 0; round < 500; round += 1) {
    const beganMs = performance.now();
    writeSync(file, bytes);
    fdatasyncSync(file);
    tookMs.push(performance.now() - beganMs);
  }
  closeSync(file);
  tookMs.sort((a, b) => a - b);
  const p50 = percentile(tookMs, 0.5);
  const limit = Math.round((BATCH * 1_000) / p50).toLocaleString("en");
  console.log(
    `bare append and fdatasync of a batch: p50 ${p50.toFixed(3)} ms, p99 ` +
      `${percentile(tookMs, 0.99).toFixed(3)} ms (${limit} writes/s at batches of ${BATCH})`,
  );
}

await mkdir(options.directory, { recursive: true });
const directory = await mkdtemp(join(options.directory, "bench-storage-"));
try {
  console.log(`${keyCount} keys, ${valueBytes} B, batches of ${BATCH}, ${JSON.stringify(tuning)}`);
  calibrate(directory);
  for (const durability of ["fsync", "os"] as const) {
    if (options.only !== undefined && options.only !== durability) continue;
    const storage = await openLevelStorage({
      directory: join(directory, durability),
      durability,
      tuning,
    });
    await measure(durability, storage);
    await new Promise<void>((resolve) => storage.close(resolve));
  }
  if (options.only === undefined || options.only === "memory") {
    await measure("memory", new MemoryStorage({ defer: (callback) => setImmediate(callback) }));
  }
} finally {
  await rm(directory, { recursive: true });
}
