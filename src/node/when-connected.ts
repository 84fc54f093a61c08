/**
 * When a node that starts takes its clients' requests: once it reaches those whom it would ask. Before, it would be its keys' only
 * replica in its own eyes: reads of a quorum fail, writes get one copy, and what is to run at a key's first primary runs here.
 *
 * Invariant: it waits for CONNECT_MS_MAX at most, whatever others do, so that one that is alone serves too.
 */
import { holdsSlots } from "../core/placement/placement.ts";
import { majority } from "../core/replication/quorum.ts";
import type { Clock } from "../ports/clock.ts";
import type { MembershipRunner } from "./membership-runner.ts";
import type { Peers } from "./peers.ts";

const CONNECT_MS_MAX = 3_000;
/** With more than half of those who hold slots, itself included, a holder waits no longer than this for the others. */
const LAST_ONES_MS = 500;
const CONNECT_POLL_MS = 10;

export interface WhenConnectedPorts {
  readonly clock: Clock;
  readonly peers: Pick<Peers, "connected" | "reach">;
  readonly membership: Pick<MembershipRunner, "members" | "self">;
}

/** Goes on when this node reaches whom it has to, or has waited long enough. */
export function whenConnected(ports: WhenConnectedPorts, then: () => void): void {
  const { clock, membership } = ports;
  const isBack = holdsSlots(membership.self().intent);
  const startMs = clock.monotonicMs();
  const look = (): void => {
    const elapsedMs = clock.monotonicMs() - startMs;
    const isReached = isBack ? isBackAmongOthers(ports, elapsedMs) : isAmongOthers(ports);
    if (isReached || elapsedMs >= CONNECT_MS_MAX) then();
    else clock.after(CONNECT_POLL_MS, look);
  };
  look();
}

/** One that holds nothing itself cannot serve before it reaches every holder that is not dead. */
function isAmongOthers(ports: WhenConnectedPorts): boolean {
  return ports.peers.connected > 0 && absent(ports, true) === 0;
}

/** A holder that starts again takes everybody for dead until it hears of them, so that counts for nothing. */
function isBackAmongOthers(ports: WhenConnectedPorts, elapsedMs: number): boolean {
  const missing = absent(ports, false);
  if (missing === 0) return true;
  const members = ports.membership.members();
  const holders = members.filter(({ record }) => holdsSlots(record.intent)).length;
  return elapsedMs >= LAST_ONES_MS && holders - missing >= majority(holders);
}

/** Other holders of slots without a connection that stands; dead ones count only where they are to. */
function absent({ peers, membership }: WhenConnectedPorts, areDeadPassedOver: boolean): number {
  const { id: self } = membership.self();
  return membership
    .members()
    .filter(
      ({ record, liveness }) =>
        record.id !== self &&
        holdsSlots(record.intent) &&
        !(areDeadPassedOver && liveness === "dead") &&
        peers.reach(record.id) === "down",
    ).length;
}
