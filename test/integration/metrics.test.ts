/**
 * `/metrics` of a running node: read strictly, and held equal to docs/metrics.md; and that alerts and dashboard in `deploy/` ask for
 * nothing that is not there.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { EmbeddedNode } from "../../src/embedded-node.ts";
import { openNode } from "../../src/open-node.ts";
import { type ReadFamily, readMetrics } from "../../src/protocol/http/metrics-reader.ts";
import { programOrSkip } from "../deploy/programs.ts";
import { RespClient } from "../support/resp-client.ts";

const ROOT = new URL("../../", import.meta.url);
/** Metrics that are no node's: of the scraper. */
const OF_THE_SCRAPER = new Set(["up"]);
/** Labels that the scraper adds. */
const SCRAPED_LABELS = new Set(["instance", "job"]);
const WORDS = new Set(["and", "or", "unless", "bool", "offset"]);

let folder = "";
let node: EmbeddedNode;
let text = "";
let families: readonly ReadFamily[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "dnd-metrics-"));
  node = await openNode({
    port: 0,
    serverPort: 0,
    redisPort: 0,
    dataDir: join(folder, "data"),
    durability: "os",
    replicas: 1,
  });
  await node.put("key-marked", "value-marked");
  await node.get("key-marked");
  await node.counter("counter-marked").add(1);
  const base = `http://${node.httpAddress}`;
  assert.equal((await fetch(`${base}/kv/none-marked`)).status, 404);
  const redis = await RespClient.open(Number(node.redisAddress?.split(":").at(-1)));
  for (const command of [
    ["SET", "redis-marked", "x"],
    ["GET", "redis-marked"],
    ["INCR", "redis-marked"],
  ]) {
    redis.send(...command);
    await redis.next();
  }
  await redis.close();
  await fetch(`${base}/metrics`);
  text = await (await fetch(`${base}/metrics`)).text();
  const read = readMetrics(text);
  assert.ok(Array.isArray(read), JSON.stringify(read));
  families = read;
});

after(async () => {
  await node.close();
  rmSync(folder, { recursive: true, force: true });
});

test("each metric has a prefix, a unit its type allows, and a sentence of help", () => {
  for (const { name, type, help } of families) {
    assert.match(name, /^(?:dnd|process)_[a-z0-9_]+$/);
    assert.equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
    assert.doesNotMatch(name, /_(?:ms|us|milliseconds|percent|kb|mb)(?:_|$)/, "base units");
    assert.match(help, /^.{8,}\.$/, `${name}: ${help}`);
  }
});

test("labels are few, and none holds a key, a value or who asked", () => {
  assert.ok(!text.includes("marked"));
  for (const { name, samples } of families) {
    assert.ok(samples.length < 400, `${name} has ${samples.length} samples`);
  }
});

test("requests are timed by kind and outcome, and so are their stages and the doors", () => {
  const count = (name: string, labels: Readonly<Record<string, string>>): number => {
    const { samples = [] } = families.find((family) => name.startsWith(family.name)) ?? {};
    return samples
      .filter((sample) => sample.name === name)
      .filter((sample) =>
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      )
      .reduce((sum, { value }) => sum + value, 0);
  };
  for (const [kind, least] of [
    ["read", 3],
    ["write", 2],
    ["modify", 2],
  ] as const)
    assert.ok(count("dnd_request_duration_seconds_count", { kind, outcome: "met" }) >= least, kind);
  for (const stage of ["coordinate_read", "coordinate_write", "commit_queue", "commit_sync"])
    assert.ok(count("dnd_stage_duration_seconds_count", { stage }) >= 1, stage);
  assert.ok(
    count("dnd_http_request_duration_seconds_count", { method: "GET", status: "4xx" }) >= 1,
  );
  assert.equal(
    count("dnd_redis_command_duration_seconds_count", { kind: "read", outcome: "ok" }),
    1,
  );
  assert.ok(count("dnd_redis_command_duration_seconds_count", { kind: "write" }) >= 2);
  assert.ok(count("dnd_disk_free_bytes", {}) > 0);
});

test("docs/metrics.md lists exactly what there is, with type, labels and meaning", () => {
  const documented = readFileSync(new URL("docs/metrics.md", ROOT), "utf8")
    .split("\n")
    .filter((line) => /^\| `(?:dnd|process)_/.test(line))
    .sort();
  assert.deepEqual(documented, families.map(documentedRow).sort());
});

/** A row of a table in docs/metrics.md. */
function documentedRow({ name, type, help, samples }: ReadFamily): string {
  const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
  labels.delete("le");
  const named = [...labels].map((label) => `\`${label}\``).join(", ");
  return `| \`${name}\` | ${type} | ${named} | ${help} |`;
}

test("every expression of alerts and dashboard uses metrics and labels that exist", () => {
  const alerts = readFileSync(new URL("deploy/prometheus/alerts.yml", ROOT), "utf8");
  const fromAlerts = [...alerts.matchAll(/^ +expr: (.*)$/gm)].map(
    ([, expression = ""]) => expression,
  );
  assert.equal(fromAlerts.length, [...alerts.matchAll(/- alert:/g)].length, "an expression a line");
  const dashboard = JSON.parse(readFileSync(new URL("deploy/grafana/dnd.json", ROOT), "utf8")) as {
    panels: { targets?: { expr: string }[] }[];
  };
  const fromPanels = dashboard.panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr),
  );
  assert.ok(fromPanels.length > 20);
  for (const expression of [...fromAlerts, ...fromPanels]) {
    assert.deepEqual(unknownIn(expression), [], expression);
  }
});

test("an expression with a metric or label that is not there is found out", () => {
  assert.deepEqual(unknownIn('rate(dnd_raeds_total{instance="a"}[5m]) > 0'), ["dnd_raeds_total"]);
  assert.deepEqual(unknownIn('dnd_members{livenes="dead"}'), ["dnd_members{livenes}"]);
  assert.deepEqual(unknownIn("sum by (kindd) (dnd_reads_total)"), ["by kindd"]);
  assert.deepEqual(unknownIn("dnd_request_duration_seconds_bucket"), []);
});

/** What an expression asks for and no node has. */
function unknownIn(expression: string): readonly string[] {
  const labelsOf = new Map<string, Set<string>>();
  for (const { samples, name } of families) {
    for (const sample of samples) {
      const labels = labelsOf.get(sample.name) ?? new Set(SCRAPED_LABELS);
      for (const label of Object.keys(sample.labels)) labels.add(label);
      labelsOf.set(sample.name, labels);
    }
    if (samples.length === 0) labelsOf.set(name, new Set(SCRAPED_LABELS));
  }
  for (const name of OF_THE_SCRAPER) labelsOf.set(name, new Set(SCRAPED_LABELS));
  const allLabels = new Set([...labelsOf.values()].flatMap((labels) => [...labels]));
  const unknown: string[] = [];
  const unquoted = expression.replace(/"[^"]*"/g, '""');
  for (const [, name = "", matchers = ""] of unquoted.matchAll(/(\w+)\{([^}]*)\}/g)) {
    for (const [, label = ""] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (labelsOf.get(name)?.has(label) === false) unknown.push(`${name}{${label}}`);
  }
  const bare = unquoted.replace(/\{[^}]*\}|\[[^\]]*\]/g, "");
  const ungrouped = bare.replace(
    /\b(by|without|on)\s*\(([^)]*)\)/g,
    (_, word: string, list: string) => {
      for (const label of list.split(",").map((each) => each.trim()))
        if (!allLabels.has(label)) unknown.push(`${word} ${label}`);
      return "";
    },
  );
  for (const [name] of ungrouped.matchAll(/(?<![\w.])[a-zA-Z_]\w*(?!\w|\s*\()/g))
    if (!WORDS.has(name) && !labelsOf.has(name)) unknown.push(name);
  return unknown;
}

test("promtool finds nothing wrong", (t) => {
  const promtool = programOrSkip(t, "promtool");
  if (promtool === undefined) return;
  const checked = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
});
