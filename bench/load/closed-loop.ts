/** Closed loop: each connection sends its next batch when the one before it is answered, until the time is up. */
import type { LoadConnection } from "./load-connection.ts";
import type { RequestWriter } from "./request-writer.ts";
import type { Workload } from "./workload.ts";

/** A connection, and what writes its requests: one for all connections, or one each where they are numbered. */
export interface Lane {
  readonly connection: LoadConnection;
  readonly writer: RequestWriter;
}

export interface LoopOptions {
  readonly lanes: readonly Lane[];
  readonly workload: Workload;
  /** Requests of a batch. */
  readonly inFlight: number;
  readonly ms: number;
}

/** Settles when everything that was sent is answered or lost. */
export function closedLoop(options: LoopOptions): Promise<void> {
  const { lanes, workload, inFlight, ms } = options;
  const endMs = performance.now() + ms;
  return Promise.all(
    lanes.map(
      ({ connection, writer }) =>
        new Promise<void>((resolve) => {
          const sendNext = (followUp: number[]): void => {
            const nowMs = performance.now();
            if (connection.isClosed || (nowMs >= endMs && followUp.length === 0)) return resolve();
            const next: number[] = [];
            if (followUp.length > 0) {
              for (const key of followUp) writer.write(key);
            } else {
              for (let count = 0; count < inFlight && !workload.isOver; count += 1) {
                const key = workload.next(writer);
                if (key >= 0) next.push(key);
              }
            }
            const batch = writer.take();
            if (batch.requests === 0) return resolve();
            connection.onBatch = () => sendNext(next);
            connection.send(batch, nowMs);
          };
          sendNext([]);
        }),
    ),
  ).then(() => undefined);
}
