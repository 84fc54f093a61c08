/**
 * `traceparent` and `tracestate` as callers send them: W3C Trace Context, level 1, sections 3.2 and 3.3.
 *
 * Invariant: whatever the headers hold, the answer is a context within its bounds, or none. What is malformed is ignored, as
 * the Recommendation asks: without a `traceparent` there is no trace, and without a `tracestate` there is one all the same.
 */
import { TRACE_STATE_BYTES_MAX, type TraceContext } from "../../model/trace.ts";

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** Of no version that will ever be. */
const NO_VERSION = "ff";
/** The version that is known here: others may say more behind what it has. */
const VERSION = "00";
/** A `traceparent` of a later version may be longer, but need not be looked at for ever. */
const PARENT_CHARACTERS_MAX = 512;
const NOTHING = /^0+$/;

const STATE_MEMBERS_MAX = 32;
/** A key, perhaps of a tenant at a system, and a value; empty members are allowed. */
const STATE_MEMBER =
  /^[ \t]*(?:(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~])?[ \t]*$/;

/** What a caller's headers say of the trace it is in. */
export function parseTraceContext(
  parent: string | undefined,
  state: string | undefined,
): TraceContext | undefined {
  // A program that embeds a node may pass whatever it likes.
  if (typeof parent !== "string" || parent.length > PARENT_CHARACTERS_MAX) return undefined;
  const [, version, traceId, spanId, flags, rest] = PARENT.exec(parent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === NO_VERSION || (version === VERSION && rest !== undefined)) return undefined;
  if (NOTHING.test(traceId) || NOTHING.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16), state: stateOf(state) };
}

function stateOf(raw: string | undefined): string {
  if (typeof raw !== "string" || raw.length > TRACE_STATE_BYTES_MAX) return "";
  const members = raw.split(",");
  if (members.length > STATE_MEMBERS_MAX) return "";
  if (!members.every((member) => STATE_MEMBER.test(member))) return "";
  const kept = members.map((member) => member.trim()).filter((member) => member !== "");
  const names = new Set(kept.map((member) => member.slice(0, member.indexOf("="))));
  return names.size === kept.length ? kept.join(",") : "";
}
