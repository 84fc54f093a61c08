/**
 * The dashboard as people use it: Chromium, and five nodes as processes of their own.
 *
 * Goal: every view shows what is so, follows what happens, and changes what it is told to; a node's death is seen within ten
 * seconds, its return too. Method: what a page shows is compared with what HTTP says at another node. Run by `npm run test:browser`;
 * the pictures of the documentation are taken on the way.
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import type { LiveCopies, SlotMap } from "../../src/protocol/http/live.ts";
import { eventually, RealCluster, type UpNode } from "../integration/real-cluster.ts";
import { WAIT_MS_MAX, WatchedPage } from "./watched-page.ts";

const NODES = 5;
const DEATH_MS_MAX = 10_000;
const IMAGES = process.env["DND_TEST_IMAGES"] ?? "";
const isPictured = IMAGES !== "";
const PICTURED_MS = 45_000;
const HOSTILE = `<img src=x onerror="document.title='taken'"><script>alert(1)</script>`;

/** In the page: pixels of the ring in the full colour of each of the nodes. */
const COUNT_PIXELS = `(() => {
  const canvas = document.querySelector(".ring canvas");
  const style = getComputedStyle(document.documentElement);
  const wanted = [0, 1, 2, 3, 4].map((index) => style.getPropertyValue("--node-" + index).trim());
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const counts = wanted.map(() => 0);
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] !== 255) continue;
    const hex = [0, 1, 2].map((part) => data[at + part].toString(16).padStart(2, "0")).join("");
    const index = wanted.indexOf("#" + hex);
    if (index >= 0) counts[index] += 1;
  }
  return counts;
})()`;

let cluster: RealCluster;
let nodes: readonly UpNode[];
let browser: Browser;

before(async () => {
  cluster = await RealCluster.create(NODES);
  ({ nodes } = await cluster.up(`--nodes=${NODES}`));
  browser = await chromium.launch({
    executablePath: process.env["DND_TEST_CHROMIUM"] ?? "/usr/bin/chromium",
    // Containers have no sandbox, and little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  for (let index = 0; index < 60; index += 1) {
    await put(`user/${index}`, JSON.stringify({ name: `user ${index}` }));
  }
});
after(async () => {
  await browser?.close();
  await cluster?.close();
});

function webOrigin(index: number): string {
  return `http://127.0.0.1:${cluster.ports.webPort + index}`;
}

async function put(key: string, value: string, index = 1): Promise<void> {
  const address = `${nodes[index]?.http}/kv/${encodeURIComponent(key)}`;
  const headers = { "Content-Type": value.startsWith("{") ? "application/json" : "text/plain" };
  const response = await fetch(address, { method: "PUT", body: value, headers });
  assert.equal(response.status, 200, await response.text());
}

async function json<Answer>(path: string, index = 1): Promise<Answer> {
  const response = await fetch(`${nodes[index]?.http}${path}`);
  assert.ok(response.ok, `${path}: ${response.status}`);
  return (await response.json()) as Answer;
}

async function idOf(index: number): Promise<string> {
  return (await json<{ node: string }>("/cluster", index)).node;
}

/** Kept where the run is to write pictures. */
async function picture(page: Page, name: string): Promise<void> {
  if (!isPictured) return;
  await mkdir(IMAGES, { recursive: true });
  await page.screenshot({ path: join(IMAGES, `${name}.png`), animations: "disabled" });
}

/** Something for charts to show. */
async function keepBusy(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  for (let round = 0; performance.now() < endMs; round += 1) {
    const count = 3 + Math.round(12 * (1 + Math.sin(round / 9)));
    const requests = Array.from({ length: count }, async (_, index) => {
      const key = `user/${(7 * round + index) % 200}`;
      if (index % 3 === 0) await put(key, JSON.stringify({ round, index }), 0);
      else await (await fetch(`${nodes[0]?.http}/kv/${encodeURIComponent(key)}`)).arrayBuffer();
    });
    await Promise.all(requests);
    await wait(40);
  }
}

/** Waits until everybody is alive, and all slots have their copies, as one page shows it. */
async function whole(page: Page): Promise<void> {
  await page.getByRole("heading", { name: "Every slot has its 3 copies" }).waitFor();
}

test("the cluster is a picture: equal nodes, slots in their colours, a slot with its three holders", async () => {
  const watched = await WatchedPage.open(browser, webOrigin(0), { colorScheme: "dark" });
  const { page } = watched;
  await whole(page);
  assert.equal(await page.locator(".member").count(), NODES);
  // A node of a busy machine is suspect for a moment, and refutes it.
  await page.locator(`:nth-match(.member .chip-alive, ${NODES})`).waitFor();

  // Each node's colour is in the ring, about as often as any other's.
  const colours = await page.evaluate<number[]>(COUNT_PIXELS);
  const most = Math.max(...colours);
  assert.ok(most > 500 && Math.min(...colours) > 0.7 * most, `pixels by node: ${colours.join()}`);

  // By keyboard: along the ring a column at a time, and what is said is what holds.
  const ring = page.getByRole("slider");
  await ring.focus();
  const first = Number(await ring.getAttribute("aria-valuenow"));
  await page.keyboard.press("ArrowRight");
  const slot = (first + 32) % 16_384;
  assert.equal(await ring.getAttribute("aria-valuenow"), String(slot));
  const map = await json<SlotMap>("/cluster/slots");
  const holders = map.holders[Buffer.from(map.slots, "base64").readUInt16LE(2 * slot)]?.primaries;
  assert.equal(holders?.length, 3);
  assert.equal(await page.locator(".slot .spoke").count(), 3);
  assert.equal(await page.getByTestId("shown-slot").locator(".disc").count(), 3);
  await page.keyboard.press("Escape");

  // By pointer: a dot of the ring, and a node whose slots stand out.
  const box = await ring.boundingBox();
  assert.ok(box !== null);
  await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.11);
  await page.getByTestId("shown-slot").getByText("slot", { exact: true }).waitFor();
  await page.locator(".member").first().hover();
  await page.getByText("bright: its first copies").waitFor();
  await page.mouse.move(0, 0);
  await page.getByTestId("shown-slot").waitFor();
  const name = page.locator(".member-name").nth(1);
  await name.focus();
  await page.keyboard.press("Enter");
  await page.getByText("bright: its first copies").waitFor();
  await page.keyboard.press("Enter");
  await page.getByTestId("shown-slot").waitFor();

  await page.getByRole("button", { name: "Back up…" }).click();
  const command = page.getByRole("dialog").locator(".command");
  assert.equal(
    await command.textContent(),
    `dnd backup DIR --node ${new URL(nodes[0]?.http ?? "").host}`,
  );
  await page.keyboard.press("Escape");

  await page.getByRole("heading", { level: 1 }).click();
  for (let index = 0; index < 40; index += 1) await put(`user/${index}`, "{}", 0);
  await page.locator(".rate").first().waitFor();
  await picture(page, "cluster");
  await watched.close();
});

test("charts follow what is asked of the node", async () => {
  const watched = await WatchedPage.open(browser, webOrigin(0), { hash: "#/charts" });
  const { page } = watched;
  const plots = page.locator(".plot canvas");
  await plots.first().waitFor();
  assert.equal(await plots.count(), 13);
  const puts = page.getByRole("region", { name: "Requests" }).locator("li", { hasText: "puts" });
  const started = performance.now();
  for (;;) {
    for (let index = 0; index < 20; index += 1) await put(`user/${index}`, String(index), 0);
    if (Number.parseFloat((await puts.locator(".value").textContent()) ?? "0") > 0) break;
    assert.ok(performance.now() - started < WAIT_MS_MAX, "puts stay at nothing");
  }
  const written = page.getByRole("region", { name: "Writes take" }).locator("li").first();
  assert.match((await written.textContent()) ?? "", /half .*(ms|–)/);
  await page.getByRole("heading", { name: "Time line" }).waitFor();
  if (isPictured) await keepBusy(PICTURED_MS);
  await picture(page, "charts");
  await watched.close();
});

test("a key is found by its prefix, looked at, changed, and deleted", async () => {
  await put("cart/7", '{"items": ["book", "pen"], "total": 12.40}');
  await put("cart/8", "two pens");
  const watched = await WatchedPage.open(browser, webOrigin(0), { hash: "#/keys" });
  const { page } = watched;
  await page.getByLabel("Prefix, or a whole key").fill("cart/");
  await eventually("two keys", WAIT_MS_MAX, async () => {
    return (await page.locator(".key-rows li").count()) === 2 || undefined;
  });
  await page.getByRole("link", { name: "cart/7" }).click();
  await page.getByText("All 3 copies are equal").waitFor();
  const copies = await json<LiveCopies>("/cluster/copies?key=cart/7");
  for (const { node, cell } of copies.copies) {
    const card = page.locator(`.copy[data-node="${node}"]`);
    assert.ok((await card.textContent())?.includes(cell?.checksum ?? "none"));
  }
  await picture(page, "keys");

  const value = page.getByLabel("Value");
  assert.match(await value.inputValue(), /"book"/);
  await value.fill('{"items": []}');
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByText(/^Stored: [23] of 3 copies/).waitFor();
  const stored = await fetch(`${nodes[2]?.http}/kv/cart%2F7`);
  assert.equal(await stored.text(), '{"items": []}');
  assert.equal(stored.headers.get("content-type"), "application/json", "its label stays");

  // Somebody else is faster: nothing is stored, and what is there now can be had.
  watched.expected = /status of 412/;
  await value.fill("mine");
  await put("cart/7", "theirs", 3);
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByText(/Somebody else changed it/).waitFor();
  watched.expected = undefined;
  await page.getByRole("button", { name: "Discard" }).click();
  await eventually(
    "theirs",
    WAIT_MS_MAX,
    async () => (await value.inputValue()) === "theirs" || undefined,
  );

  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  assert.equal((await fetch(`${nodes[2]?.http}/kv/cart%2F7`)).status, 200, "no is no");
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("a tombstone: deleted").first().waitFor();
  assert.equal((await fetch(`${nodes[2]?.http}/kv/cart%2F7`)).status, 404);
  await watched.close();
});

test("a key that is not there yet is written, and whatever is stored is shown as text", async () => {
  const watched = await WatchedPage.open(browser, webOrigin(2), { hash: "#/keys" });
  const { page } = watched;
  await page.getByLabel("Prefix, or a whole key").fill(HOSTILE);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByLabel("Value").fill(HOSTILE);
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByText("All 3 copies are equal").waitFor();
  assert.equal(await page.locator("#key-title").textContent(), HOSTILE);
  const found = await fetch(`${nodes[0]?.http}/kv/${encodeURIComponent(HOSTILE)}`);
  assert.equal(await found.text(), HOSTILE);
  await page.getByRole("button", { name: "List again" }).click();
  await page.locator(".key-rows .key-name", { hasText: "onerror" }).waitFor();
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.doesNotMatch(await page.title(), /taken/);
  await watched.close();
});

test("where a key would go is what the nodes say", async () => {
  const watched = await WatchedPage.open(browser, webOrigin(1), { hash: "#/keys" });
  const { page } = watched;
  await page.getByLabel("A key, stored or not").fill("not/stored");
  await page.locator(".where-answer strong").waitFor();
  const { slot, primaries } = await json<{ slot: number; primaries: string[] }>(
    "/cluster/locate?key=not/stored",
  );
  const shown = (await page.locator(".where-answer strong").textContent()) ?? "";
  assert.equal(Number(shown.replaceAll(/\D/g, "")), slot);
  assert.equal(await page.locator(".where-answer .disc").count(), primaries.length);
  await watched.close();
});

test("a node's death is seen within ten seconds, and its return", async () => {
  const victim = 3;
  const id = await idOf(victim);
  const key = await keyHeldBy(id);
  await put(key, "before");
  const watched = await WatchedPage.open(browser, webOrigin(0));
  const { page } = watched;
  await whole(page);
  const looking = await WatchedPage.open(browser, webOrigin(1), { hash: `#/keys/${key}` });
  await looking.page.getByText("All 3 copies are equal").waitFor();

  const row = page.locator(`.member[data-node="${id}"]`);
  const killedMs = performance.now();
  process.kill(nodes[victim]?.pid ?? 0, "SIGKILL");
  await row.locator(".chip-dead").waitFor();
  const seenMs = performance.now() - killedMs;
  assert.ok(seenMs < DEATH_MS_MAX, `seen after ${Math.round(seenMs)} ms`);
  await page.getByRole("heading", { name: /slots are short of a copy/ }).waitFor();
  await page.locator(".node-dead").waitFor();
  await page.locator(".events", { hasText: "is dead" }).waitFor();
  assert.equal(await row.locator(".disc-dead").count(), 1);
  await picture(page, "death");

  // It may be removed; who asks and thinks again has done nothing.
  await row.getByRole("button", { name: /Remove/ }).click();
  await page.getByRole("dialog").getByText("given up").waitFor();
  await page.keyboard.press("Escape");
  await put(key, "meanwhile");
  await looking.page.locator(`.copy-silent[data-node="${id}"]`).waitFor();

  cluster.run(["start", ...cluster.portFlags(victim), `--data-dir=.dnd/node-${victim + 1}`]);
  await row.locator(".chip-alive").waitFor();
  await whole(page);
  await page.locator(".events", { hasText: "is back" }).waitFor();
  await looking.page.getByText("All 3 copies are equal").waitFor();
  assert.equal(await looking.page.getByLabel("Value").inputValue(), "meanwhile");
  await looking.close();
  await watched.close();
});

test("a page whose own node is gone says so, and goes on when it is back", async () => {
  const index = 2;
  const watched = await WatchedPage.open(browser, webOrigin(index));
  const { page } = watched;
  await whole(page);
  watched.expectLoss();
  process.kill(nodes[index]?.pid ?? 0, "SIGKILL");
  await page.getByRole("alert").getByText("This node does not answer").waitFor();
  assert.equal(await page.locator(".member").count(), NODES, "what it said last stays");
  cluster.run(["start", ...cluster.portFlags(index), `--data-dir=.dnd/node-${index + 1}`]);
  await page.getByText("live", { exact: true }).waitFor();
  await whole(page);
  assert.equal(await page.getByRole("alert").count(), 0);
  await watched.close();
});

test("dark as the system is, until somebody chooses otherwise", async () => {
  const watched = await WatchedPage.open(browser, webOrigin(0), { colorScheme: "dark" });
  const { page } = watched;
  const background = (): Promise<string> =>
    page.evaluate("getComputedStyle(document.body).backgroundColor");
  const dark = await background();
  await page.getByRole("button", { name: "Switch to light" }).click();
  const light = await background();
  assert.notEqual(light, dark);
  await page.reload();
  await page.getByText("live", { exact: true }).waitFor();
  assert.equal(await background(), light, "the choice outlives the page");
  await page.getByRole("button", { name: "Switch to dark" }).click();
  assert.equal(await background(), dark);
  await watched.close();
});

test("on a phone everything is there and nothing has to be pushed sideways", async () => {
  const watched = await WatchedPage.open(browser, webOrigin(0), {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
    colorScheme: "dark",
  });
  const { page } = watched;
  const isTooWide = (): Promise<boolean> =>
    page.evaluate("document.documentElement.scrollWidth > innerWidth");
  await whole(page);
  assert.equal(await isTooWide(), false, "cluster");
  const box = await page.getByRole("slider").boundingBox();
  assert.ok(box !== null && box.width > 300 && box.x >= 0 && box.x + box.width <= 390);
  await page.getByRole("link", { name: "Charts" }).click();
  await page.locator(".plot canvas").first().waitFor();
  assert.equal(await isTooWide(), false, "charts");
  await page.getByRole("link", { name: "Keys" }).click();
  await page.getByLabel("Prefix, or a whole key").fill("user/1");
  await page.getByRole("link", { name: "user/11", exact: true }).click();
  await page.getByText("All 3 copies are equal").waitFor();
  assert.equal(await isTooWide(), false, "a key");
  await page.getByRole("link", { name: "All keys" }).click();
  await page.getByRole("link", { name: "user/11", exact: true }).waitFor();
  await watched.close();
});

test("a node that is told to leave goes, and the others see it go", async () => {
  const index = 4;
  const id = await idOf(index);
  const other = await WatchedPage.open(browser, webOrigin(0));
  await whole(other.page);
  const watched = await WatchedPage.open(browser, webOrigin(index));
  watched.expectLoss();
  await whole(watched.page);
  await watched.page.getByRole("button", { name: /Have . leave/ }).click();
  await watched.page.getByRole("button", { name: "Leave the cluster" }).click();
  await other.page.locator(".events", { hasText: "is leaving" }).waitFor();
  await eventually("the node to be gone", WAIT_MS_MAX, async () => {
    return (await other.page.locator(`.member[data-node="${id}"]`).count()) === 0 || undefined;
  });
  await whole(other.page);
  await other.page.locator(".events", { hasText: "has left" }).waitFor();
  await watched.close();
  await other.close();
});

/** A name of a key that a node holds a copy of, and is not the first to be asked for. */
async function keyHeldBy(id: string): Promise<string> {
  for (let number = 0; ; number += 1) {
    const key = `watched-${number}`;
    const { primaries } = await json<{ primaries: string[] }>(`/cluster/locate?key=${key}`);
    if (primaries.indexOf(id) > 0) return key;
  }
}
