/** OpenTelemetry's environment: what of it is followed, and that the rest is said and keeps nothing from starting. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { otelSettings } from "./otel-environment.ts";

const TRACES = "http://localhost:4318/v1/traces";

test("an environment that says nothing of it, or says no, is no traces", () => {
  for (const environment of [
    {},
    { OTEL_SERVICE_NAME: "dnd", OTEL_TRACES_SAMPLER: "always_on" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OTEL_TRACES_EXPORTER: "none" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OTEL_SDK_DISABLED: "True" },
  ]) {
    assert.deepEqual(otelSettings(environment), {});
  }
});

test("the endpoint of traces is taken as it is, that of all signals with their path", () => {
  const toOf = (environment: Record<string, string>): string | undefined =>
    otelSettings(environment).tracesTo;
  assert.equal(toOf({ OTEL_TRACES_EXPORTER: "otlp" }), TRACES);
  assert.equal(toOf({ OTEL_TRACES_EXPORTER: "console , otlp" }), TRACES);
  assert.equal(toOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318/" }), TRACES);
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/otlp", OTEL_TRACES_EXPORTER: "otlp" };
  assert.equal(toOf(base), "https://c/otlp/v1/traces");
  const own = { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces/in" };
  assert.equal(toOf(own), "https://traces/in");
});

test("the sampler is the part of requests that come without a trace", () => {
  const ratioOf = (sampler: string, argument?: string): number | undefined =>
    otelSettings({
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_TRACES_SAMPLER_ARG: argument,
    }).tracesRatio;
  assert.equal(ratioOf(""), undefined);
  assert.equal(ratioOf("always_on"), 1);
  assert.equal(ratioOf("parentbased_always_off"), 0);
  assert.equal(ratioOf("traceidratio", "0.2"), 0.2);
  assert.equal(ratioOf("parentbased_traceidratio"), 1);
});

test("what is not done here is said", () => {
  const problemOf = (environment: Record<string, string>): string | undefined =>
    otelSettings({ OTEL_TRACES_EXPORTER: "otlp", ...environment }).problem;
  assert.match(problemOf({ OTEL_TRACES_EXPORTER: "zipkin" }) ?? "", /zipkin/);
  assert.match(problemOf({ OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc" }) ?? "", /grpc/);
  assert.match(problemOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "c:4317" }) ?? "", /no http or https URL/);
  assert.match(problemOf({ OTEL_TRACES_SAMPLER: "xray" }) ?? "", /xray/);
  const odd = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" };
  assert.match(problemOf(odd) ?? "", /no number from 0 to 1/);
});
