/**
 * I13, as far as it shows from outside: connections, timers and amounts a node reports stay bounded. The bounds are
 * generous: they are there to catch what grows without end, not what is a little large.
 */
import { REQUESTS_IN_FLIGHT_MAX } from "../../src/model/limits.ts";
import type { SimCluster } from "../cluster.ts";
import type { Violation } from "../history.ts";

/** Connections to and from each other member: one each way, and a few being replaced. */
const CONNECTIONS_PER_PEER_MAX = 12;
/** Timers are outlived, not cancelled: those of finished requests wait for their deadline. */
const TIMERS_MAX = 20_000;

export class BoundsWatch {
  readonly violations: Violation[] = [];
  readonly #cluster: SimCluster;
  readonly #reported = new Set<string>();

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  sample(): void {
    const machines = this.#cluster.machines.length;
    for (const { index, process, transport, node } of this.#cluster.running()) {
      if (process === undefined || transport === undefined) continue;
      this.#check(
        index,
        "open connections",
        this.#cluster.network.openCount(transport),
        CONNECTIONS_PER_PEER_MAX * machines,
      );
      this.#check(index, "timers", process.timersPending, TIMERS_MAX);
      const inFlight = node?.status().gauges["requests-in-flight"] ?? 0;
      this.#check(index, "requests in flight", inFlight, REQUESTS_IN_FLIGHT_MAX);
    }
  }

  #check(machine: number, what: string, amount: number, max: number): void {
    const name = `n${machine} ${what}`;
    if (amount <= max || this.#reported.has(name)) return;
    this.#reported.add(name);
    this.violations.push({ invariant: "I13", detail: `${name}: ${amount}, max ${max}` });
  }
}
