/**
 * Mistakes planted in nodes from outside, through their ports: what a node would do that had them in its code.
 * Each must be found by a checker within a few seeds, or the checkers prove nothing.
 */
import type { PeerMessage } from "../src/model/peer-message.ts";
import type { Random } from "../src/ports/random.ts";
import type { Storage, StorageOperation } from "../src/ports/storage.ts";
import type { ConnectionId, Transport, TransportListener } from "../src/ports/transport.ts";
import { decodeFrame, encodeFrame, isDecodeFailure } from "../src/protocol/peer/frame-codec.ts";
import type { NodeFactory, NodePorts } from "./cluster.ts";

export const MUTANTS = [
  /** Acknowledges a batch when it is handed over, not when it is durable. */
  "ack-before-sync",
  /** Answers a replica write "stored" and stores nothing. */
  "stored-without-storing",
  /** Answers a repair or an exchange "merged" and merges nothing. */
  "merged-without-merging",
  /** Answers "stored" where it had to push back. */
  "no-push-back",
  /** Answers reads of what it holds with "absent". */
  "absent-when-held",
  /** Every start takes the same boot id, and a clock that begins anew. */
  "repeated-boot-id",
] as const;

export type Mutant = (typeof MUTANTS)[number];

/** Nodes of `makeNode` with one mistake each. */
export function mutated(makeNode: NodeFactory, mutant: Mutant): NodeFactory {
  return (ports) => makeNode(portsOf(ports, mutant));
}

function portsOf(ports: NodePorts, mutant: Mutant): NodePorts {
  switch (mutant) {
    case "ack-before-sync":
      return { ...ports, storage: new HastyStorage(ports) };
    case "repeated-boot-id":
      return { ...ports, random: new RepeatingRandom(ports.random) };
    default:
      return { ...ports, transport: new LyingTransport(ports.transport, mutant) };
  }
}

/** Says done in the next turn; reads see what is not yet written; the disk gets it later, one batch at a time. */
class HastyStorage implements Storage {
  readonly #ports: NodePorts;
  readonly #waiting: (readonly StorageOperation[])[] = [];
  readonly #overlay = new Map<string, Uint8Array | undefined>();
  #isWriting = false;
  #onIdle: (() => void) | undefined;

  constructor(ports: NodePorts) {
    this.#ports = ports;
  }

  get: Storage["get"] = (key) => {
    if (!this.#overlay.has(key)) return this.#ports.storage.get(key);
    const value = this.#overlay.get(key);
    return value === undefined ? undefined : Uint8Array.prototype.slice.call(value);
  };

  write: Storage["write"] = (operations, done) => {
    const copies = operations.map(({ key, value }) => ({
      key,
      value: value && Uint8Array.prototype.slice.call(value),
    }));
    for (const { key, value } of copies) this.#overlay.set(key, value);
    this.#waiting.push(copies);
    this.#ports.clock.defer(() => done(undefined));
    this.#writeNext();
  };

  scan: Storage["scan"] = (range, done) =>
    this.#whenIdle(() => this.#ports.storage.scan(range, done));

  close: Storage["close"] = (done) => this.#whenIdle(() => this.#ports.storage.close(done));

  #whenIdle(run: () => void): void {
    if (!this.#isWriting) return run();
    const before = this.#onIdle;
    this.#onIdle = () => {
      before?.();
      run();
    };
  }

  #writeNext(): void {
    if (this.#isWriting) return;
    const batch = this.#waiting.shift();
    if (batch === undefined) {
      this.#overlay.clear();
      const run = this.#onIdle;
      this.#onIdle = undefined;
      run?.();
      return;
    }
    this.#isWriting = true;
    this.#ports.storage.write(batch, () => {
      this.#isWriting = false;
      this.#writeNext();
    });
  }
}

/** The first 53-bit number of a start, its boot id, is always the same for one node. */
class RepeatingRandom implements Random {
  readonly #random: Random;
  #hasGivenBoot = false;

  constructor(random: Random) {
    this.#random = random;
  }

  next32(): number {
    return this.#random.next32();
  }

  next53(): number {
    if (this.#hasGivenBoot) return this.#random.next53();
    this.#hasGivenBoot = true;
    return 4_711;
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }
}

/** Forges what a node says to others, or swallows what it is told. */
class LyingTransport implements Transport {
  readonly #transport: Transport;
  readonly #mutant: Mutant;

  constructor(transport: Transport, mutant: Mutant) {
    this.#transport = transport;
    this.#mutant = mutant;
  }

  listen(listener: TransportListener): void {
    this.#transport.listen({
      onOpened: (connection) => listener.onOpened(connection),
      onAccepted: (connection, remote) => listener.onAccepted(connection, remote),
      onClosed: (connection, reason) => listener.onClosed(connection, reason),
      onDatagram: (from, datagram) => listener.onDatagram(from, datagram),
      onFrame: (connection, frame) => {
        const lie = this.#lieTo(frame);
        if (lie === undefined) listener.onFrame(connection, frame);
        else this.#transport.send(connection, lie);
      },
    });
  }

  connect: Transport["connect"] = (address) => this.#transport.connect(address);
  queuedBytes: Transport["queuedBytes"] = (connection) => this.#transport.queuedBytes(connection);
  close: Transport["close"] = (connection) => this.#transport.close(connection);
  sendDatagram: Transport["sendDatagram"] = (to, datagram) =>
    this.#transport.sendDatagram(to, datagram);

  send(connection: ConnectionId, frame: Uint8Array, isInLine?: boolean): boolean {
    const decoded = decodeFrame(frame);
    if (isDecodeFailure(decoded)) return this.#transport.send(connection, frame, isInLine);
    const changed = this.#change(decoded.message);
    const sent = changed === undefined ? frame : encodeFrame(decoded.header, changed);
    return this.#transport.send(connection, sent, isInLine);
  }

  /** What is answered instead of handing the request on. */
  #lieTo(frame: Uint8Array): Uint8Array | undefined {
    const decoded = decodeFrame(frame);
    if (isDecodeFailure(decoded)) return undefined;
    const { header, message } = decoded;
    const reply: PeerMessage | undefined =
      this.#mutant === "stored-without-storing" && message.kind === "write"
        ? {
            kind: "write-reply",
            result: "stored",
            held: { ms: 0, counter: 0, boot: 0 },
            commitNumber: 1,
          }
        : this.#mutant === "merged-without-merging" && message.kind === "merge"
          ? { kind: "merge-reply" }
          : undefined;
    return reply === undefined ? undefined : encodeFrame({ ...header, remainingMs: 0 }, reply);
  }

  #change(message: PeerMessage): PeerMessage | undefined {
    if (
      this.#mutant === "no-push-back" &&
      message.kind === "write-reply" &&
      message.result === "behind"
    ) {
      return { ...message, result: "stored" };
    }
    if (this.#mutant === "absent-when-held") {
      if (message.kind === "cells-reply") return { ...message, cells: [] };
      if (message.kind === "digest-reply") return { ...message, digests: [] };
      if (message.kind === "confirm-reply") {
        const { collected, flushed } = message;
        return { kind: "digest-reply", digests: [], collected, flushed };
      }
    }
    return undefined;
  }
}
