/** The 16 384 slots with those who hold them, each combination of holders once: a cluster of any size in some 50 KB. */
import type { NodeId } from "../../model/ids.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import { slotFrom } from "../../model/slot.ts";
import type { Store } from "../../node/store.ts";
import type { SlotMap } from "../../protocol/http/live.ts";
import { formatEpoch } from "./cluster-json.ts";

type Holders = SlotMap["holders"][number];
type Placed = Pick<SlotMap, "holders" | "slots">;

export class SlotMaps {
  readonly #store: Store;
  #epoch: number | undefined;
  #placed: Placed = { holders: [], slots: "" };

  constructor(store: Store) {
    this.#store = store;
  }

  now(): SlotMap {
    const { epoch, shared, members } = this.#store.status();
    if (epoch !== this.#epoch) {
      this.#placed = place(this.#store);
      this.#epoch = epoch;
    }
    const missing: Record<string, string> = {};
    for (const { record } of members) {
      const bits = this.#store.insight.missingAt(record.id);
      if (bits !== undefined) missing[record.id] = Buffer.from(bits).toString("base64");
    }
    return { epoch: formatEpoch(epoch), replicas: shared.replicas, ...this.#placed, missing };
  }
}

function place(store: Store): Placed {
  const holders: Holders[] = [];
  const indices = new Map<string, number>();
  const slots = Buffer.alloc(2 * SLOT_COUNT);
  for (let number = 0; number < SLOT_COUNT; number += 1) {
    const slot = slotFrom(number);
    const primaries = store.primariesOf(slot);
    const pending = store.insight.pendingOf(slot);
    const name = `${primaries.join()} ${pending.join()}`;
    let index = indices.get(name);
    if (index === undefined) {
      index = holders.length;
      indices.set(name, index);
      holders.push({ primaries: idsOf(primaries), pending: idsOf(pending) });
    }
    slots.writeUInt16LE(index, 2 * number);
  }
  return { holders, slots: slots.toString("base64") };
}

function idsOf(nodes: readonly NodeId[]): readonly string[] {
  return [...nodes];
}
