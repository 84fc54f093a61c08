/** Load within a process: so many callers of a function, each with one request under way, for so long. */
import { Recorder } from "./recorder.ts";

/** Starts one request and calls `done` when it is answered. */
export type StartRequest = (done: (isOk: boolean) => void) => void;

export interface CallersOptions {
  readonly callers: number;
  readonly ms: number;
}

export interface Called {
  readonly recorder: Recorder;
  readonly seconds: number;
}

/** Callers go on until the time is up; what was under way then is waited for and counted by its answer. */
export function callFor(start: StartRequest, { callers, ms }: CallersOptions): Promise<Called> {
  return new Promise((resolve) => {
    const recorder = new Recorder();
    let running = callers;
    const beginMs = performance.now();
    const endMs = beginMs + ms;

    const call = (): void => {
      const startMs = performance.now();
      start((isOk) => {
        const nowMs = performance.now();
        if (isOk) recorder.answered(nowMs - startMs, 1);
        else recorder.failedAfter(nowMs - startMs, 1, "the call was rejected");
        if (nowMs < endMs) {
          call();
          return;
        }
        running -= 1;
        if (running === 0) resolve({ recorder, seconds: (nowMs - beginMs) / 1_000 });
      });
    };
    for (let caller = 0; caller < callers; caller += 1) call();
  });
}

/** A promise of one request as a `StartRequest` reports it. */
export async function report(
  request: Promise<unknown>,
  done: (isOk: boolean) => void,
): Promise<void> {
  let isOk = true;
  try {
    isOk = (await request) !== undefined;
  } catch {
    isOk = false;
  }
  done(isOk);
}
