/**
 * How many slots are in which state: worked out here from the members, by the same function of them as in every node.
 *
 * Invariant: it is shown only where it comes to the node's own epoch: another version of it may place slots elsewhere.
 */
import { Placement } from "../core/placement/placement.ts";
import { majority } from "../core/replication/quorum.ts";
import { type NodeId, parseNodeId } from "../model/ids.ts";
import { MEMBERS_MAX, REPLICAS_MAX, SLOT_COUNT } from "../model/limits.ts";
import type { Intent } from "../model/member.ts";
import { slotFrom } from "../model/slot.ts";
import type { ClusterView } from "./cluster-view.ts";

/** From the best to the worst. */
export const SLOT_HEALTHS = ["whole", "moving", "short", "minority", "none"] as const;
/**
 * `whole`: all primaries answer. `moving`: and somebody takes over, or leaves. `short`: some primary does not answer. `minority`:
 * most do not. `none`: none does.
 */
export type SlotHealth = (typeof SLOT_HEALTHS)[number];

export type SlotHealths = Readonly<Record<SlotHealth, number>>;

const WEIGHT_MAX = 64;
const INTENTS: readonly Intent[] = ["joining", "active", "leaving", "left", "removing", "removed"];

/** `undefined` where this command and the node do not place slots alike. */
export function slotHealths({ members, shared, epoch }: ClusterView): SlotHealths | undefined {
  const replicas = shared["replicas"];
  if (!isWithin(replicas, REPLICAS_MAX) || members.length > MEMBERS_MAX) return undefined;
  const placed: { id: NodeId; intent: Intent; zone: string; weight: number }[] = [];
  const alive = new Set<NodeId>();
  for (const { id: rawId, intent: rawIntent, zone, weight, liveness } of members) {
    const id = parseNodeId(rawId);
    const intent = INTENTS.find((known) => known === rawIntent);
    if (id === undefined || intent === undefined || !isWithin(weight, WEIGHT_MAX)) return undefined;
    if (placed.some((other) => other.id === id)) return undefined;
    placed.push({ id, intent, zone, weight });
    if (liveness !== "dead") alive.add(id);
  }
  const placement = new Placement({ members: placed, replicas });
  if (placement.epoch !== Number.parseInt(epoch, 16)) return undefined;
  const counts = { whole: 0, moving: 0, short: 0, minority: 0, none: 0 };
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) counts[healthOf(placement, slot, alive)] += 1;
  return counts;
}

function isWithin(value: unknown, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= max;
}

function healthOf(placement: Placement, index: number, alive: ReadonlySet<NodeId>): SlotHealth {
  const { primaries, pending } = placement.planOf(slotFrom(index));
  let answering = 0;
  for (const id of primaries) if (alive.has(id)) answering += 1;
  if (answering === 0) return "none";
  if (answering < majority(primaries.length)) return "minority";
  if (answering < primaries.length) return "short";
  return pending.length === 0 ? "whole" : "moving";
}

/**
 * Shares of `cells` places for each amount, by the greatest remainder; whatever is there at all gets one place at least, so
 * that one slot in 16 384 is seen.
 */
export function placesFor(amounts: readonly number[], cells: number): readonly number[] {
  const total = amounts.reduce((sum, amount) => sum + amount, 0);
  if (total === 0) return amounts.map(() => 0);
  const exact = amounts.map((amount) => (amount * cells) / total);
  const places = exact.map((share, index) =>
    amounts[index] === 0 ? 0 : Math.max(1, Math.floor(share)),
  );
  for (;;) {
    const off = cells - places.reduce((sum, count) => sum + count, 0);
    if (off === 0) return places;
    const step = Math.sign(off);
    // Who is furthest from what it should have.
    let chosen = -1;
    for (const [index, count] of places.entries()) {
      if (amounts[index] === 0 || (step < 0 && count <= 1)) continue;
      const gap = (place: number): number => step * ((exact[place] ?? 0) - (places[place] ?? 0));
      if (chosen < 0 || gap(index) > gap(chosen)) chosen = index;
    }
    if (chosen < 0) return places;
    places[chosen] = (places[chosen] ?? 0) + step;
  }
}
