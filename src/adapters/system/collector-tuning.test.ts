import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("the runtime knows the setting, and says nothing about it", () => {
  const module = fileURLToPath(new URL("collector-tuning.ts", import.meta.url));
  const program = `const { tuneCollector } = await import(${JSON.stringify(module)}); tuneCollector();`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", program],
    { encoding: "utf8" },
  );
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
});
