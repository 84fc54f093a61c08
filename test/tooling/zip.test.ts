import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, deflateRawSync } from "node:zlib";
import { memberOfZip } from "../deploy/zip.ts";

/** An archive as other programs write them: local headers, a directory, its end; `comment` stands behind it. */
function zipOf(files: Readonly<Record<string, string>>, isDeflated: boolean, comment = ""): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = isDeflated ? deflateRawSync(text) : Buffer.from(text);
    const extra = Buffer.from("extra");
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x0403_4b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(extra.length, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x0201_4b50, 0);
    entry.writeUInt16LE(isDeflated ? 8 : 0, 10);
    entry.writeUInt32LE(crc32(text), 16);
    entry.writeUInt32LE(content.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE(at, 42);
    locals.push(local, Buffer.from(name), extra, content);
    directory.push(entry, Buffer.from(name), extra);
    at += local.length + name.length + extra.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, ...directory, end, Buffer.from(comment)]);
}

const FILES = { "a/one": "first", "a/two": "second".repeat(100) };

test("a file is read out of an archive, packed or not, and one that is not there is told", () => {
  for (const isDeflated of [false, true]) {
    for (const comment of ["", "made by hand"]) {
      const archive = zipOf(FILES, isDeflated, comment);
      for (const [name, text] of Object.entries(FILES)) {
        assert.equal(memberOfZip(archive, name).toString(), text);
      }
      assert.throws(() => memberOfZip(archive, "a"), /has no a/);
    }
  }
});

test("damage is not read", () => {
  const archive = zipOf(FILES, false);
  archive[archive.indexOf("first")] = 0x46;
  assert.throws(() => memberOfZip(archive, "a/one"), /damaged/);
  assert.equal(memberOfZip(archive, "a/two").toString(), FILES["a/two"]);
  assert.throws(() => memberOfZip(Buffer.from("no archive at all, however long"), "a"), /no ZIP/);
});
