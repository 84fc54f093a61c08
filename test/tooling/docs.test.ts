/**
 * The documentation holds together: links lead somewhere, every page can be found, commands that no test runs are few and
 * name what exists, and what is exported is described. That commands work is for test/integration/docs.test.ts to say.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createProgram } from "../../src/cli/program.ts";
import { HTTP_REFERENCE, httpReference } from "../../tools/http-reference.ts";
import { blocksOf, commandsOf, noteText } from "../docs/markdown-blocks.ts";
import { PAGES } from "../docs/pages.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Fewer is better: what nobody runs is wrong sooner or later. */
const NOT_RUN_MAX = 12;
const COMMAND =
  /^(?:\$ )?(?:npm|npx|curl|bin\/dnd|dnd|redis-cli|docker|kubectl|systemctl|kill|git|node [\w./-]+\.(?:ts|mjs|js)\b) ?/m;

test("commands stand in blocks that say so", async () => {
  for (const { name, url } of PAGES) {
    for (const block of blocksOf(await readFile(url, "utf8"))) {
      const isRun = block.language === "sh" || block.language === "console";
      assert.ok(
        isRun || !COMMAND.test(block.text),
        `${name}:${block.line}: commands that no test sees`,
      );
      if (block.language === "console") assert.doesNotThrow(() => commandsOf(block), name);
    }
  }
});

test("blocks that no test runs are few, have a reason, and name what there is", async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  let count = 0;
  for (const { name, url } of PAGES) {
    for (const block of blocksOf(await readFile(url, "utf8"))) {
      const reason = noteText(block, "not run");
      if (reason === undefined) continue;
      count += 1;
      const place = `${name}:${block.line}`;
      assert.ok(reason.length > 0, `${place}: without a reason`);
      for (const [, script = ""] of block.text.matchAll(/npm run ([\w:-]+)/g)) {
        assert.ok(scripts[script] !== undefined, `${place}: there is no script ${script}`);
      }
      for (const [file] of block.text.matchAll(/\b[\w/.-]+\.(?:ts|mjs)\b/g)) {
        assert.ok(existsSync(join(ROOT, file)), `${place}: there is no ${file}`);
      }
    }
  }
  assert.ok(count <= NOT_RUN_MAX, `${count} blocks, at most ${NOT_RUN_MAX}`);
});

test("commands and flags that are named in the text are those of the program", async () => {
  const commands = new Map(createProgram().commands.map((command) => [command.name(), command]));
  const wrong: string[] = [];
  for (const { name, url } of PAGES) {
    const text = await readFile(url, "utf8");
    for (const [code, word = "", rest = ""] of text.matchAll(
      /`(?:bin\/)?dnd (?!data directory)([a-z]+(?:-[a-z]+)*)([^`]*)`/g,
    )) {
      const command = commands.get(word);
      if (command === undefined && word !== "help") wrong.push(`${name}: ${code}`);
      for (const [, flag = ""] of rest.matchAll(/(--[a-z0-9-]+)/g)) {
        const isKnown = command?.options.some(({ long }) => long === flag) || flag === "--help";
        if (!isKnown) wrong.push(`${name}: ${code}, ${flag}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("every link leads to a file of the checkout, and to a heading of it", async () => {
  for (const path of await markdownFiles()) {
    const text = await readFile(path, "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const linked = file === "" ? path : join(dirname(path), file);
      const place = `${relative(ROOT, path)}: ${target}`;
      assert.ok(existsSync(linked), place);
      if (anchor === undefined) continue;
      assert.ok(anchorsOf(await readFile(linked, "utf8")).includes(anchor), place);
    }
  }
});

test("every page of docs/ is in its index", async () => {
  const index = await readFile(join(ROOT, "docs/README.md"), "utf8");
  for (const { name } of PAGES) {
    const file = name.replace("docs/", "");
    if (name === "docs/README.md" || name === "README.md") continue;
    assert.ok(index.includes(`](${file})`), `${name} is not in docs/README.md`);
  }
});

test("every alarm is in the operating guide", async () => {
  const rules = await readFile(join(ROOT, "deploy/prometheus/alerts.yml"), "utf8");
  const guide = await readFile(join(ROOT, "docs/operating.md"), "utf8");
  const alarms = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);
  assert.ok(alarms.length > 0);
  assert.deepEqual(
    alarms.filter((name) => !guide.includes(`\`${name}\``)),
    [],
  );
});

test("the HTTP reference is what a node says of itself", async () => {
  const isCurrent = (await readFile(HTTP_REFERENCE, "utf8")) === (await httpReference());
  assert.ok(isCurrent, "it is not: node tools/http-reference.ts writes it");
});

test("every exported name is in the documentation of the library", async () => {
  const text = await readFile(join(ROOT, "docs/library.md"), "utf8");
  const entry = await readFile(join(ROOT, "src/index.ts"), "utf8");
  const names = [...entry.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = ""]) =>
    list.split(",").map((name) => name.replace("type ", "").trim()),
  );
  assert.ok(names.includes("openNode") && names.includes("Message"));
  const missing = names.filter((name) => name !== "" && !mentions(text, name));
  assert.deepEqual(missing, []);
});

test("every method that a program may call is in the documentation of the library", async () => {
  const text = await readFile(join(ROOT, "docs/library.md"), "utf8");
  const library = await import("../../src/index.ts");
  const missing: string[] = [];
  for (const [name, value] of Object.entries(library)) {
    if (typeof value !== "function" || value.prototype === undefined) continue;
    for (const type of chain(value.prototype)) {
      for (const member of Object.getOwnPropertyNames(type)) {
        if (member !== "constructor" && !mentions(text, member)) missing.push(`${name}.${member}`);
      }
    }
  }
  assert.deepEqual(missing, []);
});

/** A prototype and those it inherits from, those of the language left out. */
function chain(prototype: object): object[] {
  const next: object | null = Object.getPrototypeOf(prototype);
  if (prototype === Object.prototype || prototype === Error.prototype) return [];
  return next === null ? [prototype] : [prototype, ...chain(next)];
}

/** In code, as a word of its own. */
function mentions(text: string, name: string): boolean {
  const code = [...text.matchAll(/```ts\n([^]*?)```|`([^`\n]+)`/g)].map((match) => match[0]);
  return code.some((part) => new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(part));
}

async function markdownFiles(): Promise<string[]> {
  const below = await readdir(join(ROOT, "docs"), { recursive: true });
  const docs = below.filter((name) => name.endsWith(".md")).map((name) => join("docs", name));
  return ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...docs].map((name) => join(ROOT, name));
}

/** As GitHub makes them: lower case, no punctuation, hyphens for spaces. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
