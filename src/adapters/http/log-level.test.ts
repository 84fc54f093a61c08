import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import type { Log, LogLevel } from "../../ports/log.ts";
import { logLevelAnswer } from "./log-level.ts";

function asked(log: Log, remoteAddress: string, level: string): readonly [number, unknown] {
  const request = { method: "PUT", socket: { remoteAddress } } as unknown as IncomingMessage;
  const { status, body } = logLevelAnswer(log, request, new Map([["level", level]]));
  const { code, level: now } = JSON.parse(String(body)) as { code?: string; level?: string };
  return [status, code ?? now];
}

test("the level is set from the node's own machine alone", () => {
  const log = { level: "info" as LogLevel, log: () => undefined };
  for (const far of ["10.0.0.9", "::ffff:10.0.0.9", "2001:db8::1"])
    assert.deepEqual(asked(log, far, "debug"), [403, "not-local"]);
  assert.equal(log.level, "info");
  for (const near of ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
    assert.deepEqual(asked(log, near, "debug"), [200, "debug"]);
  assert.equal(log.level, "debug");
});

test("a log that is the program's own has no level to be set", () => {
  assert.deepEqual(asked({ log: () => undefined }, "127.0.0.1", "debug"), [409, "no-log-level"]);
});
