/**
 * Every format that outlives a process: what is on disk, what goes between nodes, what is exported. Each with its way to bytes
 * and back, and values to begin with.
 *
 * The files beside this one hold bytes that were written once and are never written again: a test that fails over one of them
 * says that a version would not understand the other. docs/upgrading.md says what to do then.
 */
import fc from "fast-check";
import { DATA_FORMAT } from "../../src/adapters/data-directory/data-directory.ts";
import {
  encodeHeader,
  encodeRecord,
  firstOperation,
  isOperation,
  keyAt,
  newRing,
  nextOperation,
  readHeaders,
  recordBytes,
  soundRecordAt,
  valueAt,
} from "../../src/adapters/journal/journal-record.ts";
import {
  placeOf,
  pointerTo,
  putRecord,
  recordAt,
  type ValuePlace,
} from "../../src/adapters/values/value-record.ts";
import { binaryFromBytes, bytesFromBinary } from "../../src/base/binary.ts";
import { crc32 } from "../../src/base/checksum.ts";
import {
  encodeCleanMark,
  encodeLeaves,
  parseCleanMark,
  parseLeaves,
  type SlotLeaves,
} from "../../src/core/anti-entropy/leaves-record.ts";
import { decodeCell, encodeCell } from "../../src/core/causality/cell-codec.ts";
import {
  cellKey,
  dirtyMapKey,
  leavesKey,
  metaKey,
  slotStateKey,
} from "../../src/core/causality/storage-key.ts";
import { DirtyMaps } from "../../src/core/replication/dirty-maps.ts";
import type { Cell, CellAddress, RootCell } from "../../src/model/cell.ts";
import { SHARED_CONFIG_DEFAULT } from "../../src/model/config.ts";
import type { Datagram, GossipMessage, GossipUpdate } from "../../src/model/gossip-message.ts";
import {
  type Address,
  bootIdFrom,
  clusterIdFrom,
  epochFrom,
  nodeIdFrom,
} from "../../src/model/ids.ts";
import type { Field, Key } from "../../src/model/key.ts";
import type { Intent, Liveness, MemberRecord } from "../../src/model/member.ts";
import type { FrameHeader, KeyedCell, PeerMessage } from "../../src/model/peer-message.ts";
import { slotFrom } from "../../src/model/slot.ts";
import { formatStamp, NO_STAMP, stampFrom } from "../../src/model/stamp.ts";
import { CommitNumbers } from "../../src/node/commit-numbers.ts";
import type { GroupCommit } from "../../src/node/group-commit.ts";
import { LowWaterMark } from "../../src/node/low-water-mark.ts";
import {
  clockOperation,
  identityOperation,
  loadClock,
  loadIdentity,
  loadMembers,
  loadScrub,
  membersOperation,
  scrubOperation,
} from "../../src/node/node-state.ts";
import { parseSlotState, type SlotState, SlotStates } from "../../src/node/slot-states.ts";
import { Votes } from "../../src/node/votes.ts";
import type { Storage, StorageOperation } from "../../src/ports/storage.ts";
import { encodeRecords, RecordReader } from "../../src/protocol/backup/cell-record.ts";
import {
  encodeKnownCells,
  type KnownCells,
  parseKnownCells,
} from "../../src/protocol/backup/known-cells.ts";
import {
  BACKUP_FORMAT,
  type BackupFacts,
  fileName,
  manifestText,
  parseManifest,
} from "../../src/protocol/backup/manifest.ts";
import { parseBulkLine } from "../../src/protocol/http/bulk-line.ts";
import { listEntryJson } from "../../src/protocol/http/pages.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/peer/frame-codec.ts";
import { decodeDatagram, encodeDatagram } from "../../src/protocol/peer/gossip-codec.ts";
import { anyPlacedCell } from "../properties/arbitrary-cells.ts";
import { messageArbitraries } from "../properties/peer-message-arbitrary.ts";

export interface Format {
  readonly name: string;
  readonly samples: () => readonly unknown[];
  readonly encode: (value: never) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

/** Of the values that files are begun with. */
const SEED = 20_261_126;
const CLUSTER = clusterIdFrom(7, 8);
const HEADER: FrameHeader = {
  requestId: 0x01020304,
  clockMs: 0x0a0b0c0d0e0f,
  clockCounter: 0x1112,
  epoch: epochFrom(0x13141516171819),
  remainingMs: 8_225,
  sentMs: 1.5,
};

function sample<Value>(arbitrary: fc.Arbitrary<Value>, count: number): readonly Value[] {
  return fc.sample(arbitrary, { seed: SEED, numRuns: count });
}

/** A storage that holds one value under whatever key is asked for. */
function holding(value: Uint8Array): Storage {
  return { get: () => value } as unknown as Storage;
}

const EMPTY = { get: () => undefined } as unknown as Storage;

/** What `write` puts into its commit. */
function put(write: (commit: GroupCommit) => void): Uint8Array {
  let stored: Uint8Array | undefined;
  const commit = {
    put: (_key: string, value: Uint8Array | undefined) => {
      stored = value;
    },
    get: () => undefined,
    whenDurable: () => undefined,
  };
  write(commit as unknown as GroupCommit);
  return bytesOf({ key: "", value: stored });
}

function bytesOf({ value }: StorageOperation): Uint8Array {
  if (value === undefined) throw new Error("nothing was stored");
  return value;
}

function record(number: number, intent: Intent): MemberRecord {
  return {
    id: nodeIdFrom(1, number),
    address: `10.0.0.${number}:5000` as Address,
    httpAddress: number === 1 ? "" : `10.0.0.${number}:6000`,
    redisAddress: number === 2 ? "[2001:db8::2]:6400" : "",
    intent,
    zone: number === 3 ? "Zürich" : "",
    weight: number,
    boots: 3 * number,
    version: number,
    boot: bootIdFrom(2 ** 52 + number),
  };
}

const INTENTS: readonly Intent[] = ["joining", "active", "leaving", "left", "removing", "removed"];
const RECORDS = INTENTS.map((intent, index) => record(index + 1, intent));

function gossipOf(message: object, updates: readonly GossipUpdate[]): Datagram {
  const { id, boot, boots, version } = RECORDS[0] as MemberRecord;
  const sender = { id, boot, boots, version, incarnation: 4_096 };
  const { clockMs, clockCounter, epoch } = HEADER;
  const header = { clusterId: CLUSTER, clockMs, clockCounter, epoch };
  return { header, message: { ...message, sender, updates } as GossipMessage };
}

const LIVENESS: readonly Liveness[] = ["alive", "suspect", "dead"];
const UPDATES: readonly GossipUpdate[] = [
  ...RECORDS.map(
    (each, index) =>
      ({
        kind: "record",
        record: each,
        liveness: LIVENESS[index % 3] as Liveness,
        incarnation: index,
      }) as const,
  ),
  ...LIVENESS.map(
    (liveness, index) =>
      ({
        kind: "liveness",
        id: nodeIdFrom(1, 2),
        liveness,
        incarnation: index,
        by: nodeIdFrom(1, 3),
      }) as const,
  ),
];

interface PlacedCell {
  readonly key: Key;
  readonly field: CellAddress;
  readonly cell: Cell;
}

const STATE: SlotState = {
  floor: stampFrom(9, 3, bootIdFrom(7)),
  collected: stampFrom(8, 2, bootIdFrom(6)),
  named: stampFrom(8, 2, bootIdFrom(6)),
  flushed: NO_STAMP,
};

const LEAVES: SlotLeaves = {
  count: 3,
  dueMs: 1_700_000_000_000,
  leaves: Uint32Array.from({ length: 512 }, (_, index) => (index % 85 === 0 ? index + 1 : 0)),
};

/** What one export line says, as its import has it. */
const EXPORTED: RootCell = {
  kind: "value",
  stamp: stampFrom(1_700_000_000_000, 1, bootIdFrom(77)),
  type: "string",
  expiresAtMs: 1_900_000_000_000,
  cleared: stampFrom(1_700_000_000_000, 1, bootIdFrom(77)),
  contentType: "application/json",
  payload: Uint8Array.from(Buffer.from('{"name": "Jack"}')),
};
/** A backup of everything, and one of what has changed since. */
const WHOLE: BackupFacts = {
  format: BACKUP_FORMAT,
  version: 1,
  cluster: CLUSTER,
  begun: "2026-11-26T12:00:00.000Z",
  ended: "2026-11-26T12:00:01.000Z",
  replicas: 3,
  greatestStamp: formatStamp(EXPORTED.stamp),
  cells: { value: 2, container: 1, tombstone: 3, field: 4, "field-tombstone": 5 },
  thin: [{ firstSlot: slotFrom(3), lastSlot: slotFrom(9), copies: 1 }],
  files: [
    {
      name: fileName(1),
      firstSlot: 0,
      lastSlot: 8,
      cells: 14,
      bytes: 700,
      sha256: "0a".repeat(32),
    },
    { name: fileName(2), firstSlot: 8, lastSlot: 9, cells: 1, bytes: 70, sha256: "0b".repeat(32) },
  ],
};
const SINCE: BackupFacts = {
  ...WHOLE,
  version: 2,
  greatestStamp: null,
  cells: { value: 0, container: 0, tombstone: 0, field: 0, "field-tombstone": 0 },
  thin: [],
  files: [],
  increment: {
    base: { sha256: "0c".repeat(32), begun: "2026-11-25T12:00:00.000Z" },
    gone: 0,
    whole: WHOLE.cells,
  },
};

const LIMITS = { keyBytesMax: 32_768, valueBytesMax: 16_777_216 };

const frames: readonly Format[] = Object.entries(messageArbitraries).map(([kind, arbitrary]) => ({
  name: `frame-${kind}`,
  samples: () => sample(arbitrary as fc.Arbitrary<PeerMessage>, 4),
  encode: (message: PeerMessage) => encodeFrame(HEADER, message),
  decode: (bytes: Uint8Array) => {
    const frame = decodeFrame(bytes);
    return "message" in frame ? frame.message : frame;
  },
}));

export const FORMATS: readonly Format[] = [
  ...frames,
  {
    name: "frame-header",
    samples: () => [HEADER],
    encode: (header: FrameHeader) => encodeFrame(header, { kind: "probe" }),
    decode: (bytes) => {
      const frame = decodeFrame(bytes);
      return "header" in frame ? frame.header : frame;
    },
  },
  {
    name: "gossip",
    samples: () => [
      gossipOf({ kind: "ping", probe: 1, target: undefined }, []),
      gossipOf({ kind: "ping", probe: 2, target: nodeIdFrom(1, 2) }, UPDATES.slice(0, 6)),
      gossipOf({ kind: "ack", probe: 3, target: nodeIdFrom(1, 1) }, UPDATES.slice(6)),
      gossipOf({ kind: "ping-request", probe: 4, target: nodeIdFrom(1, 2) }, []),
      gossipOf({ kind: "nack", probe: 5, target: nodeIdFrom(1, 2) }, []),
      gossipOf({ kind: "gossip" }, UPDATES.slice(0, 1)),
    ],
    encode: ({ header, message }: Datagram) => encodeDatagram(header, message),
    decode: (bytes) => {
      const decoded = decodeDatagram(bytes, CLUSTER);
      return decoded.kind === "decoded" ? decoded.value : decoded;
    },
  },
  {
    name: "cell",
    samples: () => sample(anyPlacedCell, 24),
    encode: ({ key, field, cell }: PlacedCell) => {
      // The place is in the checksum and not in the bytes: it goes in front, to be found again.
      const place = Buffer.from(`${JSON.stringify([key, field ?? null])}\n`, "latin1");
      return Buffer.concat([place, encodeCell(cell, key, field)]);
    },
    decode: (bytes) => {
      const end = bytes.indexOf(0x0a);
      const place = Buffer.from(bytes.subarray(0, end)).toString("latin1");
      const [key, field] = JSON.parse(place) as [Key, Field | null];
      const cell = decodeCell(bytes.slice(end + 1), key, field ?? undefined);
      return { key, field: field ?? undefined, cell };
    },
  },
  {
    name: "storage-keys",
    samples: () => [
      [
        cellKey(slotFrom(77), "key" as Key, undefined),
        cellKey(slotFrom(16_383), "a\u0000b" as Key, "f\u0000\u0001" as Field),
        leavesKey(slotFrom(300)),
        slotStateKey(slotFrom(300)),
        dirtyMapKey(nodeIdFrom(1, 2)),
        metaKey("clock"),
      ],
    ],
    encode: (keys: readonly string[]) => Buffer.from(JSON.stringify(keys), "latin1"),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString("latin1")) as unknown,
  },
  {
    name: "identity",
    samples: () => [
      { nodeId: nodeIdFrom(1, 2), clusterId: CLUSTER, boots: 9, shared: SHARED_CONFIG_DEFAULT },
      { nodeId: nodeIdFrom(1, 2), boots: 1, shared: SHARED_CONFIG_DEFAULT },
    ],
    encode: (identity: Parameters<typeof identityOperation>[0]) =>
      bytesOf(identityOperation(identity)),
    decode: (bytes) => withoutUndefined(loadIdentity(holding(bytes))),
  },
  {
    name: "members",
    samples: () => [RECORDS],
    encode: (records: readonly MemberRecord[]) => bytesOf(membersOperation(records)),
    decode: (bytes) => loadMembers(holding(bytes)),
  },
  {
    name: "clock",
    samples: () => [
      {
        ms: 1_700_000_000_000,
        counter: 3,
        commitNumber: 99,
        greatest: stampFrom(1, 2, bootIdFrom(3)),
      },
    ],
    encode: (clock: Parameters<typeof clockOperation>[0]) => bytesOf(clockOperation(clock)),
    decode: (bytes) => loadClock(holding(bytes)),
  },
  {
    name: "scrub",
    samples: () => [{ startedMs: 1_700_000_000_000, slotsDone: 4_711 }],
    encode: (progress: Parameters<typeof scrubOperation>[0]) => bytesOf(scrubOperation(progress)),
    decode: (bytes) => loadScrub(holding(bytes)),
  },
  {
    name: "slot-state",
    samples: () => [STATE],
    encode: ({ floor, collected, named, flushed }: SlotState) =>
      put((commit) => {
        const states = new SlotStates({ commit, onNamed: () => undefined });
        states.raiseFloor(slotFrom(1), floor);
        states.raiseCollected(slotFrom(1), collected);
        states.name(slotFrom(1), named);
        states.raiseFlushed(slotFrom(1), flushed);
      }),
    decode: (bytes) => parseSlotState(bytes),
  },
  {
    name: "low-water-mark",
    samples: () => [stampFrom(1_700_000_000_000, 0, 0)],
    encode: (mark: ReturnType<typeof stampFrom>) =>
      put((commit) => new LowWaterMark({ commit, storage: EMPTY } as never).raise(mark)),
    decode: (bytes) => new LowWaterMark({ storage: holding(bytes) } as never).mark,
  },
  {
    name: "heard-commits",
    samples: () => [RECORDS.map(({ id }, index) => [id, 1_000 * (index + 1)])],
    encode: (heard: readonly (readonly [MemberRecord["id"], number])[]) =>
      put((commit) => {
        const numbers = new CommitNumbers({ commit, storage: EMPTY });
        for (const [node, number] of heard) numbers.hear(node, number);
        numbers.store(() => true);
      }),
    decode: (bytes) => {
      const numbers = new CommitNumbers({ commit: {} as never, storage: holding(bytes) });
      return RECORDS.map(({ id }) => [id, numbers.of(id)]);
    },
  },
  {
    name: "lost-votes",
    samples: () => [[3, 500, 16_383]],
    encode: (slots: readonly number[]) =>
      put((commit) => {
        const votes = new Votes({ commit, storage: EMPTY });
        votes.loseAll();
        votes.giveBack((slot) => !slots.includes(slot));
      }),
    decode: (bytes) => {
      const votes = new Votes({ commit: {} as never, storage: holding(bytes) });
      return slotsWhere((slot) => !votes.has(slotFrom(slot)));
    },
  },
  {
    name: "dirty-map",
    samples: () => [[0, 7, 8, 16_383]],
    encode: (slots: readonly number[]) => {
      const maps = new DirtyMaps();
      for (const slot of slots) maps.set(nodeIdFrom(1, 1), slotFrom(slot));
      return maps.bits(nodeIdFrom(1, 1)) ?? new Uint8Array(0);
    },
    decode: (bytes) => {
      const maps = new DirtyMaps();
      maps.restore(nodeIdFrom(1, 1), bytes);
      return slotsWhere((slot) => maps.next(nodeIdFrom(1, 1), slot) === slot);
    },
  },
  {
    name: "leaves",
    samples: () => [LEAVES, { ...LEAVES, count: 0, dueMs: Number.POSITIVE_INFINITY }],
    encode: (leaves: SlotLeaves) => encodeLeaves(slotFrom(9), leaves),
    decode: (bytes) => parseLeaves(slotFrom(9), bytes),
  },
  {
    name: "clean-mark",
    samples: () => [[1, 2, 16_000]],
    encode: (slots: readonly number[]) => encodeCleanMark(slots.map(slotFrom)),
    decode: (bytes) => [...(parseCleanMark(bytes) ?? [])],
  },
  {
    name: "data-directory",
    samples: () => [DATA_FORMAT],
    encode: (format: number) => Buffer.from(`dnd data directory, format ${format}\n`),
    decode: (bytes) => Number(/format (\d+)\n$/.exec(Buffer.from(bytes).toString())?.[1]),
  },
  {
    name: "data-directory-in-use",
    samples: () => [DATA_FORMAT + 1],
    encode: (format: number) => Buffer.from(`dnd data directory, format ${format}\n`),
    decode: (bytes) => Number(/format (\d+)\n$/.exec(Buffer.from(bytes).toString())?.[1]),
  },
  {
    name: "data-directory-with-values",
    samples: () => [DATA_FORMAT + 2, DATA_FORMAT + 3],
    encode: (format: number) => Buffer.from(`dnd data directory, format ${format}\n`),
    decode: (bytes) => Number(/format (\d+)\n$/.exec(Buffer.from(bytes).toString())?.[1]),
  },
  {
    name: "value-pointer",
    samples: () => [
      { file: 1, offset: 24, length: 8_192 },
      { file: 0xffff_ffff, offset: 0xffff_fff8, length: 16_777_300 },
    ],
    encode: (place: ValuePlace) => pointerTo(place),
    decode: (bytes) => placeOf(bytes),
  },
  {
    name: "value-record",
    samples: () => [
      { file: 1, key: "d\x00\x01\x00\x01k", value: "v" },
      { file: 258, key: "\xff", value: "x".repeat(40) },
    ],
    encode: ({ file, key, value }: ValueRecord) => {
      const pieces: Uint8Array[] = [];
      putRecord(pieces, file, key, Buffer.from(value, "latin1"));
      return Buffer.concat(pieces);
    },
    decode: (bytes) => {
      const all = Buffer.from(bytes);
      for (const file of [1, 258]) {
        const record = recordAt(all, 0, 0, file);
        if (record === undefined || record === "short") continue;
        const { key, offset, length } = record;
        return { file, key, value: all.toString("latin1", offset, offset + length) };
      }
      return undefined;
    },
  },
  {
    name: "journal-header",
    samples: () => [
      { capacity: 33_554_432, tail: 0, salt: 0 },
      { capacity: 1_024, tail: 2 ** 40 + 8, salt: 2 ** 32 - 1 },
    ],
    encode: encodeHeader,
    decode: (bytes) => {
      const { capacity, tail, salt } = readHeaders(bytes) ?? { capacity: 0, tail: 0, salt: 0 };
      return { capacity, tail, salt };
    },
  },
  {
    // Before decision 0035.
    name: "journal-record",
    samples: () => JOURNALED,
    encode: (operations: readonly JournalOperation[]) => withoutHashes(journalRecord(operations)),
    decode: journalOperations,
  },
  {
    name: "journal-record-hashed",
    samples: () => JOURNALED,
    encode: (operations: readonly JournalOperation[]) => journalRecord(operations),
    decode: journalOperations,
  },
  {
    name: "export-line",
    samples: () => [
      { key: "user1", root: EXPORTED },
      {
        key: "\u00ff\u0000",
        root: { ...EXPORTED, payload: Uint8Array.of(0xff, 0), expiresAtMs: 0 },
      },
    ],
    encode: ({ key, root }: { readonly key: Key; readonly root: RootCell }) =>
      Buffer.from(JSON.stringify(listEntryJson({ key, root }, true))),
    decode: (bytes) => exported(parseBulkLine(bytes, LIMITS)),
  },
  {
    name: "backup-manifest",
    samples: () => [WHOLE],
    encode: (facts: BackupFacts) => Buffer.from(manifestText(facts, "0d".repeat(32))),
    decode: (bytes) => factsIn(bytes),
  },
  {
    name: "backup-manifest-increment",
    samples: () => [SINCE],
    encode: (facts: BackupFacts) => Buffer.from(manifestText(facts, "0d".repeat(32))),
    decode: (bytes) => factsIn(bytes),
  },
  {
    name: "backup-records",
    samples: () => [
      sample(anyPlacedCell, 6).map(({ key, field, cell }) => ({
        key,
        field,
        bytes: Uint8Array.from(encodeCell(cell, key, field)),
      })),
      [{ key: "gone" as Key, field: undefined, bytes: new Uint8Array(0) }],
    ],
    encode: (cells: readonly KeyedCell[]) => encodeRecords(cells),
    decode: (bytes) => cellsIn(bytes),
  },
  {
    name: "backup-known-cells",
    samples: () => [
      { slots: [slotFrom(16_383)], digests: [] },
      { slots: [slotFrom(0), slotFrom(7)], digests: [new Uint8Array(16).fill(3)] },
    ],
    encode: (known: KnownCells) => encodeKnownCells(known),
    decode: (bytes) => {
      const known = parseKnownCells(bytes);
      if (typeof known === "string") return known;
      return {
        slots: known.slots,
        digests: known.digests.map((digest) => Uint8Array.from(digest)),
      };
    },
  },
];

function cellsIn(bytes: Uint8Array): unknown {
  const found = new RecordReader().feed(bytes);
  return typeof found === "string" ? found : found.map(plainCell);
}

/** Without the memory that its bytes are a view of. */
function plainCell({ key, field, bytes }: KeyedCell): KeyedCell {
  return { key, field, bytes: Uint8Array.from(bytes) };
}

/** An export line as an import reads it: the stamp is not taken over. */
/** A key and its value, if it has one. */
interface ValueRecord {
  readonly file: number;
  readonly key: string;
  readonly value: string;
}

type JournalOperation = readonly [string, string | null];

const JOURNALED: readonly (readonly JournalOperation[])[] = [
  [["k\u00ff", "value"]],
  [
    ["removed", null],
    ["empty", ""],
    ["k", "x".repeat(40)],
  ],
];

const JOURNAL_POSITION = 2 ** 40 + 1_024;
const JOURNAL_SALT = 7;

function journalRecord(pairs: readonly JournalOperation[]): Uint8Array {
  const operations = pairs.map(([key, value]) => ({
    key,
    value: value === null ? undefined : bytesFromBinary(value),
  }));
  const bytes = recordBytes(operations);
  const ring = newRing(1_024, JOURNAL_SALT);
  encodeRecord(ring, 0, { position: JOURNAL_POSITION, gap: 64, bytes }, operations);
  return ring.bytes.subarray(0, bytes);
}

function withoutHashes(record: Uint8Array): Uint8Array {
  const ring = newRing(1_024, JOURNAL_SALT);
  ring.bytes.set(record);
  for (let at = firstOperation(0); isOperation(at, record.length); at = nextOperation(ring, at)) {
    ring.words[at / 4 + 2] = 0;
  }
  ring.words[0] = crc32(ring.bytes, JOURNAL_SALT, 4, record.length);
  return ring.bytes.subarray(0, record.length);
}

function journalOperations(bytes: Uint8Array): JournalOperation[] {
  const ring = newRing(1_024, JOURNAL_SALT);
  ring.bytes.set(bytes);
  const end = soundRecordAt(ring, JOURNAL_POSITION, 64);
  const operations: JournalOperation[] = [];
  for (let at = firstOperation(0); isOperation(at, end); at = nextOperation(ring, at)) {
    const value = valueAt(ring, at);
    operations.push([keyAt(ring, at), value === undefined ? null : binaryFromBytes(value)]);
  }
  return operations;
}

function exported(entry: ReturnType<typeof parseBulkLine>): unknown {
  if (entry === undefined || !("kind" in entry) || !("value" in entry)) return entry;
  const { key, value, contentType, expiresAtMs = 0 } = entry;
  const payload = Uint8Array.from(value);
  return { key, root: { ...EXPORTED, contentType, payload, expiresAtMs } };
}

function factsIn(bytes: Uint8Array): unknown {
  const manifest = parseManifest(Buffer.from(bytes).toString());
  return typeof manifest === "string" ? manifest : manifest.facts;
}

function slotsWhere(holds: (slot: number) => boolean): number[] {
  return Array.from({ length: 16_384 }, (_, slot) => slot).filter(holds);
}

function withoutUndefined(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
}
