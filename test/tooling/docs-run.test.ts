/** What runs the documentation: which blocks it sees, and what it takes for what the page prints. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { commandToRun, toDocument, toRun } from "../docs/documented-ports.ts";
import { blocksOf, commandsOf, noteText } from "../docs/markdown-blocks.ts";
import { runPage } from "../docs/page-run.ts";
import { matchOutput, withBindings } from "../docs/printed-output.ts";

const PORTS = { port: 11_000, serverPort: 12_000, webPort: 13_000, redisPort: 14_000 };
const STAMP = "01a21811f669-0000-0be1edf3a59f7f";
const OTHER_STAMP = "01a2181491f2-0000-08426650490993";

test("a block comes with its language, its text and the notes above it", () => {
  const [first, second] = blocksOf(
    "text\n<!-- exit 3 -->\n<!-- varies: a | b -->\n```console\n$ x\n```\n```\ny\n```",
  );
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual([first.line, first.language, first.text], [4, "console", "$ x"]);
  assert.deepEqual([noteText(first, "exit"), noteText(first, "varies")], ["3", "a | b"]);
  assert.deepEqual([second.language, second.notes], ["", []]);
});

test("a block in a list is read without its indent", () => {
  assert.equal(blocksOf("- x\n  ```sh\n  a\n    b\n  ```")[0]?.text, "a\n  b");
});

test("a note above no block, and a block without an end, are refused", () => {
  for (const text of ["<!-- exit 3 -->\nwords", "<!-- goes on -->", "```sh\nx"]) {
    assert.throws(() => blocksOf(text), text);
  }
});

test("commands of a block stand behind $, and what they print below", () => {
  const [block] = blocksOf("```console\n$ a \\\n>   b\n1\n$ c\n```");
  assert.ok(block !== undefined);
  assert.deepEqual(commandsOf(block), [
    { command: "a \\\n  b", printed: ["1"] },
    { command: "c", printed: [] },
  ]);
});

function match(printed: string, output: string, varying: string[] = [], isAnyOrder = false) {
  return matchOutput({ printed: printed.split("\n"), varying, isAnyOrder }, output, new Map());
}

test("what is printed must be what the page prints, but for spaces in a row", () => {
  assert.ok(match("a  b", "a     b\n"));
  for (const output of ["a c", "a b c", "a b\nc", "", "x\na b"]) {
    assert.equal(match("a b", output), undefined, output);
  }
});

test("... is any text in a line, and any lines where it stands alone", () => {
  assert.ok(match("took ... ms", "took 12.5 ms\n"));
  assert.equal(match("took ... ms", "took\n12.5 ms\n"), undefined);
  assert.ok(match("...\nend", "end\n"));
  assert.ok(match("...\nend\n...", "a\nb\nend\nc\n"));
  assert.equal(match("...\nend", "a\nthe end\n"), undefined);
});

test("a stamp of the page is one and the same stamp of the run, also in the next command", () => {
  const known = match(`got ${STAMP}, ${STAMP}`, `got ${OTHER_STAMP}, ${OTHER_STAMP}`);
  assert.ok(known !== undefined);
  assert.equal(withBindings(`--after ${STAMP}`, known), `--after ${OTHER_STAMP}`);
  assert.equal(match(`got ${STAMP}, ${STAMP}`, `got ${OTHER_STAMP}, ${STAMP}`), undefined);
  const expectation = { printed: [STAMP], varying: [], isAnyOrder: false };
  assert.equal(matchOutput(expectation, STAMP, known), undefined);
  assert.ok(matchOutput(expectation, OTHER_STAMP, known));
});

test("what the page calls varying is bound as well, and nothing else is", () => {
  assert.deepEqual([...(match("1 4389", "1 17", ["4389"]) ?? [])], [["4389", "17"]]);
  assert.equal(match("1 4389", "2 17", ["4389"]), undefined);
});

test("lines in any order must each be there once, and no others without ...", () => {
  assert.ok(match("a 1\nb 2", "b 2\na 1", [], true));
  assert.equal(match("a 1\na 1", "a 1", [], true), undefined);
  assert.equal(match("a 1", "a 1\nb 2", [], true), undefined);
  assert.ok(match("a 1\n...", "b 2\na 1", [], true));
});

test("ports of the page become those of the run and back, and nothing else does", () => {
  assert.equal(
    toRun("localhost:6001 -p 6400 5000 bytes", PORTS),
    "localhost:12001 -p 14000 11000 bytes",
  );
  const same = "x5000 50001 01a3185c5000-0001 5000.5 4999 5020 0.6000";
  assert.equal(toRun(same, PORTS), same);
  assert.equal(
    toDocument("127.0.0.1:13002, -p 14000, port 11001 of 13002 keys", PORTS),
    "127.0.0.1:6082, -p 6400, port 5001 of 13002 keys",
  );
});

test("what is bound is put in as it is, whatever becomes of the rest", () => {
  const bindings = new Map([
    ["4711", "5003"],
    ["1400", "x"],
  ]);
  const rewrite = (text: string): string => toRun(text, PORTS);
  assert.equal(withBindings("kill 4711 -p 6400", bindings, rewrite), "kill 5003 -p 14000");
});

test("what listens on base ports by default is told those of the run, unless it says where", () => {
  const flags = "--port=11000 --server-port=12000 --web-port=13000 --redis-port=14000";
  assert.equal(commandToRun("npm start", PORTS), `npm start -- ${flags}`);
  assert.equal(commandToRun("bin/dnd up --nodes 5", PORTS), `bin/dnd up ${flags} --nodes 5`);
  assert.equal(
    commandToRun("dnd start --port 5001 --redis-port off", PORTS),
    "dnd start --server-port=12000 --web-port=13000 --port 11001 --redis-port off",
  );
  for (const command of ["bin/dnd status", "dnd start --config dnd.toml", "dnd up --help"]) {
    assert.equal(commandToRun(command, PORTS), command);
  }
});

test("a page passes that prints what it says, in its order, each block for those after it", async () => {
  const page = [
    "<!-- file: a.txt -->\n```text\nlocalhost:6001\n```",
    "<!-- varies: 4711 -->\n```console\n$ sleep 0 & echo $!\n4711\n```",
    "```console\n$ echo 4711 > b.txt; cat a.txt\nlocalhost:6001\n$ grep -c 4711 b.txt\n1\n```",
    "<!-- exit 3 -->\n```console\n$ echo no >&2; exit 3\nno\n```",
    "<!-- goes on -->\n```sh\necho ready; sleep 60\n```",
    "<!-- Ctrl-C: echo ready; sleep 60 -->",
    "<!-- not run: it would fail -->\n```sh\nfalse\n```",
    "<!-- needs: a-program-of-nobody -->\n```sh\na-program-of-nobody\n```",
  ].join("\n\n");
  assert.deepEqual(await runPage(page), {
    commandCount: 5,
    notRun: ["it would fail"],
    missing: ["a-program-of-nobody"],
  });
});

for (const [what, page] of [
  ["prints something else", "```console\n$ echo a\nb\n```"],
  ["prints more", "```console\n$ echo a; echo b\na\n```"],
  ["fails", "```sh\nfalse\n```"],
  ["fails in its middle", "```sh\nfalse\ntrue\n```"],
  ["fails in a pipe", "```sh\nfalse | cat\n```"],
  ["succeeds where it should not", "<!-- exit 1 -->\n```sh\ntrue\n```"],
  ["ends where it should go on", "<!-- goes on -->\n```sh\necho soon\n```"],
  ["is not there to be interrupted", "<!-- Ctrl-C: nothing -->"],
] as const) {
  test(`a page is refused one command of which ${what}`, async () => {
    await assert.rejects(runPage(page), /line \d/);
  });
}
