/**
 * The dashboard as it is shipped: small, and without anything that its page's policy would refuse.
 *
 * Goal: a page that somebody opens over a slow line, on a machine without the internet. Method: it is built as for a package, into a
 * folder of its own, and what came out is read.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { buildWeb } from "../../tools/build-web.ts";

const BYTES_MAX = 120_000;
/** Names of what is drawn, and what an error of the framework would say: nobody asks for them. */
const NAMES = /^http:\/\/www\.w3\.org\//;

let folder: string;
const files = new Map<string, string>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dnd-web-"));
  await buildWeb(folder);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files.set(entry.name, await readFile(join(entry.parentPath, entry.name), "utf8"));
  }
});
after(() => rm(folder, { recursive: true, force: true }));

test("all of it is less than 120 kB, compressed", () => {
  const bytes = [...files.values()].reduce((sum, text) => sum + gzipSync(text).length, 0);
  assert.ok(files.size >= 4, [...files.keys()].join());
  assert.ok(bytes < BYTES_MAX, `${bytes} bytes`);
});

test("no script or style stands in the page, and no address is anybody else's", () => {
  const page = files.get("index.html") ?? "";
  assert.match(page, /<script type="module" crossorigin src="\/assets\/[^"]+\.js"><\/script>/);
  assert.doesNotMatch(page, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=/);
  for (const [name, text] of files) {
    const addresses = text.match(/https?:\/\/[a-z0-9.-]+[^\s"'`)]*/gi) ?? [];
    assert.deepEqual(
      addresses.filter((address) => !NAMES.test(address)),
      [],
      name,
    );
    assert.doesNotMatch(
      text,
      /\beval\(|new Function\(|@import|url\(\s*["']?(?:data|https?):/,
      name,
    );
  }
});
