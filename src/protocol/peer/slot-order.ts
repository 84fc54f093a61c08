/**
 * Slots of a message, in ascending order and none twice: whoever walks storage by them goes forward only.
 *
 *   slots         count u16, then each as u16
 */
import { assert } from "../../base/assert.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import type { Slot } from "../../model/slot.ts";
import { readSlot } from "./message-parts.ts";

export class WrittenOrder {
  #last = -1;

  write(writer: ByteWriter, slot: Slot): void {
    assert(slot > this.#last, "slots are in ascending order");
    this.#last = slot;
    writer.u16(slot);
  }
}

export class ReadOrder {
  #last = -1;

  read(reader: ByteReader): Slot {
    const slot = readSlot(reader);
    if (slot <= this.#last) reader.reject("slots are not in ascending order");
    this.#last = slot;
    return slot;
  }
}

export function writeSlots(writer: ByteWriter, slots: readonly Slot[]): void {
  writer.u16(slots.length);
  const order = new WrittenOrder();
  for (const slot of slots) order.write(writer, slot);
}

export function readSlots(reader: ByteReader): readonly Slot[] {
  const count = reader.count16(2);
  const slots: Slot[] = [];
  const order = new ReadOrder();
  for (let index = 0; index < count; index += 1) slots.push(order.read(reader));
  return slots;
}
