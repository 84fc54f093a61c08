import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "../../base/checksum.ts";
import { Prng } from "../../base/prng.ts";
import {
  BOOTS_MAX,
  type Datagram,
  GOSSIP_ENVELOPE_BYTES_MAX,
  type GossipMessage,
  type GossipUpdate,
  gossipUpdateBytes,
  INCARNATION_MAX,
  VERSION_MAX,
} from "../../model/gossip-message.ts";
import { type Address, bootIdFrom, clusterIdFrom, epochFrom, nodeIdFrom } from "../../model/ids.ts";
import { DATAGRAM_BYTES_MAX } from "../../model/limits.ts";
import type { Intent, Liveness, MemberRecord } from "../../model/member.ts";
import { decodeDatagram, encodeDatagram } from "./gossip-codec.ts";

const clusterId = clusterIdFrom(0x01234567, 0x89abcdef);
const header = {
  clusterId,
  clockMs: 2 ** 48 - 1,
  clockCounter: 65_535,
  epoch: epochFrom(Number.MAX_SAFE_INTEGER),
};
const sender = {
  id: nodeIdFrom(0xffffffff, 0xffffffff),
  boot: bootIdFrom(Number.MAX_SAFE_INTEGER),
  boots: BOOTS_MAX,
  version: VERSION_MAX,
  incarnation: INCARNATION_MAX,
};
const longest = `${"h".repeat(255)}:65535` as Address;
const record: MemberRecord = {
  id: nodeIdFrom(1, 2),
  address: longest,
  httpAddress: longest,
  redisAddress: longest,
  intent: "active",
  zone: "é".repeat(32),
  weight: 64,
  boots: BOOTS_MAX,
  version: VERSION_MAX,
  boot: bootIdFrom(5),
};

function randomUpdate(random: Prng): GossipUpdate {
  const liveness: Liveness = random.pick(["alive", "suspect", "dead"]);
  const incarnation = random.below(INCARNATION_MAX + 1);
  const id = nodeIdFrom(random.next32(), random.next32());
  if (random.chance(1, 2)) {
    return { kind: "liveness", id, liveness, incarnation, by: nodeIdFrom(random.next32(), 0) };
  }
  const intents: readonly Intent[] = [
    "joining",
    "active",
    "leaving",
    "left",
    "removing",
    "removed",
  ];
  const host = "x".repeat(1 + random.below(255));
  return {
    kind: "record",
    liveness,
    incarnation,
    record: {
      id,
      address: `${host}:${1 + random.below(65_535)}` as Address,
      httpAddress: random.chance(1, 2) ? "" : "[::1]:6000",
      redisAddress: random.chance(1, 2) ? "" : "[::1]:6400",
      intent: random.pick(intents),
      zone: "zü".slice(0, random.below(3)),
      weight: 1 + random.below(64),
      boots: 1 + random.below(BOOTS_MAX),
      version: random.below(VERSION_MAX + 1),
      boot: bootIdFrom(random.next53()),
    },
  };
}

function randomMessage(random: Prng): GossipMessage {
  const updates: GossipUpdate[] = [];
  for (let left = random.below(3); left > 0; left -= 1) updates.push(randomUpdate(random));
  const probe = random.next32();
  const target = nodeIdFrom(random.next32(), random.next32());
  const kind = random.pick(["ping", "ack", "ping-request", "nack", "gossip"] as const);
  if (kind === "gossip") return { kind, sender, updates };
  if (kind === "ping" && random.chance(1, 2)) {
    return { kind, sender, updates, probe, target: undefined };
  }
  return { kind, sender, updates, probe, target };
}

test("every message is read back as it was written", () => {
  const random = new Prng(1);
  for (let times = 0; times < 2_000; times += 1) {
    const message = randomMessage(random);
    const datagram: Datagram = { header, message };
    assert.deepEqual(decodeDatagram(encodeDatagram(header, message), clusterId), {
      kind: "decoded",
      value: datagram,
    });
  }
});

test("the envelope and each update take as many bytes as their senders reckon with", () => {
  const empty = { kind: "nack", sender, probe: 1, target: sender.id, updates: [] } as const;
  const envelope = encodeDatagram(header, empty).length;
  assert.equal(envelope, GOSSIP_ENVELOPE_BYTES_MAX);
  const random = new Prng(2);
  for (let times = 0; times < 500; times += 1) {
    const update = randomUpdate(random);
    const length = encodeDatagram(header, { ...empty, updates: [update] }).length;
    assert.equal(length - envelope, gossipUpdateBytes(update));
  }
});

test("a datagram keeps its bound: what does not fit is left out, smaller news still goes", () => {
  const big: GossipUpdate = { kind: "record", record, liveness: "alive", incarnation: 1 };
  const small: GossipUpdate = {
    kind: "liveness",
    id: record.id,
    liveness: "dead",
    incarnation: 9,
    by: sender.id,
  };
  const bytes = encodeDatagram(header, {
    kind: "gossip",
    sender,
    updates: [big, big, ...Array.from({ length: 100 }, () => small)],
  });
  assert.ok(bytes.length <= DATAGRAM_BYTES_MAX);
  const decoded = decodeDatagram(bytes, clusterId);
  assert.equal(decoded.kind, "decoded");
  if (decoded.kind !== "decoded") return;
  const { updates } = decoded.value.message;
  assert.equal(updates.filter((update) => update.kind === "record").length, 1);
  assert.ok(updates.length > 8);
});

test("a datagram of another cluster is named so, not read", () => {
  const other = clusterIdFrom(9, 9);
  const bytes = encodeDatagram(
    { ...header, clusterId: other },
    { kind: "gossip", sender, updates: [] },
  );
  assert.deepEqual(decodeDatagram(bytes, clusterId), { kind: "other-cluster", clusterId: other });
});

test("garbage, cut and altered datagrams give a reason and never throw", () => {
  const random = new Prng(3);
  for (let times = 0; times < 3_000; times += 1) {
    const bytes = Uint8Array.from(encodeDatagram(header, randomMessage(random)));
    const way = random.below(4);
    if (way === 0) bytes.fill(random.below(256), random.below(bytes.length));
    const at = random.below(bytes.length);
    const before = bytes[at];
    if (way === 1) bytes[at] = random.below(256);
    const isSame = way === 1 && bytes[at] === before;
    const noise = Uint8Array.from({ length: random.below(1_300) }, () => random.below(256));
    const given = way === 2 ? bytes.subarray(0, at) : way === 3 ? noise : bytes;
    const decoded = decodeDatagram(given, clusterId);
    if (way === 0 || isSame) continue;
    assert.equal(decoded.kind, "malformed", `round ${times}`);
  }
});

// Goal: the checks behind the checksum hold as well. Method: alter the body and mend the checksum, as a forger would.
test("fields out of range are refused though the checksum is right", () => {
  const random = new Prng(4);
  let refused = 0;
  for (let times = 0; times < 5_000; times += 1) {
    const bytes = Buffer.from(encodeDatagram(header, randomMessage(random)));
    const at = 30 + random.below(bytes.length - 30);
    bytes[at] = random.below(256);
    bytes.writeUInt32BE(crc32(bytes.subarray(6)), 2);
    const decoded = decodeDatagram(bytes, clusterId);
    if (decoded.kind === "malformed") refused += 1;
    if (decoded.kind !== "decoded") continue;
    const again = encodeDatagram(decoded.value.header, decoded.value.message);
    assert.deepEqual(Buffer.from(again), bytes, "what is let through is exactly what was sent");
  }
  assert.ok(refused > 300, `${refused} refused`);
});
