/**
 * The library against clusters of embedded nodes: each call at one node, and what it did seen at
 * another. What the calls check before they ask is told by the tests beside them.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DndError, type EmbeddedNode } from "../../src/index.ts";
import { EmbeddedCluster } from "../support/embedded-cluster.ts";

const BYTES = Uint8Array.of(0xff, 0x00, 0x80);
const INTEGER_MAX = 2n ** 63n - 1n;

for (const size of [1, 3]) {
  describe(`on ${size} ${size === 1 ? "node" : "nodes"}`, () => {
    let cluster: EmbeddedCluster;
    /** Who changes, and who looks. */
    let node: EmbeddedNode;
    let other: EmbeddedNode;

    before(async () => {
      cluster = await EmbeddedCluster.open(size);
      node = cluster.node(0);
      other = cluster.node(1);
    });
    after(() => cluster.close());

    test("fields of a hash are set, read, counted and deleted one by one", async () => {
      const cart = node.hash("cart:1");
      const { stamp, acks, of, added } = await cart.set({ book: "1", pen: "2" });
      assert.deepEqual([added, of, acks > size / 2, typeof stamp], [2, size, true, "string"]);
      assert.equal((await cart.set("pen", "3")).added, 0);
      assert.equal((await cart.set(new Map([["ink", BYTES]]))).added, 1);

      const seen = other.hash("cart:1");
      assert.equal((await seen.get("pen"))?.text(), "3");
      assert.equal(await seen.get("cup"), undefined);
      assert.deepEqual(
        (await seen.getMany(["ink", "cup", "book"])).map((value) => value && [...value.value]),
        [[...BYTES], undefined, [0x31]],
      );
      assert.deepEqual([await seen.has("ink"), await seen.has("cup")], [true, false]);
      assert.deepEqual([...(await seen.all()).keys()], ["book", "ink", "pen"]);
      assert.deepEqual((await seen.all()).get("book")?.json(), 1);
      assert.equal(await seen.size(), 3);

      assert.equal((await seen.delete("book", "cup", "book")).deleted, 1);
      assert.equal(await cart.has("book"), false);
      assert.equal((await cart.delete("ink", "pen")).deleted, 2);
      assert.equal(await other.type("cart:1"), undefined);
      assert.deepEqual(await seen.all(), new Map());
    });

    test("a value that was read is the caller's to change, and nobody else sees that", async () => {
      await node.put("changed", "hello");
      await node.hash("changed:hash").set({ f: "hello" });
      for (let time = 0; time < 2; time += 1) {
        const entry = await node.get("changed", { r: 1 });
        assert.equal(entry?.text(), "hello");
        entry?.value.fill(0x58);
      }
      for (let time = 0; time < 2; time += 1) {
        const field = await node.hash("changed:hash", { r: 1 }).get("f");
        assert.equal(field?.text(), "hello");
        field?.value.fill(0x58);
      }
    });

    test("a field is set if it is absent, once", async () => {
      const hash = node.hash("claims");
      const claims = await Promise.all(
        cluster.nodes.map((each, index) => each.hash("claims").setIfAbsent("a", `${index}`)),
      );
      assert.equal(claims.filter(({ isChanged }) => isChanged).length, 1);
      const { isChanged, stamp } = await hash.setIfAbsent("a", "late");
      assert.deepEqual([isChanged, stamp], [false, undefined]);
      assert.notEqual((await other.hash("claims").get("a"))?.text(), "late");
    });

    test("fields are added to from every node, and none is lost", async () => {
      const adds = Array.from({ length: 30 }, (_, index) =>
        cluster.node(index).hash("visits").add("page", index),
      );
      await Promise.all(adds);
      assert.equal((await other.hash("visits").get("page"))?.text(), "435");
      const { value } = await node.hash("visits").add("page", -400n);
      assert.equal(value, 35n);
      assert.equal((await node.hash("visits").addFloat("sum", 1)).value, 1);
      assert.equal((await other.hash("visits").addFloat("sum", -1.1)).value, -0.1);
      assert.equal((await node.hash("visits").get("sum"))?.text(), "-0.1");
    });

    test("more fields than fit one message are set and iterated in byte order", async () => {
      const names = Array.from(
        { length: 1_203 },
        (_, index) => `f${String(index).padStart(5, "0")}`,
      );
      const hash = node.hash("wide");
      assert.equal(
        (await hash.set(names.map((name) => [name, name] as const))).added,
        names.length,
      );
      const found = [];
      for await (const entry of other.hash("wide").entries())
        found.push([entry.field, entry.text()]);
      assert.deepEqual(
        found,
        names.map((name) => [name, name]),
      );
      assert.equal(await other.hash("wide").size(), names.length);
      const values = await other.hash("wide").getMany(names);
      assert.deepEqual(
        values.map((value) => value?.text()),
        names,
      );
      assert.equal((await hash.delete(...names)).deleted, names.length);
      assert.equal(await node.type("wide"), undefined);
    });

    test("fields and members that are no text are told apart, and found as bytes", async () => {
      const hash = node.hash("bytes");
      await hash.set([
        [Uint8Array.of(0xff), "a"],
        [Uint8Array.of(0xfe), "b"],
        ["", "c"],
      ]);
      const names = [];
      for await (const { field, fieldBytes } of other.hash("bytes").entries())
        names.push([field, [...fieldBytes]]);
      assert.deepEqual(names, [
        ["", []],
        [undefined, [0xfe]],
        [undefined, [0xff]],
      ]);
      await assert.rejects(hash.all(), hasCode("not-text"));

      await node.set("byte members").add(Uint8Array.of(0xff), "ü");
      const members = [];
      for await (const member of other.set("byte members").values())
        members.push([...member.value]);
      assert.deepEqual(members, [[0xc3, 0xbc], [0xff]]);
      await assert.rejects(node.set("byte members").all(), hasCode("not-text"));
    });

    test("members of a set are added, looked for, taken and deleted", async () => {
      const tags = node.set("tags");
      assert.equal((await tags.add("new", "sale", "new")).added, 2);
      assert.equal((await tags.add("new")).stamp, undefined);
      const seen = other.set("tags");
      assert.deepEqual(await seen.all(), new Set(["new", "sale"]));
      assert.deepEqual(await seen.hasMany(["sale", "old", "new"]), [true, false, true]);
      assert.deepEqual([await seen.has("new"), await seen.has("old")], [true, false]);
      assert.equal(await seen.size(), 2);
      assert.equal((await seen.delete("new", "old")).deleted, 1);

      await tags.add("a", "b", "c");
      const { members } = await seen.pop(3);
      assert.equal(new Set(members.map((member) => member.text())).size, 3);
      assert.equal(await tags.size(), 1);
      assert.deepEqual((await tags.pop(5)).members.length, 1);
      assert.deepEqual((await tags.pop()).members, []);
      assert.equal(await other.type("tags"), undefined);
    });

    test("a counter counts what every node adds, and is a value as well", async () => {
      assert.equal(await node.counter("hits").value(), 0n);
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => cluster.node(index).counter("hits").add()),
      );
      assert.equal(await other.counter("hits").value(), 20n);
      assert.equal((await node.counter("hits").add(-5)).value, 15n);
      assert.equal((await other.get("hits"))?.text(), "15");
      assert.equal(await other.type("hits"), "string");
      await other.put("hits", "100");
      assert.equal((await node.counter("hits").add(1n)).value, 101n);
      await node.delete("hits");
      assert.equal(await other.counter("hits").value(), 0n);
    });

    test("a counter that would leave 64 bits stays as it is", async () => {
      const counter = node.counter("far");
      assert.equal((await counter.add(INTEGER_MAX)).value, INTEGER_MAX);
      await assert.rejects(counter.add(), hasCode("overflow"));
      assert.equal(await other.counter("far").value(), INTEGER_MAX);
    });

    test("a key of another type is refused, and put and delete take any", async () => {
      await node.hash("mixed").set("field", "value");
      const wrong = hasCode("wrong-type");
      await assert.rejects(other.get("mixed"), wrong);
      await assert.rejects(other.set("mixed").add("a"), wrong);
      await assert.rejects(other.set("mixed").all(), wrong);
      await assert.rejects(other.set("mixed").size(), wrong);
      await assert.rejects(other.counter("mixed").add(), wrong);
      await assert.rejects(other.counter("mixed").value(), wrong);
      await assert.rejects(other.append("mixed", "x"), wrong);
      await assert.rejects(other.getAndDelete("mixed"), wrong);
      assert.equal(await other.type("mixed"), "hash");

      await other.put("mixed", "text");
      await assert.rejects(node.hash("mixed").get("field"), wrong);
      await assert.rejects(node.hash("mixed").set("field", "x"), wrong);
      await assert.rejects(node.counter("mixed").add(), hasCode("not-a-number"));
      await assert.rejects(node.counter("mixed").value(), hasCode("not-a-number"));
      await node.delete("mixed");
      await node.hash("mixed").set("field", "x");
      await assert.rejects(node.hash("mixed").add("field"), hasCode("not-a-number"));
      await assert.rejects(node.hash("mixed").addFloat("field", 1), hasCode("not-a-number"));
    });

    test("a key expires as it is told, whatever it holds", async () => {
      assert.equal(await node.ttl("gone"), undefined);
      assert.equal((await node.expire("gone", 1_000)).isChanged, false);
      await node.set("brief").add("a");
      assert.equal(await other.ttl("brief"), Number.POSITIVE_INFINITY);
      assert.equal((await node.expire("brief", 60_000)).isChanged, true);
      const ttl = (await other.ttl("brief")) ?? 0;
      assert.ok(ttl > 30_000 && ttl <= 60_000, `${ttl} ms`);
      assert.equal((await node.expire("brief", 30_000, { when: "none" })).isChanged, false);
      assert.equal((await node.expire("brief", 30_000, { when: "later" })).isChanged, false);
      assert.equal((await node.expire("brief", 90_000, { when: "later" })).isChanged, true);
      assert.equal((await other.persist("brief")).isChanged, true);
      assert.equal((await other.persist("brief")).isChanged, false);
      assert.equal(await node.ttl("brief"), Number.POSITIVE_INFINITY);
      assert.equal((await other.expire("brief", new Date(0))).isChanged, true);
      assert.equal(await node.type("brief"), undefined);
    });

    test("values are taken, exchanged, kept alive and appended to", async () => {
      assert.equal((await node.append("log", "one")).length, 3);
      assert.equal((await other.append("log", BYTES)).length, 6);
      await node.put("log", "text", { ttlMs: 60_000, contentType: "text/x" });
      await other.append("log", "!");
      const entry = await node.get("log");
      assert.deepEqual([entry?.text(), entry?.contentType], ["text!", "text/x"]);
      assert.notEqual(entry?.expiresAtMs, undefined);

      const former = await other.getAndPut("log", "next");
      assert.equal(former.value?.text(), "text!");
      assert.equal(await node.ttl("log"), Number.POSITIVE_INFINITY);
      assert.equal((await node.getAndExpire("log", 60_000)).value?.text(), "next");
      assert.ok(((await other.ttl("log")) ?? 0) <= 60_000);
      assert.equal((await other.getAndDelete("log")).value?.text(), "next");
      assert.equal((await node.getAndDelete("log")).value, undefined);
      assert.equal((await node.getAndPut("log", "first", { ttlMs: 60_000 })).value, undefined);
      assert.ok(((await other.ttl("log")) ?? 0) <= 60_000);
    });

    test("what is published at one node is told to who listens at another, until it does not", async () => {
      const told: string[] = [];
      const { promise: isOver, resolve: end } = Promise.withResolvers<void>();
      const closed = other.subscribe("news", () => told.push("closed"));
      const direct = other.subscribe("news", (message) => {
        told.push(`${message.channel}: ${message.text()}`);
        message.value.fill(0);
      });
      const byPattern = node.subscribePattern("n*", (message) => {
        told.push(`n*: ${message.text()}`);
        if (message.text() === "over") end();
      });
      closed.close();
      assert.equal(await node.publish("news", "hello"), 2);
      assert.equal(await node.publish("elsewhere", "hello"), 0);
      direct.close();
      await other.publish("news", "over");
      await isOver;
      byPattern.close();
      assert.equal(await other.publish("news", "nobody"), 0);
      assert.deepEqual(told.toSorted(), ["n*: hello", "n*: over", "news: hello"].toSorted());
    });

    test("HTTP shows a hash by the stamp of all that it holds, and writes on it", async () => {
      const url = `http://${other.httpAddress}/kv/shown`;
      await node.hash("shown").set({ name: "Jack" });
      await node.hash("shown").add("visits", 7);
      const first = await fetch(url);
      assert.equal(first.headers.get("dnd-type"), "hash");
      assert.deepEqual(await first.json(), { name: "Jack", visits: "7" });
      const headers = { "If-Match": first.headers.get("etag") ?? "" };
      await node.hash("shown").add("visits");
      assert.equal((await fetch(url, { method: "PUT", body: "x", headers })).status, 412);
      const second = await fetch(url, { method: "HEAD" });
      const ifSecond = { "If-Match": second.headers.get("etag") ?? "" };
      assert.equal((await fetch(url, { method: "PUT", body: "x", headers: ifSecond })).status, 200);
      assert.equal((await node.get("shown"))?.text(), "x");
    });

    test("what was written at one node is read at another after its stamp", async () => {
      const { stamp } = await node.hash("mine").set("a", "1");
      assert.ok(stamp !== undefined);
      const value = await other.hash("mine", { after: stamp, r: 1 }).get("a");
      assert.equal(value?.text(), "1");
    });
  });
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof DndError && error.code === code;
}
