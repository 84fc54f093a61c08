/**
 * Open loop: requests begin at a fixed rate, whether or not those before them are answered, and their latency counts from when
 * they should have begun. So a stall costs all that would have come in it, as it costs users, and not one request a
 * connection ("coordinated omission").
 *
 * The timer ticks every millisecond, so up to that much of each latency is the generator's own.
 */
import type { Lane, LoopOptions } from "./closed-loop.ts";

const TICK_MS = 1;
/** How long what is under way at the end is waited for. */
const DRAIN_MS_MAX = 10_000;

export interface OpenLoopOptions extends LoopOptions {
  /** Of this generator. */
  readonly ratePerSecond: number;
  /** Whether a connection takes a request while another is under way; else it is sent when that is answered. */
  readonly sendsAhead: boolean;
}

/** Settles when everything is answered or lost, or after ten seconds more. Answers with the requests never answered. */
export function openLoop(options: OpenLoopOptions): Promise<number> {
  const { lanes, workload, ratePerSecond, sendsAhead } = options;
  const beginMs = performance.now();
  const endMs = beginMs + options.ms;
  const total = Math.floor((options.ms * ratePerSecond) / 1_000);
  /** Begun and not sent, of each connection: when they should have been. */
  const backlogs: number[][] = lanes.map(() => []);
  let begun = 0;
  let answered = 0;

  return new Promise((resolve) => {
    const send = ({ connection, writer }: Lane, startMs: number): void => {
      workload.next(writer);
      connection.send(writer.take(), startMs);
    };
    for (const [index, lane] of lanes.entries()) {
      lane.connection.onBatch = () => {
        answered += 1;
        const startMs = backlogs[index]?.shift();
        if (startMs !== undefined) send(lane, startMs);
      };
    }
    const tick = (): void => {
      const nowMs = performance.now();
      const due = Math.min(total, Math.floor(((nowMs - beginMs) * ratePerSecond) / 1_000));
      for (; begun < due; begun += 1) {
        const index = begun % lanes.length;
        const lane = lanes[index];
        if (lane === undefined) break;
        const startMs = beginMs + (begun * 1_000) / ratePerSecond;
        if (lane.connection.waitingCount > 0 && !sendsAhead) backlogs[index]?.push(startMs);
        else send(lane, startMs);
      }
      const isDone = begun === total && answered === total;
      if (isDone || nowMs > endMs + DRAIN_MS_MAX) {
        clearInterval(timer);
        resolve(begun - answered);
      }
    };
    const timer = setInterval(tick, TICK_MS);
  });
}
