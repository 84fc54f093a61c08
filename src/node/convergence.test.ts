import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, HeldStorage } from "../../test/support/held-storage.ts";
import { Prng } from "../base/prng.ts";
import { Placement } from "../core/placement/placement.ts";
import { DirtyMaps } from "../core/replication/dirty-maps.ts";
import { nodeIdFrom } from "../model/ids.ts";
import { slotFrom } from "../model/slot.ts";
import { NO_STAMP } from "../model/stamp.ts";
import { BackgroundShare } from "./background-share.ts";
import { CellStore } from "./cell-store.ts";
import { Convergence } from "./convergence.ts";
import { Counters } from "./counters.ts";
import { GroupCommit } from "./group-commit.ts";
import { PACE_USUAL } from "./pace.ts";
import type { Peers } from "./peers.ts";
import type { ExchangePorts } from "./slot-exchange.ts";

const [SELF, PEER] = [nodeIdFrom(1, 1), nodeIdFrom(2, 2)];

// Found by seed 2042: a connection ended within a turn in which its peer was still taken to be up.
test("a peer that refuses within the call is asked again at the next tick, not for ever", () => {
  const clock = new HeldClock();
  const storage = new HeldStorage();
  const commit = new GroupCommit({
    storage,
    clock,
    seal: () => ({ key: "mclock", value: Uint8Array.of(1) }),
    onFailed: () => undefined,
  });
  const cells = new CellStore({ commit, storage, floor: NO_STAMP });
  cells.rebuild();
  while (!cells.isBuilt) storage.endScans();
  const dirtyMaps = new DirtyMaps();
  for (let slot = 0; slot < 1_000; slot += 1) dirtyMaps.set(PEER, slotFrom(slot));
  let asked = 0;
  const peers = {
    reach: () => "up",
    request: () => {
      asked += 1;
      assert.ok(asked < 1_000, "it goes on for ever");
      return false;
    },
  } as unknown as Peers;
  const placement = new Placement({
    members: [SELF, PEER].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
    replicas: 2,
  });
  const convergence = new Convergence({
    ports: {
      peers,
      cells,
      commit,
      counterpart: { sharedWith: () => () => true, named: () => NO_STAMP },
      counters: new Counters(),
      share: new BackgroundShare(clock),
      monotonicMs: () => clock.monotonicMs(),
    } as unknown as ExchangePorts,
    self: SELF,
    clock,
    random: new Prng(1),
    storage,
    dirtyMaps,
    placement: () => placement,
    storeDirtyMap: () => undefined,
    onFilled: () => undefined,
    pace: PACE_USUAL,
  });
  convergence.start();
  clock.advance(1_000);
  assert.ok(asked > 1, "it is asked again");
  assert.equal(dirtyMaps.count(PEER), 1_000);
  convergence.close();
});
