/**
 * Flushing: one write a slot, of the tombstone that takes away all that the slot holds.
 *
 * Invariant: a flush is a write like any other, so what was acknowledged in a slot before it began is below it, and what
 * is acknowledged after it was answered is above. Slots are flushed side by side, not at one moment.
 */
import { flushKeyOf } from "../core/placement/flush-keys.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { Key } from "../model/key.ts";
import { LIST_ENTRIES_MAX, SLOT_COUNT } from "../model/limits.ts";
import type {
  Failure,
  FlushOutcome,
  ListOutcome,
  QuorumReport,
  WriteOutcome,
} from "../model/outcome.ts";
import type { ListRequest } from "../model/request.ts";
import { type Slot, slotFrom } from "../model/slot.ts";
import { cursorAtSlot } from "./list-cursor.ts";

/** Slots under way at once. */
const AT_ONCE_MAX = 256;
/** With keys in more slots than this, looking for those that have none costs more than flushing them. */
const FOUND_MAX = 2_048;

export interface FlushPorts {
  readonly remainingMs: () => number;
  readonly list: (request: ListRequest, done: (outcome: ListOutcome) => void) => void;
  readonly remove: (key: Key, deadlineMs: number, done: (outcome: WriteOutcome) => void) => void;
}

type Done = (outcome: FlushOutcome) => void;

/** Flushes these slots, or all that hold a key. */
export function flushSlots(
  ports: FlushPorts,
  slots: readonly Slot[] | undefined,
  done: Done,
): void {
  if (slots !== undefined) return new Flush(ports, slots, done).start();
  findSlots(ports, (found) => {
    if ("kind" in found) done(found);
    else new Flush(ports, found, done).start();
  });
}

/** The slots that hold a key; all, where many do, or some could not be looked at by enough. */
function findSlots(ports: FlushPorts, done: (found: readonly Slot[] | Failure) => void): void {
  const found = new Set<Slot>();
  const page = (cursor: string | undefined): void => {
    const deadlineMs = ports.remainingMs();
    const request = { prefix: "", limit: LIST_ENTRIES_MAX, cursor, withValues: false, deadlineMs };
    ports.list(request, (outcome) => {
      if (outcome.kind === "failed") return done(outcome);
      for (const { key } of outcome.entries) found.add(slotOfKey(key));
      // What too few have looked at may hold keys, and what nobody has flushed would keep them.
      const isUnsure = outcome.isPartial === true || found.size > FOUND_MAX;
      if (outcome.next === undefined && !isUnsure) return done([...found]);
      if (isUnsure) {
        return done(Array.from({ length: SLOT_COUNT }, (_, index) => slotFrom(index)));
      }
      // One key of a slot is enough: on with the next.
      const last = outcome.entries.at(-1);
      const slot = last === undefined ? undefined : slotOfKey(last.key);
      if (slot === undefined) page(outcome.next);
      else if (slot + 1 >= SLOT_COUNT) done([...found]);
      else page(cursorAtSlot(slotFrom(slot + 1)));
    });
  };
  page(undefined);
}

class Flush {
  readonly #ports: FlushPorts;
  readonly #slots: readonly Slot[];
  readonly #done: Done;
  #next = 0;
  #underWay = 0;
  #failure: Failure | undefined;
  #least: QuorumReport | undefined;
  #isStarting = false;

  constructor(ports: FlushPorts, slots: readonly Slot[], done: Done) {
    this.#ports = ports;
    this.#slots = slots;
    this.#done = done;
  }

  start(): void {
    // One may end within its start: a loop here, not calls inside one another.
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#underWay < AT_ONCE_MAX && this.#next < this.#slots.length) {
      if (this.#failure !== undefined) break;
      const slot = this.#slots[this.#next] as Slot;
      this.#next += 1;
      this.#underWay += 1;
      this.#ports.remove(flushKeyOf(slot), this.#ports.remainingMs(), (outcome) =>
        this.#onRemoved(outcome),
      );
    }
    this.#isStarting = false;
    if (this.#underWay === 0) this.#finish();
  }

  #onRemoved(outcome: WriteOutcome): void {
    this.#underWay -= 1;
    if (outcome.kind === "failed") this.#failure ??= outcome;
    else if (outcome.kind === "written") {
      const { quorum } = outcome;
      if (this.#least === undefined || quorum.acks < this.#least.acks) this.#least = quorum;
    }
    this.start();
  }

  #finish(): void {
    const quorum = this.#least ?? { acks: 0, of: 0, hinted: 0 };
    if (this.#failure === undefined) {
      this.#done({ kind: "flushed", slots: this.#slots.length, quorum });
      return;
    }
    // Some slots may be flushed, so that nothing was stored cannot be said.
    const stored = this.#next > 1 ? "maybe" : this.#failure.stored;
    this.#done({ ...this.#failure, stored });
  }
}
