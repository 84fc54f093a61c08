import assert from "node:assert/strict";
import { test } from "node:test";
import type { Placement } from "../core/placement/placement.ts";
import { epochFrom, nodeIdFrom } from "../model/ids.ts";
import { keyFromText } from "../model/key.ts";
import type { PeerReply, PeerRequest } from "../model/peer-message.ts";
import { ROOT_ONLY } from "../model/selection.ts";
import { slotFrom } from "../model/slot.ts";
import { Counters } from "./counters.ts";
import type { MembershipRunner } from "./membership-runner.ts";
import { Service, type ServiceOptions } from "./service.ts";

const PEER = nodeIdFrom(2, 2);
const KEY = keyFromText("k");

/** What a node whose placement has epoch 7 does with a request that was sent under another. */
function served(message: PeerRequest, epoch: number): string[] {
  const done: string[] = [];
  const noted = new Proxy({}, { get: (_target, name) => () => done.push(String(name)) });
  const service = new Service({
    replica: noted,
    counterpart: noted,
    requests: noted,
    collector: noted,
    placement: () => ({ epoch: epochFrom(7) }) as Placement,
    membership: () => noted as MembershipRunner,
    counters: new Counters(),
    turnMs: () => 0,
  } as unknown as ServiceOptions);
  const reply = (answer: PeerReply): void => {
    done.push(answer.kind === "refused" ? `refused ${answer.reason}` : answer.kind);
  };
  service.serve({ from: PEER, epoch: epochFrom(epoch), deadlineMs: 0, message, reply });
  return done;
}

test("what is asked about keys is done under the placement it was asked under, or not at all", () => {
  const messages: readonly PeerRequest[] = [
    { kind: "read", key: KEY, selection: ROOT_ONLY, want: "cells" },
    {
      kind: "write",
      key: KEY,
      cells: [],
      bases: [],
      attempt: "first",
      role: "primary",
      unreached: [],
    },
  ];
  for (const message of messages) {
    assert.deepEqual(served(message, 7), [message.kind]);
    // Both sides exchange memberships then.
    assert.deepEqual(served(message, 8), ["deliver", "refused epoch"]);
  }
});

test("a request that is part of a trace is done as it is without", () => {
  const request = { kind: "read", key: KEY, selection: ROOT_ONLY, want: "cells" } as const;
  const trace = { traceId: "1".repeat(32), spanId: "2".repeat(16), flags: 1, state: "" };
  assert.deepEqual(served({ kind: "traced", trace, request }, 7), ["read"]);
  assert.deepEqual(served({ kind: "traced", trace, request }, 8), ["deliver", "refused epoch"]);
});

test("what means the same under any placement is done whatever the epoch", () => {
  const hint: PeerRequest = { kind: "hint", slot: slotFrom(1), targets: [PEER] };
  assert.deepEqual(served(hint, 8), served(hint, 7));
  assert.deepEqual(served(hint, 8), ["mark"]);
});
