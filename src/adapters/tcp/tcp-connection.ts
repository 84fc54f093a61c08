/**
 * One TCP connection between nodes: greeting, frames in, frames out.
 *
 * Invariant: at most one write is under way, so what the other side does not read waits in the send queue, which is bounded,
 * and small frames can still overtake there. The owner is told `onGreeted` at most once and `onClosed` exactly once, from
 * events of the socket, never from within a call.
 */
import type { Socket } from "node:net";
import { PEER_QUEUE_BYTES_MAX } from "../../model/limits.ts";
import type { ConnectionId } from "../../ports/transport.ts";
import { GREETING, StreamDecoder } from "../../protocol/peer/chunking.ts";
import { SendQueue } from "../../protocol/peer/send-queue.ts";
import type { TakeBytes } from "../system/socket-reads.ts";

/** How long what is queued may take to leave after `close`. */
const LINGER_MS = 5_000;

/** Whom a connection tells. */
export interface ConnectionOwner {
  /** The other end has shown itself to be a node. */
  onGreeted(connection: TcpConnection): void;
  onFrame(id: ConnectionId, frame: Uint8Array): void;
  onClosed(connection: TcpConnection, reason: string): void;
  /** There is something to write at the end of this turn. */
  onDirty(connection: TcpConnection): void;
}

export class TcpConnection {
  readonly id: ConnectionId;
  readonly isAccepted: boolean;
  /** `host:port` of the other end, for people. */
  readonly remote: string;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #decoder = new StreamDecoder();
  readonly #queue = new SendQueue();
  readonly #onWritten: () => void;
  #greetingTimer: NodeJS.Timeout | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #isDirty = false;
  #isClosing = false;
  #isClosed = false;
  #reason: string | undefined;

  constructor(parts: {
    readonly id: ConnectionId;
    /** Opens its socket, whose bytes go to `take`: never from within the call. */
    readonly open: (take: TakeBytes) => Socket;
    readonly owner: ConnectionOwner;
    readonly isAccepted: boolean;
    readonly remote: string;
    readonly greetingMs: number;
  }) {
    this.id = parts.id;
    this.isAccepted = parts.isAccepted;
    this.remote = parts.remote;
    this.#socket = parts.open((bytes) => this.#onData(bytes));
    this.#owner = parts.owner;
    this.#onWritten = (): void => this.#writeDone();
    this.#greetingTimer = setTimeout(
      () => this.abort(`no greeting within ${parts.greetingMs} ms`),
      parts.greetingMs,
    );
    this.#socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code ?? error.message;
    });
    this.#socket.on("end", () => {
      this.#reason ??= "ended by the other side";
      // The socket now ends this direction as well, once the other side has read what was written; it may never.
      this.#isClosing = true;
      this.#linger();
    });
    this.#socket.on("close", () => this.#onSocketClosed());
    // The side that connects speaks first: a stranger who connects to a node is told nothing.
    if (!this.isAccepted) this.#socket.write(GREETING);
  }

  /** Bytes queued here and in the stream, not yet taken by the operating system. */
  get queuedBytes(): number {
    return this.#queue.bytes + this.#socket.writableLength;
  }

  /** Queues a frame; `false` when closing or full. */
  send(frame: Uint8Array, isInLine = false): boolean {
    if (this.#isClosing || this.#isClosed) return false;
    if (this.queuedBytes + frame.length > PEER_QUEUE_BYTES_MAX) return false;
    this.#queue.push(frame, isInLine);
    if (!this.#isDirty && !this.#isWriting) {
      this.#isDirty = true;
      this.#owner.onDirty(this);
    }
    return true;
  }

  /** Writes what waits, in one system call where the socket takes it. Called at the end of a turn. */
  flush(): void {
    this.#isDirty = false;
    if (this.#isWriting || this.#socket.writableEnded || !this.#decoder.isGreeted) return;
    const parts: Uint8Array[] = [];
    this.#queue.take(parts);
    const last = parts.pop();
    if (last === undefined) {
      if (this.#isClosing) this.#socket.end();
      return;
    }
    this.#isWriting = true;
    if (parts.length === 0) {
      this.#socket.write(last, this.#onWritten);
      return;
    }
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.write(last, this.#onWritten);
    this.#socket.uncork();
  }

  /** Ends the connection after what is queued, or after LINGER_MS. Frames that arrive meanwhile are dropped. */
  close(): void {
    if (this.#isClosing || this.#isClosed) return;
    this.#isClosing = true;
    this.#reason ??= "closed by this side";
    if (!this.#decoder.isGreeted) {
      this.#socket.destroy();
      return;
    }
    this.#linger();
    if (!this.#isDirty && !this.#isWriting) {
      this.#isDirty = true;
      this.#owner.onDirty(this);
    }
  }

  /** Ends the connection at once; what is queued is lost. */
  abort(reason: string): void {
    this.#reason ??= reason;
    this.#isClosing = true;
    this.#socket.destroy();
  }

  #linger(): void {
    this.#lingerTimer ??= setTimeout(() => this.#socket.destroy(), LINGER_MS);
  }

  #writeDone(): void {
    this.#isWriting = false;
    if (this.#isDirty || this.#isClosed) return;
    if (this.#queue.bytes > 0 || this.#isClosing) {
      this.#isDirty = true;
      this.#owner.onDirty(this);
    }
  }

  #onData(bytes: Buffer): void {
    if (this.#isClosing) return;
    const wasGreeted = this.#decoder.isGreeted;
    const frames: Uint8Array[] = [];
    const failure = this.#decoder.push(bytes, frames);
    if (!wasGreeted && this.#decoder.isGreeted) this.#greet();
    for (const frame of frames) {
      // The owner may close the connection from within.
      if (this.#isClosing) return;
      this.#owner.onFrame(this.id, frame);
    }
    if (failure !== undefined) this.abort(failure);
  }

  #greet(): void {
    clearTimeout(this.#greetingTimer);
    this.#greetingTimer = undefined;
    if (this.isAccepted) this.#socket.write(GREETING);
    this.#owner.onGreeted(this);
    // Frames sent before the connection stood have waited for this.
    if (!this.#isDirty && this.#queue.bytes > 0) {
      this.#isDirty = true;
      this.#owner.onDirty(this);
    }
  }

  #onSocketClosed(): void {
    this.#isClosed = true;
    clearTimeout(this.#greetingTimer);
    clearTimeout(this.#lingerTimer);
    this.#owner.onClosed(this, this.#reason ?? "closed by the other side");
  }

  /** Whether the other end has greeted. */
  get isGreeted(): boolean {
    return this.#decoder.isGreeted;
  }
}
