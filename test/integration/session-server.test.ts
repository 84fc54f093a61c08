/** The example, run as a reader would run it: two processes, one logged into, the other one visited. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "./real-cluster.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/session-server.ts", import.meta.url));

interface Server {
  readonly process: ChildProcess;
  readonly url: string;
  readonly node: string;
  readonly ended: Promise<number | null>;
}

async function start(dataDir: string, peers: string): Promise<Server> {
  const args = [EXAMPLE, "--http", "0", "--port", "0", "--data-dir", dataDir, "--peers", peers];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [, url, node] = await eventually("the example to start", 20_000, () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
    return /sessions at (\S+), node at (\S+)/.exec(output) ?? undefined;
  });
  return { process: child, url: url ?? "", node: node ?? "", ended };
}

test("a session begun at one process is known at the other, and outlives the first", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "dnd-example-"));
  const servers: Server[] = [];
  t.after(async () => {
    for (const server of servers) {
      server.process.kill("SIGKILL");
      await server.ended;
    }
    await rm(folder, { recursive: true, force: true });
  });
  const first = await start(join(folder, "1"), "");
  servers.push(first);
  const second = await start(join(folder, "2"), first.node);
  servers.push(second);

  const login = await fetch(`${first.url}/login?name=Jack`, { method: "POST" });
  const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
  let greeted = 0;
  let unsure = 0;
  // A visit that is greeted counts once; one that is told to try again, while the second node takes over its share, at
  // most once: it may have been stored.
  const visit = async (server: Server): Promise<boolean> => {
    const response = await fetch(server.url, { headers: { cookie } });
    const text = await response.text();
    if (response.status === 503) {
      unsure += 1;
      return false;
    }
    greeted += 1;
    assert.match(text, /^Hello, Jack \(visit \d+\)\n$/);
    return true;
  };
  const visits = async (): Promise<number | undefined> => {
    const known = { sure: greeted, unsure };
    const response = await fetch(second.url, { headers: { cookie } });
    const text = await response.text();
    if (response.status === 503) {
      unsure += 1;
      return undefined;
    }
    greeted += 1;
    const count = Number(/visit (\d+)/.exec(text)?.[1]);
    assert.ok(count > known.sure && count <= known.sure + known.unsure + 1, text);
    return count;
  };
  await eventually("a first visit", 10_000, async () => (await visit(second)) || undefined);

  // Visits at the same moment, at both: none that was greeted may be lost.
  await Promise.all([visit(first), visit(second), visit(first), visit(second)]);
  assert.ok((await eventually("a visit that is counted", 10_000, visits)) >= 2);
  assert.equal((await fetch(second.url)).status, 401);

  first.process.kill("SIGTERM");
  assert.equal(await first.ended, 0);
  assert.ok((await eventually("a visit without the first", 10_000, visits)) >= 3);
});
