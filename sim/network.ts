/**
 * The network of a run: connections and datagrams between processes, over the wires of `links.ts`.
 *
 * A blocked wire stalls a connection, as TCP does, and breaks it only when what is stalled has waited too
 * long; a machine that lost its power answers nothing, so its peers keep half-open connections; a process
 * that was killed leaves a kernel that resets them. Frames arrive in order, at most once. What waits for a slow wire leaves
 * at the speed the wire has then. A stream that is stuck lets nothing through any more, while all else between the same two
 * machines passes: neither kernel says so.
 */
import { assert } from "../src/base/assert.ts";
import { crc32 } from "../src/base/checksum.ts";
import type { Address } from "../src/model/ids.ts";
import {
  CHUNK_BYTES_MAX,
  DATAGRAM_BYTES_MAX,
  FRAME_BYTES_MAX,
  PEER_QUEUE_BYTES_MAX,
} from "../src/model/limits.ts";
import type { ConnectionId, Transport, TransportListener } from "../src/ports/transport.ts";
import { copyOf, damaged } from "./damage.ts";
import type { Links } from "./links.ts";
import type { SimRandom } from "./random.ts";
import type { Process, Scheduler } from "./virtual-clock.ts";

/** What the network does to everybody; the links add what is between two. */
export interface NetworkConfig {
  /** Datagrams lost, delivered twice, damaged, and held back for seconds, each of a thousand. */
  lossPerMille: number;
  duplicatePerMille: number;
  corruptPerMille: number;
  holdPerMille: number;
  /** Datagrams that come once more, minutes later. */
  replayPerMille: number;
}

/** Longest wait for a connection to stand. */
const CONNECT_MS_MAX = 3_000;
/** Bytes that the kernel takes off the sender's hands at once. */
const KERNEL_BYTES = 128 * 1024;
/** Stalled bytes break their connection after this long, at least. */
const STALL_MS_MIN = 8_000;
const STALL_MS_SPREAD = 20_000;

/** A connection of which one side is gone and cannot be heard is found by the other's kernel after this long. */
const KEEP_ALIVE_MS = 70_000;

/** How much later a datagram comes once more: long after whoever it speaks of has moved on. */
const REPLAY_MS = [20_000, 180_000] as const;

type Parcel =
  | {
      readonly kind: "frame";
      readonly bytes: Uint8Array;
      readonly crc: number;
      readonly isInLine: boolean;
    }
  | { readonly kind: "end" };

/** One end of a connection. */
interface Half {
  readonly id: ConnectionId;
  readonly owner: SimTransport;
  /** The machine at the far end; `undefined` where nobody ever was at the address that was dialled. */
  readonly to: number | undefined;
  other: Half | undefined;
  state: "opening" | "open" | "closed";
  /**
   * What this side has sent and the other has not got, in order. Arrival events carry no parcel: each delivers the
   * head of the queue, so that no delay, block or release can reorder a stream.
   */
  queue: Parcel[];
  /** Arrivals that found the wire blocked; made up for when it opens. */
  owed: number;
  owedSinceMs: number;
  lastArrivalMs: number;
  /** When the wire has taken all that was sent, on a link of limited speed. */
  departedMs: number;
  /** The speed by which that was reckoned. */
  bytesPerMs: number;
  /** Arrivals of an earlier reckoning do not count. */
  reckoning: number;
  /** Nothing that this side sends gets through any more, and nobody is told. */
  isStuck: boolean;
  queuedBytes: number;
}

/** Where the kernel of a machine stands: resets tell a peer of a dead process, silence of a dead machine. */
export type Power = "on" | "off";

export class Network {
  readonly config: NetworkConfig = {
    lossPerMille: 0,
    duplicatePerMille: 0,
    corruptPerMille: 0,
    holdPerMille: 0,
    replayPerMille: 0,
  };
  readonly links: Links;
  /** Told of what no contract allows and no assertion at the call could see. */
  onMisuse: (machine: number, what: string) => void = () => {};
  /** Gives the readable form of a frame for the trace. */
  describe: (frame: Uint8Array) => { readonly text: string; readonly key: string | undefined } = (
    frame,
  ) => ({
    text: `${frame.length} bytes`,
    key: undefined,
  });
  datagramsLost = 0;
  datagramsReplayed = 0;
  connectionsBroken = 0;
  /** Frames that found a queue of less than the usual length full. */
  framesRefused = 0;
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #listening = new Map<Address, SimTransport>();
  readonly #machineOf = new Map<Address, number>();
  readonly #power: Power[] = [];
  #nextConnection = 1;
  readonly #halves = new Set<Half>();

  constructor(scheduler: Scheduler, random: SimRandom, links: Links) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.links = links;
    links.onChanged = () => this.#releaseAll();
  }

  /** The transport of one boot, reachable at `address` until it is shut. */
  open(process: Process, address: Address): SimTransport {
    const transport = new SimTransport(this, process, address);
    this.#listening.set(address, transport);
    this.#machineOf.set(address, process.machine);
    this.#power[process.machine] = "on";
    // Peers' kernels have kept trying while the machine had no power.
    this.#releaseAll();
    return transport;
  }

  /** Ends all that belongs to a process. With the power off nobody is told. */
  shut(transport: SimTransport, power: Power): void {
    if (this.#listening.get(transport.address) === transport)
      this.#listening.delete(transport.address);
    this.#power[transport.process.machine] = power;
    for (const half of transport.halves.values()) {
      if (power === "on") this.#ship(half, { kind: "end" });
      else half.queue = [];
      this.#retire(half);
    }
  }

  /** Breaks one connection, drawn from all, with what is on its way; both ends hear of it. */
  breakOne(): boolean {
    const open = [...this.#halves].filter((half) => half.state === "open");
    if (open.length === 0) return false;
    const half = this.#random.pick(open);
    this.#reset(half, "reset by the network");
    if (half.other !== undefined) this.#reset(half.other, "reset by the network");
    return true;
  }

  /** From now on one connection, drawn from all, lets nothing through in one direction: a path that it alone takes is dead. */
  stickOne(): string | undefined {
    const open = [...this.#halves].filter(isMoving);
    if (open.length === 0) return undefined;
    const half = this.#random.pick(open);
    half.isStuck = true;
    return `c${half.id} of n${half.owner.process.machine} to n${half.to}`;
  }

  /** The same for every connection between two machines, in this direction. */
  stick(from: number, to: number): void {
    for (const half of this.#halves) {
      if (half.owner.process.machine === from && half.to === to && isMoving(half)) {
        half.isStuck = true;
      }
    }
  }

  /** Connections that both sides take to stand, and of which one direction is stuck. */
  stuckCount(isMeant: (from: number, to: number) => boolean): number {
    let count = 0;
    for (const { isStuck, state, other, owner } of this.#halves) {
      if (!isStuck || state !== "open" || other?.state !== "open") continue;
      if (isMeant(owner.process.machine, other.owner.process.machine)) count += 1;
    }
    return count;
  }

  /** Open ends that belong to a process: bounded, or connections leak. */
  openCount(transport: SimTransport): number {
    return transport.halves.size;
  }

  /** @internal Starts a connection for `owner`. */
  connect(owner: SimTransport, address: Address): ConnectionId {
    const from = owner.process.machine;
    const to = this.#machineOf.get(address);
    const half = this.#newHalf(owner, to);
    this.#scheduler.after(CONNECT_MS_MAX - 1, "connect-limit", undefined, () => {
      if (half.state === "opening") this.#reset(half, "connecting timed out");
    });
    // Nobody was ever at this address: nothing answers.
    if (to === undefined) return half.id;
    this.#scheduler.after(this.#delayMs(from, to), "syn", undefined, () => {
      if (half.state !== "opening" || this.#power[to] !== "on") return;
      if (!this.#streamsPass(from, to) || !this.#streamsPass(to, from)) return;
      const target = this.#listening.get(address);
      if (target === undefined) {
        this.#scheduler.after(this.#delayMs(to, from), "refusal", undefined, () =>
          this.#reset(half, "connection refused"),
        );
        return;
      }
      this.#accept(half, target);
    });
    return half.id;
  }

  /** @internal Takes one frame from `owner`. */
  send(
    owner: SimTransport,
    connection: ConnectionId,
    frame: Uint8Array,
    isInLine: boolean,
  ): boolean {
    assert(frame.length >= 1 && frame.length <= FRAME_BYTES_MAX, "a frame fits its bounds");
    const half = owner.halves.get(connection);
    if (half === undefined || this.#isFull(half, frame.length)) return false;
    half.queuedBytes += frame.length;
    this.#ship(half, { kind: "frame", bytes: frame, crc: crc32(frame), isInLine });
    return true;
  }

  #isFull({ owner, to, queuedBytes }: Half, bytes: number): boolean {
    if (queuedBytes === 0) return false;
    const max =
      to === undefined
        ? PEER_QUEUE_BYTES_MAX
        : this.links.link(owner.process.machine, to).queueBytesMax;
    if (queuedBytes + bytes <= max) return false;
    if (max < PEER_QUEUE_BYTES_MAX) this.framesRefused += 1;
    return true;
  }

  /** @internal */
  close(owner: SimTransport, connection: ConnectionId): void {
    const half = owner.halves.get(connection);
    if (half === undefined) return;
    if (half.state === "opening") {
      this.#reset(half, "closed by this side");
      return;
    }
    // What is queued still goes out: the kernel sees to it after the process has let go.
    this.#ship(half, { kind: "end" });
    this.#end(half, "closed by this side");
  }

  /** @internal */
  sendDatagram(owner: SimTransport, to: Address, datagram: Uint8Array): void {
    const from = owner.process.machine;
    assert(datagram.length <= DATAGRAM_BYTES_MAX, "a datagram fits its bound");
    const machine = this.#machineOf.get(to);
    if (machine === undefined) return;
    const link = this.links.link(from, machine);
    const { replayPerMille } = this.config;
    if (replayPerMille > 0 && this.#random.below(1_000) < replayPerMille) {
      this.datagramsReplayed += 1;
      const laterMs = this.#random.between(...REPLAY_MS);
      this.#sendCopy(owner, to, machine, copyOf(datagram), laterMs);
    }
    const copies = this.#random.below(1_000) < this.config.duplicatePerMille ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const lossPerMille = Math.min(990, this.config.lossPerMille + link.lossPerMille);
      if (this.#random.below(1_000) < lossPerMille) {
        this.datagramsLost += 1;
        continue;
      }
      this.#sendCopy(owner, to, machine, copyOf(datagram));
    }
  }

  #sendCopy(
    owner: SimTransport,
    to: Address,
    machine: number,
    datagram: Uint8Array,
    laterMs = 0,
  ): void {
    const from = owner.process.machine;
    const isHeld = this.#random.below(1_000) < this.config.holdPerMille;
    const heldMs = isHeld ? this.#random.below(30_000) : 0;
    const delayMs = this.#delayMs(from, machine) + heldMs + laterMs;
    const bytes =
      this.#random.below(1_000) < this.config.corruptPerMille
        ? damaged(datagram, this.#random)
        : datagram;
    this.#scheduler.after(delayMs, "datagram", undefined, () => {
      const target = this.#listening.get(to);
      if (target === undefined || this.links.link(from, machine).blocksDatagrams) {
        this.datagramsLost += 1;
        return;
      }
      this.#scheduler.trace.event(
        "datagram-in",
        machine,
        from,
        crc32(bytes),
        () => `from n${from}, ${bytes.length} bytes`,
      );
      this.#scheduler.deliver(target.process, "datagram", () =>
        target.listener?.onDatagram(owner.address, bytes),
      );
    });
  }

  #newHalf(owner: SimTransport, to: number | undefined): Half {
    const half: Half = {
      id: this.#nextConnection,
      owner,
      to,
      other: undefined,
      state: "opening",
      queue: [],
      owed: 0,
      owedSinceMs: 0,
      lastArrivalMs: 0,
      departedMs: 0,
      bytesPerMs: Number.POSITIVE_INFINITY,
      reckoning: 0,
      isStuck: false,
      queuedBytes: 0,
    };
    this.#nextConnection += 1;
    owner.halves.set(half.id, half);
    this.#halves.add(half);
    return half;
  }

  #accept(asked: Half, target: SimTransport): void {
    const from = asked.owner.process.machine;
    const accepted = this.#newHalf(target, from);
    accepted.state = "open";
    accepted.other = asked;
    asked.other = accepted;
    const to = target.process.machine;
    this.#scheduler.trace.event(
      "accepted",
      to,
      from,
      accepted.id,
      () => `c${accepted.id} from n${from} c${asked.id}`,
    );
    this.#scheduler.deliver(target.process, "accepted", () =>
      target.listener?.onAccepted(accepted.id, asked.owner.address),
    );
    const backMs = this.#delayMs(to, from);
    accepted.lastArrivalMs = this.#scheduler.nowMs + backMs;
    this.#scheduler.after(backMs, "syn-ack", undefined, () => {
      if (asked.state !== "opening") {
        this.#reset(accepted, "the other side gave up");
        return;
      }
      asked.state = "open";
      asked.lastArrivalMs = this.#scheduler.nowMs;
      this.#scheduler.deliver(asked.owner.process, "opened", () =>
        asked.owner.listener?.onOpened(asked.id),
      );
      this.#release(asked, 0);
    });
  }

  #ship(half: Half, parcel: Parcel): void {
    half.queue.push(parcel);
    if (half.state === "opening" || half.other === undefined) half.owed += 1;
    else this.#scheduleArrival(half, parcel.kind === "frame" ? parcel.bytes.length : 0, 0);
  }

  #scheduleArrival(half: Half, bytes: number, extraMs: number): void {
    const other = half.other;
    if (other === undefined) return;
    const from = half.owner.process.machine;
    const to = other.owner.process.machine;
    const nowMs = this.#scheduler.nowMs;
    const { reckoning } = half;
    half.bytesPerMs = this.links.link(from, to).bytesPerMs;
    half.departedMs = Math.max(half.departedMs, nowMs) + bytes / half.bytesPerMs;
    const soonestMs = half.departedMs + this.#delayMs(from, to) + extraMs;
    half.lastArrivalMs = Math.max(soonestMs, half.lastArrivalMs + 0.001);
    this.#scheduler.after(half.lastArrivalMs - nowMs, "arrival", undefined, () => {
      if (reckoning === half.reckoning) this.#arrive(half, other);
    });
  }

  /** The wire has another speed than when it took what still waits for it: that goes on at the new one. */
  #reckonAnew(half: Half): void {
    const { nowMs } = this.#scheduler;
    half.reckoning += 1;
    half.departedMs = nowMs;
    half.lastArrivalMs = nowMs;
    for (const parcel of half.queue.slice(half.owed)) {
      this.#scheduleArrival(half, parcel.kind === "frame" ? parcel.bytes.length : 0, 0);
    }
  }

  #arrive(half: Half, other: Half): void {
    const from = half.owner.process.machine;
    const to = other.owner.process.machine;
    if (half.isStuck) return;
    if (half.owed > 0 || this.#power[to] !== "on" || !this.#streamsPass(from, to)) {
      this.#owe(half);
      return;
    }
    const parcel = this.#nextOf(half);
    if (parcel === undefined) return;
    if (parcel.kind === "frame") half.queuedBytes -= parcel.bytes.length;
    if (half.queue.length === 0 && half.state === "closed") this.#halves.delete(half);
    if (other.state === "closed") {
      // The far kernel knows no such connection: it says so, if it can be heard.
      if (half.state === "open" && this.#streamsPass(to, from)) {
        this.#scheduler.after(this.#delayMs(to, from), "rst", undefined, () =>
          this.#reset(half, "reset by peer"),
        );
      }
      return;
    }
    if (parcel.kind === "end") this.#end(other, "ended by peer");
    else this.#hand(other, parcel.bytes, parcel.crc, from);
  }

  /** Large frames travel in pieces, so that small ones may pass them; otherwise first come, first served. */
  #nextOf(half: Half): Parcel | undefined {
    const [head] = half.queue;
    if (head?.kind !== "frame" || head.bytes.length <= CHUNK_BYTES_MAX) return half.queue.shift();
    let mayPassInLine = true;
    const smallIndex = half.queue.findIndex((parcel) => {
      if (parcel.kind !== "frame") return false;
      const isSmall = parcel.bytes.length <= CHUNK_BYTES_MAX;
      if (isSmall && (mayPassInLine || !parcel.isInLine)) return true;
      if (parcel.isInLine) mayPassInLine = false;
      return false;
    });
    if (smallIndex < 0 || this.#random.oneIn(2)) return half.queue.shift();
    return half.queue.splice(smallIndex, 1)[0];
  }

  #owe(half: Half): void {
    half.owed += 1;
    if (half.owed > 1) return;
    const sinceMs = this.#scheduler.nowMs;
    half.owedSinceMs = sinceMs;
    this.#scheduler.after(
      STALL_MS_MIN + this.#random.below(STALL_MS_SPREAD),
      "stall-limit",
      undefined,
      () => {
        if (half.owed > 0 && half.owedSinceMs === sinceMs)
          this.#reset(half, "peer does not answer");
      },
    );
  }

  #hand(half: Half, frame: Uint8Array, crc: number, from: number): void {
    const owner = half.owner;
    const machine = owner.process.machine;
    const bytes = copyOf(frame);
    if (crc32(bytes) !== crc) this.onMisuse(from, "the bytes of a frame changed after it was sent");
    const trace = this.#scheduler.trace;
    if (trace.isRead) {
      const { text, key } = this.describe(bytes);
      trace.event(
        "frame-in",
        machine,
        half.id,
        crc,
        () => `c${half.id} from n${from}: ${text}`,
        key,
      );
    } else {
      trace.event("frame-in", machine, half.id, crc);
    }
    this.#scheduler.deliver(owner.process, "frame", () => {
      if (half.state === "open") owner.listener?.onFrame(half.id, bytes);
    });
  }

  /** Wires may have opened: what waited goes on, after the time TCP takes to notice. */
  #releaseAll(): void {
    for (const half of this.#halves) {
      if (half.departedMs > this.#scheduler.nowMs && half.to !== undefined) {
        const { bytesPerMs } = this.links.link(half.owner.process.machine, half.to);
        if (bytesPerMs !== half.bytesPerMs) this.#reckonAnew(half);
      }
      if (half.owed === 0 || half.state === "opening" || half.other === undefined) continue;
      const to = half.other.owner.process.machine;
      if (this.#power[to] !== "on" || !this.#streamsPass(half.owner.process.machine, to)) continue;
      const waitedMs = this.#scheduler.nowMs - half.owedSinceMs;
      this.#release(half, Math.min(3_000, waitedMs) * this.#random.fraction());
    }
  }

  #release(half: Half, extraMs: number): void {
    const owed = half.owed;
    half.owed = 0;
    for (let count = 0; count < owed; count += 1) this.#scheduleArrival(half, 0, extraMs);
  }

  /** Ends one side and forgets what it had not delivered. */
  #reset(half: Half, reason: string): void {
    half.queue = [];
    half.owed = 0;
    this.#halves.delete(half);
    if (half.state !== "closed") this.connectionsBroken += 1;
    this.#end(half, reason);
  }

  /** Ends one side; what it had queued still goes out. Its process hears of it in a turn of its own. */
  #end(half: Half, reason: string): void {
    if (half.state === "closed") return;
    this.#retire(half);
    const owner = half.owner;
    this.#scheduler.trace.event(
      "closing",
      owner.process.machine,
      half.id,
      0,
      () => `c${half.id} ${reason}`,
    );
    this.#scheduler.after(this.#random.fraction(), "closed", owner.process, () =>
      owner.listener?.onClosed(half.id, reason),
    );
  }

  #retire(half: Half): void {
    half.state = "closed";
    half.owner.halves.delete(half.id);
    if (half.isStuck) this.#abandon(half);
    else if (half.queue.length === 0) this.#halves.delete(half);
  }

  /** Its end cannot be heard: the other side's kernel finds out in time. */
  #abandon(half: Half): void {
    const { other } = half;
    half.queue = [];
    this.#halves.delete(half);
    if (other === undefined || other.state !== "open") return;
    this.#scheduler.after(KEEP_ALIVE_MS, "keep-alive", undefined, () =>
      this.#reset(other, "peer does not answer"),
    );
  }

  #streamsPass(from: number, to: number): boolean {
    return !this.links.link(from, to).blocksStreams;
  }

  #delayMs(from: number, to: number): number {
    return this.#random.longTail(this.links.link(from, to).delayMs);
  }
}

function isMoving({ state, other, isStuck }: Half): boolean {
  return state === "open" && other?.state === "open" && !isStuck;
}

/** The `Transport` port of one boot. */
export class SimTransport implements Transport {
  readonly process: Process;
  readonly address: Address;
  readonly halves = new Map<ConnectionId, Half>();
  listener: TransportListener | undefined;
  readonly #network: Network;

  constructor(network: Network, process: Process, address: Address) {
    this.#network = network;
    this.process = process;
    this.address = address;
  }

  listen(listener: TransportListener): void {
    assert(this.listener === undefined, "a transport is listened to once");
    this.listener = listener;
  }

  connect(address: Address): ConnectionId {
    return this.#network.connect(this, address);
  }

  send(connection: ConnectionId, frame: Uint8Array, isInLine = false): boolean {
    return this.#network.send(this, connection, frame, isInLine);
  }

  queuedBytes(connection: ConnectionId): number {
    const bytes = this.halves.get(connection)?.queuedBytes ?? 0;
    return Math.max(0, bytes - KERNEL_BYTES);
  }

  close(connection: ConnectionId): void {
    this.#network.close(this, connection);
  }

  sendDatagram(to: Address, datagram: Uint8Array): void {
    this.#network.sendDatagram(this, to, datagram);
  }
}
