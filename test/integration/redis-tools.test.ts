/** Redis's own tools against three nodes, where they are installed (Debian: `redis-tools`). */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { RealCluster } from "./real-cluster.ts";

const CLI = "redis-cli";
const BENCHMARK = "redis-benchmark";
const missing = await firstMissing([CLI, BENCHMARK]);
const skip = missing === undefined ? false : `${missing} is not installed`;

describe("redis-tools", { skip }, () => {
  let cluster: RealCluster;
  let addresses: readonly string[];

  before(async () => {
    cluster = await RealCluster.create();
    const { nodes } = await cluster.up("--durability", "memory");
    addresses = nodes.map(({ redis }) => redis);
  });
  after(() => cluster.close());

  test("redis-cli writes at one node and reads at another, in both protocols", async () => {
    const [first = "", second = "", third = ""] = addresses;
    assert.equal(await cli(first, "set", "greeting", "hello"), "OK\n");
    assert.equal(await cli(second, "get", "greeting"), "hello\n");
    assert.equal(await cli(third, "-3", "get", "greeting"), "hello\n");
    // As a client of a cluster, which goes where it is told to.
    assert.equal(await cli(second, "-c", "incr", "hits"), "1\n");
    assert.equal(await cli(first, "hset", "user", "name", "Jack", "age", "41"), "2\n");
    assert.equal(
      await cli(third, "-3", "--json", "hgetall", "user"),
      '{"age":"41","name":"Jack"}\n',
    );
    assert.match(await cli(first, "info", "server"), /redis_version:7\./);
  });

  test("redis-cli pipes commands in, and finds every key", async () => {
    const [first = "", second = ""] = addresses;
    const input = Array.from({ length: 1_000 }, (_, index) => `SET pipe:${index} ${index}\r\n`);
    const piped = await run(CLI, [...at(first), "--pipe"], input.join(""));
    assert.match(piped, /errors: 0, replies: 1000/);
    const keys = await cli(second, "--scan", "--pattern", "pipe:*");
    assert.equal(new Set(keys.trim().split("\n")).size, 1_000);
  });

  test("redis-cli finds nothing wrong with the cluster", async () => {
    const { output, status } = await finish(CLI, ["--cluster", "check", addresses[0] ?? ""]);
    assert.match(output, /\[OK\] All nodes agree about slots configuration\./);
    assert.match(output, /\[OK\] All 16384 slots covered\./);
    assert.equal(status, 0, output);
  });

  test("redis-benchmark gets an answer to everything, of a node and of the cluster", async () => {
    const attempts = [
      { names: ["set", "get", "incr", "hset", "sadd"], mode: ["-n", "1000"] },
      { names: ["set", "get", "incr"], mode: ["-n", "1000", "-r", "1000", "--cluster"] },
      { names: ["set", "get"], mode: ["-n", "4000", "-r", "1000", "-P", "16"] },
    ];
    for (const { names, mode } of attempts) {
      const flags = ["-q", "-t", names.join(), ...mode];
      const output = await run(BENCHMARK, [...at(addresses[1] ?? ""), ...flags]);
      for (const name of names) {
        assert.match(output, new RegExp(`${name}: [0-9.]+ requests per second`, "i"));
      }
      assert.doesNotMatch(output, /error/i);
    }
  });
});

/** What `redis-cli` prints for a command at a node. */
function cli(address: string, ...args: readonly string[]): Promise<string> {
  return run(CLI, [...at(address), ...args]);
}

function at(address: string): string[] {
  const [host = "", port = ""] = address.split(":");
  return ["-h", host, "-p", port];
}

/** Stdout and stderr of a program that must succeed. */
async function run(program: string, args: readonly string[], input = ""): Promise<string> {
  const { status, output } = await finish(program, args, input);
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${output}`);
  return output;
}

function finish(
  program: string,
  args: readonly string[],
  input = "",
): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, output }));
    // One that has ended takes nothing any more: its status says why.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

async function firstMissing(programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    try {
      await finish(program, ["--version"]);
    } catch {
      return program;
    }
  }
  return undefined;
}
