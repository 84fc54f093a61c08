/**
 * Commands that come to a question about the fields of one key: the question, and what is made of the answer.
 *
 * Invariant: as in `one-key.ts`. A key that holds another type is answered as such, one that does not exist as an empty one.
 */
import { assert } from "../../../base/assert.ts";
import type { Key } from "../../../model/key.ts";
import { DEADLINE_MS_MAX } from "../../../model/limits.ts";
import type { HashEntry, Query, QueryResult } from "../../../model/operation.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call } from "../command.ts";
import { failureReply, faultReply } from "../failures.ts";

type Answer<Kind extends QueryResult["kind"]> = Extract<QueryResult, { kind: Kind }>;
export type ContainerType = "hash" | "set";
export type FieldPage = Answer<"page">;

/** What some fields hold: `undefined` for those that are not there. */
export function askValues(
  call: Call,
  key: Key,
  query: Extract<Query, { kind: "hash-get" | "set-has" }>,
  done: (values: readonly (Uint8Array | undefined)[]) => void,
): void {
  ask(call, key, query, "values", ({ values }) => done(values));
}

/** All that a hash or set has, in byte order. Bounded (`WHOLE_FIELDS_MAX`): an error beyond. */
export function answerWhole(
  call: Call,
  key: Key,
  type: ContainerType,
  shown: (entries: readonly HashEntry[]) => Reply,
): void {
  ask(call, key, { kind: "whole", type }, "page", ({ entries }) => call.reply(shown(entries)));
}

/** One page of what a hash or set has. */
export function askPage(
  call: Call,
  key: Key,
  query: Extract<Query, { kind: "page" }>,
  done: (page: FieldPage) => void,
): void {
  ask(call, key, query, "page", done);
}

/** An answer of another kind than is asked for would be a mistake of the store's. */
function ask<Kind extends "values" | "page">(
  call: Call,
  key: Key,
  query: Query,
  kind: Kind,
  done: (answer: Answer<Kind>) => void,
): void {
  // A large one takes many reads, one after another.
  const deadlineMs = query.kind === "whole" ? DEADLINE_MS_MAX : undefined;
  call.store.query({ key, query, deadlineMs }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    const { result } = outcome;
    if (result.kind === "fault") return call.reply(faultReply(result.fault));
    assert(result.kind === kind, "a question is answered in its own kind");
    done(result as Answer<Kind>);
  });
}
