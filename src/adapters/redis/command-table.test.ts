import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandTable } from "./command-table.ts";
import { createCommandTable } from "./table.ts";

const table = createCommandTable();

function nameOf(text: string): string | undefined {
  return table.find(Buffer.from(text, "latin1"))?.fullName;
}

test("a command is found in any case, and by nothing but its name", () => {
  for (const spelling of ["get", "GET", "gEt"]) assert.equal(nameOf(spelling), "get");
  for (const other of ["", "ge", "gett", "get ", "g\x00t", "\xe7et"]) {
    assert.equal(nameOf(other), undefined);
  }
});

// Goal: letters are told from signs. Method: in ASCII "[" and "{" differ by the bit that tells "A" from "a".
test("signs that differ as letters do in case are not taken for each other", () => {
  assert.equal(nameOf("SE\x54"), "set");
  assert.equal(nameOf("SE\x14"), undefined);
});

test("a subcommand is found by its full name", () => {
  assert.equal(table.findFull(Buffer.from("CLIENT|id"))?.fullName, "client|id");
  assert.equal(table.findFull(Buffer.from("get"))?.fullName, "get");
  for (const other of ["client|nope", "get|x", "client|id|x", "nope|id"]) {
    assert.equal(table.findFull(Buffer.from(other)), undefined);
  }
});

test("a name that was looked up last is looked up again where commands have been added", () => {
  const [first, second] = table.entries.map(({ command }) => command);
  assert.ok(first !== undefined && second !== undefined);
  const growing = new CommandTable();
  growing.add([first]);
  const name = Buffer.from(second.name);
  assert.equal(growing.find(name), undefined);
  assert.equal(growing.find(name), undefined);
  growing.add([second]);
  assert.equal(growing.find(name)?.fullName, second.name);
  assert.equal(growing.find(Buffer.from(first.name))?.fullName, first.name);
});
