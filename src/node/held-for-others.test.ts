import assert from "node:assert/strict";
import { test } from "node:test";
import { Placement } from "../core/placement/placement.ts";
import { DirtyMaps } from "../core/replication/dirty-maps.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import type { PeerRequest } from "../model/peer-message.ts";
import { type Slot, slotFrom } from "../model/slot.ts";
import { HeldForOthers } from "./held-for-others.ts";

const [SELF, B, C, D] = [1, 2, 3, 4].map((low) => nodeIdFrom(0, low)) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
];
const STRANGER = nodeIdFrom(0, 9);

class Trial {
  readonly dirtyMaps = new DirtyMaps();
  readonly down = new Set<NodeId>();
  readonly told: string[] = [];
  foreign: readonly Slot[] = [];
  readonly placement = new Placement({
    members: [SELF, B, C, D].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
    replicas: 3,
  });
  readonly held = new HeldForOthers({
    self: SELF,
    dirtyMaps: this.dirtyMaps,
    placement: () => this.placement,
    peers: {
      reach: (node: NodeId) => (this.down.has(node) ? "down" : "up"),
      tell: (to: NodeId, message: PeerRequest) => {
        assert.equal(message.kind, "hint");
        if (message.kind === "hint")
          this.told.push(`${to} ${message.slot} ${message.targets.join(" ")}`);
      },
    },
    foreign: () => this.foreign,
  });

  /** A slot whose primaries these are, in whatever order. */
  slotOf(...primaries: readonly NodeId[]): Slot {
    for (let index = 0; index < 16_384; index += 1) {
      const slot = slotFrom(index);
      const found = this.placement.primaries(slot);
      if (primaries.every((node) => found.includes(node))) return slot;
    }
    return assert.fail("some slot has these primaries");
  }
}

test("what can be delivered is what reachable members lack", () => {
  const trial = new Trial();
  const [first, second] = [slotFrom(1), slotFrom(2)];
  trial.dirtyMaps.set(B, first);
  trial.dirtyMaps.set(B, second);
  trial.dirtyMaps.set(C, first);
  trial.dirtyMaps.set(STRANGER, first);
  assert.equal(trial.held.deliverable(), 3);
  trial.down.add(C);
  assert.equal(trial.held.deliverable(), 2);
});

test("foreign cells can be delivered when each of their owners is there", () => {
  const trial = new Trial();
  trial.foreign = [trial.slotOf(B, C, D)];
  assert.equal(trial.held.deliverable(), 1);
  trial.down.add(D);
  assert.equal(trial.held.deliverable(), 0);
});

test("the primaries of a slot that are there are told who may lack something of it, and nobody else is", () => {
  const trial = new Trial();
  const slot = trial.slotOf(SELF, B, C);
  trial.dirtyMaps.set(C, slot);
  trial.held.passHintsOn();
  assert.deepEqual(trial.told, [], "C is there, and is given it");
  trial.down.add(C);
  trial.held.passHintsOn();
  assert.deepEqual(trial.told, [`${B} ${slot} ${C}`]);
});

test("every slot of a map is told of", () => {
  const trial = new Trial();
  trial.down.add(C);
  for (let index = 0; index < 16_384; index += 1) trial.dirtyMaps.set(C, slotFrom(index));
  trial.held.passHintsOn();
  const told = new Set(trial.told.map((line) => line.split(" ")[1]));
  assert.equal(told.size, 16_384);
});
