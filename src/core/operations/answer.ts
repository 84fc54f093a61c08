/** What a query is answered, from what a read quorum holds. */
import type { HashEntry, Query, QueryResult } from "../../model/operation.ts";
import { setMember } from "../causality/addresses.ts";
import type { KeyView } from "./key-view.ts";

const NO_BYTES = new Uint8Array(0);
const NONE: QueryResult = { kind: "none" };
const WRONG_TYPE: QueryResult = { kind: "fault", fault: "wrong-type" };

/** Answers from a view of all that the query needs (`needOfQuery`). */
export function answerQuery(query: Exclude<Query, { kind: "page" }>, view: KeyView): QueryResult {
  const { type, current } = view;
  switch (query.kind) {
    case "summary":
      if (current === undefined || type === undefined) return NONE;
      return {
        kind: "summary",
        type,
        expiresAtMs: current.expiresAtMs,
        stamp: view.stamp,
        contentType: current.contentType,
      };
    case "value": {
      const bytes = view.text();
      if (bytes !== undefined) return { kind: "bytes", bytes };
      return type === undefined ? NONE : WRONG_TYPE;
    }
    case "hash-get":
      if (type !== undefined && type !== "hash") return WRONG_TYPE;
      return { kind: "values", values: query.names.map((name) => view.hashValue(name)) };
    case "set-has": {
      if (type !== undefined && type !== "set") return WRONG_TYPE;
      const values = query.members.map((member) =>
        type === "set" && view.isLive(setMember(member)) ? NO_BYTES : undefined,
      );
      return { kind: "values", values };
    }
    case "whole": {
      const wanted = query.type;
      if (type === "string" || (type !== undefined && wanted !== "either" && type !== wanted)) {
        return WRONG_TYPE;
      }
      const shown = type ?? (wanted === "either" ? undefined : wanted);
      if (shown === undefined) return NONE;
      return pageOf(view, shown, undefined);
    }
  }
}

/** The visible fields, or members, of what was read, in byte order; `next` as it is to be told. */
export function pageOf(
  view: KeyView,
  type: "hash" | "set",
  next: string | undefined,
): Extract<QueryResult, { kind: "page" }> {
  const entries: HashEntry[] = [];
  for (const name of view.names(type)) {
    entries.push([name, type === "hash" ? (view.hashValue(name) ?? NO_BYTES) : NO_BYTES]);
  }
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const expiresAtMs = view.current?.expiresAtMs ?? 0;
  return { kind: "page", type, entries, next, expiresAtMs, stamp: view.stamp };
}
