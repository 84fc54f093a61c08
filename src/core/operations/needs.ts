/** What of a key has to be read before an operation can be applied, or a query answered. */
import type { RootCell } from "../../model/cell.ts";
import type { Field } from "../../model/key.ts";
import type { Operation, Query } from "../../model/operation.ts";
import { ROOT_ONLY, type Selection } from "../../model/selection.ts";
import { counterCell, fieldCounter, hashField, setMember } from "../causality/addresses.ts";

export interface Need {
  readonly selection: Selection;
  /** All fields, where the key holds this type. */
  readonly whole: "hash" | "set" | "either" | undefined;
  /** Whether, under a root of a container, it matters that a field of it is visible. */
  readonly isExistenceNeeded: (root: RootCell) => boolean;
}

/** `counterId` is the one under which this node would count. */
export function needOf(operation: Operation, counterId: string): Need {
  switch (operation.kind) {
    case "put-if":
    case "delete-if":
      // A stamp is that of all that the key holds: a field may be younger than its root.
      return {
        selection: ROOT_ONLY,
        whole: operation.condition.kind === "stamp-is" ? "either" : undefined,
        isExistenceNeeded: ALWAYS,
      };
    case "take":
    case "get-expire":
    case "append":
    case "set-range":
    case "set-bit":
    case "add-float":
    case "expire":
    case "persist":
      return { selection: ROOT_ONLY, whole: undefined, isExistenceNeeded: ALWAYS };
    case "set": {
      const isBlind =
        operation.when === "always" && !operation.wantsOld && operation.expiry !== "keep";
      return {
        selection: ROOT_ONLY,
        whole: undefined,
        isExistenceNeeded: isBlind ? NEVER : ALWAYS,
      };
    }
    case "add":
      return of([counterCell(counterId)], ALWAYS);
    case "hash-set":
      return of(
        operation.entries.map(([name]) => hashField(name)),
        adding("hash"),
      );
    case "hash-delete":
      return of(operation.names.map(hashField), other("hash"));
    case "hash-add":
      return of(
        [hashField(operation.name), fieldCounter(operation.name, counterId)],
        adding("hash"),
      );
    case "hash-add-float":
      return of([hashField(operation.name)], adding("hash"));
    case "set-add":
      return of(operation.members.map(setMember), adding("set"));
    case "set-remove":
      return of(operation.members.map(setMember), other("set"));
    case "set-pop":
      return { selection: ROOT_ONLY, whole: "set", isExistenceNeeded: other("set") };
    case "hash-replace":
    case "set-replace":
      return {
        selection: ROOT_ONLY,
        whole: undefined,
        isExistenceNeeded: operation.when === "absent" ? ALWAYS : NEVER,
      };
  }
}

export function needOfQuery(query: Exclude<Query, { kind: "page" }>): Need {
  switch (query.kind) {
    case "summary":
    case "value":
      return { selection: ROOT_ONLY, whole: undefined, isExistenceNeeded: ALWAYS };
    case "hash-get":
      return of(query.names.map(hashField), other("hash"));
    case "set-has":
      return of(query.members.map(setMember), other("set"));
    case "whole":
      return {
        selection: ROOT_ONLY,
        whole: query.type,
        isExistenceNeeded: query.type === "either" ? NEVER : other(query.type),
      };
  }
}

function of(fields: readonly Field[], isExistenceNeeded: Need["isExistenceNeeded"]): Need {
  return { selection: { kind: "fields", fields }, whole: undefined, isExistenceNeeded };
}

const ALWAYS = (): boolean => true;
const NEVER = (): boolean => false;

/** Of another type it is in the way, unless it is empty. */
function other(type: "hash" | "set"): (root: RootCell) => boolean {
  return (root) => root.type !== type;
}

/** What is added to an empty container begins a new key, without the time that the former one had. */
function adding(type: "hash" | "set"): (root: RootCell) => boolean {
  return (root) => root.type !== type || root.expiresAtMs !== 0;
}
