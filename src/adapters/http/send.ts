/**
 * Writes answers to connections.
 *
 * Invariant: an answer is written whole or not at all, and a refusal reaches even a client that is still sending.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "../../protocol/http/answer.ts";
import { problemAnswer } from "../../protocol/http/answer.ts";
import { problem } from "../../protocol/http/problem.ts";
import type { ByteBudget, HttpLimits } from "./http-limits.ts";

/** Smaller answers are not worth counting: the connection limit bounds them. */
const COUNTED_BYTES_MIN = 64 * 1024;

/** Writes `answer`; does nothing when the client is gone. */
export function sendAnswer(response: ServerResponse, answer: Answer, budget: ByteBudget): void {
  if (response.destroyed || response.headersSent) return;
  const { body } = answer;
  if (body === undefined) {
    response.writeHead(answer.status, answer.headers as string[]);
    response.end();
    return;
  }
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  if (length >= COUNTED_BYTES_MIN && response.req.method !== "HEAD") {
    if (!budget.take(length)) {
      const failure = problem("overloaded", "too many bytes of answers are waiting to be taken");
      sendAnswer(response, problemAnswer(failure), budget);
      return;
    }
    response.once("close", () => budget.give(length));
  }
  response.writeHead(answer.status, [...answer.headers, "Content-Length", String(length)]);
  response.end(body);
}

/**
 * Answers a request whose body has not been read, and closes. Closing with bytes unread would reset the connection and take the
 * answer with it, so the answer is written in full at once, and what still arrives is dropped until the client is
 * done or the limits are reached.
 */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  limits: HttpLimits,
  budget: ByteBudget,
): void {
  if (response.destroyed || response.headersSent) return;
  response.shouldKeepAlive = false;
  if (request.complete || !announcesBody(request)) {
    sendAnswer(response, answer, budget);
    return;
  }
  const body = answer.body ?? "";
  const length = String(Buffer.byteLength(body));
  response.writeHead(answer.status, [...answer.headers, "Content-Length", length]);
  if (request.method === "HEAD") response.flushHeaders();
  else response.write(body);

  let bytesLeft = limits.lingerBytesMax;
  const finish = (): void => {
    clearTimeout(timer);
    request.off("data", onData);
    if (!response.writableEnded) response.end();
  };
  const onData = (chunk: Uint8Array): void => {
    bytesLeft -= chunk.length;
    if (bytesLeft < 0) finish();
  };
  const timer = setTimeout(finish, limits.lingerMs);
  request.on("data", onData);
  request.once("end", finish);
  request.once("close", finish);
  request.resume();
}

/** Whether the request has a body, or says so. */
export function announcesBody(request: IncomingMessage): boolean {
  const length = request.headers["content-length"];
  return (
    request.headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0")
  );
}
