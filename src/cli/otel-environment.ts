/**
 * What OpenTelemetry's own environment says of traces, for operators whose platform sets it for every program: where they go, and
 * how many. Flags and the configuration file stand above it. The names are those of OpenTelemetry's specification (SDK environment
 * variables; OTLP exporter); what its exporter reads by itself, like headers, is not looked at here.
 *
 * Invariant: an environment that asks for what this program does not do never keeps a node from starting; it is said.
 */

export interface OtelSettings {
  readonly tracesTo?: string;
  readonly tracesRatio?: number;
  /** What of it is not followed. */
  readonly problem?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const ENDPOINT_DEFAULT = "http://localhost:4318";
const TRACES_PATH = "v1/traces";
const PROTOCOLS = new Set(["http/json", "http/protobuf"]);

export function otelSettings(environment: Environment): OtelSettings {
  const of = (name: string): string | undefined => environment[name]?.trim() || undefined;
  if (of("OTEL_SDK_DISABLED")?.toLowerCase() === "true") return {};
  const exporters = of("OTEL_TRACES_EXPORTER")?.split(/\s*,\s*/) ?? [];
  const own = of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const base = of("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (exporters.length === 0 && own === undefined && base === undefined) return {};
  if (exporters.includes("none")) return {};
  if (exporters.length > 0 && !exporters.includes("otlp")) {
    return { problem: `OTEL_TRACES_EXPORTER is ${exporters.join(",")}: traces go by otlp only` };
  }
  const protocol = of("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? of("OTEL_EXPORTER_OTLP_PROTOCOL");
  if (protocol !== undefined && !PROTOCOLS.has(protocol)) {
    return {
      problem: `OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}: traces go by HTTP, as http/json`,
    };
  }
  const tracesTo = own ?? `${(base ?? ENDPOINT_DEFAULT).replace(/\/+$/, "")}/${TRACES_PATH}`;
  if (!URL.canParse(tracesTo) || !/^https?:$/.test(new URL(tracesTo).protocol)) {
    return { problem: "the endpoint of OTEL_EXPORTER_OTLP is no http or https URL" };
  }
  return { tracesTo, ...sampling(of("OTEL_TRACES_SAMPLER"), of("OTEL_TRACES_SAMPLER_ARG")) };
}

/** Whoever comes with a trace decides for itself, whatever the sampler. */
function sampling(sampler: string | undefined, argument: string | undefined): OtelSettings {
  switch (sampler) {
    case undefined:
      return {};
    case "always_on":
    case "parentbased_always_on":
      return { tracesRatio: 1 };
    case "always_off":
    case "parentbased_always_off":
      return { tracesRatio: 0 };
    case "traceidratio":
    case "parentbased_traceidratio": {
      const ratio = Number(argument ?? 1);
      if (ratio >= 0 && ratio <= 1) return { tracesRatio: ratio };
      return { problem: "OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1" };
    }
    default:
      return { problem: `OTEL_TRACES_SAMPLER is ${sampler}, which is not known here` };
  }
}
