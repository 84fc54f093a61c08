/**
 * A store of one node without replication: small enough to be obviously right, so that the simulator can be tested
 * apart from the real node, and broken on purpose, so that checkers prove they see it.
 */
import { binaryFromBytes, bytesFromBinary } from "../src/base/binary.ts";
import type {
  BackupOutcome,
  BackupRequest,
  ComparisonOutcome,
  ComparisonRequest,
} from "../src/model/backup.ts";
import type { RootCell } from "../src/model/cell.ts";
import type { Condition } from "../src/model/condition.ts";
import { SHARED_CONFIG_DEFAULT } from "../src/model/config.ts";
import { bootIdFrom, epochFrom, type NodeId, nodeIdFrom } from "../src/model/ids.ts";
import type { Key } from "../src/model/key.ts";
import type { OperationOutcome, QueryOutcome } from "../src/model/operation.ts";
import type {
  Failure,
  FlushOutcome,
  ListOutcome,
  ReadOutcome,
  WriteOutcome,
} from "../src/model/outcome.ts";
import type {
  Publication,
  SubscriptionCounts,
  SubscriptionQuery,
} from "../src/model/publication.ts";
import type {
  DeleteRequest,
  FlushRequest,
  ListRequest,
  OperateRequest,
  PutRequest,
  QueryRequest,
  ReadRequest,
} from "../src/model/request.ts";
import { slotFrom } from "../src/model/slot.ts";
import {
  compareStamps,
  formatStamp,
  NO_STAMP,
  parseStamp,
  type Stamp,
  stampFrom,
} from "../src/model/stamp.ts";
import { Durations } from "../src/node/durations.ts";
import type { Decided, DumpOutcome, KeyLocation, StoreStatus } from "../src/node/store.ts";
import { Subscriptions } from "../src/node/subscriptions.ts";
import type { StorageOperation } from "../src/ports/storage.ts";
import type { NodePorts, SimNode } from "./cluster.ts";

/** Ways in which the toy can be wrong. */
export type ToyBug =
  | "acks-before-sync"
  | "invents-values"
  | "applies-refused-writes"
  | "answers-late"
  | "answers-twice"
  | "repeats-stamps"
  | "leaks-timers"
  | "throws";

const ALL = { from: "", before: "\xff\xff", entriesMax: 1e6, bytesMax: 1e9 };

interface Pending {
  readonly operation: StorageOperation;
  readonly done: (isStored: boolean) => void;
}

export function toyNode(bug?: ToyBug): (ports: NodePorts) => SimNode {
  return (ports) => new ToyNode(ports, bug);
}

const NOT_OFFERED: Failure = {
  kind: "failed",
  code: "not-ready",
  detail: "the toy has puts, deletes and reads alone",
  stored: "no",
  quorum: { acks: 0, of: 1, hinted: 0 },
};

class ToyNode implements SimNode {
  readonly #ports: NodePorts;
  readonly #bug: ToyBug | undefined;
  readonly #id = nodeIdFrom(1, 1);
  readonly #boot: number;
  readonly #cells = new Map<Key, RootCell>();
  #last: Stamp = NO_STAMP;
  #queue: Pending[] = [];
  #isWriting = false;
  #isReady = false;

  constructor(ports: NodePorts, bug: ToyBug | undefined) {
    this.#ports = ports;
    this.#bug = bug;
    this.#boot = bootIdFrom(ports.random.next53());
  }

  start(done: (problem: string | undefined) => void): void {
    this.#ports.transport.listen({
      onOpened: () => {},
      onAccepted: () => {},
      onFrame: () => {},
      onClosed: () => {},
      onDatagram: () => {},
    });
    this.#ports.storage.scan(ALL, (result) => {
      if (result.kind === "failed") return done("scan failed");
      for (const { key, value } of result.entries) {
        const cell = decode(binaryFromBytes(value));
        this.#cells.set(key as Key, cell);
        if (compareStamps(cell.stamp, this.#last) > 0) this.#last = cell.stamp;
      }
      this.#isReady = true;
      done(undefined);
    });
  }

  stop(done: () => void): void {
    this.#isReady = false;
    this.#ports.storage.close(done);
  }

  together(asking: () => void): void {
    asking();
  }

  put(request: PutRequest, done: (outcome: WriteOutcome) => void): void {
    const { value, contentType } = request;
    this.#write(request.key, { kind: "value", contentType, payload: value }, request, done);
  }

  delete(request: DeleteRequest, done: (outcome: WriteOutcome) => void): void {
    const cell = { kind: "tombstone" as const, contentType: "", payload: new Uint8Array(0) };
    this.#write(request.key, cell, request, done);
  }

  readonly subscriptions = new Subscriptions();

  publish(publication: Publication, done: (receivers: number) => void): void {
    done(this.subscriptions.deliver(publication));
  }

  survey(query: SubscriptionQuery, done: (found: SubscriptionCounts) => void): void {
    done(this.subscriptions.survey(query));
  }

  /** It knows no more than puts and deletes. */
  operate(_request: OperateRequest, done: (outcome: OperationOutcome) => void): void {
    this.#ports.clock.defer(() => done(NOT_OFFERED));
  }

  flush(_request: FlushRequest, done: (outcome: FlushOutcome) => void): void {
    this.#ports.clock.defer(() => done(NOT_OFFERED));
  }

  query(_request: QueryRequest, done: (outcome: QueryOutcome) => void): void {
    this.#ports.clock.defer(() => done(NOT_OFFERED));
  }

  read(request: ReadRequest, done: (outcome: ReadOutcome) => void): void {
    this.#ports.clock.after(0.1, () => {
      const root = this.#cells.get(request.key);
      const quorum = { acks: 1, of: 1, hinted: 0 };
      if (root?.kind !== "value") return done({ kind: "absent", stamp: root?.stamp, quorum });
      if (this.#bug !== "invents-values" || root.payload.length < 60)
        return done({ kind: "found", root, quorum });
      const payload = Uint8Array.prototype.slice.call(root.payload);
      payload[payload.length - 1] = (payload[payload.length - 1] ?? 0) ^ 1;
      done({ kind: "found", root: { ...root, payload }, quorum });
    });
  }

  list(_request: ListRequest, done: (outcome: ListOutcome) => void): void {
    this.#ports.clock.after(0.1, () => {
      const entries = [...this.#cells]
        .filter(([, root]) => root.kind === "value")
        .map(([key, root]) => ({ key, root }));
      done({ kind: "page", entries, next: undefined });
    });
  }

  backup(_request: BackupRequest, done: (outcome: BackupOutcome) => void): void {
    done(NOT_OFFERED);
  }

  compareBackup(_request: ComparisonRequest, done: (outcome: ComparisonOutcome) => void): void {
    done(NOT_OFFERED);
  }

  leave(done: Decided): void {
    done("a toy stays");
  }

  remove(_node: unknown, done: Decided): void {
    done("a toy stays");
  }

  dump(_cursor: string, _limit: number, done: (outcome: DumpOutcome) => void): void {
    const entries = [...this.#cells].map(([key, root]) => ({
      slot: slotFrom(0),
      key,
      field: undefined,
      kind: root.kind,
      stamp: formatStamp(root.stamp),
      checksum: 0,
      expiresAtMs: 0,
    }));
    this.#ports.clock.after(0.1, () => done({ kind: "page", entries, next: undefined }));
  }

  locate(): KeyLocation {
    return { slot: slotFrom(0), primaries: [this.#id], pending: [], fallbacks: [] };
  }

  primariesOf(): readonly NodeId[] {
    return [this.#id];
  }

  status(): StoreStatus {
    const { config } = this.#ports;
    const record = {
      id: this.#id,
      address: config.address,
      httpAddress: "",
      redisAddress: "",
      intent: "active" as const,
      zone: "",
      weight: 1,
      boots: 1,
      version: 1,
      boot: bootIdFrom(this.#boot),
    };
    return {
      phase: this.#isReady ? "ready" : "starting",
      waitsFor: this.#isReady ? undefined : "start",
      nodeId: this.#id,
      clusterId: undefined,
      epoch: epochFrom(1),
      config,
      shared: SHARED_CONFIG_DEFAULT,
      members: [
        {
          record,
          liveness: "alive",
          incarnation: 1,
          wireVersion: undefined,
          firstSlots: 1,
          primarySlots: 1,
          dirtySlots: 0,
          foreignSlots: 0,
        },
      ],
      collection: { slotsDue: 0, reason: undefined, heldBy: undefined },
      durations: new Durations(),
      counters: {},
      gauges: {},
    };
  }

  #write(
    key: Key,
    content: Pick<RootCell, "kind" | "contentType" | "payload">,
    request: { readonly condition?: Condition | undefined },
    done: (outcome: WriteOutcome) => void,
  ): void {
    if (this.#bug === "throws" && this.#ports.random.below(50) === 0) throw new Error("planted");
    if (!this.#isReady) {
      const none = { acks: 0, of: 1, hinted: 0 };
      return done({
        kind: "failed",
        code: "shutting-down",
        detail: "",
        stored: "no",
        quorum: none,
      });
    }
    const held = this.#cells.get(key);
    const isRefused = !holds(request.condition, held);
    const stamp = this.#mint();
    const root: RootCell = { ...content, stamp, type: "string", expiresAtMs: 0, cleared: NO_STAMP };
    if (!isRefused || this.#bug === "applies-refused-writes") this.#cells.set(key, root);
    if (isRefused) {
      this.#ports.clock.after(0.1, () => done({ kind: "condition-failed", current: held?.stamp }));
      return;
    }
    const quorum = { acks: 1, of: 1, hinted: 0 };
    const answer = (isStored: boolean): void => {
      const code = "storage-failed";
      if (!isStored) return done({ kind: "failed", code, detail: "", stored: "maybe", quorum });
      done({ kind: "written", stamp, quorum });
      if (this.#bug === "answers-twice") done({ kind: "written", stamp, quorum });
    };
    const operation = { key, value: bytesFromBinary(encode(root)) };
    if (this.#bug === "leaks-timers")
      for (let timer = 0; timer < 300; timer += 1) this.#ports.clock.after(1e6, () => {});
    if (this.#bug === "acks-before-sync") {
      this.#ports.clock.defer(() => answer(true));
      this.#commit({ operation, done: () => {} });
    } else if (this.#bug === "answers-late") {
      this.#commit({
        operation,
        done: (isStored) => this.#ports.clock.after(6_000, () => answer(isStored)),
      });
    } else {
      this.#commit({ operation, done: answer });
    }
  }

  #mint(): Stamp {
    const wallMs = this.#ports.clock.wallMs();
    if (this.#bug === "repeats-stamps") return stampFrom(wallMs, 0, bootIdFrom(this.#boot));
    const { ms, counter } = this.#last;
    this.#last =
      wallMs > ms
        ? stampFrom(wallMs, 0, bootIdFrom(this.#boot))
        : stampFrom(ms, counter + 1, bootIdFrom(this.#boot));
    return this.#last;
  }

  #commit(pending: Pending): void {
    this.#queue.push(pending);
    if (!this.#isWriting) this.#writeNext();
  }

  #writeNext(): void {
    const batch = this.#queue;
    this.#queue = [];
    if (batch.length === 0) return;
    this.#isWriting = true;
    this.#ports.storage.write(
      batch.map(({ operation }) => operation),
      (error) => {
        this.#isWriting = false;
        for (const { done } of batch) done(error === undefined);
        this.#writeNext();
      },
    );
  }
}

function holds(condition: Condition | undefined, held: RootCell | undefined): boolean {
  const exists = held?.kind === "value";
  if (condition === undefined) return true;
  if (condition.kind === "absent") return !exists;
  return (
    exists && (condition.kind === "exists" || compareStamps(held.stamp, condition.stamp) === 0)
  );
}

function encode(root: RootCell): string {
  return [root.kind, formatStamp(root.stamp), root.contentType, binaryFromBytes(root.payload)].join(
    "\n",
  );
}

function decode(text: string): RootCell {
  const [kind, stamp, contentType, ...payload] = text.split("\n");
  return {
    kind: kind === "value" ? "value" : "tombstone",
    stamp: parseStamp(stamp ?? "") ?? NO_STAMP,
    type: "string",
    expiresAtMs: 0,
    cleared: NO_STAMP,
    contentType: contentType ?? "",
    payload: bytesFromBinary(payload.join("\n")),
  };
}
