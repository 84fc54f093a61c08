/**
 * Timing of failure detection. The defaults are measured: docs/protocol/gossip.md has the figures and the command.
 * Equal on all nodes of a cluster in practice, but nothing breaks where they differ.
 */
import { assert } from "../../base/assert.ts";

export interface SwimConfig {
  /** One probe of one member per interval. */
  readonly probeIntervalMs: number;
  /** Time for a direct ack before others are asked; the rest of the interval is theirs. */
  readonly probeTimeoutMs: number;
  /** Members asked to probe on one's behalf, k in SWIM. */
  readonly indirectProbes: number;
  /** Shortest suspicion, with all confirmations, of clusters up to 32 members; grows with the logarithm of the members. */
  readonly suspicionMinMs: number;
  /** A suspicion without any confirmation lasts this many times longer. */
  readonly suspicionMaxFactor: number;
  /** Independent suspicions that bring it down to the shortest: 1..3. */
  readonly confirmations: number;
  /** News that waits is sent at this pace, besides travelling on probes. */
  readonly gossipIntervalMs: number;
  /** Members told each time. */
  readonly gossipFanout: number;
  /** A piece of news is sent this often, times the binary logarithm of the members. */
  readonly retransmitFactor: number;
  /** The full state is exchanged with a random member after a random time between these. */
  readonly pushPullMinMs: number;
  readonly pushPullMaxMs: number;
  /** One dead member or unmet configured peer is tried in about every such interval, for ever. */
  readonly reachOutIntervalMs: number;
  /** A delay of this node's own event loop from which on it doubts itself. */
  readonly stallMs: number;
}

export const SWIM_CONFIG_DEFAULT: SwimConfig = {
  probeIntervalMs: 500,
  probeTimeoutMs: 200,
  indirectProbes: 3,
  suspicionMinMs: 2_000,
  suspicionMaxFactor: 3,
  confirmations: 2,
  gossipIntervalMs: 150,
  gossipFanout: 3,
  retransmitFactor: 4,
  pushPullMinMs: 15_000,
  pushPullMaxMs: 30_000,
  reachOutIntervalMs: 1_000,
  stallMs: 150,
};

/** Settings come from our own code: a nonsensical one is a bug. */
export function assertSwimConfig(config: SwimConfig): void {
  for (const [name, value] of Object.entries(config)) {
    assert(Number.isInteger(value) && value >= 1, `${name} is a positive integer`);
  }
  assert(config.probeTimeoutMs < config.probeIntervalMs, "indirect probes have time left");
  assert(config.confirmations <= 3, "confirmations are 1..3");
  assert(config.pushPullMinMs <= config.pushPullMaxMs, "push/pull times are in order");
}

/** The smallest power of two that is not below `value`, as its exponent; integer arithmetic only. */
export function ceilLog2(value: number): number {
  assert(Number.isInteger(value) && value >= 1, "a logarithm of a positive integer");
  return value === 1 ? 0 : 32 - Math.clz32(value - 1);
}
