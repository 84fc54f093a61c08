/**
 * A returning node's look at the peers it was told of: do they belong to its own cluster?
 *
 * Asked once, of all at the same time. Silence is no reason to stay away, since a whole cluster may be starting: only
 * a plain "you belong elsewhere" is.
 */
import type { Address, ClusterId } from "../model/ids.ts";
import type { Clock } from "../ports/clock.ts";
import type { Peers } from "./peers.ts";

/** Waited for answers at most: a start must not hang on peers that are gone. */
const ANSWER_MS_MAX = 1_000;

export function checkCluster(options: {
  readonly addresses: readonly Address[];
  readonly clusterId: ClusterId;
  readonly peers: Peers;
  readonly clock: Clock;
  /** Told once, with what is in the way, or with nothing. */
  readonly done: (problem: string | undefined) => void;
}): void {
  const { addresses, clusterId, peers, clock } = options;
  let waitingFor = addresses.length;
  let isDone = false;
  const finish = (problem: string | undefined): void => {
    if (isDone) return;
    isDone = true;
    options.done(problem);
  };
  if (waitingFor === 0) {
    finish(undefined);
    return;
  }
  clock.after(ANSWER_MS_MAX, () => finish(undefined));
  for (const address of addresses) {
    peers.call(address, { kind: "probe" }, (reply) => {
      if (reply?.kind === "refused" && reply.reason === "wrong-cluster") {
        finish(
          `${address} refused: ${reply.detail}, and this data directory to cluster ${clusterId}`,
        );
      }
      waitingFor -= 1;
      if (waitingFor === 0) finish(undefined);
    });
  }
}
