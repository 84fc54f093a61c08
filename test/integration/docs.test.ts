/**
 * What the documentation prints is what there is: every page is run from top to bottom, as its reader would.
 *
 *   node test/docs/page-run.ts docs/tour.md      one page
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { runPage } from "../docs/page-run.ts";
import { hasCommands, PAGES } from "../docs/pages.ts";

/** A page is many commands, and the machine may be busy. */
const PAGE_MS_MAX = 300_000;
/** Mostly they wait: for nodes to start, to be found dead, to catch up. */
const PAGES_AT_ONCE = 3;

describe("the documentation", { concurrency: PAGES_AT_ONCE }, () => {
  for (const { name, url } of PAGES) {
    const text = readFileSync(url, "utf8");
    if (!hasCommands(text)) continue;
    test(`${name}: every command works as printed`, { timeout: PAGE_MS_MAX }, async (t) => {
      const { commandCount, missing } = await runPage(text);
      assert.ok(commandCount > 0 || missing.length > 0);
      for (const program of missing) t.diagnostic(`passed over, ${program} is not installed`);
    });
  }
});
