/** The alert rules in deploy/, as Prometheus' own tool reads them, and when some of them ring (test/deploy/alerts.yml). */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { programOrSkip } from "../deploy/programs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RULES = join("deploy", "prometheus", "alerts.yml");
const TESTS = join("test", "deploy", "alerts.yml");

/** Each is found by the tests of the rule that it spoils. */
const SPOILED = [
  ['dnd_members{liveness="dead"} > 0', 'dnd_members{liveness="dead"} > 1'],
  ['outcome="failed"}[5m])) / sum', 'outcome="failed"}[5m])) / 3 / sum'],
  ["dnd_disk_free_bytes / dnd_disk_size_bytes < 0.1", "dnd_disk_free_bytes < 0.1"],
  ["or increase(dnd_commits_failed_total[5m]) > 0", ""],
  ["timestamp(dnd_time_seconds)) > 2", "timestamp(dnd_time_seconds)) > 20"],
  ["!= min(dnd_placement_epoch)", "< min(dnd_placement_epoch)"],
] as const;

test("promtool takes the alert rules, and they ring when they should", (t) => {
  const promtool = programOrSkip(t, "promtool");
  if (promtool === undefined) return;
  const checked = spawnSync(promtool, ["check", "rules", join(ROOT, RULES)], { encoding: "utf8" });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
  const tested = spawnSync(promtool, ["test", "rules", join(ROOT, TESTS)], { encoding: "utf8" });
  assert.equal(tested.status, 0, tested.stdout + tested.stderr);
});

test("a rule that rings at another time is found out", (t) => {
  const promtool = programOrSkip(t, "promtool");
  if (promtool === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), "dnd-alerts-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const path of [RULES, TESTS]) cpSync(join(ROOT, path), join(folder, path));
  const rules = readFileSync(join(ROOT, RULES), "utf8");
  for (const [right, wrong] of SPOILED) {
    assert.ok(rules.includes(right), right);
    writeFileSync(join(folder, RULES), rules.replace(right, wrong));
    const tested = spawnSync(promtool, ["test", "rules", join(folder, TESTS)]);
    assert.notEqual(tested.status, 0, right);
  }
});
