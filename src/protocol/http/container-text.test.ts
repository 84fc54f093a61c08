import assert from "node:assert/strict";
import { test } from "node:test";
import type { HashEntry } from "../../model/operation.ts";
import { CONTAINER_CHARS_MAX, containerText } from "./container-text.ts";

const NOTHING = new Uint8Array(0);

function hash(...pairs: readonly (readonly [string, string | Uint8Array])[]): HashEntry[] {
  return pairs.map(([name, value]) => [name, Buffer.from(value)]);
}

function set(...members: readonly string[]): HashEntry[] {
  return members.map((member) => [member, NOTHING]);
}

test("a hash is an object in its own order, whatever its fields are called", () => {
  const entries = hash(["10", "a"], ["2", '"'], ["__proto__", "b"], ["\u00c3\u00bc", ""]);
  const text = '{"10":"a","2":"\\"","__proto__":"b","ü":""}\n';
  assert.equal(containerText("hash", entries, false), text);
  assert.equal(containerText("hash", [], false), "{}\n");
});

test("values and members that are no text are told in base64url", () => {
  const entries = hash(["photo", Uint8Array.of(0xff, 0xfe)]);
  assert.equal(containerText("hash", entries, false), '{"photo":{"value64":"__4"}}\n');
  assert.equal(containerText("set", set("a", "\u00ff"), false), '["a",{"value64":"_w"}]\n');
});

test("a field that is no text has a line, and no place in an object", () => {
  const entries = hash(["a", "1"], ["\u00ff", Uint8Array.of(0xff)]);
  const refused = containerText("hash", entries, false);
  assert.ok(typeof refused !== "string" && refused.code === "field-not-text");
  const lines = '{"field":"a","value":"1"}\n{"field64":"_w","value64":"_w"}\n';
  assert.equal(containerText("hash", entries, true), lines);
  const members = '{"member":"a"}\n{"member64":"_w"}\n';
  assert.equal(containerText("set", set("a", "\u00ff"), true), members);
  assert.equal(containerText("set", [], true), "");
});

test("a text ends where it would become too long, also by its escapes", () => {
  // Six characters for each byte: as few entries as it takes, all of one value.
  const value = new Uint8Array(8 * 1024 * 1024);
  const entry = (index: number): HashEntry => [String(index), value];
  assert.equal(typeof containerText("hash", [entry(0)], false), "string");
  const many = [0, 1].map(entry);
  assert.ok(2 * 6 * value.length > CONTAINER_CHARS_MAX);
  const refused = containerText("hash", many, false);
  assert.ok(typeof refused !== "string" && refused.code === "too-many");
});
