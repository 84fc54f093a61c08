/**
 * Commands that come to many requests and one reply.
 *
 * Invariant: the reply is given when no request is under way any more; after one that failed no
 * further is begun. Where something was written beside the one that failed, the reply never says
 * that nothing was.
 */
import type { Failure, QuorumReport } from "../../../model/outcome.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call } from "../command.ts";
import { failureReply } from "../failures.ts";

/**
 * Requests of one command under way at once: enough to fill a commit, few beside what a node takes.
 */
const AT_ONCE_MAX = 64;

/** Ends the whole command with another reply. */
export interface Stopped {
  readonly kind: "stopped";
  readonly reply: Reply;
}

type Counted<Outcome> = Exclude<Outcome, Failure | Stopped>;

/**
 * Starts a request for each of `items`, and when all are done calls `end` with their outcomes, in
 * the order of the items. The first that failed or stopped is answered instead. What was written
 * has an outcome of the kind `written`.
 */
export function fanOut<Item, Outcome extends { readonly kind: string }>(
  call: Call,
  items: readonly Item[],
  start: (item: Item, done: (outcome: Outcome | Failure | Stopped) => void) => void,
  end: (outcomes: readonly Counted<Outcome>[]) => void,
): void {
  const outcomes: Counted<Outcome>[] = Array.from({ length: items.length });
  let begun = 0;
  let underWay = 0;
  let isWritten = false;
  let stopped: Failure | Stopped | undefined;
  // A store may shed within the call: the loop goes on by itself then, and is not begun inside
  // itself.
  let isStarting = false;

  const proceed = (): void => {
    if (isStarting) return;
    isStarting = true;
    while (stopped === undefined && begun < items.length && underWay < AT_ONCE_MAX) {
      const index = begun;
      begun += 1;
      underWay += 1;
      start(items[index] as Item, (outcome) => {
        underWay -= 1;
        isWritten ||= leavesSomething(outcome);
        if (endsAll(outcome)) stopped ??= outcome;
        else outcomes[index] = outcome as Counted<Outcome>;
        proceed();
      });
    }
    isStarting = false;
    if (underWay > 0) return;
    if (stopped === undefined) end(outcomes);
    else if (stopped.kind === "stopped") call.reply(stopped.reply);
    else call.reply(failureReply(isWritten ? { ...stopped, stored: "maybe" } : stopped));
  };
  proceed();
}

function endsAll(outcome: { readonly kind: string }): outcome is Failure | Stopped {
  return outcome.kind === "failed" || outcome.kind === "stopped";
}

function leavesSomething(outcome: { readonly kind: string }): boolean {
  if (outcome.kind === "failed") return (outcome as Failure).stored === "maybe";
  return outcome.kind === "written";
}

/**
 * Tells the session what became of the writes of one command: as little as of the least of them.
 */
export function noteWrites(call: Call, writes: readonly { readonly quorum: QuorumReport }[]): void {
  let least: QuorumReport | undefined;
  for (const { quorum } of writes) {
    if (least === undefined || copiesOf(quorum) < copiesOf(least)) least = quorum;
  }
  if (least !== undefined) call.session.noteWrite(least);
}

function copiesOf({ acks, hinted }: QuorumReport): number {
  return acks + hinted;
}
