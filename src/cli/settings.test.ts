/** Flags and file: which wins, and that a mistake in either is named as it was written. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CliError, EXIT } from "./cli-error.ts";
import type { NodeFlags } from "./node-flags.ts";
import { resolveSettings } from "./settings.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dnd-settings-"));
});
after(async () => {
  await rm(folder, { recursive: true });
});

async function configFile(text: string): Promise<string> {
  const path = join(folder, "dnd.toml");
  await writeFile(path, text);
  return path;
}

async function refusal(flags: NodeFlags): Promise<CliError> {
  try {
    await resolveSettings(flags);
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    assert.equal(error.exit, EXIT.usage);
    return error;
  }
  throw new Error("was accepted");
}

test("the Redis door is at 6400, elsewhere, or off, by file and flag", async () => {
  assert.equal((await resolveSettings({})).options.redisPort, 6_400);
  assert.equal((await resolveSettings({ redisPort: "6500" })).options.redisPort, 6_500);
  assert.equal((await resolveSettings({ redisPort: "off" })).options.redisPort, undefined);
  const config = await configFile('redis-port = "off"\nredis-scan = "node"\n');
  const { options } = await resolveSettings({ config });
  assert.deepEqual([options.redisPort, options.redisScan], [undefined, "node"]);
  assert.equal((await resolveSettings({ config, redisPort: "0" })).options.redisPort, 0);
  assert.equal(
    (await refusal({ redisPort: "on" })).message,
    '--redis-port is "on": must be an integer from 0 to 65535, or off',
  );
});

test("traces go where the flag, the file, or the environment of OpenTelemetry says, in this order", async () => {
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://platform:4318",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
  };
  const tracesOf = async (flags: NodeFlags, from = {}): Promise<unknown> => {
    const { options, remark } = await resolveSettings(flags, "info", from);
    return [options.tracesTo, options.tracesRatio, remark];
  };
  assert.deepEqual(await tracesOf({}), [undefined, 0.01, undefined]);
  const platform = ["http://platform:4318/v1/traces", 0.25, undefined];
  assert.deepEqual(await tracesOf({}, environment), platform);
  const config = await configFile('traces-to = "http://file"\ntraces-ratio = 0.5\n');
  const file = ["http://file/v1/traces", 0.5, undefined];
  assert.deepEqual(await tracesOf({ config }, environment), file);
  const flags = { config, tracesTo: "off", tracesRatio: ".75" };
  assert.deepEqual(await tracesOf(flags, environment), [undefined, 0.75, undefined]);
  const grpc = { ...environment, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
  const problem = "OTEL_EXPORTER_OTLP_PROTOCOL is grpc: traces go by HTTP, as http/json";
  assert.deepEqual(await tracesOf({}, grpc), [undefined, 0.01, problem]);
  assert.deepEqual(await tracesOf({ config }, grpc), file);
  assert.equal(
    (await refusal({ tracesRatio: "2" })).message,
    "--traces-ratio is 2: must be a number from 0 to 1",
  );
});

test("without flags a node listens for HTTP on 6000 and 6080", async () => {
  const { options, logLevel } = await resolveSettings({});
  assert.deepEqual([options.port, options.serverPort, options.webPort], [5_000, 6_000, 6_080]);
  assert.equal(logLevel, "info");
});

test("a flag wins over the file, the file over the default", async () => {
  const config = await configFile(
    'port = 5100\nserver-port = 6100\nzone = "a"\nlog-level = "warn"\n',
  );
  const { options, logLevel } = await resolveSettings({ config, port: "5200" });
  assert.deepEqual([options.port, options.serverPort, options.webPort], [5_200, 6_100, 6_080]);
  assert.equal(options.zone, "a");
  assert.equal(logLevel, "warn");
});

test("a zone of digits stays text", async () => {
  assert.equal((await resolveSettings({ zone: "12" })).options.zone, "12");
});

test("peers are a list in the file and comma-separated as a flag", async () => {
  const config = await configFile('peers = ["10.0.0.1:5000", "10.0.0.2:5000"]\n');
  assert.deepEqual((await resolveSettings({ config })).options.peers, [
    "10.0.0.1:5000",
    "10.0.0.2:5000",
  ]);
  const { options } = await resolveSettings({ peers: "[::1]:5000, b:5001" });
  assert.deepEqual(options.peers, ["[::1]:5000", "b:5001"]);
});

test("every option of the schema can be set by the file", async () => {
  const config = await configFile(
    [
      'address = "::1"',
      'advertise = "host:5001"',
      'data-dir = "/data"',
      'durability = "os"',
      "weight = 2",
      "replicas = 5",
      'write-quorum = "strict"',
      "key-bytes-max = 100",
      "value-bytes-max = 1000",
      "grace-ms = 5000",
      "insecure = true",
    ].join("\n"),
  );
  const { options } = await resolveSettings({ config });
  assert.equal(options.writeQuorum, "strict");
  assert.equal(options.graceMs, 5_000);
  assert.equal(options.dataDir, "/data");
});

test("a bad flag is named as a flag, a bad key as a key of its file", async () => {
  assert.equal(
    (await refusal({ serverPort: "x" })).message,
    '--server-port is "x": must be an integer from 0 to 65535',
  );
  const config = await configFile("server-port = 70000\n");
  assert.equal(
    (await refusal({ config })).message,
    `server-port in ${config} is 70000: must be an integer from 0 to 65535`,
  );
});

test("an unknown key of the file is refused by name, also one in camel case", async () => {
  const misspelt = await configFile("replica = 3\n");
  assert.equal(
    (await refusal({ config: misspelt })).message,
    `"replica" in ${misspelt} is not a setting`,
  );
  const camel = await configFile("serverPort = 3\n");
  assert.match((await refusal({ config: camel })).message, /"serverPort" in .* is not a setting/);
});

test("a file that is not TOML is refused with line and column", async () => {
  const config = await configFile("port = 5000\nzone = \n");
  assert.match((await refusal({ config })).message, /dnd\.toml, line 2, column \d+: /);
});

test("a file that is not there is refused by name", async () => {
  assert.match(
    (await refusal({ config: join(folder, "none.toml") })).message,
    /none\.toml cannot be read \(ENOENT\)/,
  );
});

test("a text where the file must have a number is not converted", async () => {
  const config = await configFile('port = "5000"\n');
  assert.match((await refusal({ config })).message, /port in .* is "5000"/);
});

test("verbose and quiet exclude each other", async () => {
  assert.match((await refusal({ verbose: true, quiet: true })).message, /exclude each other/);
});
