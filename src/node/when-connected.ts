/** A node that holds nothing itself cannot serve before it reaches those who do. */
import { holdsSlots } from "../core/placement/placement.ts";
import type { Member } from "../model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { MembershipRunner } from "./membership-runner.ts";
import type { Peers } from "./peers.ts";

/** It waits no longer than this for connections to all who answer. */
const CONNECT_MS_MAX = 3_000;
const CONNECT_POLL_MS = 10;

/** Goes on when every other holder of slots that is not dead is connected, or when it has waited long enough. */
export function whenConnected(
  clock: Clock,
  peers: Peers,
  membership: MembershipRunner,
  then: () => void,
): void {
  const untilMs = clock.monotonicMs() + CONNECT_MS_MAX;
  const isReached = ({ record, liveness }: Member): boolean =>
    record.id === membership.self().id ||
    !holdsSlots(record.intent) ||
    liveness === "dead" ||
    peers.reach(record.id) !== "down";
  const look = (): void => {
    const isConnected = peers.connected > 0 && membership.members().every(isReached);
    if (isConnected || clock.monotonicMs() >= untilMs) then();
    else clock.after(CONNECT_POLL_MS, look);
  };
  look();
}
