/**
 * Composition root: options -> adapters -> node. What is opened is closed again in reverse order, whichever step fails.
 *
 * Used by the command line and, through `index.ts`, by applications that embed a node.
 */
import { resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { openDataDirectory } from "./adapters/data-directory/data-directory.ts";
import { DataDirectoryError } from "./adapters/data-directory/data-directory-error.ts";
import { DnsDiscovery, type DnsName, parseDnsName } from "./adapters/dns/dns-discovery.ts";
import { HttpDoorError, openHttpDoor } from "./adapters/http/http-door.ts";
import { MemoryStorage } from "./adapters/memory/memory-storage.ts";
import { DoorDurations } from "./adapters/metrics/door-durations.ts";
import type { OtelTracer } from "./adapters/opentelemetry/otel-tracer.ts";
import { openRedisDoor, RedisDoorError } from "./adapters/redis/redis-door.ts";
import { choosePorts } from "./adapters/system/choose-ports.ts";
import { diskUsage } from "./adapters/system/disk-usage.ts";
import { watchEventLoop } from "./adapters/system/event-loop-delay.ts";
import { machineFigures } from "./adapters/system/machine-figures.ts";
import { StreamLog } from "./adapters/system/stream-log.ts";
import { SystemClock } from "./adapters/system/system-clock.ts";
import { SystemRandom } from "./adapters/system/system-random.ts";
import { openTransport, TransportError } from "./adapters/tcp/tcp-transport.ts";
import { formatAddress } from "./adapters/udp/udp-socket.ts";
import { DndError } from "./dnd-error.ts";
import { EmbeddedNode } from "./embedded-node.ts";
import type { NodeConfig, SharedConfig } from "./model/config.ts";
import { type Address, parseAddress, splitAddress } from "./model/ids.ts";
import { StoreNode } from "./node/store-node.ts";
import { type NodeOptions, parseNodeOptions } from "./node-options.ts";
import type { NodeOptionsInput } from "./node-options-input.ts";
import type { Clock } from "./ports/clock.ts";
import type { Discovery } from "./ports/discovery.ts";
import type { Log } from "./ports/log.ts";
import { type Storage, StorageError } from "./ports/storage.ts";
import { VERSION } from "./version.ts";

/** What `openNode` takes beside the settings of docs/configuration.md. */
export interface OpenNodeHooks {
  /** Where the node reports events. Default: warnings and errors to stderr. */
  readonly log?: Log;
  /**
   * The node cannot go on (its disk failed to sync, another node has its identity, a broken invariant). It has
   * stopped answering; the process should end. Default: throws, as an uncaught exception.
   */
  readonly onFatal?: (error: Error) => void;
}

export type OpenNodeOptions = NodeOptionsInput & OpenNodeHooks;

/** A stall of the event loop that is worth a doubt: a fifth of the time a probe is given. */
const STALL_MS_MIN = 100;

/** Where peers are that are given by a name without a port. */
const PORT_DEFAULT = 5_000;

/** Things to undo, last first. */
type Undo = () => Promise<void>;

/**
 * Starts a node in this process.
 *
 * The first node of a cluster has no `peers`; every other one names some members. A node that has data goes on where it
 * was, also without `peers`.
 *
 * @returns the node, once it takes requests.
 * @throws `DndError`: `bad-option`, `address-in-use`, `data-directory` (locked, of another format, not ours), or
 *         `start-failed` (the cluster refused it); everything that was opened is closed again.
 */
export async function openNode(options: OpenNodeOptions = {}): Promise<EmbeddedNode> {
  const { log: givenLog, onFatal = throwLater, ...settings } = options;
  const checked = parseNodeOptions(settings);
  const clock = new SystemClock();
  const log = givenLog ?? warningsToStderr(clock);
  const undo: Undo[] = [];
  try {
    return await compose({ options: checked, clock, log, onFatal, undo });
  } catch (error) {
    await unwind(undo);
    throw asDndError(error, checked);
  }
}

interface Parts {
  readonly options: NodeOptions;
  readonly clock: Clock;
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
  readonly undo: Undo[];
}

async function compose({ options, clock, log, onFatal, undo }: Parts): Promise<EmbeddedNode> {
  const { promise: nodeId, resolve: onNodeId } = Promise.withResolvers<string>();
  const tracer = await openTracer(options, nodeId, log);
  // Undone last: there are spans until everything has stopped.
  if (tracer !== undefined) undo.push(() => tracer.close());
  const storage = await openStorage(options, clock);
  const closeStorage: Undo = () => new Promise((done) => storage.close(done));
  undo.push(closeStorage);
  const transport = await openTransport({ host: options.address, port: options.port, log });
  undo.push(() => transport.shutdown());

  const address = advertisedAddress(options, transport.port);
  const { host } = splitAddress(address);
  // The node must be able to tell the others before its doors are open.
  const wanted = [options.serverPort, options.webPort, options.redisPort];
  const [serverPort, webPort, redisPort] = await choosePorts(wanted, options.address);
  const ports = [serverPort, webPort].filter((port) => port !== undefined);
  const httpAddress = ports[0] === undefined ? undefined : formatAddress(host, ports[0]);
  const redisAddress = redisPort === undefined ? undefined : formatAddress(host, redisPort);
  const { promise: left, resolve: onLeft } = Promise.withResolvers<void>();
  const node = new StoreNode({
    config: nodeConfig(options, { address, httpAddress, redisAddress }),
    clock,
    random: new SystemRandom(),
    storage,
    transport,
    log,
    onFatal: (reason) => onFatal(new DndError("fatal", reason)),
    onLeft,
    discovery: discoveryOf(options, log),
    tracer,
  });
  onNodeId(node.status().nodeId);
  // From here on the storage is the node's to close, when nothing is written any more.
  undo.splice(undo.indexOf(closeStorage), 1);
  let stopsByMs = Number.POSITIVE_INFINITY;
  undo.push(() => {
    const leftMs = Math.max(0, stopsByMs - clock.monotonicMs());
    return new Promise((done) => node.stop(done, Math.min(leftMs, options.drainMs)));
  });

  const durations = new DoorDurations();
  // Before the node starts: a taken port must be found out before others are told of this node.
  const doors: Door[] = [];
  const limits = { drainMs: options.drainMs };
  if (ports.length > 0) {
    const door = await openHttpDoor({
      store: node,
      host: options.address,
      ports,
      allowedHosts: [host, ...options.allowedHosts],
      log,
      disk: async () => (isOnDisk(options) ? await diskUsage(directoryOf(options)) : undefined),
      durations,
      machine: () => machineFigures(isOnDisk(options) ? directoryOf(options) : undefined),
      tracer,
      limits,
    });
    doors.push(door);
    undo.push(() => door.close());
  }
  if (redisPort !== undefined) {
    const door = await openRedisDoor({
      store: node,
      clock,
      host: options.address,
      port: redisPort,
      scan: options.redisScan,
      log,
      durations,
      tracer,
      limits,
    });
    doors.push(door);
    undo.push(() => door.close());
  }
  await new Promise<void>((done, fail) => {
    node.start((problem) => {
      if (problem === undefined) done();
      else fail(new DndError("start-failed", problem));
    });
  });
  const watch = watchEventLoop(STALL_MS_MIN, (lagMs) => node.noteStall(lagMs));
  undo.push(async () => watch.close());
  const addresses = { address, httpAddress, redisAddress };
  const end = async (): Promise<void> => {
    if (node.status().phase !== "stopped") await giveNotice(node, doors, options.drainNoticeMs);
    stopsByMs = clock.monotonicMs() + options.drainMs;
    await Promise.all(doors.map((door) => door.close()));
    await unwind(undo);
  };
  return new EmbeddedNode({ store: node, ...addresses, left, end, tracer });
}

/** OpenTelemetry is loaded here, or not at all. */
async function openTracer(
  { tracesTo, tracesRatio }: NodeOptions,
  instance: Promise<string>,
  log: Log,
): Promise<OtelTracer | undefined> {
  if (tracesTo === undefined) return undefined;
  const { OtelTracer } = await import("./adapters/opentelemetry/otel-tracer.ts");
  const { host } = new URL(tracesTo);
  log.log("info", "traces-on", { collector: host, ratio: tracesRatio });
  const random = new SystemRandom();
  const sampling = { ratio: tracesRatio, random };
  return new OtelTracer({ url: tracesTo, ...sampling, version: VERSION, instance, log });
}

/** A way in for clients. */
interface Door {
  readonly withdraw?: () => void;
  readonly close: () => Promise<void>;
}

/** Is not ready for so long, and serves on: whoever sends clients here looks no more often than that. */
async function giveNotice(
  node: StoreNode,
  doors: readonly Door[],
  noticeMs: number,
): Promise<void> {
  node.withdraw();
  if (noticeMs === 0) return;
  for (const door of doors) door.withdraw?.();
  await wait(noticeMs);
}

/** Peers that are given by name. */
function discoveryOf({ peers, dnsServer }: NodeOptions, log: Log): Discovery | undefined {
  const names = peers.flatMap((peer) => nameOf(peer) ?? []);
  return names.length === 0 ? undefined : new DnsDiscovery({ names, server: dnsServer, log });
}

function nameOf(peer: string): DnsName | undefined {
  return parseDnsName(peer, PORT_DEFAULT);
}

interface Addresses {
  readonly address: Address;
  readonly httpAddress: string | undefined;
  readonly redisAddress: string | undefined;
}

function nodeConfig(options: NodeOptions, addresses: Addresses): NodeConfig {
  return {
    address: addresses.address,
    httpAddress: addresses.httpAddress ?? "",
    redisAddress: addresses.redisAddress ?? "",
    zone: options.zone,
    weight: options.weight,
    scrubMs: options.scrubMs,
    peers: options.peers.filter((peer) => nameOf(peer) === undefined).map(addressOf),
    isFounder: options.founder,
    drainMs: options.drainMs,
    removeAfterMs: options.removeAfter,
    shared: sharedConfig(options),
  };
}

async function openStorage(options: NodeOptions, clock: Clock): Promise<Storage> {
  const { durability } = options;
  if (durability === "memory") return new MemoryStorage(clock);
  return await openDataDirectory({
    directory: directoryOf(options),
    durability,
    freeBytesMin: options.freeBytesMin,
  });
}

function isOnDisk({ durability }: NodeOptions): boolean {
  return durability !== "memory";
}

function directoryOf({ dataDir, port }: NodeOptions): string {
  return resolve(dataDir ?? `.dnd/${port}`);
}

function advertisedAddress(options: NodeOptions, port: number): Address {
  if (options.advertise !== undefined) return addressOf(options.advertise);
  if (options.address === "0.0.0.0" || options.address === "::") {
    throw new DndError(
      "bad-option",
      `address is ${options.address}: peers need to know one of this machine's own; give advertise as host:port`,
      { option: "advertise" },
    );
  }
  return addressOf(formatAddress(options.address, port));
}

function addressOf(raw: string): Address {
  const address = parseAddress(raw);
  if (address === undefined) throw new DndError("bad-option", `"${raw}" is not host:port`);
  return address;
}

/** Only what was said: the rest follows the cluster. */
function sharedConfig(options: NodeOptions): Partial<SharedConfig> {
  const { replicas, writeQuorum, keyBytesMax, valueBytesMax, graceMs } = options;
  return {
    ...(replicas === undefined ? {} : { replicas }),
    ...(writeQuorum === undefined ? {} : { writeQuorum }),
    ...(keyBytesMax === undefined ? {} : { keyBytesMax }),
    ...(valueBytesMax === undefined ? {} : { valueBytesMax }),
    ...(graceMs === undefined ? {} : { graceMs }),
  };
}

async function unwind(undo: Undo[]): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
}

function asDndError(error: unknown, options: NodeOptions): unknown {
  if (error instanceof DataDirectoryError || error instanceof StorageError) {
    return new DndError("data-directory", error.message, { cause: error });
  }
  if (error instanceof TransportError) {
    const code = error.code === "port-in-use" ? "address-in-use" : "start-failed";
    return new DndError(code, error.message, { option: "port", cause: error });
  }
  if (error instanceof HttpDoorError) {
    const code = error.code === "EADDRINUSE" ? "address-in-use" : "start-failed";
    const option = error.port === options.webPort ? "webPort" : "serverPort";
    return new DndError(code, error.message, { option, cause: error });
  }
  if (error instanceof RedisDoorError) {
    const code = error.code === "EADDRINUSE" ? "address-in-use" : "start-failed";
    return new DndError(code, error.message, { option: "redisPort", cause: error });
  }
  return error;
}

function warningsToStderr(clock: Clock): Log {
  const { stderr } = process;
  const format = stderr.isTTY ? "pretty" : "plain";
  return new StreamLog({ sink: stderr, level: "warn", format, wallMs: () => clock.wallMs() });
}

function throwLater(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
