/**
 * Bodies of the messages by which deleted keys are collected (docs/protocol/peer.md, decision 0010).
 *
 *   mark          stamp: how high to raise it; NO_STAMP only asks
 *   mark-reply    stamp, held by u8 (0 grace, 1 writes in flight, 2 foreign cells, 3 not ready)
 *   raise-floor   stamp, slots
 *   floor-reply   generation u53
 *   collect       stamp, generation u53, slots
 *   slots         see `slot-order.ts`
 */
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import type { MarkHolder, PeerReply, PeerRequest } from "../../model/peer-message.ts";
import { Choice, readStamp, writeStamp } from "./message-parts.ts";
import { readSlots, writeSlots } from "./slot-order.ts";

type MessageOf<Kind extends (PeerRequest | PeerReply)["kind"]> = Extract<
  PeerRequest | PeerReply,
  { kind: Kind }
>;

const holders = new Choice<MarkHolder>("holder of a mark", {
  grace: 0,
  "writes-in-flight": 1,
  "foreign-cells": 2,
  "not-ready": 3,
});

export function writeRaiseFloor(writer: ByteWriter, message: MessageOf<"raise-floor">): void {
  writeStamp(writer, message.floor);
  writeSlots(writer, message.slots);
}

export function readRaiseFloor(reader: ByteReader): MessageOf<"raise-floor"> {
  const floor = readStamp(reader);
  return { kind: "raise-floor", floor, slots: readSlots(reader) };
}

export function writeCollect(writer: ByteWriter, message: MessageOf<"collect">): void {
  writeStamp(writer, message.upTo);
  writer.u53(message.generation);
  writeSlots(writer, message.slots);
}

export function readCollect(reader: ByteReader): MessageOf<"collect"> {
  const upTo = readStamp(reader);
  const generation = reader.u53();
  return { kind: "collect", upTo, generation, slots: readSlots(reader) };
}

export function writeMarkReply(writer: ByteWriter, reply: MessageOf<"mark-reply">): void {
  writeStamp(writer, reply.mark);
  holders.write(writer, reply.heldBy);
}

export function readMarkReply(reader: ByteReader): MessageOf<"mark-reply"> {
  const mark = readStamp(reader);
  return { kind: "mark-reply", mark, heldBy: holders.read(reader) };
}
