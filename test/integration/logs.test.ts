/** What a node logs: no key and no value, at any level; and that the level is changed while it runs. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { JsonLog } from "../../src/adapters/system/json-log.ts";
import type { EmbeddedNode } from "../../src/embedded-node.ts";
import { openNode } from "../../src/open-node.ts";
import { LOG_LEVELS } from "../../src/ports/log.ts";
import { RespClient } from "../support/resp-client.ts";
import { dnd, dndOk } from "./real-cluster.ts";

const MARK = "marked";

let folder = "";
let node: EmbeddedNode;
let base = "";
const lines: string[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "dnd-logs-"));
  node = await openNode({
    port: 0,
    serverPort: 0,
    redisPort: 0,
    dataDir: join(folder, "data"),
    durability: "os",
    log: new JsonLog({
      sink: { write: (text) => lines.push(text), on: () => undefined },
      level: "info",
      wallMs: () => Date.now(),
    }),
  });
  base = `http://${node.httpAddress}`;
});

after(async () => {
  await node.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Requests that are done, that are refused, and that are no requests, with a mark wherever a client may put one. */
async function traffic(): Promise<void> {
  const key = `${MARK}-key`;
  const ask = async (path: string, init?: RequestInit): Promise<void> => {
    await (await fetch(base + path, init)).arrayBuffer();
  };
  await ask(`/kv/${key}`, {
    method: "PUT",
    body: MARK,
    headers: { "Content-Type": `text/${MARK}` },
  });
  await ask(`/kv/${key}?ttl=${MARK}`, { method: "PUT", body: MARK });
  await ask(`/kv/${key}?${MARK}=1`);
  await ask(`/kv/${key}`, { headers: { "If-Match": MARK } });
  await ask(`/kv?prefix=${MARK}&values=true`);
  await ask("/kv", { method: "POST", body: `{"key":"${key}","value":"${MARK}"}\n{${MARK}\n` });
  await ask(`/kv/${key}`, { method: "DELETE" });
  await ask(`/${MARK}`);
  await ask(`/cluster/locate?key=${MARK}`);
  await ask(`/cluster/remove?node=${MARK}`, { method: "POST" });
  await node.hash(key).set({ [MARK]: MARK });
  await node.set(`${MARK}-set`).add(MARK);
  const redis = await RespClient.open(Number(node.redisAddress?.split(":").at(-1)));
  for (const command of [
    ["SET", key, MARK],
    ["INCR", key],
    ["HSET", key, MARK, MARK],
    [MARK, MARK],
    ["CLIENT", "SETNAME", MARK],
    ["PUBLISH", MARK, MARK],
    ["CONFIG", "SET", MARK, MARK],
    ["EVAL", MARK, "0"],
  ]) {
    redis.send(...command);
    await redis.next();
  }
  redis.write(`*1\r\n$-9${MARK}\r\n`);
  await redis.next();
  await redis.close();
}

test("no key, no value and nothing else that a client sent is in the log, at any level", async () => {
  for (const level of LOG_LEVELS) {
    const set = await fetch(`${base}/log-level?level=${level}`, { method: "PUT" });
    assert.deepEqual(await set.json(), { level });
    await traffic();
  }
  const said = lines.filter((line) => line.includes(MARK));
  assert.deepEqual(said, []);
  assert.ok(lines.length > 0, "and it logs");
});

test("the level is seen and set by HTTP and by the command, and what it is set to is logged", async () => {
  const url = base.replace("http://", "");
  assert.equal(await dndOk("log-level", "warn", "--node", url), "warn\n");
  assert.deepEqual(await (await fetch(`${base}/log-level`)).json(), { level: "warn" });
  lines.length = 0;
  assert.equal(await dndOk("log-level", "debug", "--node", url), "debug\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).map(({ event, before, now }) => ({ event, before, now })),
    [{ event: "log-level-changed", before: "warn", now: "debug" }],
  );
  assert.equal((await dnd(["log-level", "loud", "--node", url])).status, 2);
  for (const path of ["/log-level?level=loud", "/log-level?levle=warn", "/log-level"])
    assert.equal((await fetch(base + path, { method: "PUT" })).status, 400, path);
  const posted = await fetch(`${base}/log-level`, { method: "POST" });
  assert.deepEqual([posted.status, posted.headers.get("allow")], [405, "GET, HEAD, PUT"]);
});
