/** Increments taken over a real socket, from a store in memory: what a chain of them comes to, and what is asked of the node for it. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type HttpDoor, openHttpDoor } from "../../src/adapters/http/http-door.ts";
import { Prng } from "../../src/base/prng.ts";
import { cellsOf, openChain } from "../../src/cli/backup/backup-chain.ts";
import { type TakenBackup, takeBackup } from "../../src/cli/backup/take-backup.ts";
import { CliError } from "../../src/cli/cli-error.ts";
import { NodeClient } from "../../src/cli/node-client.ts";
import { cellKey } from "../../src/core/causality/storage-key.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import type { BackupOutcome, BackupRequest } from "../../src/model/backup.ts";
import { type Key, keyFromText } from "../../src/model/key.ts";
import type { Slot } from "../../src/model/slot.ts";
import { encodePage } from "../../src/protocol/backup/page.ts";
import { FakeStore } from "../support/fake-store.ts";

/** Which of the slots are told by how many copies, as a store would have it. */
class Store extends FakeStore {
  /** Cells of a page; the rest goes on behind a cursor. */
  pageCells = 1_000;
  thin: { readonly firstSlot: number; readonly lastSlot: number; readonly copies: number }[] = [];

  override backup(request: BackupRequest, done: (outcome: BackupOutcome) => void): void {
    super.backup(request, (outcome) => {
      if (outcome.kind === "failed") return done(outcome);
      const cells = outcome.cells.slice(0, this.pageCells);
      const last = cells.at(-1);
      const isCut = cells.length < outcome.cells.length && last !== undefined;
      const next = isCut ? cellKey(slotOfKey(last.key), last.key, last.field) : undefined;
      done({ ...outcome, cells, next, thin: this.thin as never });
    });
  }
}

let folder = "";
let store: Store;
let door: HttpDoor;
let client: NodeClient;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dnd-increments-"));
  store = new Store();
  const quiet = { log: () => undefined };
  door = await openHttpDoor({ store, host: "127.0.0.1", ports: [0], allowedHosts: [], log: quiet });
  client = new NodeClient(`http://127.0.0.1:${door.ports[0]}`);
});
afterEach(async () => {
  client.close();
  await door.close();
  await rm(folder, { recursive: true, force: true });
});

function put(key: string, value: string): Promise<void> {
  const body = { key: keyFromText(key), value: Buffer.from(value), contentType: "text/plain" };
  return new Promise((resolve) => store.put(body, () => resolve()));
}

function addField(key: string, name: string, value: string): Promise<void> {
  const entries = [[name, Buffer.from(value)]] as const;
  const operation = { kind: "hash-set", entries, when: "always" } as const;
  return new Promise((resolve) =>
    store.operate({ key: keyFromText(key), operation: operation as never }, () => resolve()),
  );
}

interface Options {
  readonly since?: string;
  readonly readsAll?: boolean;
  readonly allowsThin?: boolean;
  readonly of?: NodeClient;
}

async function take(name: string, options: Options = {}): Promise<TakenBackup> {
  const { since, of = client, allowsThin = false, ...rest } = options;
  const chain = since === undefined ? undefined : await openChain(join(folder, since), []);
  const directory = join(folder, name);
  return await takeBackup(of, { ...rest, directory, allowsThin, since: chain });
}

/** All cells, as text. */
async function cellsIn(name: string): Promise<string[]> {
  const found: string[] = [];
  for await (const cells of cellsOf(await openChain(join(folder, name), []))) {
    found.push(...cells.map(({ position, bytes }) => textOf(position, bytes)));
  }
  return found;
}

function cellsInStore(): string[] {
  const keys = [...store.cells.keys()];
  return keys
    .flatMap((key) => store.encodedCells(key))
    .map(({ key, field, bytes }) => textOf(cellKey(slotOfKey(key), key, field), bytes))
    .sort();
}

function textOf(position: string, bytes: Uint8Array): string {
  return `${Buffer.from(position, "latin1").toString("hex")} ${Buffer.from(bytes).toString("hex")}`;
}

async function bytesOf(name: string): Promise<number> {
  const { files } = JSON.parse(await readFile(join(folder, name, "manifest.json"), "utf8"));
  return (files as { bytes: number }[]).reduce((sum, { bytes }) => sum + bytes, 0);
}

test("an increment of nothing is small, asks for no page, and comes to the same", async () => {
  for (let index = 0; index < 300; index += 1) await put(`key${index}`, "v".repeat(100));
  const whole = await take("0");
  const none = await take("1", { since: "0" });
  assert.equal(none.slotsRead, 0);
  assert.equal(none.facts.files.length, 0);
  assert.ok(none.bytesReceived < 100, `${none.bytesReceived} bytes for nothing`);
  assert.deepEqual(await cellsIn("1"), cellsInStore());
  assert.deepEqual(none.facts.increment?.whole, whole.facts.cells);
});

test("what is new, written anew and gone is in it, and no more than that is sent or stored", async () => {
  for (let index = 0; index < 2_000; index += 1) await put(`key${index}`, "v".repeat(200));
  for (let index = 0; index < 20; index += 1) await addField("hash", `f${index}`, "v".repeat(200));
  const whole = await take("0");
  for (let index = 0; index < 20; index += 1) await put(`key${100 * index}`, "w".repeat(200));
  await addField("hash", "f3", "w");
  await put("new", "n");
  store.cells.delete(keyFromText("key1"));
  const { facts, bytesReceived, slotsRead } = await take("1", { since: "0" });
  assert.deepEqual(await cellsIn("1"), cellsInStore());
  const { gone, whole: counted } = facts.increment ?? assert.fail("it is an increment");
  assert.equal(gone, 1);
  // A hash is stated anew with its fields.
  assert.deepEqual(facts.cells, {
    value: 21,
    container: 1,
    tombstone: 0,
    field: 1,
    "field-tombstone": 0,
  });
  assert.equal(counted.value, 2_000);
  assert.ok(slotsRead >= 20 && slotsRead <= 23, `${slotsRead} slots`);
  // With every slot read, no more is sent: nodes leave out what they are told is known.
  const all = await take("2", { since: "0", readsAll: true });
  assert.equal(all.slotsRead, 16_384);
  assert.deepEqual(await cellsIn("2"), await cellsIn("1"));
  for (const taken of [bytesReceived, all.bytesReceived]) {
    assert.ok(taken < whole.bytesReceived / 25, `${taken} of ${whole.bytesReceived} bytes`);
  }
  assert.ok((await bytesOf("1")) < (await bytesOf("0")) / 50);
});

test("a chain of thirty increments comes to all there is, however pages are cut", async () => {
  const random = new Prng(7);
  store.pageCells = 20;
  for (let index = 0; index < 200; index += 1) await put(`key${index}`, "first");
  await take("0");
  for (let round = 1; round <= 30; round += 1) {
    for (let change = 0; change < 10; change += 1) {
      const key = `key${random.below(220)}`;
      if (random.below(4) === 0) store.cells.delete(keyFromText(key));
      else await put(key, `${round}`);
    }
    if (random.below(5) === 0) await addField("hash", `f${random.below(60)}`, `${round}`);
    await take(String(round), { since: String(round - 1), readsAll: round % 10 === 0 });
    if (round % 10 === 0) assert.deepEqual(await cellsIn(String(round)), cellsInStore());
  }
  const { length } = await openChain(join(folder, "30"), []);
  assert.equal(length, 31);
});

test("a slot of more than is read ahead is compared piece by piece", async () => {
  store.pageCells = 700;
  const value = "v".repeat(1_000);
  for (let index = 0; index < 5_000; index += 1) await put(`{one}${index}`, value);
  await take("0");
  for (let index = 0; index < 5_000; index += 500) await put(`{one}${index}`, value);
  for (let index = 1; index < 4_000; index += 2) store.cells.delete(keyFromText(`{one}${index}`));
  const { facts } = await take("1", { since: "0" });
  assert.deepEqual([facts.cells.value, facts.increment?.gone], [10, 2_000]);
  assert.deepEqual(await cellsIn("1"), cellsInStore());
});

test("where fewer than a quorum are heard nothing is taken for gone, and the slots are named", async () => {
  await put("a", "first");
  await put("b", "first");
  await take("0");
  const [a, b] = ["a", "b"].map((key) => slotOfKey(keyFromText(key))) as [Slot, Slot];
  store.cells.clear();
  await put("c", "new");
  store.thin = [{ firstSlot: a, lastSlot: a, copies: 0 }];
  const { facts } = await take("1", { since: "0", allowsThin: true });
  assert.ok(facts.thin.some(({ firstSlot }) => firstSlot === a));
  const found = (await cellsIn("1")).map((text) => text.slice(2, 6));
  const slots = found.map((text) => Number.parseInt(text, 16));
  assert.ok(slots.includes(a), "of which nobody was heard stays");
  assert.ok(!slots.includes(b), "and what a quorum says is gone is gone");
});

test("a base of another cluster, and one that is not whole, is refused before anything is written", async () => {
  await put("a", "first");
  await take("0");
  await refused(take("1", { since: "nowhere" }), "no-backup");
  const path = join(folder, "0", "cells-000001.dnd");
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  await writeFile(path, bytes);
  await refused(take("1", { since: "0" }), "bad-backup");
  assert.deepEqual((await readdir(folder)).sort(), ["0"]);
});

async function refused(taking: Promise<unknown>, code: string): Promise<void> {
  const error = await taking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CliError, String(error));
  assert.equal(error.code, code, error.message);
}

interface Seen {
  readonly path: string;
  readonly body: Buffer;
}

interface Told {
  readonly status: number;
  readonly body: string | Uint8Array;
}

interface Between {
  readonly client: NodeClient;
  readonly seen: readonly Seen[];
  close(): Promise<void>;
}

/** A node before the node: it sees what is asked, and may answer itself. */
async function between(answer: (seen: Seen) => Told | undefined): Promise<Between> {
  const all: Seen[] = [];
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const seen = { path: incoming.url ?? "", body: Buffer.concat(await incoming.toArray()) };
    all.push(seen);
    const told = answer(seen) ?? (await onward(incoming.method ?? "", seen));
    outgoing.writeHead(told.status).end(told.body);
  };
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const own = new NodeClient(`http://127.0.0.1:${port}`);
  const close = async (): Promise<void> => {
    own.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { client: own, seen: all, close };
}

async function onward(method: string, { path, body }: Seen): Promise<Told> {
  const url = `http://127.0.0.1:${door.ports[0]}${path}`;
  const answer = await fetch(url, { method, ...(body.length === 0 ? {} : { body }) });
  return { status: answer.status, body: new Uint8Array(await answer.arrayBuffer()) };
}

function problem(status: number, code: string): Told {
  return { status, body: JSON.stringify({ code, detail: code }) };
}

test("a node of the version before is asked for everything, and the increment is the same", async () => {
  store.pageCells = 50;
  for (let index = 0; index < 300; index += 1) await put(`key${index}`, "first");
  await take("0");
  for (let index = 0; index < 30; index += 1) await put(`key${index}`, "second");
  store.cells.delete(keyFromText("key299"));
  const before = await between(({ path, body }) => {
    if (path.startsWith("/cluster/backup/compare")) return problem(404, "route-not-found");
    return body.length > 0 ? problem(400, "bad-request") : undefined;
  });
  const { facts, slotsRead } = await take("1", { since: "0", of: before.client });
  await before.close();
  assert.equal(slotsRead, 16_384);
  assert.deepEqual([facts.cells.value, facts.increment?.gone], [30, 1]);
  assert.deepEqual(await cellsIn("1"), cellsInStore());
  const bodies = before.seen.filter(
    ({ body, path }) => body.length > 0 && !path.includes("compare"),
  );
  assert.ok(bodies.length <= 3, "who has said that it takes no body gets none again");
});

test("pages that a node must not give end the backup, and nothing is left", async () => {
  for (const key of ["a", "b"]) await put(key, "first");
  await take("0");
  await put("a", "second");
  const [a, b] = ["a", "b"].map(keyFromText) as [Key, Key];
  const cells = (key: Key) => store.encodedCells(key);
  const pages: readonly [string, Uint8Array][] = [
    ["a cell of another slot", encodePage({ cells: 1, same: "AA==" }, cells(b))],
    ["a cell twice", encodePage({ cells: 2, same: "AA==" }, [...cells(a), ...cells(a)])],
    ["a set of another size", encodePage({ cells: 0, same: "AAAA" }, [])],
    [
      "a cell of no bytes",
      encodePage({ cells: 1, same: "AA==" }, [{ key: a, field: undefined, bytes: Buffer.of() }]),
    ],
    ["a cursor that is none", encodePage({ cells: 0, same: "AA==", cursor: "x" }, [])],
    ["fewer cells than it says", encodePage({ cells: 2, same: "AA==" }, cells(a))],
  ];
  for (const [what, body] of pages) {
    const hostile = await between(({ path }) =>
      path.startsWith("/cluster/backup?") ? { status: 200, body } : undefined,
    );
    await refused(take("1", { since: "0", of: hostile.client }), "bad-page");
    await hostile.close();
    assert.deepEqual(await readdir(join(folder, "1")), [], what);
  }
});
