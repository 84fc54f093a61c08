/**
 * A client's write that depends on nothing the key holds, from when it is taken to its answer, as long as acks are all that comes
 * of it: nearly every write ends like that, and costs no more objects than these. At the first thing else a `WriteRun` takes over, in
 * the state in which it would be had it been there from the beginning.
 *
 * Invariant: whoever is asked, and when, is what a `WriteRun` would have asked; events are delivered one at a time, also when this
 * node's own copy answers within the call that asked for it.
 */
import { encodeCell } from "../core/causality/cell-codec.ts";
import type { CellChange } from "../core/operations/changes.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import { PlainWrite } from "../core/replication/plain-write.ts";
import type { Reach, SlotPlan } from "../core/replication/quorum.ts";
import type { WriteOptions } from "../core/replication/write-coordinator.ts";
import type { Epoch, NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { QuorumReport, WriteOutcome } from "../model/outcome.ts";
import type { PeerReply } from "../model/peer-message.ts";
import type { Slot } from "../model/slot.ts";
import type { Stamp } from "../model/stamp.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { DecodedCell } from "./cell-store.ts";
import { type Intake, TakenWrite } from "./intake.ts";
import { KeyWrite, type RunKeeper } from "./key-write.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { ModifyVerdict } from "./read-modify-write.ts";
import type { RequestContext } from "./request-context.ts";
import type { Run } from "./run.ts";
import { NOBODY, placeOf, tokenAt, type WriteRun, wakeAfter } from "./write-run.ts";

/** The same for all writes of a node. */
export interface BlindWritePorts {
  readonly intake: Intake;
  readonly keeper: RunKeeper;
  /** What the client is told of a write that is stored, and of one whose fate is another. */
  readonly written: (quorum: QuorumReport, stamp: Stamp) => WriteOutcome;
  readonly outcome: (verdict: ModifyVerdict, stamp: Stamp) => WriteOutcome;
}

/** What a client asks for, taken by the intake. */
export interface BlindRequest {
  readonly key: Key;
  readonly change: CellChange;
  /** Of the value. */
  readonly bytes: number;
  readonly deadlineMs: number | undefined;
  /** Replicas that the request asks for, and primaries that must hold it, since the cluster or the request demands it. */
  readonly w: number | undefined;
  readonly demanded: number | undefined;
  /** Each step is to show, as it does the long way. */
  readonly isWatched: boolean;
  readonly done: (outcome: WriteOutcome) => void;
}

export class BlindWrite extends TakenWrite<WriteOutcome> implements ReplySink, Run, WriteOptions {
  before: Run | undefined = undefined;
  after: Run | undefined = undefined;
  readonly mode = "blind";
  readonly self: NodeId;
  readonly plan: SlotPlan;
  readonly reach: (node: NodeId) => Reach;
  readonly stamp: Stamp;
  readonly w: number | undefined;
  readonly #context: RequestContext;
  readonly #ports: BlindWritePorts;
  readonly #key: Key;
  readonly #slot: Slot;
  readonly #change: CellChange;
  readonly #isWatched: boolean;
  /** That the plan is of. */
  readonly #epoch: Epoch;
  #cell: DecodedCell | undefined;
  #plain: PlainWrite | undefined;
  #wakeMs = 0;
  #isStarting = false;
  /** What came while it was being sent. */
  #waiting: ((run: WriteRun) => void)[] | undefined;
  /** Has taken over. */
  #run: WriteRun | undefined;

  constructor(ports: BlindWritePorts, context: RequestContext, request: BlindRequest) {
    const { key, change } = request;
    super(ports.intake, "write", request, request.bytes, request.done);
    const placement = context.placement();
    this.#context = context;
    this.#ports = ports;
    this.#key = key;
    this.#change = change;
    this.#isWatched = request.isWatched;
    this.#slot = slotOfKey(key);
    this.#epoch = placement.epoch;
    this.self = context.self;
    this.plan = placement.planOf(this.#slot);
    this.reach = context.reach;
    this.stamp = context.mint();
    this.w = request.demanded;
  }

  get wakeMs(): number {
    return this.#wakeMs;
  }

  /** Makes the cell, where the write is not begun at once. */
  encode(): DecodedCell {
    const { field } = this.#change;
    const cell = this.#change.cellAt(this.stamp);
    this.#cell = { field, cell, bytes: encodeCell(cell, this.#key, field) };
    return this.#cell;
  }

  /** The call that asks for it, or the one that it was gathered in, is over with this. */
  begin(): void {
    this.#plain = this.#isWatched ? undefined : PlainWrite.begin(this);
    if (this.#plain === undefined) this.#write().start();
    else {
      this.#wakeMs = wakeAfter(this, this.startMs);
      this.#ports.keeper.begin(this);
    }
    this.leave();
  }

  /** For the keeper. */
  start(): void {
    this.#isStarting = true;
    this.#sendAll(this.#cell ?? this.encode());
    this.#isStarting = false;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    for (const deliver of waiting) deliver(this.#takenOver());
  }

  tick(): void {
    const nowMs = this.#context.turnMs();
    this.#wakeMs = wakeAfter(this, nowMs);
    const isCalm = this.#plain?.isUndisturbed(nowMs) === true && this.#isOfPlacement;
    if (!isCalm) this.#deliver((run) => run.tick());
  }

  onReply(from: NodeId, token: number, reply: PeerReply): void {
    const isAck = reply.kind === "write-reply" && reply.result === "stored";
    if (!isAck || !this.#onAck(placeOf(token))) {
      this.#deliver((run) => run.onReply(from, token, reply));
    }
  }

  onNoAnswer(from: NodeId, token: number): void {
    this.#deliver((run) => run.onNoAnswer(from, token));
  }

  /** Whether the placement is still the one that the plan is of. */
  get #isOfPlacement(): boolean {
    return this.#context.placement().epoch === this.#epoch;
  }

  #sendAll(cell: DecodedCell): void {
    const { primaries } = this.plan;
    let body: Uint8Array | undefined;
    for (let place = 0; place < primaries.length; place += 1) {
      const to = primaries[place] as NodeId;
      if (to === this.self) {
        this.#writeHere(cell, tokenAt(place));
        continue;
      }
      body ??= encodeMessage(this.#message(cell));
      if (!this.#context.peers.request(to, body, this.deadlineMs, this, tokenAt(place))) {
        this.#deliver((run) => run.onUnsent(to));
      }
    }
  }

  #writeHere(cell: DecodedCell, token: number): void {
    const { replica } = this.#context;
    if (replica.overwrite(this.#slot, this.#key, cell, this, token)) return;
    const reply = (answer: PeerReply): void => this.onReply(this.self, token, answer);
    replica.write(this.#message(cell), reply, [cell]);
  }

  #message(cell: DecodedCell) {
    return {
      kind: "write",
      key: this.#key,
      cells: [cell],
      bases: [this.stamp],
      attempt: "first",
      role: "primary",
      unreached: NOBODY,
    } as const;
  }

  /** Counts an ack where acks are all there has been; false: somebody is to take over. */
  #onAck(place: number): boolean {
    const plain = this.#plain;
    if (plain === undefined || place < 0 || this.#isStarting || !this.#isOfPlacement) return false;
    const nowMs = this.#context.turnMs();
    const turn = plain.onStored(place, nowMs);
    if (turn === "over") return false;
    if (turn === "answered" || turn === "answered-and-finished") {
      const { durations } = this.#context.counters;
      durations.stages["coordinate-write"].add(nowMs - this.startMs);
      this.answer(this.#ports.written(plain.quorum, this.stamp));
    }
    if (turn === "finished" || turn === "answered-and-finished") this.#ports.keeper.finish(this);
    return true;
  }

  #deliver(event: (run: WriteRun) => void): void {
    if (!this.#isStarting) return event(this.#takenOver());
    this.#waiting ??= [];
    this.#waiting.push(event);
  }

  #takenOver(): WriteRun {
    if (this.#run !== undefined) return this.#run;
    const plain = this.#plain as PlainWrite;
    this.#plain = undefined;
    this.#ports.keeper.finish(this);
    this.#run = this.#write().goOn({
      coordinator: plain.handOver(),
      cells: [this.#cell as DecodedCell],
      epoch: this.#epoch,
      startMs: this.startMs,
      wakeMs: this.#wakeMs,
      isAnswered: plain.isAnswered,
    });
    return this.#run;
  }

  /** The same write, the long way. */
  #write(): KeyWrite {
    const { stamp, w, deadlineMs } = this;
    const changes = [this.#change];
    const write = { context: this.#context, key: this.#key, changes, stamp, w, deadlineMs };
    return new KeyWrite({ ...write, bases: undefined }, this.#ports.keeper, (verdict, stands) =>
      this.answer(this.#ports.outcome(verdict, stands)),
    );
  }
}
