/**
 * The HTTP door over real sockets, in front of a store in memory: what only sockets can show. Requests are written byte by
 * byte, because client libraries rewrite targets and refuse to send what must be refused.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { type HttpDoor, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import { formatStamp, parseStamp } from "../../src/model/stamp.ts";
import type { Log } from "../../src/ports/log.ts";
import { FakeStore } from "../support/fake-store.ts";
import { exchange, parseAnswer, type RawAnswer, request } from "../support/raw-http.ts";

const quiet: Log = { level: "info", log: () => undefined };
const SAMPLE_STAMP = "01a000000000-0000-0000000000004d";

let store: FakeStore;
let door: HttpDoor;
let port: number;

before(async () => {
  store = new FakeStore();
  door = await openHttpDoor({
    store,
    host: "127.0.0.1",
    ports: [0, 0],
    allowedHosts: ["store.example:6000"],
    log: quiet,
  });
  port = door.ports[0] as number;
});
after(() => door.close());
afterEach(() => {
  store.cells.clear();
  store.puts.length = 0;
  store.reads.length = 0;
});

function problemOf(answer: RawAnswer): Record<string, unknown> {
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  return JSON.parse(answer.body.toString()) as Record<string, unknown>;
}

const FORM = ["Content-Type: application/x-www-form-urlencoded"];

describe("values", () => {
  test("what curl -d sends comes back as JSON with exactly its bytes", async () => {
    const written = await request(port, "POST", "/kv/user1", {
      headers: FORM,
      body: '{"name": "Jack"}',
    });
    assert.equal(written.status, 200);
    const report = JSON.parse(written.body.toString()) as { stamp: string };
    assert.deepEqual(report, { stamp: report.stamp, acks: 2, of: 3, hinted: 1 });
    assert.ok(parseStamp(report.stamp));

    const read = await request(door.ports[1] as number, "GET", "/kv/user1");
    assert.equal(read.status, 200);
    assert.equal(read.body.toString(), '{"name": "Jack"}');
    assert.equal(read.headers.get("content-type"), "application/json");
    assert.equal(read.headers.get("etag"), `"${report.stamp}"`);
    assert.equal(read.headers.get("dnd-acks"), "2/3; hinted=1");
    assert.equal(read.headers.get("x-content-type-options"), "nosniff");
    assert.equal(read.headers.get("content-security-policy"), "sandbox; default-src 'none'");
    assert.ok(![...read.headers.keys()].some((name) => name.startsWith("access-control-")));
  });

  test("every byte survives, under the label it was sent with", async () => {
    const value = Uint8Array.from({ length: 256 }, (_, index) => index);
    await request(port, "PUT", "/kv/bytes", {
      headers: ["Content-Type: image/x-icon"],
      body: value,
    });
    const read = await request(port, "GET", "/kv/bytes");
    assert.deepEqual(new Uint8Array(read.body), value);
    assert.equal(read.headers.get("content-type"), "image/x-icon");
  });

  test("an empty value is a value", async () => {
    await request(port, "PUT", "/kv/empty", { body: "" });
    const read = await request(port, "GET", "/kv/empty");
    assert.equal(read.status, 200);
    assert.equal(read.headers.get("content-length"), "0");
  });

  test("a value sent in chunks is the same value", async () => {
    const headers = ["Transfer-Encoding: chunked"];
    const bytes = `PUT /kv/chunked HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers[0]}\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`;
    assert.equal(parseAnswer(await exchange(port, bytes)).status, 200);
    assert.equal((await request(port, "GET", "/kv/chunked")).body.toString(), "abcde");
  });

  test("HEAD tells everything but the value", async () => {
    await request(port, "PUT", "/kv/head", { body: "12345" });
    const answer = await request(port, "HEAD", "/kv/head");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-length"), "5");
    assert.ok(answer.headers.has("etag"));
    assert.equal(answer.body.length, 0);
    assert.equal((await request(port, "HEAD", "/kv/nothing")).status, 404);
  });

  test("DELETE answers 204 with a stamp, whether or not the key existed", async () => {
    await request(port, "PUT", "/kv/gone", { body: "x" });
    for (const key of ["gone", "gone", "never"]) {
      const answer = await request(port, "DELETE", `/kv/${key}`);
      assert.equal(answer.status, 204);
      assert.ok(answer.headers.has("etag"));
    }
    const read = await request(port, "GET", "/kv/gone");
    assert.equal(read.status, 404);
    assert.ok(read.headers.has("etag"), "the tombstone's stamp is shown");
    assert.deepEqual(problemOf(read)["code"], "key-not-found");
  });

  test("a time to live reaches the store, and shows in Dnd-Expires", async () => {
    await request(port, "PUT", "/kv/short?ttl=1.5", { body: "x" });
    assert.equal(store.puts[0]?.ttlMs, 1_500);
    const read = await request(port, "GET", "/kv/short");
    assert.equal(read.headers.get("dnd-expires"), "2027-01-15T08:00:01.500Z");
    await request(port, "PUT", "/kv/short", { body: "x" });
    assert.equal((await request(port, "GET", "/kv/short")).headers.has("dnd-expires"), false);
  });

  test("quorums, deadline and Dnd-After reach the store", async () => {
    await request(port, "PUT", "/kv/q?w=3&deadline=0.25", { body: "x" });
    assert.equal(store.puts[0]?.w, 3);
    assert.equal(store.puts[0]?.deadlineMs, 250);
    await request(port, "GET", "/kv/q?r=1", { headers: [`Dnd-After: ${SAMPLE_STAMP}`] });
    assert.equal(store.reads[0]?.r, 1);
    assert.equal(formatStamp(store.reads[0]?.after as never), SAMPLE_STAMP);
  });
});

describe("keys", () => {
  test("five spellings that a URL parser would mix up are five keys", async () => {
    const targets = ["/kv/%FF", "/kv/%25FF", "/kv/..", "/kv/a/../b", "/kv//a"];
    for (const target of targets) await request(port, "PUT", target, { body: target });
    assert.deepEqual(
      [...store.cells.keys()].toSorted(),
      ["\xff", "%FF", "..", "a/../b", "/a"].toSorted(),
    );
    for (const target of targets) {
      assert.equal((await request(port, "GET", target)).body.toString(), target);
    }
  });

  test("a slash and its escape are one byte, and key64 reaches any key", async () => {
    await request(port, "PUT", "/kv/a/b", { body: "1" });
    assert.equal((await request(port, "GET", "/kv/a%2Fb")).body.toString(), "1");
    assert.equal((await request(port, "GET", "/kv?key64=YS9i")).body.toString(), "1");
    assert.equal((await request(port, "GET", "/kv/?key64=YS9i")).body.toString(), "1");
  });

  test("an absolute target names the same key", async () => {
    await request(port, "PUT", `http://127.0.0.1:${port}/kv/%2e%2e`, { body: "up" });
    assert.deepEqual([...store.cells.keys()], [".."]);
  });

  test("broken escapes, an empty key and unknown parameters are 400", async () => {
    for (const [target, code] of [
      ["/kv/%ZZ", "bad-escape"],
      ["/kv/%F", "bad-escape"],
      ["/kv/%", "bad-escape"],
      ["/kv/", "key-empty"],
      ["/kv/?key64=", "key-empty"],
      ["/kv/a?key64=YQ", "bad-target"],
      ["/kv/?key64=*", "bad-parameter"],
      ["/kv/a?rr=1", "unknown-parameter"],
      ["/kv/a?r=1&r=2", "bad-parameter"],
      ["/kv/a?r=0", "bad-parameter"],
      ["/kv/a?r=4", "quorum-above-replicas"],
      ["/kv/a?deadline=61", "bad-parameter"],
    ] as const) {
      const answer = await request(port, "GET", target);
      assert.equal(answer.status, 400, target);
      assert.equal(problemOf(answer)["code"], code, target);
      assert.equal(problemOf(answer)["stored"], "no", target);
    }
  });

  test("a key of 32 KiB passes with every byte escaped; one byte more is 414 with limit and value", async () => {
    assert.equal(
      (await request(port, "PUT", `/kv/${"%FF".repeat(32_768)}`, { body: "x" })).status,
      200,
    );
    const answer = await request(port, "PUT", `/kv/${"%FF".repeat(32_769)}`, { body: "x" });
    assert.equal(answer.status, 414);
    assert.equal(problemOf(answer)["limit"], 32_768);
    assert.equal(problemOf(answer)["value"], 32_769);
    assert.equal(store.puts.length, 1);
  });

  test("a head beyond 128 KiB is 431", async () => {
    const answer = await request(port, "GET", `/kv/${"a".repeat(140_000)}`);
    assert.equal(answer.status, 431);
    assert.equal(problemOf(answer)["code"], "head-too-large");
  });
});

describe("conditions", () => {
  async function putTag(body: string): Promise<string> {
    const answer = await request(port, "PUT", "/kv/c", { body });
    return answer.headers.get("etag") as string;
  }

  test("If-None-Match on a read is 304 while the stamp is current", async () => {
    const tag = await putTag("1");
    const same = await request(port, "GET", "/kv/c", { headers: [`If-None-Match: "x", W/${tag}`] });
    assert.equal(same.status, 304);
    assert.equal(same.headers.get("etag"), tag);
    assert.equal(same.body.length, 0);
    await putTag("2");
    assert.equal(
      (await request(port, "GET", "/kv/c", { headers: [`If-None-Match: ${tag}`] })).status,
      200,
    );
  });

  test("If-Match on a write is 412 with the current stamp once another wrote", async () => {
    const first = await putTag("1");
    const second = await putTag("2");
    const answer = await request(port, "PUT", "/kv/c", {
      headers: [`If-Match: ${first}`],
      body: "3",
    });
    assert.equal(answer.status, 412);
    assert.equal(answer.headers.get("etag"), second);
    assert.equal(`"${String(problemOf(answer)["current"])}"`, second);
    const held = await request(port, "PUT", "/kv/c", {
      headers: [`If-Match: ${second}`],
      body: "3",
    });
    assert.equal(held.status, 200);
  });

  test("If-None-Match: * creates once, If-Match: * never creates", async () => {
    const create = { headers: ["If-None-Match: *"], body: "1" };
    assert.equal((await request(port, "PUT", "/kv/once", create)).status, 200);
    assert.equal((await request(port, "PUT", "/kv/once", create)).status, 412);
    assert.equal(
      (await request(port, "DELETE", "/kv/absent", { headers: ["If-Match: *"] })).status,
      412,
    );
  });

  test("conditions that cannot be checked are refused, not ignored", async () => {
    const tag = await putTag("1");
    for (const headers of [
      ["If-None-Match: W"],
      [`If-None-Match: ${tag}`],
      [`If-Match: ${tag}, ${tag}`],
      ["If-Match: *", "If-None-Match: *"],
    ]) {
      const answer = await request(port, "PUT", "/kv/c", { headers, body: "2" });
      assert.equal(answer.status, 400, headers.join());
      assert.equal(problemOf(answer)["code"], "bad-condition");
    }
    // A weak tag is well-formed, but no strong comparison can hold for it.
    assert.equal(
      (await request(port, "PUT", "/kv/c", { headers: [`If-Match: W/${tag}`], body: "2" })).status,
      412,
    );
  });
});

describe("failures of the store", () => {
  const quorum = { acks: 1, of: 3, hinted: 0 };

  test("each has its status, its code and what may have been stored", async () => {
    for (const [code, status, retryAfter] of [
      ["quorum-unreachable", 503, undefined],
      ["timed-out", 504, undefined],
      ["overloaded", 503, "1"],
      ["too-new", 503, undefined],
      ["damaged", 503, undefined],
      ["storage-failed", 503, undefined],
      ["not-ready", 503, "1"],
      ["shutting-down", 503, "1"],
    ] as const) {
      store.failNext = { kind: "failed", code, detail: "because", stored: "maybe", quorum };
      const answer = await request(port, "PUT", "/kv/f", { body: "x" });
      assert.equal(answer.status, status, code);
      assert.equal(answer.headers.get("retry-after"), retryAfter, code);
      assert.equal(answer.headers.get("dnd-acks"), "1/3; hinted=0");
      const body = problemOf(answer);
      assert.equal(body["code"], code);
      assert.equal(body["stored"], "maybe");
      assert.equal(body["acks"], 1);
    }
  });

  test("a read that had to be newer names the newest stamp found", async () => {
    const newest = parseStamp(SAMPLE_STAMP);
    assert.ok(newest);
    store.failNext = { kind: "failed", code: "too-new", detail: "d", stored: "no", quorum, newest };
    const answer = await request(port, "GET", "/kv/f", {
      headers: [`Dnd-After: "${SAMPLE_STAMP}"`],
    });
    assert.equal(problemOf(answer)["newest"], SAMPLE_STAMP);
    assert.equal(answer.headers.get("etag"), `"${SAMPLE_STAMP}"`);
  });
});

describe("the other addresses", () => {
  test("health stays 200 while ready says what is waited for", async () => {
    store.phase = "joining";
    store.waitsFor = "share";
    const waiting = await request(port, "GET", "/ready");
    assert.equal(waiting.status, 503);
    assert.deepEqual(JSON.parse(waiting.body.toString()), {
      ready: false,
      phase: "joining",
      waitsFor: "share",
    });
    assert.equal((await request(port, "GET", "/health")).status, 200);
    store.phase = "ready";
    store.waitsFor = undefined;
    assert.equal((await request(port, "GET", "/ready")).status, 200);
  });

  test("the cluster shows members, slots and the epoch in hex", async () => {
    const answer = await request(port, "GET", "/cluster");
    const body = JSON.parse(answer.body.toString()) as {
      epoch: string;
      members: { firstSlots: number }[];
    };
    assert.equal(body.epoch, "00000000000abc");
    assert.equal(body.members[0]?.firstSlots, 16_384);
  });

  test("locate takes any key, as text or in base64", async () => {
    for (const query of ["key=a%2Fb+c", "key64=YS9iIGM"]) {
      const answer = await request(port, "GET", `/cluster/locate?${query}`);
      const body = JSON.parse(answer.body.toString()) as Record<string, unknown>;
      assert.equal(body["key"], "a/b c");
      assert.equal(body["slot"], 7);
    }
    assert.equal((await request(port, "GET", "/cluster/locate")).status, 400);
    assert.equal((await request(port, "GET", "/cluster/locate?key=%ZZ")).status, 400);
    assert.equal(
      (await request(port, "GET", `/cluster/locate?key=${"a".repeat(32_769)}`)).status,
      414,
    );
  });

  test("dump pages through this node's cells", async () => {
    for (const key of ["a", "b", "%FF"]) await request(port, "PUT", `/kv/${key}`, { body: key });
    const first = await request(port, "GET", "/cluster/dump?limit=2");
    const page = JSON.parse(first.body.toString()) as { entries: unknown[]; cursor: string };
    assert.equal(page.entries.length, 2);
    const rest = await request(port, "GET", `/cluster/dump?cursor=${page.cursor}`, {
      headers: ["Accept: application/x-ndjson"],
    });
    const entry = JSON.parse(rest.body.toString()) as Record<string, unknown>;
    assert.equal(entry["key64"], "_w");
    assert.equal(rest.headers.has("dnd-cursor"), false);
    assert.equal((await request(port, "GET", "/cluster/dump?cursor=AAAA")).status, 400);
  });

  test("metrics are lines that Prometheus reads, with the counts of /cluster among them", async () => {
    const answer = await request(port, "GET", "/metrics");
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const lines = answer.body.toString().trimEnd().split("\n");
    const sample =
      /^[a-z_][a-z0-9_]*(?:\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})? (?:[0-9.e+-]+|NaN|[+-]Inf)$/;
    for (const line of lines)
      assert.match(line, line.startsWith("# ") ? /^# (?:HELP|TYPE) / : sample);
    const status = JSON.parse((await request(port, "GET", "/cluster")).body.toString()) as {
      counters: Record<string, number>;
      gauges: Record<string, number>;
    };
    for (const name of Object.keys(status.counters)) {
      const metric = `dnd_${name.replaceAll("-", "_")}_total`;
      assert.ok(
        lines.some((line) => line.startsWith(`${metric} `)),
        metric,
      );
    }
    assert.ok(lines.some((line) => line.startsWith('dnd_members{liveness="alive"} ')));
    assert.ok(
      lines.some((line) => line.startsWith('dnd_event_loop_delay_seconds{percentile="99"} ')),
    );
  });

  test("the description names every route that answers", async () => {
    const answer = await request(port, "GET", "/openapi.json");
    const document = JSON.parse(answer.body.toString()) as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    };
    assert.equal(document.openapi, "3.1.0");
    const described = Object.entries(document.paths).map(([path, item]) => [
      path,
      Object.keys(item).toSorted(),
    ]);
    assert.deepEqual(Object.fromEntries(described), {
      "/": ["get"],
      "/cluster": ["get"],
      "/cluster/copies": ["get"],
      "/cluster/backup": ["post"],
      "/cluster/backup/compare": ["post"],
      "/cluster/dump": ["get"],
      "/cluster/leave": ["post"],
      "/cluster/live": ["get"],
      "/cluster/locate": ["get"],
      "/cluster/remove": ["post"],
      "/cluster/samples": ["get"],
      "/cluster/slots": ["get"],
      "/health": ["get"],
      "/kv": ["get", "post"],
      "/kv/{key}": ["delete", "get", "head", "post", "put"],
      "/metrics": ["get"],
      "/log-level": ["get", "put"],
      "/openapi.json": ["get"],
      "/ready": ["get"],
    });
    for (const [path, item] of Object.entries(document.paths)) {
      // That one has no end: dashboard-door.test.ts reads it.
      if (path === "/cluster/live") continue;
      for (const method of Object.keys(item)) {
        const target = path
          .replace("{key}", "a")
          .replace("locate", "locate?key=a")
          .replace("copies", "copies?key=a")
          .replace("remove", "remove?node=00000000000000aa")
          .replace("log-level", method === "put" ? "log-level?level=warn" : "log-level");
        const reply = await request(
          port,
          method.toUpperCase(),
          target,
          method === "get" || method === "head" ? {} : { body: "" },
        );
        assert.ok(reply.status < 405, `${method} ${path}: ${reply.status}`);
      }
    }
  });

  test("a member is told to go by POST, not by a page of another origin, and told what is in the way", async () => {
    const node = "00000000000000aa";
    for (const target of ["/cluster/leave", `/cluster/remove?node=${node}`]) {
      const begun = await request(port, "POST", target);
      assert.equal(begun.status, 202);
      assert.ok("members" in JSON.parse(begun.body.toString()));
      const foreign = await request(port, "POST", target, {
        headers: ["Origin: http://evil.example"],
      });
      assert.equal(problemOf(foreign)["code"], "foreign-origin");
      store.departureProblem = "it is the last one";
      const refused = await request(port, "POST", target);
      store.departureProblem = undefined;
      assert.equal(refused.status, 409);
      assert.equal(problemOf(refused)["detail"], "it is the last one");
    }
    for (const target of [
      "/cluster/remove",
      "/cluster/remove?node=xyz",
      "/cluster/leave?node=00000000000000aa",
    ]) {
      assert.equal((await request(port, "POST", target)).status, 400, target);
    }
  });

  test("wrong methods are 405 with Allow, unknown addresses 404", async () => {
    for (const [method, target, allow] of [
      ["PATCH", "/kv/a", "GET, HEAD, PUT, POST, DELETE"],
      ["OPTIONS", "/kv/a", "GET, HEAD, PUT, POST, DELETE"],
      ["DELETE", "/kv", "GET, HEAD, POST"],
      ["POST", "/cluster", "GET, HEAD"],
      ["GET", "/cluster/leave", "POST"],
    ] as const) {
      const answer = await request(port, method, target);
      assert.equal(answer.status, 405, `${method} ${target}`);
      assert.equal(answer.headers.get("allow"), allow);
    }
    assert.equal(problemOf(await request(port, "GET", "/nothing"))["code"], "route-not-found");
    assert.equal((await request(port, "GET", "/cluster?x=1")).status, 400);
    assert.equal((await request(port, "GET", "/x/../kv/a")).status, 404);
    assert.match((await request(port, "GET", "/")).body.toString(), /openapi\.json/);
  });
});

describe("listing", () => {
  test("pages cover every key once, and a cursor belongs to its listing", async () => {
    for (let index = 0; index < 25; index += 1) {
      await request(port, "PUT", `/kv/list${index}`, { body: String(index) });
    }
    await request(port, "PUT", "/kv/other", { body: "x" });
    const seen: string[] = [];
    let target = "/kv?prefix=list&limit=10";
    for (let page = 0; page < 3; page += 1) {
      const answer = await request(port, "GET", target);
      const body = JSON.parse(answer.body.toString()) as {
        entries: { key: string }[];
        cursor?: string;
      };
      seen.push(...body.entries.map((entry) => entry.key));
      assert.equal(answer.headers.get("dnd-cursor"), body.cursor);
      assert.equal(body.cursor === undefined, page === 2);
      if (body.cursor !== undefined) target = `/kv?prefix=list&limit=10&cursor=${body.cursor}`;
    }
    assert.equal(new Set(seen).size, 25);
    assert.equal(
      (await request(port, "GET", target.replace("prefix=list", "prefix=lis"))).status,
      400,
    );
    assert.equal((await request(port, "GET", `${target}x`)).status, 400);
    assert.equal((await request(port, "GET", "/kv?limit=1001")).status, 400);
  });

  test("a listing with values, sent back in bulk, is the identity", async () => {
    await request(port, "PUT", "/kv/%FF%00", {
      headers: ["Content-Type: image/png"],
      body: Uint8Array.of(0xff, 0, 1),
    });
    await request(port, "PUT", "/kv/t%C3%A9xt?ttl=3600", { body: "\u00e9\n\u0000" });
    await request(port, "PUT", "/kv/json", {
      headers: FORM,
      body: '{"a": 1.0, "b": [12345678901234567890]}',
    });
    const before = new Map(
      [...store.cells].map(([key, root]) => [key, { ...root, stamp: undefined }]),
    );

    const listed = await request(port, "GET", "/kv?values=true", {
      headers: ["Accept: application/x-ndjson"],
    });
    assert.equal(listed.headers.get("content-type"), "application/x-ndjson");
    store.cells.clear();
    const summary = await request(port, "POST", "/kv", { body: listed.body });
    assert.deepEqual(JSON.parse(summary.body.toString()), { stored: 3, failed: 0, errors: [] });
    const restored = new Map(
      [...store.cells].map(([key, root]) => [key, { ...root, stamp: undefined }]),
    );
    for (const [key, root] of before) {
      assert.deepEqual(Buffer.from(restored.get(key)?.payload ?? []), Buffer.from(root.payload));
      assert.equal(restored.get(key)?.contentType, root.contentType);
      assert.equal(restored.get(key)?.expiresAtMs, root.expiresAtMs);
    }
  });
});
