import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DashboardAssets } from "./dashboard-assets.ts";

test("without its files the page says how they are built, and once they are there they are served", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dnd-assets-"));
  try {
    const assets = new DashboardAssets([join(folder, "nowhere"), join(folder, "web")]);
    const missing = assets.page();
    assert.equal(missing.status, 503);
    assert.match(String(missing.body), /npm run build:web/);
    assert.equal(assets.file("/assets/a.js"), undefined);

    await mkdir(join(folder, "web", "assets"), { recursive: true });
    await writeFile(join(folder, "secret.js"), "not to be read");
    await writeFile(join(folder, "web", "index.html"), "<!doctype html>");
    await writeFile(join(folder, "web", "assets", "a.js"), "1");
    const page = assets.page();
    assert.equal(page.status, 200);
    assert.equal(String(page.body), "<!doctype html>");
    const policy = page.headers[page.headers.indexOf("Content-Security-Policy") + 1] ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.equal(String(assets.file("/assets/a.js")?.body), "1");
    assert.ok(assets.file("/assets/a.js")?.headers.includes("public, max-age=31536000, immutable"));
    for (const path of ["/../secret.js", "/assets/../../secret.js", "/assets/%2e%2e/secret.js"]) {
      assert.equal(assets.file(path), undefined);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
