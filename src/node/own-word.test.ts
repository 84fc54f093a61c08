/** Reads that this node's own vote decides. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../test/support/held-storage.ts";
import { Placement } from "../core/placement/placement.ts";
import type { RootCell } from "../model/cell.ts";
import { SHARED_CONFIG_DEFAULT } from "../model/config.ts";
import { bootIdFrom, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { ReadOutcome } from "../model/outcome.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import { Counters } from "./counters.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";
import { Requests } from "./requests.ts";

const SELF = nodeIdFrom(0, 1);
const K = keyFromText("k");

function value(more: Partial<RootCell> = {}): RootCell {
  const stamp = stampFrom(500, 0, 0);
  const common = { kind: "value", type: "string", stamp, cleared: stamp } as const;
  return { ...common, expiresAtMs: 0, contentType: "", payload: Uint8Array.of(1), ...more };
}

class Trial {
  readonly clock = new HeldClock();
  readonly requests: Requests;
  cell: RootCell = value();
  flushed = NO_STAMP;

  constructor() {
    const { clock } = this;
    const placement = new Placement({
      members: [{ id: SELF, intent: "active", zone: "", weight: 1 }],
      replicas: 1,
    });
    const readRootNow: Replica["readRootNow"] = () => {
      const { cell, flushed } = this;
      const cells = [{ field: undefined, bytes: new Uint8Array(0), cell }];
      return { cells, collected: NO_STAMP, flushed };
    };
    this.requests = new Requests({
      context: {
        self: SELF,
        peers: {} as Peers,
        replica: { readRootNow } as Replica,
        reach: () => "up",
        counters: new Counters(),
        placement: () => placement,
        monotonicMs: () => clock.monotonicMs(),
        turnMs: () => clock.turnMs(),
        wallMs: () => clock.wallMs(),
        mint: () => NO_STAMP,
        mintAbove: () => NO_STAMP,
        resync: (_node, done) => clock.defer(done),
      },
      clock,
      random: { next32: () => 0, below: () => 0 } as never,
      boot: () => bootIdFrom(1),
      shared: () => SHARED_CONFIG_DEFAULT,
      liveness: () => "alive",
      isLow: () => false,
      onAnswered: () => undefined,
    });
    this.requests.open();
  }

  read(isAtOnce: boolean): ReadOutcome | undefined {
    let told: ReadOutcome | undefined;
    this.requests.read({ key: K, isAtOnce }, (outcome) => {
      told = outcome;
    });
    return told;
  }

  /** What a read ends with, in a word. */
  word(): string | undefined {
    return this.read(true)?.kind;
  }
}

test("only who asks for it is answered within the call", () => {
  const trial = new Trial();
  assert.equal(trial.read(false), undefined);
  assert.equal(trial.read(true)?.kind, "found");
});

test("who reads on at each answer waits for a turn now and then", () => {
  const trial = new Trial();
  const readOn = (): number => {
    let count = 0;
    while (trial.read(true) !== undefined && count < 10_000) count += 1;
    return count;
  };
  const first = readOn();
  assert.ok(first >= 1 && first <= 1_000, `${first} reads in a turn`);
  assert.equal(trial.read(true), undefined);
  trial.clock.turn();
  assert.equal(readOn(), first);
});

test("what cannot be seen is not shown, though this node holds it", () => {
  const trial = new Trial();
  trial.cell = value({ expiresAtMs: trial.clock.wallMs() - 1 });
  assert.equal(trial.word(), "absent");
  trial.cell = value({ expiresAtMs: trial.clock.wallMs() + 1 });
  assert.equal(trial.word(), "found");
  trial.cell = value({ kind: "tombstone" });
  assert.equal(trial.word(), "absent");
  trial.cell = value();
  trial.flushed = stampFrom(600, 0, 0);
  assert.equal(trial.word(), "absent");
});
