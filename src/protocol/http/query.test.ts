import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem } from "./problem.ts";
import {
  parseListParameters,
  parseParameters,
  parsePutParameters,
  parseReadParameters,
} from "./query.ts";

type Parse = typeof parsePutParameters | typeof parseReadParameters | typeof parseListParameters;

function parse(parser: Parse, query: string): unknown {
  const parameters = parseParameters(query);
  if (isProblem(parameters)) return parameters.code;
  const parsed = parser(parameters);
  return isProblem(parsed) ? `${parsed.code} ${parsed.facts.name ?? ""}` : parsed;
}

test("a time to live is decimal seconds, rounded up to a millisecond", () => {
  for (const [text, ttlMs] of [
    ["1", 1_000],
    ["0.001", 1],
    ["0.0000001", 1],
    ["1.5", 1_500],
    ["100000000000", 1e14],
  ] as const) {
    assert.deepEqual(parse(parsePutParameters, `ttl=${text}`), {
      w: undefined,
      deadlineMs: undefined,
      ttlMs,
    });
  }
  for (const text of [
    "",
    "0",
    "0.0",
    "-1",
    "+1",
    "1e3",
    ".5",
    "1.",
    "0x1",
    "NaN",
    "Infinity",
    "100000000001",
    "1,5",
    "%31",
  ]) {
    assert.equal(parse(parsePutParameters, `ttl=${text}`), "bad-parameter ttl", text);
  }
});

test("a parameter of another route, a misspelt one and one given twice are named", () => {
  assert.equal(parse(parseReadParameters, "ttl=1"), "unknown-parameter ttl");
  assert.equal(parse(parseReadParameters, "R=1"), "unknown-parameter R");
  assert.equal(parse(parsePutParameters, "r=1"), "unknown-parameter r");
  assert.equal(parse(parsePutParameters, "__proto__=1"), "unknown-parameter __proto__");
  assert.equal(parse(parsePutParameters, "w=1&%77=2"), "bad-parameter");
  assert.equal(parse(parsePutParameters, "%zz=1"), "bad-escape");
  assert.equal(
    parse(parsePutParameters, Array.from({ length: 40 }, (_, index) => `p${index}`).join("&")),
    "bad-parameter",
  );
});

test("a prefix is bytes, by name or in base64, and not both", () => {
  const prefixOf = (query: string) =>
    (parse(parseListParameters, query) as { prefix: string }).prefix;
  assert.equal(prefixOf(""), "");
  assert.equal(prefixOf("prefix=a%2Fb+c%2B%FF"), "a/b c+\xff");
  assert.equal(prefixOf("prefix64=_w"), "\xff");
  assert.equal(parse(parseListParameters, "prefix=a&prefix64=YQ"), "bad-parameter prefix");
  assert.equal(parse(parseListParameters, "values=yes"), "bad-parameter values");
  assert.equal(parse(parseListParameters, "limit=0"), "bad-parameter limit");
});
