import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { DnsServer } from "../../../test/support/dns-server.ts";
import type { Address } from "../../model/ids.ts";
import { DnsDiscovery, parseDnsName } from "./dns-discovery.ts";

const V6 = "20010db8000000000000000000000001";

async function openServer(t: TestContext): Promise<DnsServer> {
  const server = await DnsServer.open();
  t.after(() => server.close());
  return server;
}

function find(server: string | undefined, ...raw: readonly string[]) {
  const names = raw.map((each) => parseDnsName(each, 5_000)).filter((name) => name !== undefined);
  assert.equal(names.length, raw.length);
  const discovery = new DnsDiscovery({ names, server, log: { log: () => undefined } });
  return new Promise<readonly Address[] | undefined>((resolve) => discovery.find(resolve));
}

test("a name stands for its addresses of both kinds, each with the port that was given", async (t) => {
  const server = await openServer(t);
  server.records.set("dnd.example", { a: ["10.0.0.1", "10.0.0.2"], aaaa: [V6] });
  const found = await find(server.address, "dns:dnd.example:5001");
  assert.deepEqual(found, ["10.0.0.1:5001", "10.0.0.2:5001", "[2001:db8::1]:5001"]);
  assert.deepEqual(await find(server.address, "dns:DND.example"), [
    "10.0.0.1:5000",
    "10.0.0.2:5000",
    "[2001:db8::1]:5000",
  ]);
});

test("an SRV name says the ports itself, the lower priority first", async (t) => {
  const server = await openServer(t);
  server.records.set("_peers._tcp.dnd.example", {
    srv: [
      { priority: 20, port: 7_000, target: "b.dnd.example" },
      { priority: 10, port: 7_001, target: "a.dnd.example" },
      { priority: 30, port: 7_002, target: "gone.dnd.example" },
    ],
  });
  server.records.set("a.dnd.example", { a: ["10.0.0.1"] });
  server.records.set("b.dnd.example", { a: ["10.0.0.2"] });
  const found = await find(server.address, "dns:_peers._tcp.dnd.example");
  assert.deepEqual(found, ["10.0.0.1:7001", "10.0.0.2:7000"]);
});

test("a name that does not exist, or has no addresses, is none; a server that fails is not known", async (t) => {
  const server = await openServer(t);
  server.records.set("empty.example", {});
  assert.deepEqual(await find(server.address, "dns:gone.example"), []);
  assert.deepEqual(await find(server.address, "dns:empty.example"), []);
  server.mood = "broken";
  assert.equal(await find(server.address, "dns:empty.example"), undefined);
});

test("a server that says nothing is given up on within five seconds", async (t) => {
  const server = await openServer(t);
  server.mood = "silent";
  const startMs = performance.now();
  assert.equal(await find(server.address, "dns:dnd.example"), undefined);
  assert.ok(performance.now() - startMs < 8_000);
});

test("of however many records, so many are taken as a node asks", async (t) => {
  const server = await openServer(t);
  const a = Array.from({ length: 25 }, (_, index) => `10.0.0.${index}`);
  for (const name of ["a.example", "b.example", "c.example"]) server.records.set(name, { a });
  const b = a.map((address) => address.replace("10.0.0", "10.0.1"));
  const c = a.map((address) => address.replace("10.0.0", "10.0.2"));
  server.records.set("b.example", { a: b });
  server.records.set("c.example", { a: c });
  const found = await find(server.address, "dns:a.example", "dns:b.example", "dns:c.example");
  assert.equal(found?.length, 64);
});

test("without a server of its own the system is asked, hosts file included", async () => {
  const found = await find(undefined, "dns:localhost:5001");
  assert.ok(found?.includes("127.0.0.1:5001" as Address), String(found));
});

test("what is no DNS name is left to be an address, or refused", () => {
  assert.equal(parseDnsName("dns:5000", 1), undefined);
  assert.equal(parseDnsName("db:5000", 1), undefined);
  assert.equal(parseDnsName("dns:", 1), undefined);
  assert.equal(parseDnsName("dns:a b", 1), undefined);
  assert.equal(parseDnsName("dns:name:0", 1), undefined);
  assert.equal(parseDnsName("dns:name:65536", 1), undefined);
  assert.deepEqual(parseDnsName("dns:name", 5_000), { name: "name", port: 5_000 });
});
