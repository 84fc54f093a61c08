import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const MODULE = JSON.stringify(fileURLToPath(new URL("engine-tuning.ts", import.meta.url)));
const TUNED = `const { tuneEngine } = await import(${MODULE}); tuneEngine();`;
/** Literals of which most outlive collections of a small room for new objects. */
const OUTLIVING = `
const kept = [];
const make = (index) => [{ index }, index];
for (let round = 0; round < 60; round += 1) {
  for (let index = 0; index < 20_000; index += 1) kept.push(make(index));
  if (kept.length > 100_000) kept.length = 0;
}`;

/** Literals that the engine makes old from the beginning, as it says itself. */
function madeOld(program: string): number {
  const flags = ["--max-semi-space-size=1", "--trace-pretenuring-statistics"];
  const { status, stdout } = spawnSync(
    process.execPath,
    [...flags, "--input-type=module", "--eval", program],
    { encoding: "utf8" },
  );
  assert.equal(status, 0);
  return [...stdout.matchAll(/ (?<verdict>\S+) tenure$/gm)].filter(
    ({ groups }) => groups?.verdict === "=>",
  ).length;
}

test("the runtime knows the settings, and says nothing about it", () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", TUNED],
    { encoding: "utf8" },
  );
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
});

test("literals that outlive collections are made old by the engine, and not by one that is tuned", () => {
  assert.ok(madeOld(OUTLIVING) > 0);
  assert.equal(madeOld(TUNED + OUTLIVING), 0);
});
