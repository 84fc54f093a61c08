import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { isFromHere, isFromPage } from "./dashboard-routes.ts";

function from(remoteAddress: string | undefined): IncomingMessage {
  return { socket: { remoteAddress } } as IncomingMessage;
}

test("this machine is loopback in all its spellings, and nothing else", () => {
  for (const address of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
    assert.ok(isFromHere(from(address)), address);
  }
  for (const address of ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "128.0.0.1", "", undefined]) {
    assert.equal(isFromHere(from(address)), false, address);
  }
});

test("a page shows by what browsers add to its requests", () => {
  const withHeaders = (headers: object): IncomingMessage => ({ headers }) as IncomingMessage;
  assert.ok(isFromPage(withHeaders({ origin: "http://10.0.0.1:6080" })));
  assert.ok(isFromPage(withHeaders({ "sec-fetch-site": "same-origin" })));
  assert.equal(isFromPage(withHeaders({ "user-agent": "curl" })), false);
});
