import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDoor } from "../../../test/support/resp-session.ts";
import { type NodeId, nodeIdFrom } from "../../model/ids.ts";
import type { Slot } from "../../model/slot.ts";
import type { MemberStatus, StoreStatus } from "../../node/store.ts";
import { type ClusterMap, clusterMap } from "./cluster-map.ts";

const IDS = [1, 2, 3].map((index) => nodeIdFrom(index, 0));
const [A, B, C] = IDS as [NodeId, NodeId, NodeId];

/** A door of node `A` in a cluster of three whose members a test may change. */
class ThreeNodes extends TestDoor {
  members: MemberStatus[];
  primaries: (slot: number) => readonly NodeId[] = () => IDS;

  constructor() {
    super();
    const [member] = this.store.status().members as [MemberStatus];
    this.members = IDS.map((id, index) => ({
      ...member,
      record: { ...member.record, id, redisAddress: `10.0.0.${index + 1}:6400` },
    }));
    const status = this.store.status.bind(this.store);
    this.store.status = (): StoreStatus => ({ ...status(), nodeId: A, members: this.members });
    this.store.primariesOf = (slot: Slot) => this.primaries(slot);
  }

  change(id: NodeId, change: Partial<MemberStatus> & { redisAddress?: string }): void {
    const { redisAddress, ...rest } = change;
    this.members = this.members.map((member) => {
      if (member.record.id !== id) return member;
      const record =
        redisAddress === undefined ? member.record : { ...member.record, redisAddress };
      return { ...member, ...rest, record };
    });
  }
}

function asked(map: ClusterMap): [number, number, string][] {
  return map.ranges.map(({ first, last, nodes }) => [
    first,
    last,
    nodes.map(({ id }) => IDS.indexOf(id) + 1).join(""),
  ]);
}

test("slots that have the same node to ask and the same others are one range", () => {
  const door = new ThreeNodes();
  door.primaries = (slot) => {
    if (slot < 100) return [B, A, C];
    return slot < 200 ? [B, C, A] : [C, A, B];
  };
  assert.deepEqual(asked(clusterMap(door.store, undefined)), [
    [0, 199, "213"],
    [200, 16_383, "312"],
  ]);
});

test("a dead primary, or one without a Redis door, is not asked; where none can be, this node is", () => {
  const door = new ThreeNodes();
  door.primaries = (slot) => (slot < 8_000 ? [B, C] : [C]);
  door.change(C, { liveness: "dead" });
  assert.deepEqual(asked(clusterMap(door.store, undefined)), [
    [0, 7_999, "2"],
    [8_000, 16_383, "1"],
  ]);
  door.change(B, { redisAddress: "" });
  assert.deepEqual(asked(clusterMap(door.store, undefined)), [[0, 16_383, "1"]]);
});

test("a suspect primary is asked only where no other can be", () => {
  const door = new ThreeNodes();
  door.primaries = (slot) => (slot < 8_000 ? [B, C, A] : [B]);
  door.change(B, { liveness: "suspect" });
  assert.deepEqual(asked(clusterMap(door.store, undefined)), [
    [0, 7_999, "312"],
    [8_000, 16_383, "2"],
  ]);
});

test("a map is kept until a member, its liveness or the placement changes", () => {
  const door = new ThreeNodes();
  const map = clusterMap(door.store, undefined);
  assert.equal(clusterMap(door.store, map), map);
  door.change(B, { liveness: "suspect" });
  assert.notEqual(clusterMap(door.store, map), map);
});

test("CLUSTER shows the same in all its formats", async () => {
  const door = new ThreeNodes();
  door.primaries = (slot) => (slot < 3 ? [B, A] : [A, B]);
  door.change(C, { liveness: "dead", redisAddress: "[::1]:6402" });
  const connection = door.connect();
  const name = (id: NodeId) => id.padEnd(40, "0");
  const place = (index: number) => [`10.0.0.${index}`, 6_400, name(IDS[index - 1] as NodeId), []];
  assert.deepEqual(await connection.ask("CLUSTER SLOTS"), [
    [0, 2, place(2), place(1)],
    [3, 16_383, place(1), place(2)],
  ]);
  assert.equal(
    await connection.ask("CLUSTER NODES"),
    `${name(A)} 10.0.0.1:6400@5000 myself,master - 0 0 1 connected 3-16383\n` +
      `${name(B)} 10.0.0.2:6400@5000 master - 0 0 2 connected 0-2\n` +
      `${name(C)} ::1:6402@5000 master,fail - 0 0 3 disconnected\n`,
  );
  assert.equal(await connection.ask("CLUSTER MYID"), name(A));
  const shards = (await connection.ask("CLUSTER SHARDS")) as { map: [string, unknown][] }[];
  assert.deepEqual(
    shards.map(({ map }) => map[0]),
    [
      ["slots", [3, 16_383]],
      ["slots", [0, 2]],
      ["slots", []],
    ],
  );
  const info = String(await connection.ask("CLUSTER INFO"));
  assert.match(info, /^cluster_state:ok\r\ncluster_slots_assigned:16384\r\n/);
  assert.match(info, /cluster_known_nodes:3\r\ncluster_size:2\r\n/);
  assert.equal(((await connection.ask("CLUSTER LINKS")) as unknown[]).length, 2);
});

test("CLUSTER finds the slot of a key and the keys of a slot", async () => {
  const connection = new TestDoor().connect();
  const slot = Number(await connection.ask("CLUSTER KEYSLOT {tag}1"));
  assert.equal(await connection.ask("CLUSTER KEYSLOT tag"), slot);
  for (const key of ["{tag}1", "{tag}2", "{tag}3", "elsewhere"])
    await connection.ask(`SET ${key} 1`);
  assert.equal(await connection.ask(`CLUSTER COUNTKEYSINSLOT ${slot}`), 3);
  assert.equal(await connection.ask("CLUSTER COUNTKEYSINSLOT 0"), 0);
  assert.deepEqual(await connection.ask(`CLUSTER GETKEYSINSLOT ${slot} 2`), ["{tag}1", "{tag}2"]);
  assert.deepEqual(await connection.ask(`CLUSTER GETKEYSINSLOT ${slot} 0`), []);
  assert.equal(await connection.ask("CLUSTER COUNTKEYSINSLOT 16384"), "-ERR Invalid slot");
  assert.equal(
    await connection.ask("CLUSTER GETKEYSINSLOT 1 -1"),
    "-ERR Invalid slot or number of keys",
  );
  assert.match(String(await connection.ask("CLUSTER MEET a 1")), /^-ERR unknown subcommand 'MEET'/);
  for (const request of ["READONLY", "READWRITE", "ASKING"]) {
    assert.equal(await connection.ask(request), "OK");
  }
});
