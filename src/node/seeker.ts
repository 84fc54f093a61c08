/**
 * Looks again for where members may be found, as long as one that should be there is not: all of them may have come back
 * at other addresses.
 */

import { isGone } from "../core/membership/intent-table.ts";
import type { Address } from "../model/ids.ts";
import type { Member } from "../model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Discovery } from "../ports/discovery.ts";
import type { MembershipRunner } from "./membership-runner.ts";

const SEEK_MS = 5_000;

/** Begins to look. */
export function seekMembers(
  discovery: Discovery,
  membership: MembershipRunner,
  clock: Clock,
): Seeker {
  const seeker = new Seeker({
    clock,
    discovery,
    members: () => membership.members(),
    onFound: (addresses) => membership.deliver({ kind: "contacts-found", addresses }),
  });
  seeker.start();
  return seeker;
}

interface SeekerOptions {
  readonly clock: Clock;
  readonly discovery: Discovery;
  readonly members: () => readonly Member[];
  readonly onFound: (addresses: readonly Address[]) => void;
}

export class Seeker {
  readonly #options: SeekerOptions;
  #isClosed = false;

  constructor(options: SeekerOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock } = this.#options;
    clock.after(SEEK_MS, () => {
      if (this.#isClosed) return;
      if (this.#isAnybodyMissing()) this.#seek();
      this.start();
    });
  }

  close(): void {
    this.#isClosed = true;
  }

  #isAnybodyMissing(): boolean {
    const members = this.#options.members();
    return members.some(({ record, liveness }) => liveness === "dead" && !isGone(record));
  }

  #seek(): void {
    this.#options.discovery.find((found) => {
      if (!this.#isClosed && found !== undefined && found.length > 0) this.#options.onFound(found);
    });
  }
}
