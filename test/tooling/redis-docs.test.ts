/**
 * docs/redis.md says what is offered, what differs and which of Redis's tests do not pass, and docs/consistency.md what holds of
 * each command, and nothing else: users decide by it.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createCommandTable } from "../../src/adapters/redis/table.ts";
import { KNOWN_DIFFERENCES } from "../redis/differential/known-differences.ts";
import { readExpectation } from "../redis/expectation.ts";
import { notPassingTable } from "../redis/not-passing-table.ts";

const DOCS = new URL("../../docs/redis.md", import.meta.url);
const CONSISTENCY = new URL("../../docs/consistency.md", import.meta.url);

test("the table of commands in the documentation is the table of the door", async () => {
  const text = await readFile(DOCS, "utf8");
  const rows = text.slice(text.indexOf("| group | commands |"), text.indexOf("Each family"));
  const documented = [...rows.matchAll(/`([A-Z_-]+)`/g)].map(([, name]) => name);

  const offered = [...createCommandTable().all()]
    .map(({ command }) => command.name)
    .filter((name) => name !== "help")
    .map((name) => name.toUpperCase());
  assert.deepEqual(sorted(documented), sorted(offered));
});

test("what holds in calm and in a partition is said of each command, once", async () => {
  const text = await readFile(CONSISTENCY, "utf8");
  const start = text.indexOf("| commands | in calm |");
  const [, , ...rows] = text.slice(start, text.indexOf("\n\n", start)).split("\n");
  const classes = rows.map((row) => row.split(" | ", 1)[0] ?? "");
  const documented = classes.flatMap((cell) =>
    [...cell.matchAll(/`([A-Z]+)`/g)].map((match) => match[1]),
  );

  const offered = createCommandTable().entries.map(({ command }) => command.name.toUpperCase());
  assert.deepEqual(sorted(documented), sorted(offered));
});

test("each test of Redis's own that does not pass is in the documentation, with its reason", async () => {
  const text = await readFile(DOCS, "utf8");
  assert.ok(text.includes(notPassingTable(await readExpectation())));
});

test("each difference that the differential test passes over is in the documentation, in the same words", async () => {
  const text = await readFile(DOCS, "utf8");
  const words = text.replaceAll("`", "").replace(/\s+/g, " ");
  for (const { name, reason } of KNOWN_DIFFERENCES) assert.ok(words.includes(reason), name);
});

function sorted(names: readonly (string | undefined)[]): string[] {
  return names.map(String).sort((a, b) => (a < b ? -1 : Number(a > b)));
}
