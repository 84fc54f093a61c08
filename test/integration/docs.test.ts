/**
 * What the documentation prints is what there is: every page is run from top to bottom, as its reader would.
 *
 *   node test/docs/page-run.ts docs/tour.md      one page
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { pathOf, runPage } from "../docs/page-run.ts";
import { hasCommands, PAGES } from "../docs/pages.ts";

/** A page is many commands, and the machine may be busy. */
const PAGE_MS_MAX = 600_000;
/** Mostly they wait: for nodes to start, to be found dead, to catch up. */
const PAGES_AT_ONCE = 3;

/** What the reader of any page is expected to have. */
const missing = ["bash", "curl"].filter((program) => pathOf(program) === undefined);
const skip = missing.length === 0 ? false : `${missing.join(" and ")} not installed`;

describe("the documentation", { concurrency: PAGES_AT_ONCE }, () => {
  for (const { name, url } of PAGES) {
    const text = readFileSync(url, "utf8");
    if (!hasCommands(text)) continue;
    test(`${name}: every command works as printed`, { timeout: PAGE_MS_MAX, skip }, async (t) => {
      const report = await runPage(text);
      assert.ok(report.commandCount > 0 || report.missing.length > 0);
      for (const program of report.missing)
        t.diagnostic(`passed over, ${program} is not installed`);
    });
  }
});
