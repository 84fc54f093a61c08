/** Backups that are not what they say: each way to be so is refused, before anything could have been made of it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import fc from "fast-check";
import "../../../test/support/fixed-seed.ts";
import {
  forge,
  forgeCells,
  LAST_SLOT,
  readBackup,
  refusalIn,
  root,
  STAMP,
  someCells,
  writeBackup,
} from "../../../test/support/backup-files.ts";
import { flushKeyOf } from "../../core/placement/flush-keys.ts";
import { slotOfKey } from "../../core/placement/slot-of-key.ts";
import type { Field } from "../../model/key.ts";
import type { KeyedCell } from "../../model/peer-message.ts";
import { slotFrom } from "../../model/slot.ts";
import { formatStamp } from "../../model/stamp.ts";
import { encodeRecords } from "../../protocol/backup/cell-record.ts";
import type { BackupFacts } from "../../protocol/backup/manifest.ts";
import { openDirectory } from "./backup-writer.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dnd-backup-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Writes a backup of these cells as `dnd backup` does, in two files. */
function write(cells: readonly KeyedCell[], name = "backup"): Promise<string> {
  return writeBackup(join(folder, name), cells);
}

test("a backup reads back as it was written, cell by cell", async () => {
  const cells = someCells();
  const found = await readBackup(await write(cells));
  assert.ok(typeof found === "object");
  assert.deepEqual(
    found.map(({ key, field: address }) => [key, address]),
    cells.map(({ key, field: address }) => [key, address]),
  );
  const names = await readdir(join(folder, "backup"));
  assert.deepEqual(names.sort(), ["cells-000001.dnd", "cells-000002.dnd", "manifest.json"]);
});

test("a backup of nothing is a backup", async () => {
  assert.deepEqual(await readBackup(await write([])), []);
});

// Goal: no single bit of a backup can be another without `verify` saying so.
// Method: bits all over each file, its first and last bytes included, are flipped one at a time.
test("a flipped bit is found wherever it is, in every file", async () => {
  const directory = await write(someCells());
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const whole = await readFile(path);
    const edges = [0, 1, 2, 3, whole.length - 2, whole.length - 1];
    const flip = async (index: number, bit: number): Promise<void> => {
      const bytes = Buffer.from(whole);
      bytes[index] = (bytes[index] as number) ^ (1 << bit);
      await writeFile(path, bytes);
      const found = await readBackup(directory);
      assert.equal(typeof found, "string", `${name}, byte ${index}, bit ${bit}`);
    };
    for (const index of edges) for (let bit = 0; bit < 8; bit += 1) await flip(index, bit);
    const index = fc.nat({ max: whole.length - 1 });
    await fc.assert(fc.asyncProperty(index, fc.nat({ max: 7 }), flip), { numRuns: 150 });
    await writeFile(path, whole);
  }
  assert.equal(typeof (await readBackup(directory)), "object", "as it was, it is whole");
});

test("a file that is cut, longer, missing, or in another's place is found", async () => {
  const directory = await write(someCells());
  const [first, second] = [
    join(directory, "cells-000001.dnd"),
    join(directory, "cells-000002.dnd"),
  ];
  const whole = await readFile(first);
  await writeFile(first, whole.subarray(0, -1));
  assert.match(
    refusalIn(await readBackup(directory)),
    /cells-000001\.dnd is \d+ bytes, and the manifest says/,
  );
  await writeFile(first, Buffer.concat([whole, Buffer.of(0)]));
  assert.match(refusalIn(await readBackup(directory)), /and the manifest says/);
  await rm(first);
  assert.match(refusalIn(await readBackup(directory)), /cells-000001\.dnd is not there/);
  await rename(second, first);
  assert.match(refusalIn(await readBackup(directory)), /cells-000001\.dnd/);
});

test("a directory without a manifest is no backup", async () => {
  const directory = await write(someCells());
  await rm(join(directory, "manifest.json"));
  assert.match(refusalIn(await readBackup(directory)), /holds no backup/);
  await writeFile(join(directory, "manifest.json.part"), "{}");
  assert.match(refusalIn(await readBackup(directory)), /holds no backup/);
  assert.match(refusalIn(await readBackup(join(folder, "nowhere"))), /holds no backup/);
  await writeFile(join(folder, "file"), "");
  assert.match(refusalIn(await readBackup(join(folder, "file"))), /holds no backup/);
});

test("names that are no names of a backup's files are refused, wherever they lead", async () => {
  const outside = join(folder, "outside.dnd");
  await writeFile(outside, "");
  const names = [
    "../outside.dnd",
    outside,
    "./cells-000001.dnd",
    "cells-000001.dnd/../cells-000001.dnd",
    "sub/cells-000001.dnd",
    "..\\outside.dnd",
    "C:\\outside.dnd",
    "cells-000001.dnd\0",
    "manifest.json",
    "CELLS-000001.dnd",
    "cells-1.dnd",
    "/dev/zero",
    "/dev/stdin",
    "",
    ".",
    "..",
    7,
    null,
  ];
  for (const name of names) {
    const directory = await write(someCells(), `named-${names.indexOf(name)}`);
    await forge(directory, (facts) => ({
      ...facts,
      files: facts.files.map((file, index) => (index === 0 ? { ...file, name } : file)),
    }));
    assert.match(
      refusalIn(await readBackup(directory)),
      /file 1 is named .*, not cells-000001\.dnd/,
    );
  }
});

test("a file that is named twice, or out of order, is refused", async () => {
  const twice = await write(someCells(), "twice");
  await forge(twice, (facts) => ({ ...facts, files: [facts.files[0], facts.files[0]] }));
  assert.match(refusalIn(await readBackup(twice)), /file 2 is named/);
  const turned = await write(someCells(), "turned");
  await forge(turned, (facts) => ({
    ...facts,
    files: facts.files
      .toReversed()
      .map((file, index) => ({ ...file, name: `cells-00000${index + 1}.dnd` })),
  }));
  assert.match(refusalIn(await readBackup(turned)), /begins with a slot of a file before/);
});

test("links, directories, pipes and sockets in the place of files are refused", async (context) => {
  for (const name of ["cells-000001.dnd", "manifest.json"]) {
    const linked = await write(someCells(), `link-${name}`);
    const kept = join(folder, `kept-${name}`);
    await rename(join(linked, name), kept);
    await symlink(kept, join(linked, name));
    assert.match(
      refusalIn(await readBackup(linked)),
      /is a link/,
      "although what it leads to is right",
    );

    const device = await write(someCells(), `device-${name}`);
    await rm(join(device, name));
    await symlink("/dev/zero", join(device, name));
    assert.match(refusalIn(await readBackup(device)), /is a link/);

    const nested = await write(someCells(), `nested-${name}`);
    await rm(join(nested, name));
    await mkdir(join(nested, name));
    assert.match(refusalIn(await readBackup(nested)), /is not a plain file/);

    const piped = await write(someCells(), `pipe-${name}`);
    await rm(join(piped, name));
    execFileSync("sh", ["-c", 'mkfifo "$0"', join(piped, name)]);
    assert.match(refusalIn(await readBackup(piped)), /is not a plain file/, "nobody writes to it");

    const socketed = await write(someCells(), `socket-${name}`);
    await rm(join(socketed, name));
    const server = createServer();
    context.after(() => server.close());
    await new Promise<void>((resolve) => server.listen(join(socketed, name), resolve));
    assert.match(refusalIn(await readBackup(socketed)), /is not a plain file/);
  }
});

test("a manifest that says what it should not is refused, though its hash is right", async () => {
  const forgeries: readonly [RegExp, (facts: BackupFacts) => unknown][] = [
    [/is not the manifest of a backup/, (facts) => ({ ...facts, format: "other" })],
    [/format is version 3/, (facts) => ({ ...facts, version: 3 })],
    [/what it is an increment of/, (facts) => ({ ...facts, version: 2 })],
    [/cluster is not the id/, (facts) => ({ ...facts, cluster: "../x" })],
    [/not a time/, (facts) => ({ ...facts, begun: "yesterday" })],
    [/replicas is no N/, (facts) => ({ ...facts, replicas: 0 })],
    [/greatestStamp is not/, (facts) => ({ ...facts, greatestStamp: "1" })],
    [/does not count/, (facts) => ({ ...facts, cells: { value: 1 } })],
    [/cells of kind value/, (facts) => ({ ...facts, cells: { ...facts.cells, value: 29 } })],
    [
      /greatest stamp is another/,
      (facts) => ({ ...facts, greatestStamp: formatStamp({ ...STAMP, boot: 8 }) }),
    ],
    [/files is not a list/, (facts) => ({ ...facts, files: {} })],
    [
      /no range of slots/,
      (facts) => ({ ...facts, files: [{ ...facts.files[0], lastSlot: 16_384 }] }),
    ],
    [/no range of slots/, (facts) => ({ ...facts, files: [{ ...facts.files[0], firstSlot: -1 }] })],
    [/no count of cells/, (facts) => ({ ...facts, files: [{ ...facts.files[0], bytes: 1e300 }] })],
    [
      /has no hash/,
      (facts) => ({ ...facts, files: [{ ...facts.files[0], sha256: "A".repeat(64) }] }),
    ],
    [/thin holds/, (facts) => ({ ...facts, thin: [{ firstSlot: 2, lastSlot: 1, copies: 0 }] })],
    [/not spelled as it was/, (facts) => ({ ...facts, surprise: 1 })],
    [/cells of kind/, (facts) => ({ ...facts, files: facts.files.slice(0, 1) })],
  ];
  for (const [index, [expected, change]] of forgeries.entries()) {
    const directory = await write(someCells(), `forged-${index}`);
    await forge(directory, change);
    assert.match(refusalIn(await readBackup(directory)), expected);
  }
  for (const text of ["", "{", "null", "[]", '"x"', `{"a":`, "\xff\xfe"]) {
    const directory = await write(someCells(), `text-${Buffer.from(text).toString("hex")}`);
    await writeFile(join(directory, "manifest.json"), Buffer.from(text, "latin1"));
    assert.match(refusalIn(await readBackup(directory)), /^manifest\.json/);
  }
});

test("a manifest beyond its bound is refused unread", async () => {
  const directory = await write(someCells());
  await writeFile(join(directory, "manifest.json"), Buffer.alloc(8 * 1024 * 1024 + 1, " "));
  assert.match(refusalIn(await readBackup(directory)), /is 8388609 bytes, max 8388608/);
});

test("cells that cannot be are refused, though every hash over their file is right", async () => {
  const cells = someCells().filter(({ key }) => slotOfKey(key) <= LAST_SLOT >> 1);
  const [first, second] = cells as [KeyedCell, KeyedCell];
  const stranger = someCells().find(({ key }) => slotOfKey(key) > LAST_SLOT >> 1) as KeyedCell;
  const rotten = Buffer.from(first.bytes);
  rotten[rotten.length - 1] = (rotten[rotten.length - 1] as number) ^ 1;
  const moved = { ...first, key: second.key };
  const reserved = flushKeyOf(slotFrom(slotOfKey(first.key)));
  const forgeries: readonly [RegExp, Uint8Array][] = [
    [/there twice, or out of order/, encodeRecords([first, first])],
    [/there twice, or out of order/, encodeRecords([second, first])],
    [/among those from/, encodeRecords([stranger])],
    [/fails its checksum/, encodeRecords([{ ...first, bytes: rotten }])],
    [/fails its checksum/, encodeRecords([moved])],
    [/fails its checksum/, encodeRecords([{ ...first, field: "ha" as Field }])],
    [/under a name that the store keeps/, encodeRecords([root(reserved)])],
    [/a record of 4 bytes/, Buffer.of(0, 0, 0, 4, 0, 1, 0x6b, 0)],
    [/a record of 4294967295 bytes/, Buffer.from("ffffffff00016b", "hex")],
    [/ends within a record/, encodeRecords([first]).subarray(0, -1)],
    [/65535 bytes wanted/, Buffer.from("00000005ffff6bffff00", "hex")],
    [/of no length/, Buffer.from("000000050000ffff0000", "hex")],
  ];
  for (const [index, [expected, bytes]] of forgeries.entries()) {
    const directory = await write(someCells(), `cells-${index}`);
    await forgeCells(directory, bytes, 1);
    assert.match(refusalIn(await readBackup(directory)), expected, `forgery ${index}`);
  }
});

test("a directory that is not empty takes no backup", async () => {
  await mkdir(join(folder, "full"));
  await writeFile(join(folder, "full", "x"), "");
  await assert.rejects(openDirectory(join(folder, "full")), /is not empty/);
  await assert.rejects(openDirectory(join(folder, "full", "x")), /cannot be written/);
});
