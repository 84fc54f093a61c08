/**
 * Query parameters of every route.
 *
 * Invariant: a parameter that a route does not know, or that is given twice, is an error that names it: a
 * misspelt `w=` must not silently weaken a write. Values stay raw until the parameter's own parser decodes them.
 */
import { type NodeId, parseNodeId } from "../../model/ids.ts";
import { DEADLINE_MS_MAX, LIST_ENTRIES_MAX, REPLICAS_MAX, SLOT_COUNT } from "../../model/limits.ts";
import { parseSlot, type Slot, slotFrom } from "../../model/slot.ts";
import { LOG_LEVELS, type LogLevel } from "../../ports/log.ts";
import { decodeBase64, decodePercent } from "./percent.ts";
import { excerpt, type Problem, problem } from "./problem.ts";

/** Raw values by name. */
export type Parameters = ReadonlyMap<string, string>;

export const NO_PARAMETERS: Parameters = new Map();

/** Parameters in one query. The longest route has seven. */
const PARAMETERS_MAX = 32;
/** Longest time to live, about 3 168 years: the expiry still fits 48 bits of milliseconds. */
const TTL_SECONDS_MAX = 100_000_000_000;
/** Entries a page when the request does not say. */
export const LIST_LIMIT_DEFAULT = 100;

export interface ReadParameters {
  readonly r: number | undefined;
  readonly deadlineMs: number | undefined;
}

export interface WriteParameters {
  readonly w: number | undefined;
  readonly deadlineMs: number | undefined;
  readonly ttlMs: number | undefined;
}

export interface PageParameters {
  /** Binary string. */
  readonly prefix: string;
  readonly limit: number;
  /** As the client sent it; `parseCursor` judges it. */
  readonly cursor: string | undefined;
  readonly withValues: boolean;
  readonly deadlineMs: number | undefined;
}

export interface BulkParameters {
  readonly w: number | undefined;
  readonly deadlineMs: number | undefined;
  /** What becomes of what the key of a line holds already. */
  readonly existing: "replace" | "keep";
}

export interface BackupParameters {
  readonly firstSlot: Slot;
  readonly lastSlot: Slot;
  /** As the client sent it; `parseCursor` judges it. */
  readonly cursor: string | undefined;
  readonly allowsThin: boolean;
  readonly deadlineMs: number | undefined;
}

/** Splits a query; refuses broken escapes in names and names given twice. */
export function parseParameters(query: string): Parameters | Problem {
  const parameters = new Map<string, string>();
  for (const part of query.split("&")) {
    if (part === "") continue;
    const equalsIndex = part.indexOf("=");
    const rawName = equalsIndex < 0 ? part : part.slice(0, equalsIndex);
    const name = decodePercent(rawName, "space");
    if (name === undefined) {
      return problem("bad-escape", "the query holds a % that two hexadecimal digits do not follow");
    }
    if (parameters.has(name)) {
      return problem("bad-parameter", `the parameter ${excerpt(name)} is given twice`, {
        name: excerpt(name),
      });
    }
    if (parameters.size === PARAMETERS_MAX) {
      return problem("bad-parameter", `the query has more than ${PARAMETERS_MAX} parameters`, {
        limit: PARAMETERS_MAX,
      });
    }
    parameters.set(name, equalsIndex < 0 ? "" : part.slice(equalsIndex + 1));
  }
  return parameters;
}

const NO_READ_PARAMETERS: ReadParameters = { r: undefined, deadlineMs: undefined };
const NO_WRITE_PARAMETERS: WriteParameters = {
  w: undefined,
  deadlineMs: undefined,
  ttlMs: undefined,
};

/** `GET` and `HEAD` of a key: `r`, `deadline`. */
export function parseReadParameters(parameters: Parameters): ReadParameters | Problem {
  if (parameters.size === 0) return NO_READ_PARAMETERS;
  return collect(() => {
    refuseUnknown(parameters, ["key64", "r", "deadline"]);
    return { r: quorum(parameters, "r"), deadlineMs: deadline(parameters) };
  });
}

/** `PUT` and `POST` of a key: `w`, `ttl`, `deadline`. */
export function parsePutParameters(parameters: Parameters): WriteParameters | Problem {
  if (parameters.size === 0) return NO_WRITE_PARAMETERS;
  return collect(() => {
    refuseUnknown(parameters, ["key64", "w", "ttl", "deadline"]);
    return {
      w: quorum(parameters, "w"),
      deadlineMs: deadline(parameters),
      ttlMs: seconds(parameters, "ttl", TTL_SECONDS_MAX),
    };
  });
}

/** Each line of a bulk request: `w`, `deadline`, and `existing`. */
export function parseBulkParameters(parameters: Parameters): BulkParameters | Problem {
  return collect(() => {
    refuseUnknown(parameters, ["key64", "w", "deadline", "existing"]);
    const existing = parameters.get("existing") ?? "replace";
    if (existing !== "replace" && existing !== "keep") {
      throw new Refusal(bad("existing", existing, "existing is replace or keep"));
    }
    return { w: quorum(parameters, "w"), deadlineMs: deadline(parameters), existing };
  });
}

/** `DELETE` of a key: `w`, `deadline`. */
export function parseDeleteParameters(parameters: Parameters): WriteParameters | Problem {
  if (parameters.size === 0) return NO_WRITE_PARAMETERS;
  return collect(() => {
    refuseUnknown(parameters, ["key64", "w", "deadline"]);
    return { w: quorum(parameters, "w"), deadlineMs: deadline(parameters), ttlMs: undefined };
  });
}

/** `GET /kv`: `prefix` or `prefix64`, `limit`, `cursor`, `values`, `deadline`. */
export function parseListParameters(parameters: Parameters): PageParameters | Problem {
  return collect(() => {
    refuseUnknown(parameters, ["prefix", "prefix64", "limit", "cursor", "values", "deadline"]);
    return {
      prefix: bytes(parameters, "prefix") ?? "",
      limit: limit(parameters),
      cursor: parameters.get("cursor"),
      withValues: flag(parameters, "values"),
      deadlineMs: deadline(parameters),
    };
  });
}

/** `GET /cluster/dump`: `limit`, `cursor`. */
export function parseDumpParameters(parameters: Parameters): PageParameters | Problem {
  return collect(() => {
    refuseUnknown(parameters, ["limit", "cursor"]);
    return {
      prefix: "",
      limit: limit(parameters),
      cursor: parameters.get("cursor"),
      withValues: false,
      deadlineMs: undefined,
    };
  });
}

/** `POST /cluster/backup`: `first`, `last`, `cursor`, `thin`, `deadline`. */
export function parseBackupParameters(parameters: Parameters): BackupParameters | Problem {
  return collect(() => {
    refuseUnknown(parameters, ["first", "last", "cursor", "thin", "deadline"]);
    const firstSlot = slot(parameters, "first") ?? slotFrom(0);
    const lastSlot = slot(parameters, "last") ?? slotFrom(SLOT_COUNT - 1);
    if (firstSlot > lastSlot) {
      throw new Refusal(bad("last", String(lastSlot), `last is not below first, ${firstSlot}`));
    }
    return {
      firstSlot,
      lastSlot,
      cursor: parameters.get("cursor"),
      allowsThin: flag(parameters, "thin"),
      deadlineMs: deadline(parameters),
    };
  });
}

/** `GET /cluster/locate`: `key` or `key64`, as a binary string. */
export function parseLocateParameters(parameters: Parameters): { readonly key: string } | Problem {
  return collect(() => {
    refuseUnknown(parameters, ["key", "key64"]);
    const key = bytes(parameters, "key");
    if (key === undefined)
      throw new Refusal(bad("key", "", "the parameter key or key64 is missing"));
    return { key };
  });
}

/** `POST /cluster/remove`: `node`, an id. */
export function parseRemoveParameters(parameters: Parameters): { readonly node: NodeId } | Problem {
  return collect(() => {
    refuseUnknown(parameters, ["node"]);
    const raw = parameters.get("node") ?? "";
    const node = parseNodeId(raw);
    if (node === undefined) throw new Refusal(bad("node", raw, "node is an id of 16 hex digits"));
    return { node };
  });
}

/** `?level=` of a log. */
export function parseLogLevel(parameters: Parameters): { readonly level: LogLevel } | Problem {
  return collect(() => {
    refuseUnknown(parameters, ["level"]);
    const raw = parameters.get("level") ?? "";
    const level = LOG_LEVELS.find((known) => known === raw);
    if (level === undefined)
      throw new Refusal(bad("level", raw, `level is one of ${LOG_LEVELS.join(", ")}`));
    return { level };
  });
}

/** Routes without parameters. */
export function parseNoParameters(parameters: Parameters): { readonly kind: "none" } | Problem {
  return collect(() => {
    refuseUnknown(parameters, []);
    return { kind: "none" };
  });
}

/** Carries a problem out of the small parsers below; never leaves this file. */
class Refusal extends Error {
  readonly problem: Problem;
  constructor(cause: Problem) {
    super(cause.detail);
    this.problem = cause;
  }
}

function collect<Result extends object>(parse: () => Result): Result | Problem {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Refusal) return error.problem;
    throw error;
  }
}

function bad(name: string, value: string, detail: string): Problem {
  return problem("bad-parameter", detail, { name, value: excerpt(value) });
}

function refuseUnknown(parameters: Parameters, known: readonly string[]): void {
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    const names = known.length === 0 ? "it takes none" : `it takes ${known.join(", ")}`;
    const detail = `the parameter ${excerpt(name)} is not known here: ${names}`;
    throw new Refusal(problem("unknown-parameter", detail, { name: excerpt(name) }));
  }
}

function quorum(parameters: Parameters, name: "r" | "w"): number | undefined {
  return integer(parameters, name, REPLICAS_MAX);
}

function limit(parameters: Parameters): number {
  return integer(parameters, "limit", LIST_ENTRIES_MAX) ?? LIST_LIMIT_DEFAULT;
}

function integer(parameters: Parameters, name: string, max: number): number | undefined {
  const raw = parameters.get(name);
  if (raw === undefined) return undefined;
  const value = /^[0-9]{1,9}$/.test(raw) ? Number(raw) : 0;
  if (value < 1 || value > max) {
    throw new Refusal(
      problem("bad-parameter", `${name} is an integer from 1 to ${max}`, {
        name,
        value: excerpt(raw),
        limit: max,
      }),
    );
  }
  return value;
}

function slot(parameters: Parameters, name: "first" | "last"): Slot | undefined {
  const raw = parameters.get(name);
  if (raw === undefined) return undefined;
  const found = /^[0-9]{1,5}$/.test(raw) ? parseSlot(Number(raw)) : undefined;
  if (found !== undefined) return found;
  throw new Refusal(bad(name, raw, `${name} is a slot, from 0 to ${SLOT_COUNT - 1}`));
}

function deadline(parameters: Parameters): number | undefined {
  return seconds(parameters, "deadline", DEADLINE_MS_MAX / 1_000);
}

/** Decimal seconds as whole milliseconds, rounded up so that a positive time never becomes none. */
function seconds(parameters: Parameters, name: string, max: number): number | undefined {
  const raw = parameters.get(name);
  if (raw === undefined) return undefined;
  const match = /^([0-9]{1,12})(?:\.([0-9]{1,9}))?$/.exec(raw);
  const fraction = (match?.[2] ?? "").padEnd(9, "0");
  const ms =
    match === null ? 0 : Number(match[1]) * 1_000 + Math.ceil(Number(fraction) / 1_000_000);
  if (ms < 1 || ms > max * 1_000) {
    const detail = `${name} is a number of seconds above 0 and at most ${max}`;
    throw new Refusal(problem("bad-parameter", detail, { name, value: excerpt(raw), limit: max }));
  }
  return ms;
}

function flag(parameters: Parameters, name: string): boolean {
  const raw = parameters.get(name);
  if (raw === undefined || raw === "false") return false;
  if (raw === "true") return true;
  throw new Refusal(bad(name, raw, `${name} is true or false`));
}

/** Bytes by `name`, form-encoded, or by `name` and `64`, in base64; not both. */
function bytes(parameters: Parameters, name: "key" | "prefix"): string | undefined {
  const raw = parameters.get(name);
  const raw64 = parameters.get(`${name}64`);
  if (raw !== undefined && raw64 !== undefined) {
    throw new Refusal(bad(name, raw, `${name} and ${name}64 are both given`));
  }
  if (raw !== undefined) {
    const decoded = decodePercent(raw, "space");
    if (decoded !== undefined) return decoded;
    throw new Refusal(
      problem("bad-escape", `${name} holds a % that two hexadecimal digits do not follow`),
    );
  }
  if (raw64 === undefined) return undefined;
  const text = decodePercent(raw64);
  const decoded = text === undefined ? undefined : decodeBase64(text);
  if (decoded !== undefined) return decoded;
  throw new Refusal(bad(`${name}64`, raw64, `${name}64 is not base64 or base64url`));
}
