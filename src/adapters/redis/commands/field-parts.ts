/**
 * Hashes and sets written as wholes, in the place of what a key held: by the STORE forms, RENAME and COPY.
 *
 * More than one write holds goes in parts: the first takes the place of what was there, the others add to it. Who reads meanwhile
 * sees a part, and what others write to the key meanwhile stays. Where something fails halfway, a part is left.
 */
import type { Key } from "../../../model/key.ts";
import type { HashEntry, Operation } from "../../../model/operation.ts";
import type { Failure, QuorumReport } from "../../../model/outcome.ts";
import {
  FIELD_OVERHEAD_BYTES,
  FIELDS_BYTES_MAX,
  FIELDS_PER_REQUEST_MAX,
} from "../../../model/selection.ts";
import type { Call } from "../command.ts";
import { noteWrites } from "./fan-out.ts";
import type { ContainerType } from "./one-query.ts";

/** What a key is to hold. */
export interface Content {
  readonly type: ContainerType;
  /** Of a set, with empty values. None: the key is deleted. */
  readonly entries: readonly HashEntry[];
  /** 0 is never. */
  readonly expiresAtMs: number;
}

export interface Replacement {
  readonly call: Call;
  readonly key: Key;
  readonly content: Content;
  /** `absent`: only if the key does not exist. */
  readonly when: "always" | "absent";
}

export type Replaced = "written" | "there-is-one" | Failure;

export function replaceFields(replacement: Replacement, done: (replaced: Replaced) => void): void {
  const { call, key, content, when } = replacement;
  const [first = [], ...rest] = partsOf(content.entries);
  const operations = [firstOperation(content, first, when), ...rest.map(adding(content.type))];
  if (rest.length > 0 && content.expiresAtMs !== 0) {
    // Where the time has passed since the first part, the others have begun a key without one.
    operations.push({ kind: "expire", expiresAtMs: content.expiresAtMs, when: "always" });
  }
  const writes: { readonly quorum: QuorumReport }[] = [];
  const run = (index: number): void => {
    const operation = operations[index];
    if (operation === undefined) {
      noteWrites(call, writes);
      return done("written");
    }
    call.store.operate({ key, operation }, (outcome) => {
      if (outcome.kind === "failed") {
        return done(index === 0 ? outcome : { ...outcome, stored: "maybe" });
      }
      if (outcome.result.kind === "none") return done("there-is-one");
      if (outcome.stamp !== undefined) writes.push(outcome);
      // Somebody has put something of another type in its place: that came after the whole of it.
      run(outcome.result.kind === "fault" ? operations.length : index + 1);
    });
  };
  run(0);
}

/** In as few parts as writes can hold. */
export function partsOf(entries: readonly HashEntry[]): readonly (readonly HashEntry[])[] {
  const parts: HashEntry[][] = [];
  let part: HashEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const added = FIELD_OVERHEAD_BYTES + entry[0].length + entry[1].length;
    const isFull = part.length === FIELDS_PER_REQUEST_MAX || bytes + added > FIELDS_BYTES_MAX;
    if (part.length === 0 || isFull) {
      part = [];
      parts.push(part);
      bytes = 0;
    }
    part.push(entry);
    bytes += added;
  }
  return parts;
}

function firstOperation(
  { type, expiresAtMs }: Content,
  entries: readonly HashEntry[],
  when: "always" | "absent",
): Operation {
  if (type === "hash") return { kind: "hash-replace", entries, expiresAtMs, when };
  return { kind: "set-replace", members: namesOf(entries), expiresAtMs, when };
}

function adding(type: ContainerType): (entries: readonly HashEntry[]) => Operation {
  return (entries) =>
    type === "hash"
      ? { kind: "hash-set", entries, when: "always" }
      : { kind: "set-add", members: namesOf(entries) };
}

function namesOf(entries: readonly HashEntry[]): string[] {
  return entries.map(([name]) => name);
}
