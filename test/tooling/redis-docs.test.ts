/** docs/redis.md names every command that is offered, and no other: users decide by that table. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createCommandTable } from "../../src/adapters/redis/table.ts";

test("the table of commands in the documentation is the table of the door", async () => {
  const text = await readFile(new URL("../../docs/redis.md", import.meta.url), "utf8");
  const rows = text.slice(text.indexOf("| group | commands |"), text.indexOf("Each family"));
  const documented = [...rows.matchAll(/`([A-Z_-]+)`/g)].map(([, name]) => name);

  const offered = [...createCommandTable().all()]
    .map(({ command }) => command.name)
    .filter((name) => name !== "help")
    .map((name) => name.toUpperCase());
  assert.deepEqual(sorted(documented), sorted(offered));
});

function sorted(names: readonly (string | undefined)[]): string[] {
  return names.map(String).sort((a, b) => (a < b ? -1 : Number(a > b)));
}
