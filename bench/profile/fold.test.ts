import assert from "node:assert/strict";
import { test } from "node:test";
import type { CpuProfile } from "../systems/node-order.ts";
import { flameGraph } from "./flame-graph.ts";
import { fold } from "./fold.ts";
import { stageOf } from "./stages.ts";

const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 9 });

/** `put` calls `merge` and the socket; a pause of 500 us lies between. */
const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 5] },
    { id: 2, callFrame: frame("put", "file:///x/src/node/write-run.ts"), children: [3, 4] },
    { id: 3, callFrame: frame("merge", "file:///x/src/core/causality/merge.ts") },
    { id: 4, callFrame: frame("writev") },
    { id: 5, callFrame: frame("(idle)") },
  ],
  startTime: 0,
  endTime: 1_000,
  samples: [2, 3, 3, 5, 4, 4],
  timeDeltas: [0, 100, 100, 100, 500, 50],
};

test("time is counted once, by stage and by function, and idling is not", () => {
  const { busyUs, stages, functions } = fold(PROFILE);
  assert.equal(busyUs, 350);
  assert.deepEqual(stages, [
    { stage: "coordinate", us: 100 },
    { stage: "merge", us: 200 },
    { stage: "system calls", us: 50 },
  ]);
  assert.deepEqual(functions[0], { name: "merge merge.ts:10", stage: "merge", selfUs: 200 });
});

test("a caller's time holds that of what it calls", () => {
  const put = fold(PROFILE).root.children.get("put write-run.ts:10");
  assert.equal(put?.totalUs, 350);
  assert.equal(put?.selfUs, 100);
  assert.equal(put?.children.size, 2);
});

test("a flame graph names what is wide enough, and needs nothing from elsewhere", () => {
  const drawn = flameGraph("SET <plain>", fold(PROFILE));
  assert.match(drawn, /put write-run\.ts:10/);
  assert.match(drawn, /SET &lt;plain&gt;/);
  assert.doesNotMatch(drawn.replace("http://www.w3.org/2000/svg", ""), /https?:|href|<script/);
});

test("functions are found on the way of a request by their files", () => {
  const at = (path: string, name = "f") => stageOf(name, `file:///x/src/${path}`, "runtime");
  assert.equal(at("core/placement/placement.ts"), "place");
  assert.equal(at("core/causality/hybrid-clock.ts"), "stamp");
  assert.equal(at("core/anti-entropy/hash-tree.ts"), "tree");
  assert.equal(at("node/group-commit.ts"), "commit");
  assert.equal(at("protocol/peer/hot-codec.ts", "decodeWrite"), "decode");
  assert.equal(at("protocol/peer/hot-codec.ts", "encodeWrite"), "encode");
  assert.equal(at("adapters/redis/pipeline.ts"), "door");
  assert.equal(stageOf("writeGeneric", "node:internal/stream_base_commons", "door"), "send");
  assert.equal(stageOf("(garbage collector)", "", "merge"), "garbage");
  assert.equal(stageOf("writeBuffer", "", "send"), "system calls");
  assert.equal(stageOf("", "", "commit"), "commit", "a native is its caller's");
});
