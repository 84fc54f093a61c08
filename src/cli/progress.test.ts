import assert from "node:assert/strict";
import { test } from "node:test";
import { ProgressLine } from "./progress.ts";

function lineOn(isTTY: boolean): {
  line: ProgressLine;
  wrote: string[];
  pass: (ms: number) => void;
} {
  const wrote: string[] = [];
  let nowMs = 0;
  const stream = { isTTY, columns: 60, write: (text: string) => wrote.push(text) };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { line: new ProgressLine(stream, () => nowMs), wrote, pass };
}

test("on a terminal the line is redrawn in its place, ten times a second at most", () => {
  const { line, wrote, pass } = lineOn(true);
  line.show("half", 0.5);
  pass(50);
  line.show("too soon", 0.6);
  pass(60);
  line.show("all", 1);
  line.end("done");
  assert.deepEqual(wrote, [
    `\r\u001b[K${"█".repeat(15)}${"░".repeat(15)} half`,
    `\r\u001b[K${"█".repeat(30)} all`,
    "\r\u001b[Kdone\n",
  ]);
});

test("a line never grows beyond the terminal, nor has control characters of others", () => {
  const { line, wrote } = lineOn(true);
  line.show(`${"x".repeat(100)}\u001b[2J`, 0.1);
  assert.equal(Array.from((wrote[0] ?? "").replace("\r\u001b[K", "")).length, 59);
  const other = lineOn(true);
  other.line.show("\u001b[2J", undefined);
  assert.deepEqual(other.wrote, ["\r\u001b[K\\u001b[2J"]);
});

test("what others write goes above the line", () => {
  const { line, wrote } = lineOn(true);
  line.write("before\n");
  line.show("half", undefined);
  line.write("a log line\n");
  assert.deepEqual(wrote, ["before\n", "\r\u001b[Khalf", "\r\u001b[Ka log line\nhalf"]);
});

test("elsewhere there is a plain line now and then, and only when it says something else", () => {
  const { line, wrote, pass } = lineOn(false);
  line.show("one", 0.1);
  pass(9_000);
  line.show("two", 0.2);
  pass(1_001);
  line.show("three", 0.3);
  pass(20_000);
  line.show("three", 0.3);
  line.end("done");
  assert.deepEqual(wrote, ["one\n", "three\n", "done\n"]);
});
