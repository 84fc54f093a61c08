/**
 * Placement: which nodes hold which slot, as a pure function of the membership.
 *
 * Invariant: two nodes that know the same members compute the same lists and the same epoch; there is no ring to
 * agree on. One member that comes or goes changes at most one primary of a slot. Every node that could become a
 * primary once those who join have joined, and those who leave have left, in any order, is pending before it is one.
 * Source: DeCandia et al., "Dynamo" (SOSP 2007), section 6.2, strategy 3; docs/ARCHITECTURE.md, "Placement".
 */
import { assert } from "../../base/assert.ts";
import { binaryFromText } from "../../base/binary.ts";
import { hash53, hashBinary } from "../../base/hash.ts";
import { type Epoch, epochFrom, type NodeId } from "../../model/ids.ts";
import { MEMBERS_MAX, REPLICAS_MAX, SLOT_COUNT } from "../../model/limits.ts";
import type { Intent, MemberRecord } from "../../model/member.ts";
import { type Slot, slotFrom } from "../../model/slot.ts";
import { type Draws, drawsOf, scoreOf } from "./rendezvous.ts";

/** What placement needs to know of a member. */
export type PlacementMember = Pick<MemberRecord, "id" | "intent" | "zone" | "weight">;

/** What a placement is made from. */
export interface PlacementSource {
  /** In any order; those who left or were removed are passed over. At most MEMBERS_MAX that matter. */
  readonly members: Iterable<PlacementMember>;
  /** Copies wanted, N: 1..REPLICAS_MAX. */
  readonly replicas: number;
}

/** How many slots a node holds. */
export interface SlotShare {
  /** Slots in which it is the first primary. */
  readonly firstSlots: number;
  /** Slots in which it is a primary. */
  readonly primarySlots: number;
}

/** Whether a member of this intent holds slots today. */
export function holdsSlots(intent: Intent): boolean {
  return intent === "active" || intent === "leaving" || intent === "removing";
}

interface Candidate {
  readonly id: NodeId;
  readonly intent: Intent;
  /** Number of the zone: equal for equal zones. */
  readonly zone: number;
  readonly draws: Draws;
}

/**
 * Lists of a slot, and of others with the same order of members. Requests ask for them all, and few of them look for a fallback:
 * that one is made when it is asked for.
 */
export class SlotLists {
  readonly primaries: readonly NodeId[];
  readonly pending: readonly NodeId[];
  readonly #placement: Placement;
  readonly #slot: Slot;
  #fallbacks: readonly NodeId[] | undefined;

  constructor(placement: Placement, slot: Slot, plan: SlotHolders) {
    this.primaries = plan.primaries;
    this.pending = plan.pending;
    this.#placement = placement;
    this.#slot = slot;
  }

  get fallbacks(): readonly NodeId[] {
    this.#fallbacks ??= this.#placement
      .preferenceList(this.#slot)
      .filter((id) => !this.primaries.includes(id) && !this.pending.includes(id));
    return this.#fallbacks;
  }
}

/** In which slots one member is a primary or pending, one byte each: looked up in the lists once. */
export class SlotRoles {
  readonly #placement: Placement;
  readonly #id: NodeId;
  readonly #roles = new Uint8Array(SLOT_COUNT);

  constructor(placement: Placement, id: NodeId) {
    this.#placement = placement;
    this.#id = id;
  }

  /** Whether it holds the slot today, or may do so next. */
  isHolder(slot: Slot): boolean {
    let role = this.#roles[slot] as number;
    if (role === UNKNOWN) {
      role = this.#placement.isHolder(slot, this.#id) ? HOLDER : STRANGER;
      this.#roles[slot] = role;
    }
    return role === HOLDER;
  }
}

const UNKNOWN = 0;
const HOLDER = 1;
const STRANGER = 2;

interface SlotHolders {
  readonly primaries: readonly NodeId[];
  readonly pending: readonly NodeId[];
}

/** Room for an index below a score of 43 bits: a power of two, and no less than MEMBERS_MAX. */
const INDEX_SPAN = 1_024;

/** Up to so many members there are few orders (720), and slots of the same one have their lists in common: they stay in the processor's cache. */
const MEMBERS_WITH_COMMON_LISTS = 6;

/** So many scores are sorted by insertion: a call of the engine costs more. */
const FEW = 16;

const NOBODY: readonly NodeId[] = Object.freeze([]);

/** Immutable. Lists are made when a slot is first asked for, and kept; they must not be changed. */
export class Placement {
  /** A version of the member list; 0 when there are no members. */
  readonly epoch: Epoch;
  /** Copies wanted, N. */
  readonly replicas: number;
  /** Copies there can be: min(N, members that hold slots today). 0 when none does. */
  readonly effectiveReplicas: number;
  /** Everybody who holds slots today or will, in order of id. */
  readonly memberIds: readonly NodeId[];
  /** Nobody comes or goes: there is no pending node in any slot. */
  readonly isSettled: boolean;
  /** Members that will not come back, by an operator's word: what only they hold is given up. */
  readonly removingIds: readonly NodeId[];

  readonly #candidates: readonly Candidate[];
  readonly #zoneCount: number;
  readonly #plans: SlotLists[] = [];
  /** Of each slot: 1 and the index of its plan; 0 before there is one. */
  readonly #planNumbers = new Uint16Array(SLOT_COUNT);
  /** Of few members: numbers of plans, by the order of members. */
  readonly #planNumbersByOrder = new Map<number, number>();
  /** Slot by slot, once there is a plan: the indices of all candidates, the greatest score first. */
  readonly #orders: Uint16Array;
  readonly #scratch: Float64Array;
  #shares: ReadonlyMap<NodeId, SlotShare> | undefined;
  readonly #roles = new Map<NodeId, SlotRoles>();

  constructor(source: PlacementSource) {
    const { replicas } = source;
    assert(
      Number.isInteger(replicas) && replicas >= 1 && replicas <= REPLICAS_MAX,
      "replicas are 1..16",
    );
    const members = sortedMembers(source.members);
    const zones = new Map<string, number>();
    for (const { zone } of members) if (!zones.has(zone)) zones.set(zone, zones.size);

    this.epoch = epochOf(members);
    this.replicas = replicas;
    this.effectiveReplicas = Math.min(replicas, members.filter((m) => holdsSlots(m.intent)).length);
    this.memberIds = members.map((member) => member.id);
    this.#candidates = members.map((member) => ({
      id: member.id,
      intent: member.intent,
      zone: zones.get(member.zone) as number,
      draws: drawsOf(member.id, member.weight),
    }));
    this.#zoneCount = zones.size;
    this.removingIds = members.filter((m) => m.intent === "removing").map(({ id }) => id);
    this.isSettled = members.every((member) => member.intent === "active");
    this.#orders = new Uint16Array(SLOT_COUNT * members.length);
    this.#scratch = new Float64Array(members.length);
  }

  /** The members that hold slots today, in the order in which they are responsible for `slot`, zones aside. */
  preferenceList(slot: Slot): readonly NodeId[] {
    const ids: NodeId[] = [];
    this.#plan(slot);
    for (const index of this.#order(slot)) {
      const candidate = this.#candidates[index] as Candidate;
      if (holdsSlots(candidate.intent)) ids.push(candidate.id);
    }
    return ids;
  }

  /** Who holds `slot` today: `effectiveReplicas` nodes, in distinct zones while there are any; the first leads. */
  primaries(slot: Slot): readonly NodeId[] {
    return this.#plan(slot).primaries;
  }

  /** Who is not a primary but may be one next: gets every write, and has no vote in reads. Often nobody. */
  pending(slot: Slot): readonly NodeId[] {
    return this.#plan(slot).pending;
  }

  /** Who keeps cells for absent primaries: the rest of the preference list, in order. */
  fallbacks(slot: Slot): readonly NodeId[] {
    return this.#plan(slot).fallbacks;
  }

  /** All three lists of a slot. */
  planOf(slot: Slot): SlotLists {
    return this.#plan(slot);
  }

  isPrimary(slot: Slot, id: NodeId): boolean {
    return this.#plan(slot).primaries.includes(id);
  }

  isPending(slot: Slot, id: NodeId): boolean {
    return this.#plan(slot).pending.includes(id);
  }

  /** As `isHolder`, for those who ask often. Kept once made. */
  rolesOf(id: NodeId): SlotRoles {
    let roles = this.#roles.get(id);
    if (roles === undefined) {
      roles = new SlotRoles(this, id);
      this.#roles.set(id, roles);
    }
    return roles;
  }

  /** Whether a member is to hold `slot`, now or soon. */
  isHolder(slot: Slot, id: NodeId): boolean {
    const { primaries, pending } = this.#plan(slot);
    return primaries.includes(id) || pending.includes(id);
  }

  /** Whether a member neither comes nor goes. */
  isStaying(id: NodeId): boolean {
    return this.#candidates.some((member) => member.id === id && member.intent === "active");
  }

  /** What each member holds, all slots counted; members that hold none are there with zeros. Kept once made. */
  slotShares(): ReadonlyMap<NodeId, SlotShare> {
    this.#shares ??= this.#countShares();
    return this.#shares;
  }

  #countShares(): ReadonlyMap<NodeId, SlotShare> {
    const counts = new Map(this.memberIds.map((id) => [id, { firstSlots: 0, primarySlots: 0 }]));
    for (let index = 0; index < SLOT_COUNT; index += 1) {
      const primaries = this.primaries(slotFrom(index));
      for (let rank = 0; rank < primaries.length; rank += 1) {
        const count = counts.get(primaries[rank] as NodeId);
        assert(count !== undefined, "a primary is a member");
        if (rank === 0) count.firstSlots += 1;
        count.primarySlots += 1;
      }
    }
    return counts;
  }

  #plan(slot: Slot): SlotLists {
    let number = this.#planNumbers[slot] as number;
    if (number === 0) {
      number = this.#makePlan(slot);
      this.#planNumbers[slot] = number;
    }
    return this.#plans[number - 1] as SlotLists;
  }

  /** Answers with the number of the slot's plan. */
  #makePlan(slot: Slot): number {
    this.#sort(slot);
    if (this.#candidates.length > MEMBERS_WITH_COMMON_LISTS) {
      return this.#plans.push(new SlotLists(this, slot, this.#holders(slot)));
    }
    let order = 0;
    for (const index of this.#order(slot)) order = order * MEMBERS_WITH_COMMON_LISTS + index;
    let number = this.#planNumbersByOrder.get(order);
    if (number === undefined) {
      number = this.#plans.push(new SlotLists(this, slot, this.#holders(slot)));
      this.#planNumbersByOrder.set(order, number);
    }
    return number;
  }

  /** Puts the candidates of a slot in their order. */
  #sort(slot: Slot): void {
    // A score and the candidate's index fit one number, which the engine sorts several times as fast as by a
    // comparison. Candidates stand in order of id, so the index settles a tie as the id would.
    const scratch = this.#scratch;
    const { length } = scratch;
    for (let index = 0; index < length; index += 1) {
      const { draws } = this.#candidates[index] as Candidate;
      scratch[index] = scoreOf(slot, draws) * INDEX_SPAN + (INDEX_SPAN - 1 - index);
    }
    if (length <= FEW) sortFew(scratch);
    else scratch.sort();
    const first = slot * length;
    for (let rank = 0; rank < length; rank += 1) {
      const packed = scratch[length - 1 - rank] as number;
      this.#orders[first + rank] = INDEX_SPAN - 1 - (packed & (INDEX_SPAN - 1));
    }
  }

  #holders(slot: Slot): SlotHolders {
    if (this.#zoneCount === 1) return this.#chooseByOrder(slot * this.#candidates.length);
    const order = this.#order(slot);
    const primaries = this.#choose(order, (candidate) => holdsSlots(candidate.intent));
    const pending = this.isSettled ? NOBODY : this.#choosePending(order, primaries);
    return { primaries, pending };
  }

  /**
   * What `#choose` and `#choosePending` come to where there is one zone: the first N who hold slots are the primaries,
   * and whoever else has fewer than N active members before it is pending. Each node makes all lists at each change.
   */
  #chooseByOrder(first: number): SlotHolders {
    const primaries: NodeId[] = [];
    let pending: NodeId[] | undefined;
    let active = 0;
    for (let rank = 0; rank < this.#candidates.length && active < this.replicas; rank += 1) {
      const { id, intent } = this.#candidates[this.#orders[first + rank] as number] as Candidate;
      if (holdsSlots(intent) && primaries.length < this.replicas) primaries.push(id);
      else if (pending === undefined) pending = [id];
      else pending.push(id);
      if (intent === "active") active += 1;
    }
    return { primaries, pending: pending ?? NOBODY };
  }

  #order(slot: Slot): Uint16Array {
    const { length } = this.#candidates;
    return this.#orders.subarray(slot * length, (slot + 1) * length);
  }

  /**
   * Every other member that is a primary among the active ones alone, or among them and itself. The second is what
   * covers several changes at once: adding a member never makes a primary of a third one, so whoever is a primary
   * after some joined and some left is one beside the active members alone.
   */
  #choosePending(order: Uint16Array, primaries: readonly NodeId[]): readonly NodeId[] {
    const next = this.#choose(order, (candidate) => candidate.intent === "active");
    const pending: NodeId[] = [];
    for (const index of order) {
      const member = this.#candidates[index] as Candidate;
      if (primaries.includes(member.id)) continue;
      const isNext =
        member.intent === "active"
          ? next.includes(member.id)
          : this.#choose(
              order,
              (candidate) => candidate.intent === "active" || candidate === member,
            ).includes(member.id);
      if (isNext) pending.push(member.id);
    }
    return pending.length === 0 ? NOBODY : pending;
  }

  /** The first N accepted candidates in zones of their own; where zones run out, the first of the others. */
  #choose(order: Uint16Array, accepts: (candidate: Candidate) => boolean): readonly NodeId[] {
    const chosen: NodeId[] = [];
    const others: NodeId[] = [];
    const zones: number[] = [];
    for (const index of order) {
      const candidate = this.#candidates[index] as Candidate;
      if (!accepts(candidate)) continue;
      if (!zones.includes(candidate.zone)) {
        zones.push(candidate.zone);
        chosen.push(candidate.id);
      } else if (others.length < this.replicas) {
        others.push(candidate.id);
      }
      const isFull = chosen.length === this.replicas;
      const isLastZone = chosen.length === this.#zoneCount;
      if (isFull || (isLastZone && chosen.length + others.length >= this.replicas)) break;
    }
    for (const id of others) if (chosen.length < this.replicas) chosen.push(id);
    return chosen;
  }
}

/** The members that matter, in order of id. */
function sortedMembers(members: Iterable<PlacementMember>): PlacementMember[] {
  const sorted: PlacementMember[] = [];
  for (const member of members) {
    if (holdsSlots(member.intent) || member.intent === "joining") sorted.push(member);
  }
  assert(sorted.length <= Math.min(MEMBERS_MAX, INDEX_SPAN), "members are within their bound");
  sorted.sort((a, b) => (a.id < b.id ? -1 : 1));
  for (let index = 1; index < sorted.length; index += 1) {
    assert(sorted[index]?.id !== sorted[index - 1]?.id, "a member is listed once");
  }
  return sorted;
}

/** Hashes what decides the placement, one member a line; the zone comes last, after its length, for it may be anything. */
function epochOf(sorted: readonly PlacementMember[]): Epoch {
  if (sorted.length === 0) return epochFrom(0);
  let text = "";
  for (const { id, intent, weight, zone } of sorted) {
    const zoneBytes = binaryFromText(zone);
    text += `${id} ${intent} ${weight} ${zoneBytes.length} ${zoneBytes}\n`;
  }
  // Zero says "no members".
  return epochFrom(Math.max(hash53(hashBinary(text)), 1));
}

function sortFew(numbers: Float64Array): void {
  for (let next = 1; next < numbers.length; next += 1) {
    const one = numbers[next] as number;
    let place = next;
    while (place > 0 && (numbers[place - 1] as number) > one) {
      numbers[place] = numbers[place - 1] as number;
      place -= 1;
    }
    numbers[place] = one;
  }
}
