/**
 * A graceful stop: takes no more from clients, hands on what others lack, says goodbye, and ends when nothing is under way.
 *
 * Invariant: ends within `limitMs` of the call, and a moment for the last commit; what could not be handed on by then is on
 * disk, and is by the next start. A peer that was told of the end before it asked for something asks somebody else; what
 * it asked before that is answered.
 */
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";

const POLL_MS = 20;
/** Looking for what is left to hand on goes through all slots. */
const LOOK_MS = 100;
/** Handing on that makes no progress for so long is left to the next start. */
const STALLED_MS = 2_000;
/** A peer that does not confirm the goodbye is not waited for any longer. */
const GOODBYE_MS_MAX = 500;
/** What a peer sent just before it heard the goodbye arrives within this. */
const LAST_WORDS_MS = 50;

export interface ShutdownPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** How long all of it may take. */
  readonly limitMs: number;
  /** Slots in which this node holds what a member that can be reached may lack. */
  readonly slotsToHandOn: () => number;
  /** Has the others remember what members that cannot be reached may lack. */
  readonly passHintsOn: () => void;
  /** Tells everybody; `heard` is called when all whom it reached have confirmed it. */
  readonly sayGoodbye: (heard: () => void) => void;
  readonly requestsInFlight: () => number;
}

/** Calls `done` once, when the node may let go of peers and disk. */
export function shutDown(ports: ShutdownPorts, done: () => void): void {
  const { clock } = ports;
  const endMs = clock.monotonicMs() + ports.limitMs;
  handOn(ports, endMs, () => {
    ports.passHintsOn();
    sayGoodbye(ports, endMs, () => {
      const isIdle = (): boolean => ports.requestsInFlight() === 0;
      poll({ clock, endMs, everyMs: POLL_MS, isOver: isIdle }, done);
    });
  });
}

function handOn(ports: ShutdownPorts, endMs: number, done: () => void): void {
  const { clock, log } = ports;
  const atFirst = ports.slotsToHandOn();
  let [least, leastMs] = [atFirst, clock.monotonicMs()];
  const isOver = (): boolean => {
    const left = ports.slotsToHandOn();
    const nowMs = clock.monotonicMs();
    if (left < least) [least, leastMs] = [left, nowMs];
    return left === 0 || nowMs - leastMs >= STALLED_MS;
  };
  poll({ clock, endMs, everyMs: LOOK_MS, isOver }, () => {
    const left = ports.slotsToHandOn();
    if (atFirst > 0) log.log("info", "handed-on", { slots: atFirst, left });
    done();
  });
}

function sayGoodbye(ports: ShutdownPorts, endMs: number, done: () => void): void {
  const { clock } = ports;
  let isHeard = false;
  ports.sayGoodbye(() => {
    isHeard = true;
  });
  const untilMs = Math.min(endMs, clock.monotonicMs() + GOODBYE_MS_MAX);
  poll({ clock, endMs: untilMs, everyMs: POLL_MS, isOver: () => isHeard }, () =>
    clock.after(LAST_WORDS_MS, done),
  );
}

interface Poll {
  readonly clock: Clock;
  readonly endMs: number;
  readonly everyMs: number;
  readonly isOver: () => boolean;
}

/** Goes on, in a later turn, when `isOver` or the time is up. */
function poll({ clock, endMs, everyMs, isOver }: Poll, then: () => void): void {
  const look = (): void => {
    if (isOver() || clock.monotonicMs() >= endMs) then();
    else clock.after(everyMs, look);
  };
  clock.defer(look);
}
