import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldStorage } from "../../test/support/held-storage.ts";
import { SHARED_CONFIG_DEFAULT } from "../model/config.ts";
import { type Address, bootIdFrom, clusterIdFrom, nodeIdFrom } from "../model/ids.ts";
import type { MemberRecord } from "../model/member.ts";
import { NO_STAMP, stampFrom } from "../model/stamp.ts";
import type { StorageOperation } from "../ports/storage.ts";
import {
  clockOperation,
  type Identity,
  identityOperation,
  loadClock,
  loadIdentity,
  loadMembers,
  membersOperation,
  stateProblem,
} from "./node-state.ts";
import { sealed } from "./sealed.ts";

const IDENTITY: Identity = {
  nodeId: nodeIdFrom(1, 2),
  clusterId: clusterIdFrom(3, 4),
  boots: 5,
  shared: SHARED_CONFIG_DEFAULT,
};
const CLOCK = {
  ms: 123_456,
  counter: 7,
  commitNumber: 89,
  greatest: stampFrom(234_567, 8, bootIdFrom(9)),
};
const MEMBER: MemberRecord = {
  id: IDENTITY.nodeId,
  address: "127.0.0.1:5000" as Address,
  httpAddress: "",
  redisAddress: "",
  intent: "active",
  zone: "",
  weight: 1,
  boots: 5,
  version: 0,
  boot: bootIdFrom(6),
};

const FACTS = [
  { name: "identity", operation: identityOperation(IDENTITY), load: loadIdentity, value: IDENTITY },
  { name: "clock", operation: clockOperation(CLOCK), load: loadClock, value: CLOCK },
  { name: "members", operation: membersOperation([MEMBER]), load: loadMembers, value: [MEMBER] },
];

function storageWith({ key, value }: StorageOperation): HeldStorage {
  const storage = new HeldStorage();
  storage.plant(key, value);
  return storage;
}

for (const { name, operation, load, value } of FACTS) {
  test(`the ${name} is read back as it was stored, and is nothing in an empty directory`, () => {
    assert.deepEqual(load(storageWith(operation)), value);
    assert.equal(load(new HeldStorage()), undefined);
  });

  test(`the ${name} with any bit flipped, or cut short, is damaged and nothing else`, () => {
    const bytes = operation.value ?? new Uint8Array(0);
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const rotten = Uint8Array.from(bytes);
      rotten[bit >> 3] = (rotten[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.equal(load(storageWith({ ...operation, value: rotten })), "damaged", `bit ${bit}`);
    }
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = { ...operation, value: bytes.subarray(0, length) };
      assert.equal(load(storageWith(cut)), "damaged", `${length} bytes`);
    }
  });

  test(`the ${name} on a disk that cannot be read is an error, not a fresh directory`, () => {
    const storage = storageWith(operation);
    storage.isUnreadable = true;
    assert.throws(() => load(storage), { code: "read-failed" });
  });
}

test("a node starts on a whole directory or an empty one, and on nothing between", () => {
  assert.equal(stateProblem(undefined, undefined), undefined);
  assert.equal(stateProblem(IDENTITY, CLOCK), undefined);
  for (const [identity, clock, problem] of [
    ["damaged", CLOCK, /identity .* damaged/],
    [IDENTITY, "damaged", /clock .* damaged/],
    [undefined, CLOCK, /identity is missing/],
    [IDENTITY, undefined, /clock is missing/],
  ] as const) {
    assert.match(stateProblem(identity, clock) ?? "", problem);
  }
});

test("a clock stored before the greatest stamp was kept with it is read without", () => {
  const { key } = clockOperation(CLOCK);
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  for (const [index, float] of [CLOCK.ms, CLOCK.counter, CLOCK.commitNumber].entries()) {
    view.setFloat64(8 * index, float);
  }
  const storage = storageWith({ key, value: sealed(bytes) });
  assert.deepEqual(loadClock(storage), { ...CLOCK, greatest: NO_STAMP });
});
