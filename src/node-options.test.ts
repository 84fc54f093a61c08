/** Options: what is accepted, and that every refusal names the option, its value and what it may be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "zod";
import { DndError } from "./dnd-error.ts";
import { type nodeOptionsSchema, parseNodeOptions } from "./node-options.ts";
import type { NodeOptionsInput } from "./node-options-input.ts";

type Schema = Required<z.input<typeof nodeOptionsSchema>>;
type Written = Required<NodeOptionsInput>;
/** Checked by the compiler, both ways and with each name: what is written for callers is what the schema takes. */
const WRITTEN_AS_CHECKED: [Schema] extends [Written]
  ? [Written] extends [Schema]
    ? true
    : never
  : never = true;

function refusal(raw: unknown): { message: string; option: string | undefined } {
  try {
    parseNodeOptions(raw);
  } catch (error) {
    assert.ok(error instanceof DndError);
    assert.equal(error.code, "bad-option");
    return { message: error.message, option: error.option };
  }
  throw new Error(`was accepted: ${JSON.stringify(raw)}`);
}

test("the settings that callers see are those that are checked", () => {
  assert.equal(WRITTEN_AS_CHECKED, true);
});

test("nothing given is a node on loopback with everything durable", () => {
  const options = parseNodeOptions({});
  assert.equal(options.address, "127.0.0.1");
  assert.equal(options.redisPort, undefined);
  assert.equal(options.port, 5_000);
  assert.equal(options.durability, "fsync");
  assert.equal(options.serverPort, undefined);
  assert.deepEqual(options.peers, []);
});

test("what the whole cluster shares stays unsaid unless it is said", () => {
  const { replicas, writeQuorum, graceMs } = parseNodeOptions({});
  assert.deepEqual([replicas, writeQuorum, graceMs], [undefined, undefined, undefined]);
});

test("traces go where OTLP has them, unless a path says otherwise, and nowhere by default", () => {
  const urlOf = (tracesTo: string): string | undefined => parseNodeOptions({ tracesTo }).tracesTo;
  assert.equal(parseNodeOptions({}).tracesTo, undefined);
  assert.equal(urlOf("off"), undefined);
  assert.equal(urlOf("http://collector:4318"), "http://collector:4318/v1/traces");
  assert.equal(urlOf("https://collector/"), "https://collector/v1/traces");
  assert.equal(urlOf("http://collector/own/path"), "http://collector/own/path");
  assert.equal(
    refusal({ tracesTo: "collector:4317" }).message,
    'tracesTo is "collector:4317": must be an http or https URL, or off',
  );
  assert.equal(parseNodeOptions({}).tracesRatio, 0.01);
  assert.equal(parseNodeOptions({ tracesRatio: 1 }).tracesRatio, 1);
  assert.equal(
    refusal({ tracesRatio: 1.5 }).message,
    "tracesRatio is 1.5: must be a number from 0 to 1",
  );
});

test("a value out of bounds is refused with its name, itself and the bounds", () => {
  assert.deepEqual(refusal({ port: 70_000 }), {
    message: "port is 70000: must be an integer from 0 to 65535",
    option: "port",
  });
  assert.deepEqual(refusal({ weight: 0 }).message, "weight is 0: must be an integer from 1 to 64");
  assert.deepEqual(refusal({ weight: 1.5 }).option, "weight");
  assert.deepEqual(
    refusal({ durability: "disk" }).message,
    'durability is "disk": must be one of fsync, os, memory',
  );
  assert.equal(refusal({ peers: ["nowhere"] }).option, "peers");
  assert.equal(refusal({ valueBytesMax: 17 * 1024 * 1024 }).option, "valueBytesMax");
  assert.equal(refusal({ zone: "ü".repeat(33) }).option, "zone");
});

test("an unknown option is refused by name", () => {
  assert.deepEqual(refusal({ replica: 3 }), {
    message: "replica is not an option",
    option: "replica",
  });
});

test("an address that others can reach needs to be asked for", () => {
  assert.equal(refusal({ address: "0.0.0.0" }).option, "address");
  assert.equal(refusal({ address: "10.1.2.3" }).option, "address");
  assert.equal(refusal({ address: "127.0.0.1.example.org" }).option, "address");
  for (const address of ["127.0.0.1", "127.9.8.7", "::1", "localhost"]) {
    assert.equal(parseNodeOptions({ address }).address, address);
  }
  assert.equal(parseNodeOptions({ address: "10.1.2.3", insecure: true }).address, "10.1.2.3");
});

test("two doors on one port are refused, two free ports are not", () => {
  assert.match(
    refusal({ port: 6_000, serverPort: 6_000 }).message,
    /serverPort and port are both 6000/,
  );
  assert.equal(parseNodeOptions({ port: 0, serverPort: 0, webPort: 0 }).webPort, 0);
});

test("a time is milliseconds or a number with its unit, and not too short", () => {
  assert.equal(parseNodeOptions({ removeAfter: "7d" }).removeAfter, 604_800_000);
  assert.equal(parseNodeOptions({ removeAfter: "90s" }).removeAfter, 90_000);
  assert.equal(parseNodeOptions({ removeAfter: 60_000 }).removeAfter, 60_000);
  for (const removeAfter of ["7", "d", "1w", "59s", 59_999, -1, "1.5d"]) {
    assert.equal(refusal({ removeAfter }).option, "removeAfter");
  }
});
