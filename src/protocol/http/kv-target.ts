/**
 * Request targets: which key an address names.
 *
 * Invariant: keys are bytes, decoded once from the raw target. No URL is parsed and nothing is normalised:
 * `/kv/%FF`, `/kv/%25FF`, `/kv/..`, `/kv/a/../b` and `/kv//a` are five keys. What a client's own URL library
 * rewrites before it sends is reachable by `?key64=`. Source: RFC 9112 section 3.2, RFC 3986 section 2.1.
 */
import { keyFault } from "../../model/key.ts";
import { decodeBase64, decodePercent, encodeBase64, encodePercent } from "./percent.ts";
import { excerpt, isProblem, type Problem, problem } from "./problem.ts";
import { NO_PARAMETERS, type Parameters, parseParameters } from "./query.ts";

/** The parts of a raw request target, nothing decoded. */
export interface RawTarget {
  /** Of an absolute-form target; it stands above the Host header. */
  readonly authority: string | undefined;
  readonly path: string;
  /** Without its `?`; empty when there is none. */
  readonly query: string;
}

export type KvTarget =
  | { readonly kind: "key"; readonly key: string; readonly parameters: Parameters }
  /** `/kv` itself: listing and bulk. */
  | { readonly kind: "collection"; readonly parameters: Parameters }
  /** Not below `/kv`. */
  | { readonly kind: "elsewhere" }
  | Problem;

const ELSEWHERE: KvTarget = { kind: "elsewhere" };
const KEY_PREFIX = "/kv/";

/** Splits a target in origin form or absolute form; `undefined` for any other. */
export function splitTarget(rawTarget: string): RawTarget | undefined {
  let authority: string | undefined;
  let path = rawTarget;
  if (rawTarget.charCodeAt(0) !== 0x2f) {
    const match = /^https?:\/\/([^/?#]+)/i.exec(rawTarget);
    if (match === null) return undefined;
    authority = match[1];
    path = rawTarget.slice(match[0].length);
    if (path.charCodeAt(0) !== 0x2f) path = `/${path}`;
  }
  const queryIndex = path.indexOf("?");
  if (queryIndex < 0) return { authority, path, query: "" };
  return { authority, path: path.slice(0, queryIndex), query: path.slice(queryIndex + 1) };
}

/** Which key, or the collection of all, `rawTarget` names. Lengths are `keyProblem`'s to judge. */
export function parseKvTarget(rawTarget: string): KvTarget {
  const target = splitTarget(rawTarget);
  if (target === undefined) {
    return problem(
      "bad-target",
      `the target ${excerpt(rawTarget)} is neither a path nor an http address`,
    );
  }
  const { path } = target;
  const isCollection = path === "/kv";
  if (!isCollection && !path.startsWith(KEY_PREFIX)) return ELSEWHERE;
  // A fragment has no place in a request, so nobody agrees on whether it belongs to the path.
  if (rawTarget.includes("#"))
    return problem("bad-target", "the target holds a #; write %23 for that byte");

  const parameters = target.query === "" ? NO_PARAMETERS : parseParameters(target.query);
  if (isProblem(parameters)) return parameters;

  const key64 = parameters.get("key64");
  if (key64 !== undefined)
    return keyFromParameter(key64, isCollection ? "" : path.slice(4), parameters);
  if (isCollection) return { kind: "collection", parameters };

  const key = decodePercent(path.slice(KEY_PREFIX.length));
  if (key === undefined) {
    return problem(
      "bad-escape",
      "the key holds a % that two hexadecimal digits do not follow; write %25 for a %",
    );
  }
  return { kind: "key", key, parameters };
}

function keyFromParameter(key64: string, rest: string, parameters: Parameters): KvTarget {
  if (rest !== "") {
    return problem("bad-target", "the target names one key in its path and one by key64");
  }
  const text = decodePercent(key64);
  const key = text === undefined ? undefined : decodeBase64(text);
  if (key === undefined) {
    return problem("bad-parameter", "key64 is not base64 or base64url", {
      name: "key64",
      value: excerpt(key64),
    });
  }
  return { kind: "key", key, parameters };
}

/** What is wrong with the bytes of a key, with limit and value; `undefined` if nothing is. */
export function keyProblem(binary: string, bytesMax: number): Problem | undefined {
  switch (keyFault(binary, bytesMax)) {
    case "empty":
      return problem("key-empty", "a key is 1 byte or longer", { limit: 1, value: 0 });
    case "too-long":
      return problem("key-too-long", `the key is ${binary.length} bytes, max ${bytesMax}`, {
        limit: bytesMax,
        value: binary.length,
      });
    case "reserved":
      return problem(
        "bad-parameter",
        "keys that begin with two zero bytes and dnd: are the store's own",
        {
          name: "key",
          value: excerpt(binary),
        },
      );
    default:
      return undefined;
  }
}

/** The target that names `key` (a binary string, not empty) through any URL library; parameters may follow after `?` or `&`. */
export function formatKvTarget(key: string): string {
  const isDirectory = key === "." || key === "..";
  return isDirectory ? `/kv?key64=${encodeBase64(key)}` : `${KEY_PREFIX}${encodePercent(key)}`;
}
