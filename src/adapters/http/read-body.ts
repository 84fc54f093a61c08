/**
 * Reads the body of one value.
 *
 * Invariant: no more memory is taken than has arrived, the announced length is judged before the first byte, and `done` is
 * called at most once: never, if the client goes away first.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Problem, problem } from "../../protocol/http/problem.ts";
import type { ByteBudget } from "./http-limits.ts";

export interface BodyLimits {
  readonly bytesMax: number;
  readonly bodyMs: number;
}

const EMPTY = new Uint8Array(0);

/** Bytes of `done` count against the budget until the answer is written or the client is gone. */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
  budget: ByteBudget,
  done: (body: Uint8Array | Problem) => void,
): void {
  const announced = request.headers["content-length"];
  if (announced !== undefined && Number(announced) > limits.bytesMax) {
    done(tooLarge(Number(announced), limits.bytesMax));
    return;
  }
  if (request.headers.expect !== undefined) response.writeContinue();
  new BodyReader(request, response, limits, budget, done).start();
}

class BodyReader {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #limits: BodyLimits;
  readonly #budget: ByteBudget;
  readonly #done: (body: Uint8Array | Problem) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    limits: BodyLimits,
    budget: ByteBudget,
    done: (body: Uint8Array | Problem) => void,
  ) {
    this.#request = request;
    this.#response = response;
    this.#limits = limits;
    this.#budget = budget;
    this.#done = done;
  }

  start(): void {
    this.#timer = setTimeout(() => this.#onLate(), this.#limits.bodyMs);
    this.#request.on("data", (chunk: Buffer) => this.#onData(chunk));
    this.#request.on("end", () => this.#onEnd());
    this.#response.on("close", () => {
      this.#isOver = true;
      clearTimeout(this.#timer);
      this.#budget.give(this.#bytes);
      this.#bytes = 0;
    });
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#bytes + chunk.length > this.#limits.bytesMax) {
      this.#finish(tooLarge(this.#bytes + chunk.length, this.#limits.bytesMax));
      return;
    }
    if (!this.#budget.take(chunk.length)) {
      this.#finish(
        problem("overloaded", "too many bytes of values are arriving at once; nothing was stored"),
      );
      return;
    }
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
  }

  #onEnd(): void {
    if (this.#isOver) return;
    const [first] = this.#chunks;
    if (first === undefined) this.#finish(EMPTY);
    else this.#finish(this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks));
  }

  #onLate(): void {
    if (this.#isOver) return;
    const { bodyMs } = this.#limits;
    const detail = `the value did not arrive within ${bodyMs} ms; nothing was stored`;
    this.#finish(problem("body-too-slow", detail, { limit: bodyMs, value: this.#bytes }));
  }

  #finish(result: Uint8Array | Problem): void {
    this.#isOver = true;
    this.#chunks = [];
    clearTimeout(this.#timer);
    this.#done(result);
  }
}

function tooLarge(bytes: number, bytesMax: number): Problem {
  const detail = `the value is at least ${bytes} bytes, max ${bytesMax}; nothing was stored`;
  return problem("value-too-large", detail, { limit: bytesMax, value: bytes });
}
