import assert from "node:assert/strict";
import { test } from "node:test";
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
