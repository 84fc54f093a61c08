/**
 * One connection of a generator: batches out, replies matched to them in order.
 *
 * Invariant: every request of a batch is counted exactly once, as answered or as failed, also when the connection breaks.
 */
import { connect, type Socket } from "node:net";
import type { Recorder } from "./recorder.ts";
import type { ReaderContext, ReplyReader } from "./reply-reader.ts";
import type { Batch } from "./request-writer.ts";

interface Waiting {
  readonly batch: Batch;
  /** When it was sent, or, in an open loop, should have been. */
  readonly startMs: number;
  replies: number;
  problem: string | undefined;
}

export class LoadConnection {
  readonly #socket: Socket;
  readonly #replies: ReplyReader;
  readonly #recorder: Recorder;
  readonly #waiting: Waiting[] = [];
  #problem = "the connection was closed";
  #isClosed = false;
  #nowMs = 0;
  /** A batch has been answered, or lost. */
  onBatch: () => void = () => undefined;

  private constructor(
    socket: Socket,
    replies: (context: ReaderContext) => ReplyReader,
    recorder: Recorder,
  ) {
    this.#socket = socket;
    this.#recorder = recorder;
    this.#replies = replies({
      onReply: (problem, integer) => this.#onReply(problem, integer),
      send: (bytes) => void socket.write(bytes),
    });
    if (this.#replies.greeting !== undefined) socket.write(this.#replies.greeting);
    socket.on("data", (chunk: Buffer) => {
      // One reading of the clock for all that came at once.
      this.#nowMs = performance.now();
      this.#replies.push(chunk);
    });
    socket.on("error", (error) => {
      // "close" follows and tells what waits.
      this.#problem = error.message;
    });
    socket.on("close", () => this.#onClose());
  }

  static open(
    port: number,
    replies: (context: ReaderContext) => ReplyReader,
    recorder: Recorder,
  ): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new LoadConnection(socket, replies, recorder));
      });
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  send(batch: Batch, startMs: number): void {
    this.#waiting.push({ batch, startMs, replies: 0, problem: undefined });
    if (this.#isClosed) this.#onClose();
    else this.#socket.write(batch.bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #onReply(problem: string | undefined, integer: number): void {
    const [head] = this.#waiting;
    if (head === undefined) throw new Error("a reply that nobody asked for");
    const { batch } = head;
    head.replies += 1;
    if (!batch.waits) this.#count(head, 1, problem);
    else head.problem ??= problem;
    if (head.replies < batch.requests + (batch.waits ? 1 : 0)) return;

    if (batch.waits) {
      head.problem ??= integer >= 1 ? undefined : "no replica has it";
      this.#count(head, batch.requests, head.problem);
    }
    if (head.problem === undefined) this.#recorder.bytesStored += batch.bytesStored;
    this.#waiting.shift();
    this.onBatch();
  }

  #count(head: Waiting, requests: number, problem: string | undefined): void {
    const ms = this.#nowMs - head.startMs;
    if (problem === undefined) this.#recorder.answered(ms, requests);
    else this.#recorder.failedAfter(ms, requests, problem);
  }

  #onClose(): void {
    this.#isClosed = true;
    this.#nowMs = performance.now();
    for (const head of this.#waiting.splice(0)) {
      const left = head.batch.waits ? head.batch.requests : head.batch.requests - head.replies;
      this.#count(head, left, this.#problem);
      this.onBatch();
    }
  }
}
