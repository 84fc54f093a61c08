/**
 * The settings of one node: one schema for the command line, the configuration file and `openNode`.
 *
 * Flags and file keys are the same names in kebab case. Invariant: an unknown name or a value out of bounds is an
 * error that names it; nothing is ignored or clamped.
 */
import { isIP } from "node:net";
import { z } from "zod";
import { parseDnsName } from "./adapters/dns/dns-discovery.ts";
import { DndError } from "./dnd-error.ts";
import { parseAddress, splitAddress } from "./model/ids.ts";
import { KEY_BYTES_MAX, REPLICAS_MAX, VALUE_BYTES_MAX } from "./model/limits.ts";
import { SCRUB_MS_DEFAULT } from "./node/scrub.ts";

const GRACE_MS_MAX = 10 * 365 * 86_400_000;
/** A restart must not be taken for a loss. */
const REMOVE_AFTER_MS_MIN = 60_000;
const SCRUB_MS_MIN = 1_000;
const SCRUB_MS_MAX = 10 * 365 * 86_400_000;
const FREE_BYTES_MAX = 2 ** 50;
/** What LevelDB wants for a few compactions, and a few seconds of writes. */
const FREE_BYTES_DEFAULT = 64 * 1024 * 1024;
const DRAIN_MS_MIN = 100;
const DRAIN_MS_MAX = 3_600_000;
const DRAIN_MS_DEFAULT = 20_000;
const WEIGHT_MAX = 64;
/** What a request in a hundred costs more does not show, and a hundred a second are traces enough. */
const TRACES_RATIO_DEFAULT = 0.01;
const ZONE_BYTES_MAX = 64;

function integer(min: number, max: number): z.ZodNumber {
  const claim = `an integer from ${min} to ${max}`;
  return z
    .number({ error: claim })
    .int({ error: claim })
    .min(min, { error: claim })
    .max(max, { error: claim });
}

/** Milliseconds, or a number with `ms`, `s`, `m`, `h` or `d`; comes out as milliseconds. */
function duration(minMs: number): z.ZodType<number, number | string> {
  const error = `a time of at least ${minMs} ms, like 7d, 12h, 90s or milliseconds`;
  return z
    .union([z.number(), z.string()], { error })
    .transform((raw) => (typeof raw === "number" ? raw : milliseconds(raw)))
    .refine((ms) => Number.isSafeInteger(ms) && ms >= minMs, { error });
}

/** A port, or `off` for none, which comes out as none. */
function portOrOff(): z.ZodType<number | undefined, number | "off"> {
  const error = "an integer from 0 to 65535, or off";
  return z
    .union([z.literal("off"), z.number().int().min(0).max(65_535)], { error })
    .transform((port) => (port === "off" ? undefined : port));
}

function isHttpUrl(raw: string): boolean {
  return URL.canParse(raw) && /^https?:$/.test(new URL(raw).protocol);
}

/** Where OTLP has traces, unless a path is given. */
function tracesUrl(raw: string): string {
  const url = new URL(raw);
  if (url.pathname === "/") url.pathname = "/v1/traces";
  return url.href;
}

function milliseconds(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match?.[2] ?? ""];
  return unit === undefined ? Number.NaN : Number(match?.[1]) * unit;
}

function oneOf<const Choices extends readonly [string, ...string[]]>(
  choices: Choices,
): z.ZodEnum<{ [Choice in Choices[number]]: Choice }> {
  return z.enum(choices, { error: `one of ${choices.join(", ")}` });
}

const peerAddress = z
  .string({ error: "host:port" })
  .refine((raw) => parseAddress(raw) !== undefined, { error: "host:port" });

const peerOrName = z
  .string({ error: "host:port or dns:NAME" })
  .refine((raw) => parseDnsName(raw, 1) !== undefined || parseAddress(raw) !== undefined, {
    error: "host:port or dns:NAME",
  });

/** An IP address, with or without a port: a name would have to be looked up first. */
function isServer(raw: string): boolean {
  if (isIP(raw) !== 0) return true;
  const address = parseAddress(raw);
  return address !== undefined && isIP(splitAddress(address).host) !== 0;
}

/** In the order of `dnd start --help` and docs/configuration.md. */
export const nodeOptionsSchema = z.strictObject({
  address: z
    .string()
    .regex(/^(?:[A-Za-z0-9._-]{1,255}|[0-9a-fA-F:.]{2,45})$/, {
      error: "a host name or an IP address",
    })
    .default("127.0.0.1")
    .describe("address to listen on, for peers, HTTP and Redis"),
  advertise: peerAddress.optional().describe("host:port where peers reach this node"),
  port: integer(0, 65_535)
    .default(5_000)
    .describe("port for peers, UDP and TCP; 0 is any free one"),
  serverPort: integer(0, 65_535).optional().describe("port for HTTP; 0 is any free one"),
  webPort: integer(0, 65_535).optional().describe("a second port for HTTP, where browsers may go"),
  redisPort: portOrOff()
    .optional()
    .describe("port for the Redis protocol; 0 is any free one, off none"),
  redisScan: oneOf(["cluster", "node"])
    .default("cluster")
    .describe("keys that SCAN, KEYS and DBSIZE cover: of the cluster, or of this node"),
  dataDir: z.string().min(1, { error: "a path" }).optional().describe("data directory"),
  durability: oneOf(["fsync", "os", "memory"])
    .default("fsync")
    .describe("when a write is acknowledged: on disk, in the operating system, in memory"),
  peers: z
    .array(peerOrName, { error: "a list of host:port or dns:NAME" })
    .max(64)
    .default([])
    .describe("members to join through: host:port, or dns:NAME"),
  dnsServer: z
    .string()
    .refine((raw) => isServer(raw), { error: "ip or ip:port" })
    .optional()
    .describe("DNS server to ask for dns:NAME, ip:port; by default the system's"),
  zone: z
    .string()
    .refine((zone) => Buffer.byteLength(zone) <= ZONE_BYTES_MAX, {
      error: `at most ${ZONE_BYTES_MAX} bytes`,
    })
    .default("")
    .describe("failure domain: copies are spread over zones"),
  weight: integer(1, WEIGHT_MAX).default(1).describe("share of the slots relative to other nodes"),
  founder: z
    .boolean({ error: "true or false" })
    .default(false)
    .describe("with peers: found the cluster if none of them answers"),
  freeBytesMin: integer(0, FREE_BYTES_MAX)
    .default(FREE_BYTES_DEFAULT)
    .describe("free bytes on the disk below which the node takes no writes; 0 is never"),
  allowedHosts: z
    .array(z.string().regex(/^[A-Za-z0-9._:[\]-]{1,261}$/, { error: "a list of names" }), {
      error: "a list of names",
    })
    .max(64)
    .default([])
    .describe("names by which HTTP clients may address this node, beside its own"),
  drainMs: integer(DRAIN_MS_MIN, DRAIN_MS_MAX)
    .default(DRAIN_MS_DEFAULT)
    .describe("a stop takes no longer, milliseconds"),
  drainNoticeMs: integer(0, DRAIN_MS_MAX)
    .default(0)
    .describe("before a stop, serve on for so long without being ready, milliseconds"),
  removeAfter: duration(REMOVE_AFTER_MS_MIN)
    .optional()
    .describe("remove a member that was dead for so long: 7d, 12h, 90s or milliseconds"),
  scrubMs: integer(SCRUB_MS_MIN, SCRUB_MS_MAX)
    .default(SCRUB_MS_DEFAULT)
    .describe("every stored cell is read and checked within this time, milliseconds"),
  tracesTo: z
    .string({ error: "an http or https URL, or off" })
    .refine((raw) => raw === "off" || isHttpUrl(raw), { error: "an http or https URL, or off" })
    .optional()
    .transform((raw) => (raw === undefined || raw === "off" ? undefined : tracesUrl(raw)))
    .describe(
      "URL of an OpenTelemetry collector that takes traces by OTLP over HTTP; off for none",
    ),
  tracesRatio: z
    .number({ error: "a number from 0 to 1" })
    .min(0, { error: "a number from 0 to 1" })
    .max(1, { error: "a number from 0 to 1" })
    .default(TRACES_RATIO_DEFAULT)
    .describe("part of the requests without a traceparent that are traced"),
  replicas: integer(1, REPLICAS_MAX).optional().describe("copies of every key (whole cluster)"),
  writeQuorum: oneOf(["sloppy", "strict"])
    .optional()
    .describe("strict: refuse a write that does not reach a majority (whole cluster)"),
  keyBytesMax: integer(1, KEY_BYTES_MAX).optional().describe("longest key (whole cluster)"),
  valueBytesMax: integer(1, VALUE_BYTES_MAX).optional().describe("longest value (whole cluster)"),
  graceMs: integer(0, GRACE_MS_MAX)
    .optional()
    .describe("how long a tombstone is kept at least, milliseconds (whole cluster)"),
  insecure: z
    .boolean({ error: "true or false" })
    .default(false)
    .describe("allow an address that is not loopback"),
});

/** What a node is opened with: checked, with defaults. */
export type NodeOptions = z.output<typeof nodeOptionsSchema>;

/**
 * Checks options and fills in defaults.
 *
 * @throws `DndError` `bad-option` that names the option by `nameOf`, its value and what it may be.
 */
export function parseNodeOptions(
  raw: unknown,
  nameOf: (option: string) => string = (option) => option,
): NodeOptions {
  const parsed = nodeOptionsSchema.safeParse(raw);
  if (parsed.success) return checkTogether(parsed.data, nameOf);
  const issue = parsed.error.issues[0];
  if (issue === undefined) throw new DndError("bad-option", "the options are not valid");
  if (issue.code === "unrecognized_keys") {
    const option = issue.keys[0] ?? "";
    throw new DndError("bad-option", `${nameOf(option)} is not an option`, { option });
  }
  const option = String(issue.path[0] ?? "");
  const value = option === "" ? raw : (raw as Record<string, unknown>)[option];
  throw new DndError(
    "bad-option",
    `${nameOf(option)} is ${shown(value)}: must be ${issue.message}`,
    { option },
  );
}

function checkTogether(options: NodeOptions, nameOf: (option: string) => string): NodeOptions {
  if (!options.insecure && !isLoopback(options.address)) {
    throw new DndError(
      "bad-option",
      `${nameOf("address")} is ${options.address}: a node that others can reach needs credentials, which this ` +
        `version does not have; ${nameOf("insecure")} allows it on a network you trust`,
      { option: "address" },
    );
  }
  const { port, serverPort, webPort, redisPort } = options;
  const ports = [
    ["port", port],
    ["serverPort", serverPort],
    ["webPort", webPort],
    ["redisPort", redisPort],
  ] as const;
  for (const [index, [option, value]] of ports.entries()) {
    const twin = ports.slice(0, index).find(([, other]) => other === value);
    if (value === undefined || value === 0 || twin === undefined) continue;
    throw new DndError("bad-option", `${nameOf(option)} and ${nameOf(twin[0])} are both ${value}`, {
      option,
    });
  }
  return options;
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? `"${value}"` : JSON.stringify(value);
  return text === undefined ? "missing" : text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
