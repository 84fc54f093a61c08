/** Operations on a key that holds a set, or nothing. */
import type { Operation } from "../../model/operation.ts";
import { setMember } from "../causality/addresses.ts";
import {
  type Applied,
  type ApplyContext,
  type CellChange,
  changed,
  changedAll,
  fieldChange,
  fieldTombstone,
  integer,
  isPast,
  replacingContainer,
  replacingField,
  restated,
  TOMBSTONE,
  unchanged,
} from "./changes.ts";
import type { KeyView } from "./key-view.ts";

export type SetOperation = Extract<
  Operation,
  { kind: "set-add" | "set-remove" | "set-pop" | "set-replace" }
>;

const MEMBER = { type: "set", payload: new Uint8Array(0) } as const;
/** What one pop takes at most, whatever it is asked for: members whose removal fits one write, and they themselves one answer. */
export const POP_MEMBERS_MAX = 32_768;
export const POP_BYTES_MAX: number = 8 * 1024 * 1024;

export function applyToSet(operation: SetOperation, view: KeyView, context: ApplyContext): Applied {
  switch (operation.kind) {
    case "set-add":
      return addMembers(operation.members, view);
    case "set-remove":
      return removeMembers(operation.members, view);
    case "set-pop":
      return pop(operation.count, view, context);
    case "set-replace":
      return replaceSet(operation.members, operation.expiresAtMs, view.nowMs);
  }
}

function addMembers(members: readonly string[], view: KeyView): Applied {
  const changes: CellChange[] = [restated(view, "set")];
  for (const member of new Set(members)) {
    if (!isMember(member, view)) changes.push(memberChange(member));
  }
  const added = changes.length - 1;
  return added === 0 ? unchanged(integer(0)) : changedAll(integer(added), changes);
}

function removeMembers(members: readonly string[], view: KeyView): Applied {
  const present = [...new Set(members)].filter((member) => isMember(member, view));
  return changedAll(integer(present.length), present.map(removal));
}

/** Chosen one by one among those that are left: each as likely as any other. */
function pop(count: number, view: KeyView, { below }: ApplyContext): Applied {
  const left = [...view.names("set")];
  const names: string[] = [];
  const most = Math.min(count, POP_MEMBERS_MAX);
  let bytes = 0;
  while (names.length < most && left.length > 0 && bytes < POP_BYTES_MAX) {
    const index = below(left.length);
    const last = left.pop() as string;
    const name = index === left.length ? last : (left[index] as string);
    names.push(name);
    bytes += name.length;
    if (index < left.length) left[index] = last;
  }
  return changedAll({ kind: "names", names }, names.map(removal));
}

function replaceSet(members: readonly string[], expiresAtMs: number, nowMs: number): Applied {
  const distinct = new Set(members);
  const result = integer(distinct.size);
  if (distinct.size === 0 || isPast(expiresAtMs, nowMs)) return changed(result, TOMBSTONE);
  const changes = [replacingContainer("set", expiresAtMs)];
  for (const member of distinct) changes.push(replacingField(setMember(member), MEMBER));
  return changedAll(result, changes);
}

function isMember(member: string, view: KeyView): boolean {
  return view.current?.type === "set" && view.isLive(setMember(member));
}

function memberChange(member: string): CellChange {
  return fieldChange(setMember(member), MEMBER);
}

function removal(member: string): CellChange {
  return fieldTombstone(setMember(member), "set");
}
