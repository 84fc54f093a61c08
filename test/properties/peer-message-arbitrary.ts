/** Random messages between nodes, of every kind and near every bound, for the codec's laws. */
import fc from "fast-check";
import type { EncodedCell } from "../../src/model/cell.ts";
import type { Condition } from "../../src/model/condition.ts";
import type { SharedConfig } from "../../src/model/config.ts";
import { BOOTS_MAX, INCARNATION_MAX, VERSION_MAX } from "../../src/model/gossip-message.ts";
import {
  type Address,
  type BootId,
  type ClusterId,
  epochFrom,
  type NodeId,
} from "../../src/model/ids.ts";
import type { Field, Key } from "../../src/model/key.ts";
import {
  CHANNEL_BYTES_MAX,
  KEY_BYTES_MAX,
  SLOT_COUNT,
  VALUE_BYTES_MAX,
} from "../../src/model/limits.ts";
import type { MemberRecord, MembershipState } from "../../src/model/member.ts";
import type { Operation, OperationOutcome, OperationResult } from "../../src/model/operation.ts";
import type { FailureCode, QuorumReport } from "../../src/model/outcome.ts";
import type { FrameHeader, PeerMessage, Refusal } from "../../src/model/peer-message.ts";
import { WIRE_VERSION, WIRE_VERSION_LEAST } from "../../src/model/peer-message.ts";
import { FIELDS_PER_PAGE_MAX, type Selection } from "../../src/model/selection.ts";
import { type Slot, slotFrom } from "../../src/model/slot.ts";
import type { Stamp } from "../../src/model/stamp.ts";
import { TRACE_STATE_BYTES_MAX, type TraceContext } from "../../src/model/trace.ts";

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const u53 = fc.maxSafeNat();
const flag = fc.boolean();

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const binary = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: byte, minLength, maxLength });

const hex = fc.constantFrom(..."0123456789abcdef".split(""));
const id = fc.string({ unit: hex, minLength: 16, maxLength: 16 });
const nodeId = id.map((text) => text as NodeId);
const clusterId = id.map((text) => text as ClusterId);
const nodeIds = fc.array(nodeId, { maxLength: 5 });
const boot = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map((value) => value as BootId);
const address = fc
  .constantFrom("127.0.0.1:5000", "[::1]:65535", "a-host.example:1")
  .map((text) => text as Address);
const slot: fc.Arbitrary<Slot> = fc.integer({ min: 0, max: SLOT_COUNT - 1 }).map(slotFrom);
const stamp: fc.Arbitrary<Stamp> = fc.record({ ms: u48, counter: u16, boot: u53 });
const key: fc.Arbitrary<Key> = fc
  .oneof(
    { weight: 20, arbitrary: binary(1, 40) },
    { weight: 1, arbitrary: fc.constant("k".repeat(KEY_BYTES_MAX)) },
  )
  .map((text) => text as Key);
const field = fc.option(
  binary(0, 20).map((text) => text as Field),
  { nil: undefined },
);
const bytes = fc.uint8Array({ maxLength: 60 });
const position = binary(0, 60);
const text = fc.string({ unit: "grapheme", maxLength: 30 });

const cell: fc.Arbitrary<EncodedCell> = fc.record({ field, bytes });
const cells = fc.array(cell, { maxLength: 4 });
const keyedCells = fc.array(fc.record({ key, field, bytes }), { maxLength: 4 });
const digest = fc.record({ field, stamp, checksum: u32 });
const named = binary(0, 20).map((name) => name as Field);
const selection: fc.Arbitrary<Selection> = fc.oneof(
  fc.constant({ kind: "root" as const }),
  fc.record({ kind: fc.constant("fields" as const), fields: fc.array(named, { maxLength: 4 }) }),
  fc.record({
    kind: fc.constant("range" as const),
    prefix: named,
    after: named,
    limit: fc.integer({ min: 1, max: FIELDS_PER_PAGE_MAX }),
  }),
);
const slots: fc.Arbitrary<readonly Slot[]> = fc
  .uniqueArray(slot, { maxLength: 4 })
  .map((all) => all.sort((a, b) => a - b));
/** Something for each of a few slots, in their order. */
const perSlot = <Part extends object>(
  part: fc.Arbitrary<Part>,
): fc.Arbitrary<readonly (Part & { readonly slot: Slot })[]> =>
  fc
    .tuple(slots, fc.array(part, { minLength: 4, maxLength: 4 }))
    .map(([all, parts]) => all.map((one, index) => ({ ...(parts[index] as Part), slot: one })));
const slotCells = perSlot(fc.record({ collected: stamp, cells: keyedCells }));
const leafSet = fc.uint8Array({ minLength: 32, maxLength: 32 });
const hashes = (hashesMax: number): fc.Arbitrary<Uint32Array> =>
  fc.array(fc.tuple(u32, u32), { maxLength: hashesMax }).map((all) => Uint32Array.from(all.flat()));
const optionalPosition = fc.option(position, { nil: undefined });
const keyedDigest = fc.record({ key, field, stamp, checksum: u32 });

const shared: fc.Arbitrary<SharedConfig> = fc.record({
  replicas: fc.integer({ min: 1, max: 16 }),
  writeQuorum: fc.constantFrom("sloppy", "strict"),
  keyBytesMax: fc.integer({ min: 1, max: KEY_BYTES_MAX }),
  valueBytesMax: fc.integer({ min: 1, max: VALUE_BYTES_MAX }),
  graceMs: u53,
});

const partialShared: fc.Arbitrary<Partial<SharedConfig>> = fc
  .tuple(shared, fc.array(flag, { minLength: 5, maxLength: 5 }))
  .map(([all, keep]) =>
    Object.fromEntries(Object.entries(all).filter((_, index) => keep[index] === true)),
  );

const record: fc.Arbitrary<MemberRecord> = fc.record({
  id: nodeId,
  address,
  httpAddress: fc.constantFrom("", "127.0.0.1:6000"),
  redisAddress: fc.constantFrom("", "127.0.0.1:6400"),
  intent: fc.constantFrom("joining", "active", "leaving", "left", "removing", "removed"),
  zone: fc.constantFrom("", "eu-1", "zöne"),
  weight: fc.integer({ min: 1, max: 64 }),
  boots: fc.integer({ min: 1, max: BOOTS_MAX }),
  version: fc.integer({ min: 0, max: VERSION_MAX }),
  boot,
});

const state: fc.Arbitrary<MembershipState> = fc.record({
  records: fc.array(record, { maxLength: 3 }),
  liveness: fc.array(
    fc.record({
      id: nodeId,
      liveness: fc.constantFrom("alive", "suspect", "dead"),
      incarnation: fc.integer({ min: 0, max: INCARNATION_MAX }),
    }),
    { maxLength: 3 },
  ),
});

const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ kind: fc.constant("stamp-is" as const), stamp }),
  fc.record({ kind: fc.constant("exists" as const) }),
  fc.record({ kind: fc.constant("absent" as const) }),
);

const quorum: fc.Arbitrary<QuorumReport> = fc.record({ acks: u16, of: u16, hinted: u16 });

const failureCode = fc.constantFrom<FailureCode[]>(
  "quorum-unreachable",
  "timed-out",
  "overloaded",
  "too-new",
  "damaged",
  "storage-failed",
  "not-ready",
  "shutting-down",
  "contended",
);

const failure = {
  kind: fc.constant("failed" as const),
  code: failureCode,
  detail: text,
  stored: fc.constantFrom("no" as const, "maybe" as const),
  quorum,
};

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const name = binary(0, 30);
const names = fc.array(name, { maxLength: 4 });
const entries = fc.array(fc.tuple(name, bytes), { maxLength: 4 });
const expiry = fc.oneof(u48, fc.constant("keep" as const));
const replaces = fc.constantFrom("always" as const, "absent" as const);

/** One arbitrary a kind: the compiler asks for new ones. */
const operations: {
  readonly [Kind in Operation["kind"]]: fc.Arbitrary<Extract<Operation, { kind: Kind }>>;
} = {
  "put-if": fc.record({
    kind: fc.constant("put-if"),
    value: bytes,
    contentType: text,
    expiresAtMs: u48,
    condition,
  }),
  "delete-if": fc.record({ kind: fc.constant("delete-if"), condition }),
  set: fc.record({
    kind: fc.constant("set"),
    value: bytes,
    expiry,
    when: fc.constantFrom("always", "exists", "absent"),
    wantsOld: flag,
  }),
  take: fc.record({ kind: fc.constant("take") }),
  "get-expire": fc.record({ kind: fc.constant("get-expire"), expiry }),
  append: fc.record({ kind: fc.constant("append"), bytes }),
  "set-range": fc.record({ kind: fc.constant("set-range"), offset: u53, bytes }),
  "set-bit": fc.record({ kind: fc.constant("set-bit"), offset: u53, bit: fc.constantFrom(0, 1) }),
  add: fc.record({ kind: fc.constant("add"), delta: int64 }),
  "add-float": fc.record({ kind: fc.constant("add-float"), delta: text }),
  expire: fc.record({
    kind: fc.constant("expire"),
    expiresAtMs: u48,
    when: fc.constantFrom("always", "none", "some", "later", "earlier", "some-earlier"),
  }),
  persist: fc.record({ kind: fc.constant("persist") }),
  "hash-set": fc.record({
    kind: fc.constant("hash-set"),
    entries,
    when: fc.constantFrom("always", "absent"),
  }),
  "hash-delete": fc.record({ kind: fc.constant("hash-delete"), names }),
  "hash-add": fc.record({ kind: fc.constant("hash-add"), name, delta: int64 }),
  "hash-add-float": fc.record({ kind: fc.constant("hash-add-float"), name, delta: text }),
  "hash-replace": fc.record({
    kind: fc.constant("hash-replace"),
    entries,
    expiresAtMs: u48,
    when: replaces,
  }),
  "set-add": fc.record({ kind: fc.constant("set-add"), members: names }),
  "set-remove": fc.record({ kind: fc.constant("set-remove"), members: names }),
  "set-pop": fc.record({ kind: fc.constant("set-pop"), count: u53 }),
  "set-replace": fc.record({
    kind: fc.constant("set-replace"),
    members: names,
    expiresAtMs: u48,
    when: replaces,
  }),
};
const operation: fc.Arbitrary<Operation> = fc.oneof(...Object.values(operations));

const results: {
  readonly [Kind in OperationResult["kind"]]: fc.Arbitrary<
    Extract<OperationResult, { kind: Kind }>
  >;
} = {
  done: fc.record({ kind: fc.constant("done") }),
  none: fc.record({ kind: fc.constant("none") }),
  bytes: fc.record({ kind: fc.constant("bytes"), bytes }),
  integer: fc.record({ kind: fc.constant("integer"), value: int64 }),
  names: fc.record({ kind: fc.constant("names"), names }),
  "condition-failed": fc.record({
    kind: fc.constant("condition-failed"),
    current: fc.option(stamp, { nil: undefined }),
  }),
  fault: fc.record({
    kind: fc.constant("fault"),
    fault: fc.constantFrom(
      "wrong-type",
      "not-an-integer",
      "overflow",
      "not-a-float",
      "not-finite",
      "too-long",
      "field-not-an-integer",
      "field-not-a-float",
      "too-many",
    ),
  }),
};

const outcome: fc.Arbitrary<OperationOutcome> = fc.oneof(
  fc.record({
    kind: fc.constant("applied" as const),
    result: fc.oneof(...Object.values(results)),
    stamp: fc.option(stamp, { nil: undefined }),
    quorum,
  }),
  fc.record(failure),
  fc.record({ ...failure, newest: stamp }),
);

const refusal = fc.constantFrom<Refusal[]>(
  "epoch",
  "not-owner",
  "overloaded",
  "late",
  "failed",
  "damaged",
  "not-first",
  "seen",
  "wrong-cluster",
  "wire-version",
  "duplicate-node",
  "config",
  "not-ready",
  "voteless",
  "too-large",
);

const channelName = fc.oneof(
  { weight: 20, arbitrary: binary(0, 40) },
  { weight: 1, arbitrary: fc.constant("c".repeat(CHANNEL_BYTES_MAX)) },
);
const channelNames = fc.array(channelName, { maxLength: 4 });
const subscriptionKind = fc.constantFrom("channel" as const, "pattern" as const, "shard" as const);

const optionalClusterId = fc.option(clusterId, { nil: undefined });
const limit = fc.integer({ min: 1, max: 0xffff });

type ArbitrariesOf<Kinds extends PeerMessage["kind"]> = {
  readonly [Kind in Kinds]: fc.Arbitrary<Extract<PeerMessage, { kind: Kind }>>;
};

const plainArbitraries: ArbitrariesOf<Exclude<PeerMessage["kind"], "traced">> = {
  hello: fc.record({
    kind: fc.constant("hello"),
    wireVersion: fc.constant(WIRE_VERSION),
    wireVersionLeast: fc.constant(WIRE_VERSION_LEAST),
    clusterId: optionalClusterId,
    nodeId,
    boot,
    address,
    commitNumber: u53,
    peer: fc.option(nodeId, { nil: undefined }),
    remembered: u53,
    mark: stamp,
  }),
  join: fc.record({ kind: fc.constant("join"), record, shared: partialShared }),
  "push-pull": fc.record({ kind: fc.constant("push-pull"), state }),
  probe: fc.record({ kind: fc.constant("probe") }),
  filled: fc.record({ kind: fc.constant("filled") }),
  write: fc
    .record({
      kind: fc.constant("write" as const),
      key,
      cells,
      bases: fc.array(stamp, { minLength: 4, maxLength: 4 }),
      hasBases: flag,
      attempt: fc.constantFrom("first" as const, "final" as const),
      role: fc.constantFrom("primary" as const, "fallback" as const),
      unreached: nodeIds,
    })
    // One for all of them, or one for each.
    .map(({ hasBases, ...all }) => {
      const count = hasBases && all.cells.length > 1 ? all.cells.length : 1;
      return { ...all, bases: all.bases.slice(0, count) };
    }),
  hint: fc.record({ kind: fc.constant("hint"), slot, targets: nodeIds }),
  read: fc.record({
    kind: fc.constant("read"),
    key,
    selection,
    want: fc.constantFrom("cells", "digest"),
  }),
  confirm: fc.record({ kind: fc.constant("confirm"), key, checksum: u32 }),
  forward: fc.record({
    kind: fc.constant("forward"),
    boot,
    sequence: u53,
    key,
    operation,
    w: fc.integer({ min: 0, max: 16 }),
  }),
  list: fc.record({
    kind: fc.constant("list"),
    firstSlot: slot,
    lastSlot: slot,
    after: position,
    prefix: binary(0, 30),
    limit,
    withValues: flag,
  }),
  compare: fc.record({
    kind: fc.constant("compare"),
    level: fc.constantFrom("root", "groups"),
    hashes: hashes(20),
  }),
  "slot-compare": fc.tuple(slots, hashes(10)).map(([all, [...halves]]) => {
    const count = Math.min(all.length, halves.length / 2);
    const some = Uint32Array.from(halves.slice(0, 2 * count));
    return { kind: "slot-compare", slots: all.slice(0, count), hashes: some };
  }),
  "leaf-compare": fc.record({
    kind: fc.constant("leaf-compare"),
    parts: fc
      .tuple(slots, fc.uint32Array({ minLength: 512, maxLength: 512 }))
      .map(([all, leaves]) => all.map((one) => ({ slot: one, hashes: leaves }))),
  }),
  "slot-list": fc.record({
    kind: fc.constant("slot-list"),
    parts: perSlot(fc.record({ leaves: fc.option(leafSet, { nil: undefined }) })),
    after: position,
    limit,
  }),
  "slot-scan": fc.record({ kind: fc.constant("slot-scan"), slots, after: position }),
  "cell-scan": fc.record({
    kind: fc.constant("cell-scan"),
    firstSlot: slot,
    lastSlot: slot,
    after: position,
  }),
  "sparse-scan": fc.record({ kind: fc.constant("sparse-scan"), slots, after: position }),
  "sum-compare": fc.tuple(slot, hashes(10)).map(([firstSlot, halves]) => ({
    kind: "sum-compare",
    firstSlot,
    sums: halves.slice(0, 2 * (SLOT_COUNT - firstSlot)),
  })),
  fetch: fc.record({
    kind: fc.constant("fetch"),
    wanted: fc.array(fc.record({ slot, key, field }), { maxLength: 5 }),
  }),
  merge: fc.record({ kind: fc.constant("merge"), parts: slotCells }),
  mark: fc.record({ kind: fc.constant("mark"), upTo: stamp }),
  "raise-floor": fc.record({ kind: fc.constant("raise-floor"), slots, floor: stamp }),
  publish: fc.record({
    kind: fc.constant("publish"),
    boot,
    sequence: u53,
    channel: channelName,
    message: bytes,
    isSharded: flag,
  }),
  subscriptions: fc.record({
    kind: fc.constant("subscriptions"),
    query: fc.oneof(
      fc.record({ kind: fc.constant("named" as const), of: subscriptionKind, names: channelNames }),
      fc.record({
        kind: fc.constant("matching" as const),
        of: subscriptionKind,
        glob: channelName,
      }),
    ),
  }),
  "publish-reply": fc.record({ kind: fc.constant("publish-reply"), receivers: u32 }),
  "subscriptions-reply": fc.record({
    kind: fc.constant("subscriptions-reply"),
    counts: fc.array(fc.tuple(channelName, u32), { maxLength: 4 }).map((all) => new Map(all)),
    isWhole: flag,
  }),
  collect: fc.record({ kind: fc.constant("collect"), slots, upTo: stamp, generation: u53 }),
  refused: fc.record({ kind: fc.constant("refused"), reason: refusal, detail: text }),
  "hello-reply": fc.record({
    kind: fc.constant("hello-reply"),
    wireVersion: fc.integer({ min: 0, max: 0xffff }),
    clusterId: optionalClusterId,
    nodeId,
    boot,
    commitNumber: u53,
    remembered: u53,
    mark: stamp,
  }),
  "join-reply": fc.record({ kind: fc.constant("join-reply"), clusterId, shared, state }),
  "push-pull-reply": fc.record({ kind: fc.constant("push-pull-reply"), state }),
  "probe-reply": fc.record({ kind: fc.constant("probe-reply") }),
  "write-reply": fc.record({
    kind: fc.constant("write-reply"),
    result: fc.constantFrom("stored", "behind", "superseded", "below"),
    held: stamp,
    commitNumber: u53,
  }),
  "write-acks": fc.record({
    kind: fc.constant("write-acks"),
    commitNumber: u53,
    requestIds: fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 5 }),
  }),
  "cells-reply": fc.record({
    kind: fc.constant("cells-reply"),
    cells,
    through: field,
    flushed: stamp,
    collected: stamp,
  }),
  "digest-reply": fc.record({
    kind: fc.constant("digest-reply"),
    digests: fc.array(digest, { maxLength: 4 }),
    flushed: stamp,
    collected: stamp,
  }),
  "confirm-reply": fc.record({
    kind: fc.constant("confirm-reply"),
    flushed: stamp,
    collected: stamp,
  }),
  "forward-reply": fc.record({ kind: fc.constant("forward-reply"), outcome }),
  "list-reply": fc.record({
    kind: fc.constant("list-reply"),
    entries: fc.array(fc.record({ slot, key, bytes }), { maxLength: 4 }),
    flushed: fc.array(fc.record({ slot, stamp }), { maxLength: 4 }),
    throughSlot: slot,
    through: position,
  }),
  "compare-reply": fc.record({
    kind: fc.constant("compare-reply"),
    isVoteless: flag,
    differing: fc.array(fc.integer({ min: 0, max: SLOT_COUNT - 1 }), { maxLength: 20 }),
  }),
  "leaf-compare-reply": fc.record({
    kind: fc.constant("leaf-compare-reply"),
    parts: perSlot(fc.record({ collected: stamp, leaves: leafSet })),
  }),
  "slot-list-reply": fc.record({
    kind: fc.constant("slot-list-reply"),
    parts: perSlot(
      fc.record({ collected: stamp, digests: fc.array(keyedDigest, { maxLength: 4 }) }),
    ),
    through: optionalPosition,
  }),
  "slot-scan-reply": fc.record({
    kind: fc.constant("slot-scan-reply"),
    parts: slotCells,
    through: optionalPosition,
  }),
  "fetch-reply": fc.record({
    kind: fc.constant("fetch-reply"),
    parts: slotCells,
    taken: u32,
    unreadable: slots,
  }),
  "merge-reply": fc.record({ kind: fc.constant("merge-reply") }),
  "filled-reply": fc.record({ kind: fc.constant("filled-reply"), isFilled: fc.boolean() }),
  "mark-reply": fc.record({
    kind: fc.constant("mark-reply"),
    mark: stamp,
    heldBy: fc.constantFrom("grace", "writes-in-flight", "foreign-cells", "not-ready"),
  }),
  "floor-reply": fc.record({ kind: fc.constant("floor-reply"), generation: u53 }),
  "collect-reply": fc.record({ kind: fc.constant("collect-reply") }),
};

const traceId = fc.string({ unit: hex, minLength: 31, maxLength: 31 }).map((text) => `${text}1`);
const printable = fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code));
const trace: fc.Arbitrary<TraceContext> = fc.record({
  traceId,
  spanId: traceId.map((text) => text.slice(16)),
  flags: fc.integer({ min: 0, max: 255 }),
  state: fc.oneof(
    fc.constant(""),
    fc.string({ unit: printable, maxLength: 30 }),
    fc.constant("s".repeat(TRACE_STATE_BYTES_MAX)),
  ),
});

/** One arbitrary a kind, so that the compiler asks for new ones and a test can be made of each. */
export const messageArbitraries: ArbitrariesOf<PeerMessage["kind"]> = {
  ...plainArbitraries,
  traced: fc.record({
    kind: fc.constant("traced"),
    trace,
    request: fc.oneof(
      plainArbitraries.write,
      plainArbitraries.read,
      plainArbitraries.forward,
      plainArbitraries.list,
      plainArbitraries.merge,
    ),
  }),
};

export const anyMessage: fc.Arbitrary<PeerMessage> = fc.oneof(...Object.values(messageArbitraries));

export const anyHeader: fc.Arbitrary<FrameHeader> = fc.record({
  requestId: u32,
  clockMs: u48,
  clockCounter: u16,
  epoch: u53.map(epochFrom),
  remainingMs: fc.integer({ min: 0, max: 60_000 }),
  sentMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
});
