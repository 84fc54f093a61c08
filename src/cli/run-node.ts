/**
 * Runs one node until a signal, and then drains it: `dnd start`, `dnd join`, and each child of `dnd up`.
 *
 * Invariant: the process ends with the node, and with the process that started it: a channel to that one breaks
 * when it dies, however it dies.
 */
import { setTimeout as wait } from "node:timers/promises";
import { tuneEngine } from "../adapters/system/engine-tuning.ts";
import { type LogSink, StreamLog } from "../adapters/system/stream-log.ts";
import { DndError } from "../dnd-error.ts";
import type { EmbeddedNode } from "../embedded-node.ts";
import { openNode } from "../open-node.ts";
import type { Log } from "../ports/log.ts";
import { EXIT, failure, usageError } from "./cli-error.ts";
import { tellParent } from "./cluster-child.ts";
import { printJson, remark } from "./output.ts";
import { ProgressLine } from "./progress.ts";
import { tellServiceManager } from "./service-manager.ts";
import { kebabCase, type Settings } from "./settings.ts";
import { changeParts } from "./status-text.ts";
import { type StopRequest, stopRequested } from "./stop-signal.ts";

/** A stop keeps to its limit; what is later than this by so much hangs. */
const OVERDUE_MS = 5_000;
const READY_POLL_MS = 50;
const CAUGHT_UP_POLL_MS = 500;

export async function runNode(settings: Settings): Promise<void> {
  tuneEngine();
  const { options, isJson } = settings;
  if (settings.remark !== undefined) remark(`dnd: ${settings.remark}`);
  const line = new ProgressLine();
  const log = await openLog(settings, line);
  const stop = stopRequested();
  const node = await openOrExplain(() =>
    openNode({
      ...options,
      log,
      onFatal: (error) => {
        log.log("error", "fatal", { problem: error.message });
        // Whatever this process would still say about its data cannot be trusted: no draining.
        process.exit(EXIT.failed);
      },
    }),
  );
  stop.isReady = true;
  await whenReady(node, stop, isJson ? undefined : line);
  if (!stop.isStopped()) announce(node, isJson);
  void whenCaughtUp(node, stop);
  await Promise.race([stop.requested, node.left]);
  tellServiceManager("STOPPING=1", "STATUS=draining");
  if (!stop.isStopped())
    remark("the node has left its cluster; its data directory is of no more use");
  await drain(node, options.drainNoticeMs + options.drainMs + OVERDUE_MS);
}

/** Lines of the log go above the one that says how far a join is. */
async function openLog({ logLevel, logFormat }: Settings, line: ProgressLine): Promise<Log> {
  const sink: LogSink = {
    write: (text) => line.write(text),
    on: (event, listener) => process.stderr.on(event, listener),
  };
  const options = { sink, level: logLevel, wallMs: () => Date.now() };
  if (logFormat === "text")
    return new StreamLog({ ...options, format: process.stderr.isTTY ? "pretty" : "plain" });
  const { JsonLog } = await import("../adapters/system/json-log.ts");
  return new JsonLog(options);
}

/** For a service manager a start is over when the node has caught up: then the next one may be restarted. */
async function whenCaughtUp(node: EmbeddedNode, stop: StopRequest): Promise<void> {
  let waitsFor = node.status().waitsFor;
  tellServiceManager(`STATUS=serving, waits for ${waitsFor ?? "nothing"}`);
  while (waitsFor !== undefined && !stop.isStopped()) {
    await wait(CAUGHT_UP_POLL_MS, undefined, { ref: false });
    waitsFor = node.status().waitsFor;
  }
  if (!stop.isStopped()) tellServiceManager("READY=1", "STATUS=ready");
}

/** A joining node takes requests at once, and is ready when it holds its share of the data. */
async function whenReady(
  node: EmbeddedNode,
  stop: StopRequest,
  line: ProgressLine | undefined,
): Promise<void> {
  if (node.status().phase !== "joining") return;
  const isChild = tellParent({ kind: "joining" });
  while (!stop.isStopped()) {
    const { phase, gauges } = node.status();
    if (phase !== "joining") break;
    if (!isChild && process.stderr.isTTY) line?.show(...joiningLine(gauges));
    await wait(READY_POLL_MS);
  }
  if (!isChild && process.stderr.isTTY) line?.end();
}

/** How far a join is: what is said of it, and its part of the whole. */
function joiningLine(
  gauges: Readonly<Record<string, number>>,
): readonly [string, number | undefined] {
  const left = gauges["change-slots-left"] ?? 0;
  const done = gauges["change-slots-done"] ?? 0;
  const fraction = left + done === 0 ? undefined : done / (left + done);
  const parts = fraction === undefined ? ["comparing with the others"] : changeParts({ gauges });
  return [`joining: ${parts.join(", ")}`, fraction];
}

function announce(node: EmbeddedNode, isJson: boolean): void {
  const { nodeId, clusterId } = node.status();
  const facts = {
    node: nodeId,
    cluster: clusterId,
    address: node.address,
    httpAddress: node.httpAddress,
    redisAddress: node.redisAddress,
  };
  if (tellParent({ kind: "ready", node: nodeId })) return;
  if (isJson) printJson({ event: "ready", ...facts });
  else {
    const redis = node.redisAddress === undefined ? "" : `, Redis at ${node.redisAddress}`;
    const doors = `HTTP at http://${node.httpAddress}${redis}, peers at ${node.address}`;
    remark(`node ${nodeId} is ready: ${doors}`);
  }
}

async function drain(node: EmbeddedNode, limitMs: number): Promise<void> {
  const timer = setTimeout(() => {
    remark(
      `dnd: the node did not stop within ${limitMs / 1_000} s; ending it (nothing acknowledged is lost)`,
    );
    process.exit(EXIT.failed);
  }, limitMs);
  await node.close();
  clearTimeout(timer);
}

/** Errors of opening in the command line's terms: which flag would help. */
async function openOrExplain(open: () => Promise<EmbeddedNode>): Promise<EmbeddedNode> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof DndError)) throw error;
    if (error.code === "bad-option")
      throw usageError(
        error.message.replace(/^(\w+) is/, (_, name: string) => `--${kebabCase(name)} is`),
      );
    throw failure(error.code, error.message, hintFor(error));
  }
}

function hintFor(error: DndError): string | undefined {
  if (error.code === "address-in-use" && error.option !== undefined) {
    return `choose another with --${kebabCase(error.option)}`;
  }
  if (error.code === "data-directory") return "choose another with --data-dir";
  return undefined;
}
