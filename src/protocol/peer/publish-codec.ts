/**
 * Publishing as bytes: messages, and who listens.
 *
 *   21 publish              boot u53, sequence u53, is sharded u8, name, message (length u32, bytes)
 *   22 subscriptions        of u8 (0 channel, 1 pattern, 2 shard), kind u8: 0 named: count u32, names;
 *                           1 matching: name
 *   84 publish-reply        receivers u32
 *   85 subscriptions-reply  is whole u8, count u32, then name and count u32 each; no name twice
 *   name                    length u16 (0..32768), bytes
 */
import { assert } from "../../base/assert.ts";
import type { ByteReader } from "../../base/byte-reader.ts";
import type { ByteWriter } from "../../base/byte-writer.ts";
import {
  CHANNEL_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  SUBSCRIPTION_NAMES_BYTES_MAX,
} from "../../model/limits.ts";
import type { PeerReply, PeerRequest } from "../../model/peer-message.ts";
import {
  bytesOfName,
  type SubscriptionKind,
  type SubscriptionQuery,
} from "../../model/publication.ts";
import { Choice, readBootId, readFlag, writeFlag } from "./message-parts.ts";

type RequestOf<Kind extends PeerRequest["kind"]> = Extract<PeerRequest, { kind: Kind }>;
type ReplyOf<Kind extends PeerReply["kind"]> = Extract<PeerReply, { kind: Kind }>;

/** Boot, sequence, flag, two lengths. */
const PUBLISH_FIXED_BYTES = 8 + 8 + 1 + 2 + 4;
/** A length and a count. */
const COUNT_BYTES_MIN = 2 + 4;

const kinds = new Choice<SubscriptionKind>("kind of subscription", {
  channel: 0,
  pattern: 1,
  shard: 2,
});
const questions = new Choice<SubscriptionQuery["kind"]>("question about subscriptions", {
  named: 0,
  matching: 1,
});

export function sizeOfPublish({ channel, message }: RequestOf<"publish">): number {
  return PUBLISH_FIXED_BYTES + channel.length + message.length;
}

export function writePublish(writer: ByteWriter, request: RequestOf<"publish">): void {
  assert(request.message.length <= MESSAGE_BYTES_MAX, "a message is at most MESSAGE_BYTES_MAX");
  writer.u53(request.boot);
  writer.u53(request.sequence);
  writeFlag(writer, request.isSharded);
  writeName(writer, request.channel);
  writer.bytes32(request.message);
}

/** The message is a view of the frame. */
export function readPublish(reader: ByteReader): RequestOf<"publish"> {
  const boot = readBootId(reader);
  const sequence = reader.u53();
  const isSharded = readFlag(reader);
  const channel = readName(reader);
  const message = reader.bytes32();
  if (message.length > MESSAGE_BYTES_MAX) reader.reject(`message of ${message.length} bytes`);
  return { kind: "publish", boot, sequence, channel, message, isSharded };
}

export function sizeOfSubscriptions({ query }: RequestOf<"subscriptions">): number {
  return 16 + (query.kind === "named" ? sizeOfNames(query.names) : query.glob.length);
}

export function writeSubscriptions(
  writer: ByteWriter,
  { query }: RequestOf<"subscriptions">,
): void {
  kinds.write(writer, query.of);
  questions.write(writer, query.kind);
  if (query.kind === "matching") {
    writeName(writer, query.glob);
    return;
  }
  assert(sizeOfNames(query.names) <= SUBSCRIPTION_NAMES_BYTES_MAX, "a question is bounded");
  writer.u32(query.names.length);
  for (const name of query.names) writeName(writer, name);
}

export function readSubscriptions(reader: ByteReader): RequestOf<"subscriptions"> {
  const of = kinds.read(reader);
  if (questions.read(reader) === "matching") {
    return { kind: "subscriptions", query: { kind: "matching", of, glob: readName(reader) } };
  }
  const count = reader.count32(2);
  const names: string[] = [];
  for (let index = 0; index < count; index += 1) names.push(readName(reader));
  if (sizeOfNames(names) > SUBSCRIPTION_NAMES_BYTES_MAX) reader.reject(`${count} names`);
  return { kind: "subscriptions", query: { kind: "named", of, names } };
}

export function sizeOfSubscriptionsReply({ counts }: ReplyOf<"subscriptions-reply">): number {
  return 5 + sizeOfNames(counts.keys());
}

export function writeSubscriptionsReply(
  writer: ByteWriter,
  reply: ReplyOf<"subscriptions-reply">,
): void {
  writeFlag(writer, reply.isWhole);
  writer.u32(reply.counts.size);
  for (const [name, count] of reply.counts) {
    writeName(writer, name);
    writer.u32(count);
  }
}

export function readSubscriptionsReply(reader: ByteReader): ReplyOf<"subscriptions-reply"> {
  const isWhole = readFlag(reader);
  const size = reader.count32(COUNT_BYTES_MIN);
  const counts = new Map<string, number>();
  for (let index = 0; index < size; index += 1) counts.set(readName(reader), reader.u32());
  if (counts.size < size) reader.reject("a name twice");
  return { kind: "subscriptions-reply", counts, isWhole };
}

function sizeOfNames(names: Iterable<string>): number {
  let bytes = 0;
  for (const name of names) bytes += bytesOfName(name);
  return bytes;
}

function writeName(writer: ByteWriter, name: string): void {
  assert(name.length <= CHANNEL_BYTES_MAX, "a name is at most CHANNEL_BYTES_MAX bytes");
  writer.binary16(name);
}

function readName(reader: ByteReader): string {
  const name = reader.binary16();
  return name.length <= CHANNEL_BYTES_MAX ? name : reader.reject("a name too long");
}
