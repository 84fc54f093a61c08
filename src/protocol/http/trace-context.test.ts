/** `traceparent` and `tracestate`, as the Recommendation's own tests have them, and as nobody should send them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TRACE_STATE_BYTES_MAX } from "../../model/trace.ts";
import { parseTraceContext } from "./trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;

test("a context is taken apart", () => {
  assert.deepEqual(parseTraceContext(PARENT, undefined), {
    traceId: TRACE,
    spanId: SPAN,
    flags: 1,
    state: "",
  });
  assert.equal(parseTraceContext(`00-${TRACE}-${SPAN}-00`, undefined)?.flags, 0);
  assert.equal(parseTraceContext(`00-${TRACE}-${SPAN}-ff`, undefined)?.flags, 255);
});

test("a later version may say more, this one may not", () => {
  assert.equal(parseTraceContext(`cc-${TRACE}-${SPAN}-01`, undefined)?.spanId, SPAN);
  assert.equal(parseTraceContext(`cc-${TRACE}-${SPAN}-01-what-else`, undefined)?.spanId, SPAN);
  assert.equal(parseTraceContext(`cc-${TRACE}-${SPAN}-01.what-else`, undefined), undefined);
  assert.equal(
    parseTraceContext(`cc-${TRACE}-${SPAN}-01-${"x".repeat(500)}`, undefined),
    undefined,
  );
  assert.equal(parseTraceContext(`${PARENT}-what-else`, undefined), undefined);
});

test("what is malformed is no context", () => {
  for (const parent of [
    undefined,
    "",
    PARENT.slice(0, -1),
    `${PARENT}0`,
    ` ${PARENT}`,
    `${PARENT}, ${PARENT}`,
    PARENT.toUpperCase(),
    PARENT.replaceAll("-", "_"),
    `ff-${TRACE}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE.replace("4", "g")}-${SPAN}-01`,
    5 as unknown as string,
    null as unknown as string,
  ]) {
    assert.equal(parseTraceContext(parent, "a=1"), undefined, String(parent));
  }
});

test("a state goes along as it is, but for blanks and members of nothing", () => {
  const stateOf = (state: string): string | undefined => parseTraceContext(PARENT, state)?.state;
  assert.equal(
    stateOf("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
  );
  assert.equal(stateOf("a=1, b=2\t,, tenant@system=x y"), "a=1,b=2,tenant@system=x y");
  assert.equal(stateOf(`a=${"x".repeat(256)}`), `a=${"x".repeat(256)}`);
});

test("a malformed state is none, and the trace is one all the same", () => {
  for (const state of [
    "a",
    "=1",
    "A=1",
    "a=",
    "a=1=2",
    "a=1,a=2",
    "1a@=1",
    "a=\u0001",
    "a=\u00e9",
    `a=${"x".repeat(257)}`,
    `a=1,${" ".repeat(TRACE_STATE_BYTES_MAX)}b=2`,
    Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(","),
    { toString: () => "a=1" } as unknown as string,
  ]) {
    const context = parseTraceContext(PARENT, state);
    assert.equal(context?.traceId, TRACE);
    assert.equal(context?.state, "", String(state));
  }
});

test("whatever is sent is a context within its bounds, or none", () => {
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdefg".split("")), maxLength: 40 });
  const near = fc.tuple(hex, hex, hex, hex).map((parts) => parts.join("-"));
  const text = fc.oneof(fc.string({ maxLength: 600 }), near, fc.constant(PARENT));
  fc.assert(
    fc.property(text, fc.oneof(text, fc.constant("a=1,b=2")), (parent, state) => {
      const context = parseTraceContext(parent, state);
      if (context === undefined) return;
      assert.match(context.traceId, /^[0-9a-f]{32}$/);
      assert.match(context.spanId, /^[0-9a-f]{16}$/);
      assert.match(context.state, /^[ -~]{0,512}$/);
    }),
    { seed: Number(process.env.SEED ?? 20_261) },
  );
});
