/** A process that is one dnd node, and does what a benchmark orders (`node-order.ts`). */
import { Session } from "node:inspector/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { tuneEngine } from "../../src/adapters/system/engine-tuning.ts";
import type { EmbeddedNode } from "../../src/embedded-node.ts";
import type { openNode } from "../../src/open-node.ts";
import { callFor, report } from "../load/callers.ts";
import { KEY_BYTES, type LoadResult } from "../load/load.ts";
import { answerOrders } from "../processes/child.ts";
import { countSocketBytes, socketBytes } from "../processes/socket-bytes.ts";
import { cpuSeconds } from "../processes/usage.ts";
import type {
  CpuProfile,
  EmbeddedLoad,
  NodeAnswer,
  NodeOrder,
  NodeSettings,
} from "./node-order.ts";

const NS_PER_MS = 1e6;
/** How often the loop's delay is looked at; what is shown is beyond it. */
const LOOP_RESOLUTION_MS = 5;
const PROFILE_INTERVAL_US = 250;

let opened: EmbeddedNode | undefined;
let loop: ReturnType<typeof monitorEventLoopDelay> | undefined;
let session: Session | undefined;

async function obey(order: NodeOrder): Promise<NodeAnswer> {
  switch (order.kind) {
    case "open":
      return await open(order.settings, order.tree);
    case "status": {
      const { counters, gauges, members } = node().status();
      const activeMembers = members.filter(({ record }) => record.intent === "active").length;
      return { kind: "status", status: { counters, gauges, activeMembers } };
    }
    case "socket-bytes":
      return { kind: "socket-bytes", bytes: socketBytes() };
    case "watch-loop":
      loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
      loop.enable();
      return { kind: "done" };
    case "loop-delay":
      return { kind: "loop-delay", msP99: endLoopWatch() };
    case "call":
      return { kind: "called", result: await call(order.call) };
    case "start-profile":
      await startProfile();
      return { kind: "done" };
    case "stop-profile":
      return { kind: "profile", profile: await stopProfile() };
    case "close":
      await opened?.close();
      return { kind: "done" };
  }
}

function node(): EmbeddedNode {
  if (opened === undefined) throw new Error("no node is open");
  return opened;
}

async function open(settings: NodeSettings, tree: string): Promise<NodeAnswer> {
  const source = pathToFileURL(join(tree, "src", "open-node.ts")).href;
  const module = (await import(source)) as { readonly openNode: typeof openNode };
  const { peers, ...rest } = settings;
  // As `dnd start` does.
  tuneEngine();
  opened = await module.openNode({
    ...rest,
    ...(peers === undefined ? {} : { peers: [...peers] }),
  });
  return {
    kind: "opened",
    address: opened.address,
    httpPort: portOf(opened.httpAddress),
    redisPort: portOf(opened.redisAddress),
  };
}

function portOf(address: string | undefined): number {
  return Number(address?.split(":").at(-1) ?? 0);
}

function endLoopWatch(): number {
  if (loop === undefined) throw new Error("the loop was not watched");
  loop.disable();
  const ms = loop.percentile(99) / NS_PER_MS - LOOP_RESOLUTION_MS;
  loop = undefined;
  return Math.max(0, ms);
}

async function call(load: EmbeddedLoad): Promise<LoadResult> {
  const { operation, callers, keyCount, ms, readReplicas } = load;
  const keyOf = (): string =>
    `k100${String(Math.floor(Math.random() * keyCount)).padStart(KEY_BYTES - 4, "0")}`;
  const options = readReplicas === undefined ? {} : { r: readReplicas };
  const value = Buffer.alloc(100);
  let count = 0;
  const start =
    operation === "get"
      ? (done: (isOk: boolean) => void) => void report(node().get(keyOf(), options), done)
      : (done: (isOk: boolean) => void) => {
          // Differs from one write to the next, so that nothing is spared by being equal.
          value.writeUInt32LE(count);
          count += 1;
          void report(node().put(keyOf(), value), done);
        };
  const cpuBefore = cpuSeconds();
  const { recorder, seconds } = await callFor(start, { callers, ms });
  const { requests, failed, problem, latencies } = recorder;
  const bytesStored = operation === "set" ? requests * (value.length + KEY_BYTES) : 0;
  return {
    requests,
    failed,
    problem,
    seconds,
    cpuSeconds: cpuSeconds() - cpuBefore,
    bytesStored,
    latencies: latencies.encode(),
  };
}

async function startProfile(): Promise<void> {
  session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: PROFILE_INTERVAL_US });
  await session.post("Profiler.start");
}

async function stopProfile(): Promise<CpuProfile> {
  if (session === undefined) throw new Error("no profile was begun");
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  session = undefined;
  return profile as CpuProfile;
}

countSocketBytes();
answerOrders<NodeOrder, NodeAnswer>(obey);
