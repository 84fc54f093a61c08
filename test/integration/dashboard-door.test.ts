/**
 * What the dashboard asks a node for, over real sockets: the page for browsers alone, the stream, the slots, and from three nodes
 * what each of them has of a key.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { type HttpDoor, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import type { EmbeddedNode } from "../../src/index.ts";
import type { LiveCopies, LiveSample, SlotMap } from "../../src/protocol/http/live.ts";
import { EmbeddedCluster } from "../support/embedded-cluster.ts";
import { FakeStore } from "../support/fake-store.ts";
import { open, request } from "../support/raw-http.ts";
import { eventually } from "./real-cluster.ts";

const quiet = { log: () => undefined };
const WAIT_MS_MAX = 30_000;

/** A stream as it comes. */
class Stream {
  text = "";
  isClosed = false;
  readonly socket: Socket;

  constructor(port: number, headers: readonly string[] = [], host = `127.0.0.1:${port}`) {
    this.socket = open(port);
    this.socket.setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    const lines = ["GET /cluster/live HTTP/1.1", `Host: ${host}`, ...headers, "", ""];
    this.socket.write(lines.join("\r\n"));
  }

  of(event: string): unknown[] {
    const pattern = new RegExp(`^event: ${event}\ndata: (.*)$`, "gm");
    return [...this.text.matchAll(pattern)].map(([, data]) => JSON.parse(data ?? ""));
  }

  async first(event: string): Promise<unknown> {
    return await eventually(`an event ${event}`, WAIT_MS_MAX, () => this.of(event)[0]);
  }
}

describe("a door", () => {
  let store: FakeStore;
  let door: HttpDoor;
  let port: number;

  before(async () => {
    store = new FakeStore();
    const options = { store, host: "127.0.0.1", ports: [0], allowedHosts: [], log: quiet };
    door = await openHttpDoor(options);
    port = door.ports[0] as number;
  });
  after(() => door.close());

  test("a browser gets the page, or how to build it; everybody else the list of addresses", async () => {
    const page = await request(port, "GET", "/", { headers: ["Accept: text/html,*/*;q=0.8"] });
    assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
    const policy = page.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    const list = await request(port, "GET", "/", { headers: ["Accept: */*"] });
    assert.match(list.headers.get("content-type") ?? "", /^text\/plain/);
    const foreign = await request(port, "GET", "/assets/../package.json");
    assert.equal(foreign.status, 404);
  });

  test("the stream says hello, then how the node is; a page of another origin gets nothing", async () => {
    const stream = new Stream(port, ["Sec-Fetch-Site: same-origin"]);
    const hello = (await stream.first("hello")) as { mayAct: boolean };
    assert.equal(hello.mayAct, true);
    const sample = (await stream.first("sample")) as LiveSample;
    assert.equal(sample.node, store.status().nodeId);
    assert.match(stream.text, /^HTTP\/1\.1 200 .*\r\nContent-Type: text\/event-stream\r\n/);
    stream.socket.destroy();

    const foreign = new Stream(port, ["Origin: https://attacker.example", "Connection: close"]);
    await eventually("a refusal", WAIT_MS_MAX, () => foreign.isClosed || undefined);
    assert.match(foreign.text, /^HTTP\/1\.1 403 /);
    const rebound = new Stream(port, ["Connection: close"], "attacker.example");
    await eventually("a refusal", WAIT_MS_MAX, () => rebound.isClosed || undefined);
    assert.match(rebound.text, /^HTTP\/1\.1 421 /);
    const writing = await request(port, "POST", "/cluster/live", { body: "" });
    assert.equal(writing.status, 405);
    assert.equal((await request(port, "GET", "/cluster/live?a=1")).status, 400);
    const head = await request(port, "HEAD", "/cluster/live");
    assert.deepEqual([head.status, head.headers.get("content-type")], [200, "text/event-stream"]);
  });

  test("all slots have their holders, and who may lack something is told bit by bit", async () => {
    const bits = new Uint8Array(2_048);
    bits[1] = 0b100;
    store.insight.missing = bits;
    const answer = await request(port, "GET", "/cluster/slots");
    const map = JSON.parse(answer.body.toString()) as SlotMap;
    const self = store.status().nodeId;
    assert.deepEqual(map.holders, [{ primaries: [self], pending: [] }]);
    assert.equal(Buffer.from(map.slots, "base64").length, 2 * 16_384);
    assert.deepEqual(new Uint8Array(Buffer.from(map.missing[self] ?? "", "base64")), bits);
  });

  test("closing ends the streams at once", async () => {
    const other = await openHttpDoor({
      store,
      host: "127.0.0.1",
      ports: [0],
      allowedHosts: [],
      log: quiet,
    });
    const stream = new Stream(other.ports[0] as number);
    await stream.first("sample");
    const startMs = performance.now();
    await other.close();
    assert.ok(performance.now() - startMs < 5_000, "it does not wait for who listens");
    await eventually("the end", WAIT_MS_MAX, () => stream.isClosed || undefined);
  });
});

describe("three nodes", () => {
  let cluster: EmbeddedCluster;

  before(async () => {
    cluster = await EmbeddedCluster.open(3);
  });
  after(() => cluster.close());

  function portOf(node: EmbeddedNode): number {
    return Number(node.httpAddress?.split(":").at(-1));
  }

  async function copiesAt(node: EmbeddedNode, key: string): Promise<LiveCopies> {
    const answer = await request(portOf(node), "GET", `/cluster/copies?key=${key}`);
    assert.equal(answer.status, 200, answer.body.toString());
    return JSON.parse(answer.body.toString()) as LiveCopies;
  }

  test("each of them tells what each of them has of a key", async () => {
    const { stamp } = await cluster.node(0).put("cart", "two books");
    for (const node of cluster.nodes) {
      const found = await eventually("copies to be equal", WAIT_MS_MAX, async () => {
        const copies = await copiesAt(node, "cart");
        return copies.isEqual ? copies : undefined;
      });
      assert.equal(found.copies.length, 3);
      assert.deepEqual(
        found.copies.map(({ node: id }) => id),
        cluster.node(1).locate("cart").primaries,
      );
      for (const { kind, hasVote, cell } of found.copies) {
        assert.deepEqual([kind, hasVote, cell?.kind], ["held", true, "value"]);
        assert.equal(cell?.stamp, stamp);
        assert.equal(cell?.bytes, 9);
      }
    }
    await cluster.node(2).delete("cart");
    const deleted = await eventually("tombstones", WAIT_MS_MAX, async () => {
      const copies = await copiesAt(cluster.node(0), "cart");
      return copies.isEqual ? copies : undefined;
    });
    assert.ok(deleted.copies.every(({ cell }) => cell?.kind === "tombstone"));
    const never = await copiesAt(cluster.node(1), "never-stored");
    assert.deepEqual(
      [never.isEqual, new Set(never.copies.map(({ kind }) => kind))],
      [true, new Set(["absent"])],
    );
  });

  test("fields are compared too", async () => {
    await cluster.node(0).hash("cart:1").set({ book: "2", pen: "1" });
    const found = await eventually("fields to be equal", WAIT_MS_MAX, async () => {
      const copies = await copiesAt(cluster.node(1), "cart:1");
      return copies.isEqual ? copies : undefined;
    });
    for (const { cell, fields } of found.copies) {
      assert.equal(cell?.kind, "container");
      assert.deepEqual([fields?.count, fields?.isWhole], [2, true]);
    }
    assert.equal(new Set(found.copies.map(({ fields }) => fields?.fingerprint)).size, 1);
  });

  test("what goes between them is counted at both ends, and the samples are kept", async () => {
    const stream = new Stream(portOf(cluster.node(0)));
    await cluster.node(0).put("a", "b");
    const sample = await eventually("traffic", WAIT_MS_MAX, () => {
      const samples = stream.of("sample") as LiveSample[];
      const last = samples.at(-1);
      const isSeen = last?.members.every(
        ({ reach, traffic }) =>
          reach === "self" ||
          (traffic.bytesSent > traffic.framesSent &&
            traffic.framesSent > 0 &&
            traffic.framesReceived > 0),
      );
      return isSeen === true && samples.length > 2 ? last : undefined;
    });
    assert.ok((sample.counters["datagrams-sent"] ?? 0) > 0);
    assert.ok((sample.counters["datagrams-received"] ?? 0) > 0);
    const answer = await request(portOf(cluster.node(0)), "GET", "/cluster/samples");
    const { samples } = JSON.parse(answer.body.toString()) as { samples: unknown[] };
    assert.ok(samples.length > 0);
    stream.socket.destroy();
  });

  test("who is gone is silent, and that is no agreement", async () => {
    await cluster.node(0).put("lonely", "1");
    await cluster.node(2).close();
    const found = await eventually("silence", WAIT_MS_MAX, async () => {
      const copies = await copiesAt(cluster.node(0), "lonely");
      return copies.copies.some(({ kind }) => kind === "silent") ? copies : undefined;
    });
    assert.equal(found.isEqual, false);
    assert.equal(found.copies.filter(({ kind }) => kind === "held").length, 2);
  });
});
