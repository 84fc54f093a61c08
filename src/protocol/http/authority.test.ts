import assert from "node:assert/strict";
import { test } from "node:test";
import { isForeignOrigin, isHostAllowed, parseAuthority } from "./authority.ts";

test("an authority is a name or an address, with or without a port", () => {
  assert.deepEqual(parseAuthority("Store.Example.:6000"), { name: "store.example", port: 6000 });
  assert.deepEqual(parseAuthority("[FE80::1]:1"), { name: "fe80::1", port: 1 });
  for (const raw of ["", "a b", "a:", "a:65536", "u@a", "[::1", "::1", "a/b", "a\u0000"]) {
    assert.equal(parseAuthority(raw), undefined, raw);
  }
});

test("the address a connection came in by is allowed, another one is not", () => {
  const none = new Set<string>();
  assert.ok(isHostAllowed("10.1.2.3:6000", none, "::ffff:10.1.2.3"));
  assert.ok(isHostAllowed("[fd00::5]:6000", none, "fd00::5"));
  assert.ok(!isHostAllowed("10.1.2.4:6000", none, "10.1.2.3"));
  assert.ok(!isHostAllowed("name.example", none, "10.1.2.3"));
  assert.ok(isHostAllowed("name.example", new Set(["name.example"]), undefined));
});

test("an origin is the same only with the same name and port", () => {
  assert.ok(!isForeignOrigin("http://a.example", undefined, "A.example:80"));
  assert.ok(!isForeignOrigin("https://a.example", undefined, "a.example:443"));
  assert.ok(isForeignOrigin("http://a.example", undefined, "a.example:443"));
  assert.ok(isForeignOrigin("http://a.example:6080", undefined, "a.example:6000"));
  assert.ok(isForeignOrigin("chrome-extension://abc", undefined, "abc"));
  assert.ok(!isForeignOrigin(undefined, undefined, "a.example"));
});
