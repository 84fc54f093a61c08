/**
 * A store of one process's memory that answers as a cluster of three would, for tests of the front doors.
 *
 * Answers come in a later turn, as the contract says. `failNext` and `hold` let a test choose the outcome and the moment.
 */

import { differingIndices, SlotSums } from "../../src/core/anti-entropy/hash-tree.ts";
import { checksumOf, encodeCell } from "../../src/core/causality/cell-codec.ts";
import { cellKey, slotRange } from "../../src/core/causality/storage-key.ts";
import { answerQuery, pageOf } from "../../src/core/operations/answer.ts";
import { applyOperation } from "../../src/core/operations/apply.ts";
import { KeyView, type ViewedCell } from "../../src/core/operations/key-view.ts";
import { slotOfKey } from "../../src/core/placement/slot-of-key.ts";
import type {
  BackupOutcome,
  BackupRequest,
  ComparisonOutcome,
  ComparisonRequest,
} from "../../src/model/backup.ts";
import type { FieldCell, RootCell } from "../../src/model/cell.ts";
import type { Condition } from "../../src/model/condition.ts";
import { SHARED_CONFIG_DEFAULT, type SharedConfig } from "../../src/model/config.ts";
import {
  type Address,
  bootIdFrom,
  clusterIdFrom,
  epochFrom,
  type NodeId,
  nodeIdFrom,
  parseAddress,
} from "../../src/model/ids.ts";
import type { Field, Key } from "../../src/model/key.ts";
import type { OperationOutcome, QueryOutcome } from "../../src/model/operation.ts";
import type {
  Failure,
  FlushOutcome,
  ListOutcome,
  QuorumReport,
  ReadOutcome,
  WriteOutcome,
} from "../../src/model/outcome.ts";
import type { KeyedCell } from "../../src/model/peer-message.ts";
import type {
  Publication,
  SubscriptionCounts,
  SubscriptionQuery,
} from "../../src/model/publication.ts";
import type {
  DeleteRequest,
  FlushRequest,
  ListRequest,
  OperateRequest,
  PutRequest,
  QueryRequest,
  ReadRequest,
} from "../../src/model/request.ts";
import { type Slot, slotFrom } from "../../src/model/slot.ts";
import { compareStamps, formatStamp, NO_STAMP, stampFrom } from "../../src/model/stamp.ts";
import { Durations } from "../../src/node/durations.ts";
import { placeOfCursor } from "../../src/node/list-cursor.ts";
import type {
  Decided,
  DumpOutcome,
  KeyLocation,
  NodePhase,
  Store,
  StoreStatus,
  Wait,
} from "../../src/node/store.ts";

import { Subscriptions } from "../../src/node/subscriptions.ts";
import { FakeInsight } from "./fake-insight.ts";

const QUORUM: QuorumReport = { acks: 2, of: 3, hinted: 1 };
const BOOT = bootIdFrom(77);
const NODE = nodeIdFrom(1, 2);
const NOW_MS = 1_800_000_000_000;

export class FakeStore implements Store {
  /** Wall clock: the moment stands still unless a test moves it. */
  nowMs: number = NOW_MS;
  readonly cells = new Map<Key, RootCell>();
  readonly #fields = new Map<Key, Map<Field, FieldCell>>();
  readonly puts: PutRequest[] = [];
  readonly reads: ReadRequest[] = [];
  phase: NodePhase = "ready";
  waitsFor: Wait | undefined;
  shared: SharedConfig = SHARED_CONFIG_DEFAULT;
  /** The outcome of the next request of any kind, instead of the true one. */
  failNext: Failure | undefined;
  /** What reads say of how many answered. */
  quorum: QuorumReport = QUORUM;
  /** Collects answers instead of giving them, while set. */
  held: (() => void)[] | undefined;
  /** Most writes that were waiting for an answer at once. */
  writesAtOnceMax = 0;
  /** What stands in the way of a departure, if anything. */
  departureProblem: string | undefined;
  #writesAtOnce = 0;
  #counter = 0;

  readonly insight: FakeInsight = new FakeInsight();
  readonly subscriptions: Subscriptions = new Subscriptions();
  /** Who listens at the other nodes. */
  readonly elsewhere: Subscriptions = new Subscriptions();

  publish(publication: Publication, done: (receivers: number) => void): void {
    const here = this.subscriptions.deliver(publication);
    const receivers = here + this.elsewhere.deliver(publication);
    this.#answer(() => done(receivers));
  }

  survey(query: SubscriptionQuery, done: (found: SubscriptionCounts) => void): void {
    const { counts, isWhole } = this.subscriptions.survey(query);
    const sums = new Map(counts);
    for (const [name, count] of this.elsewhere.survey(query).counts) {
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
    this.#answer(() => done({ counts: sums, isWhole }));
  }

  leave(done: Decided): void {
    done(this.departureProblem);
  }

  remove(_node: unknown, done: Decided): void {
    done(this.departureProblem);
  }

  together(asking: () => void): void {
    asking();
  }

  put(request: PutRequest, done: (outcome: WriteOutcome) => void): void {
    this.puts.push(request);
    const expiresAtMs =
      request.expiresAtMs ?? (request.ttlMs === undefined ? 0 : this.nowMs + request.ttlMs);
    this.#write(request.key, request.condition, done, {
      kind: "value",
      type: "string",
      expiresAtMs,
      contentType: request.contentType,
      payload: request.value,
    });
  }

  delete(request: DeleteRequest, done: (outcome: WriteOutcome) => void): void {
    this.#write(request.key, request.condition, done, {
      kind: "tombstone",
      type: "string",
      expiresAtMs: 0,
      contentType: "",
      payload: new Uint8Array(0),
    });
  }

  operate({ key, operation }: OperateRequest, done: (outcome: OperationOutcome) => void): void {
    const failure = this.#takeFailure();
    this.#answer(() => {
      if (failure !== undefined) return done(failure);
      const { result, changes } = applyOperation(operation, this.#view(key), {
        valueBytesMax: this.shared.valueBytesMax,
        ownCell: ({ addressOf }) => ({ address: addressOf("only one"), sum: undefined }),
        below: () => 0,
      });
      this.#counter += 1;
      const stamp = stampFrom(NOW_MS, this.#counter, BOOT);
      for (const change of changes) {
        const { field } = change;
        if (field === undefined) this.cells.set(key, change.cellAt(stamp) as RootCell);
        else this.#fieldsOf(key).set(field, change.cellAt(stamp) as FieldCell);
      }
      const written = changes.length === 0 ? undefined : stamp;
      return done({ kind: "applied", result, stamp: written, quorum: QUORUM });
    });
  }

  flush(_request: FlushRequest, done: (outcome: FlushOutcome) => void): void {
    const failure = this.#takeFailure();
    this.#answer(() => {
      if (failure !== undefined) return done(failure);
      const slots = new Set([...this.cells.keys()].map(slotOfKey)).size;
      this.cells.clear();
      this.#fields.clear();
      return done({ kind: "flushed", slots, quorum: QUORUM });
    });
  }

  query({ key, query }: QueryRequest, done: (outcome: QueryOutcome) => void): void {
    const failure = this.#takeFailure();
    this.#answer(() => {
      if (failure !== undefined) return done(failure);
      const view = this.#view(key);
      if (query.kind !== "page") {
        return done({ kind: "answered", result: answerQuery(query, view), quorum: QUORUM });
      }
      const isOther = view.type !== undefined && view.type !== query.type;
      if (isOther) {
        const result = { kind: "fault", fault: "wrong-type" } as const;
        return done({ kind: "answered", result, quorum: QUORUM });
      }
      const all = pageOf(view, query.type, undefined);
      const rest = all.entries.filter(([name]) => query.after === undefined || name > query.after);
      const entries = rest.slice(0, query.limit);
      const next = rest.length > entries.length ? entries.at(-1)?.[0] : undefined;
      return done({ kind: "answered", result: { ...all, entries, next }, quorum: QUORUM });
    });
  }

  #fieldsOf(key: Key): Map<Field, FieldCell> {
    const fields = this.#fields.get(key) ?? new Map<Field, FieldCell>();
    this.#fields.set(key, fields);
    return fields;
  }

  /** As a read shows it: of a counter, its number. */
  #shown(key: Key): RootCell | undefined {
    const view = this.#view(key);
    const payload = view.text();
    if (view.current === undefined || payload === undefined) return view.current;
    return { ...view.current, kind: "value", type: "string", payload };
  }

  #view(key: Key): KeyView {
    const root = this.cells.get(key);
    const cells: ViewedCell[] = [...this.#fieldsOf(key)].map(([field, cell]) => ({ field, cell }));
    if (root !== undefined) cells.push({ field: undefined, cell: root });
    const options = { nowMs: this.nowMs, collected: NO_STAMP, isEmpty: false };
    const view = new KeyView(cells, options);
    const { type } = view;
    const isEmpty =
      type !== undefined && type !== "string" && view.names(type)[Symbol.iterator]().next().done;
    return isEmpty === true ? new KeyView(cells, { ...options, isEmpty }) : view;
  }

  read(request: ReadRequest, done: (outcome: ReadOutcome) => void): void {
    this.reads.push(request);
    const failure = this.#takeFailure();
    this.#answer(() => {
      if (failure !== undefined) return done(failure);
      const root = this.#shown(request.key);
      if (root !== undefined) return done({ kind: "found", root, quorum: this.quorum });
      const stamp = this.cells.get(request.key)?.stamp;
      return done({ kind: "absent", stamp, quorum: this.quorum });
    });
  }

  /** All cells of the slots asked for, in one page. */
  backup(request: BackupRequest, done: (outcome: BackupOutcome) => void): void {
    const failure = this.#takeFailure();
    this.#answer(() => {
      if (failure !== undefined) return done(failure);
      const { firstSlot, lastSlot, slots, cursor = "" } = request;
      const cells = [...this.cells.keys()]
        .filter((key) => slotOfKey(key) >= firstSlot && slotOfKey(key) <= lastSlot)
        .filter((key) => slots === undefined || slots.includes(slotOfKey(key)))
        .flatMap((key) => this.encodedCells(key))
        .filter((cell) => placeOf(cell) > cursor)
        .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
      done({ kind: "page", cells, next: undefined, thin: [] });
    });
  }

  compareBackup(request: ComparisonRequest, done: (outcome: ComparisonOutcome) => void): void {
    const failure = this.#takeFailure();
    this.#answer(() => {
      if (failure !== undefined) return done(failure);
      const { firstSlot, sums } = request;
      const own = new SlotSums();
      for (const cell of [...this.cells.keys()].flatMap((key) => this.encodedCells(key))) {
        own.add(slotOfKey(cell.key), placeOf(cell), checksumOf(cell.bytes));
      }
      const mine = own.sums.slice(2 * firstSlot, 2 * firstSlot + sums.length);
      const differing = differingIndices(mine, sums).map((index) => (firstSlot + index) as Slot);
      done({ kind: "compared", differing });
    });
  }

  /** All that stands under a key, seen or not. */
  encodedCells(key: Key): KeyedCell[] {
    const root = this.cells.get(key);
    const fields = [...this.#fieldsOf(key)].map(([field, cell]) => {
      return { key, field, bytes: encodeCell(cell, key, field) };
    });
    if (root === undefined) return fields;
    return [{ key, field: undefined, bytes: encodeCell(root, key, undefined) }, ...fields];
  }

  list(request: ListRequest, done: (outcome: ListOutcome) => void): void {
    const failure = this.#takeFailure();
    this.#answer(() => {
      if (failure !== undefined) return done(failure);
      const after = startOf(request.cursor);
      const rest = [...this.cells]
        .flatMap(([key]) => {
          const root = key.startsWith(request.prefix) ? this.#shown(key) : undefined;
          return root === undefined ? [] : [[key, root] as const];
        })
        .map(([key, root]) => ({ key, root, place: cellKey(slotOfKey(key), key, undefined) }))
        .filter(({ place }) => place > after)
        .sort((a, b) => (a.place < b.place ? -1 : 1));
      const page = rest.slice(0, request.limit);
      const entries = page.map(({ key, root }) => {
        return { key, root: request.withValues ? root : { ...root, payload: new Uint8Array(0) } };
      });
      const next = rest.length > page.length ? page.at(-1)?.place : undefined;
      return done({ kind: "page", entries, next });
    });
  }

  dump(cursor: string, limit: number, done: (outcome: DumpOutcome) => void): void {
    this.#answer(() => {
      const keys = [...this.cells.keys()].toSorted().filter((key) => key > cursor);
      const entries = keys.slice(0, limit).map((key) => {
        const root = this.cells.get(key) as RootCell;
        return {
          slot: slotFrom(1),
          key,
          field: undefined,
          kind: root.kind,
          stamp: formatStamp(root.stamp),
          checksum: 255,
          expiresAtMs: root.expiresAtMs,
        };
      });
      done({ kind: "page", entries, next: keys.length > limit ? keys[limit - 1] : undefined });
    });
  }

  status(): StoreStatus {
    const address = parseAddress("127.0.0.1:5000") as Address;
    const record = {
      id: NODE,
      address,
      httpAddress: "127.0.0.1:6000",
      redisAddress: "127.0.0.1:6400",
      intent: "active",
      zone: "",
      weight: 1,
      boots: 1,
      version: 1,
      boot: BOOT,
    } as const;
    return {
      phase: this.phase,
      waitsFor: this.waitsFor,
      nodeId: NODE,
      clusterId: clusterIdFrom(3, 4),
      epoch: epochFrom(0xabc),
      config: {
        address,
        httpAddress: "127.0.0.1:6000",
        redisAddress: "127.0.0.1:6400",
        zone: "",
        weight: 1,
        peers: [],
        shared: {},
      },
      shared: this.shared,
      members: [
        {
          record,
          liveness: "alive",
          incarnation: 1,
          wireVersion: undefined,
          firstSlots: 16_384,
          primarySlots: 16_384,
          dirtySlots: 0,
          foreignSlots: 0,
        },
      ],
      collection: { slotsDue: 0, reason: undefined, heldBy: undefined },
      durations: new Durations(),
      counters: { writes: this.puts.length },
      gauges: { "requests-in-flight": 0 },
    };
  }

  locate(_key: Key): KeyLocation {
    return { slot: slotFrom(7), primaries: [NODE], pending: [], fallbacks: [] };
  }

  primariesOf(_slot: Slot): readonly NodeId[] {
    return [NODE];
  }

  /** Gives every held answer. */
  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const answer of held) answer();
  }

  #write(
    key: Key,
    condition: Condition | undefined,
    done: (outcome: WriteOutcome) => void,
    cell: Omit<RootCell, "stamp" | "cleared">,
  ): void {
    const failure = this.#takeFailure();
    this.#writesAtOnce += 1;
    this.writesAtOnceMax = Math.max(this.writesAtOnceMax, this.#writesAtOnce);
    this.#answer(() => {
      this.#writesAtOnce -= 1;
      if (failure !== undefined) return done(failure);
      const current = this.#shown(key)?.stamp;
      if (!holds(condition, current)) return done({ kind: "condition-failed", current });
      this.#counter += 1;
      const stamp = stampFrom(
        NOW_MS + Math.floor(this.#counter / 60_000),
        this.#counter % 60_000,
        BOOT,
      );
      this.cells.set(key, { ...cell, stamp, cleared: stamp });
      return done({ kind: "written", stamp, quorum: QUORUM });
    });
  }

  #takeFailure(): Failure | undefined {
    const failure = this.failNext;
    this.failNext = undefined;
    return failure;
  }

  #answer(answer: () => void): void {
    if (this.held === undefined) setImmediate(answer);
    else this.held.push(answer);
  }
}

/** The storage key after which a listing goes on. */
function startOf(cursor: string | undefined): string {
  const place = placeOfCursor(cursor);
  if (place === undefined) return "e";
  return place.after === "" ? slotRange(place.slot).from : place.after;
}

function holds(condition: Condition | undefined, current: RootCell["stamp"] | undefined): boolean {
  switch (condition?.kind) {
    case undefined:
      return true;
    case "absent":
      return current === undefined;
    case "exists":
      return current !== undefined;
    case "stamp-is":
      return current !== undefined && compareStamps(current, condition.stamp) === 0;
    default:
      return false;
  }
}

function placeOf({ key, field }: KeyedCell): string {
  return cellKey(slotOfKey(key), key, field);
}
