/**
 * Who belongs, as decided: one record per member, merged.
 *
 * Invariant: merging is commutative, associative and idempotent, so that all nodes end with equal tables in whatever
 * order records reach them. Intent only goes forward: a node that crashed before its disk knew of its own decision must
 * not take back places that others hold by now, or give back ones whose holders have dropped their cells. Within one
 * stage the greater (boots, version) wins; where even those are equal (a copied disk, a forger) the order of the other
 * fields decides, the same on every node.
 * Source: DeCandia et al., "Dynamo" (SOSP 2007), section 4.8.1: explicit membership apart from failure detection.
 */
import { assert } from "../../base/assert.ts";
import type { NodeId } from "../../model/ids.ts";
import { MEMBERS_MAX } from "../../model/limits.ts";
import type { Intent, MemberRecord } from "../../model/member.ts";

const INTENT_ORDER: Readonly<Record<Intent, number>> = {
  joining: 0,
  active: 1,
  leaving: 2,
  left: 3,
  removing: 4,
  removed: 5,
};

/** How far a member has come. A removal and a leave are one stage: who is to be removed and returns may leave instead. */
const STAGE: Readonly<Record<Intent, number>> = {
  joining: 0,
  active: 1,
  leaving: 2,
  removing: 2,
  left: 3,
  removed: 4,
};

/** Whether `intent` comes later than `other` in the life of a member. */
export function isLaterThan(intent: Intent, other: Intent): boolean {
  return STAGE[intent] > STAGE[other];
}

/** Members of these intents are neither probed nor counted. */
export function isGone(record: MemberRecord): boolean {
  return record.intent === "left" || record.intent === "removed";
}

/** Negative, zero (equal in every field) or positive: the greater record is the one to keep. */
export function compareRecords(a: MemberRecord, b: MemberRecord): number {
  assert(a.id === b.id, "records of one member are compared");
  return (
    STAGE[a.intent] - STAGE[b.intent] ||
    a.boots - b.boots ||
    a.version - b.version ||
    a.boot - b.boot ||
    INTENT_ORDER[a.intent] - INTENT_ORDER[b.intent] ||
    a.weight - b.weight ||
    compareText(a.address, b.address) ||
    compareText(a.httpAddress, b.httpAddress) ||
    compareText(a.redisAddress, b.redisAddress) ||
    compareText(a.zone, b.zone)
  );
}

export class IntentTable {
  readonly #records = new Map<NodeId, MemberRecord>();
  #sorted: readonly MemberRecord[] | undefined;

  get size(): number {
    return this.#records.size;
  }

  get(id: NodeId): MemberRecord | undefined {
    return this.#records.get(id);
  }

  /** Keeps the greater of what is known and `record`; whether that changed anything. A full table takes no new member. */
  merge(record: MemberRecord): boolean {
    const known = this.#records.get(record.id);
    if (known === undefined && this.#records.size >= MEMBERS_MAX) return false;
    if (known !== undefined && compareRecords(record, known) <= 0) return false;
    this.#records.set(record.id, record);
    this.#sorted = undefined;
    return true;
  }

  /** All records in the order of ids. */
  sorted(): readonly MemberRecord[] {
    this.#sorted ??= [...this.#records.values()].sort((a, b) => compareText(a.id, b.id));
    return this.#sorted;
  }
}

/** Code unit order: equal on every platform. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
