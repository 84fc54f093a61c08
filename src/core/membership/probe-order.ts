/**
 * Whom to probe next: by turns the successor in the ring of ids, and a member of a shuffled round.
 *
 * The shuffled round is SWIM's: every member is probed once a round, in an order nobody shares. The successor bounds
 * the wait: each live member is probed by its predecessor in every second interval, however large the cluster, where
 * chance alone would leave one unprobed for several intervals. If the predecessor is dead as well, the shuffle remains.
 */
import type { NodeId } from "../../model/ids.ts";
import type { Random } from "../../ports/random.ts";

export class ProbeOrder {
  readonly #random: Random;
  readonly #self: NodeId;
  #round: NodeId[] = [];
  #isSuccessorsTurn = true;

  constructor(self: NodeId, random: Random) {
    this.#self = self;
    this.#random = random;
  }

  /**
   * One of `targets`, which are in the order of ids, without this node; `undefined` when there are none. A successor
   * under suspicion is passed over for the next one: of neighbours that crash together each is found.
   */
  next(targets: readonly NodeId[], isSuspect: (id: NodeId) => boolean): NodeId | undefined {
    if (targets.length === 0) return undefined;
    this.#isSuccessorsTurn = !this.#isSuccessorsTurn;
    if (!this.#isSuccessorsTurn) return this.#successor(targets, isSuspect);
    const eligible = new Set(targets);
    for (;;) {
      const id = this.#round.pop();
      if (id === undefined) this.#round = shuffle(targets, this.#random);
      else if (eligible.has(id)) return id;
    }
  }

  #successor(targets: readonly NodeId[], isSuspect: (id: NodeId) => boolean): NodeId | undefined {
    const after = targets.find((id) => id > this.#self && !isSuspect(id));
    return after ?? targets.find((id) => !isSuspect(id)) ?? targets[0];
  }
}

/** A shuffled copy (Fisher-Yates). */
export function shuffle<Item>(items: readonly Item[], random: Random): Item[] {
  const shuffled = items.slice();
  for (let index = shuffled.length - 1; index > 0; index -= 1) {
    const other = random.below(index + 1);
    const held = shuffled[index] as Item;
    shuffled[index] = shuffled[other] as Item;
    shuffled[other] = held;
  }
  return shuffled;
}

/** At most `count` different items, in random order; costs `count`, not the length. */
export function sample<Item>(items: readonly Item[], count: number, random: Random): Item[] {
  if (count >= items.length) return shuffle(items, random);
  const picked = new Set<number>();
  while (picked.size < count) picked.add(random.below(items.length));
  return [...picked].map((index) => items[index] as Item);
}
