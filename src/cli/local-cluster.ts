/**
 * `dnd up`: a cluster on this machine, one process a node, for trying out and for developing against.
 *
 * Node i listens on the base ports + i and keeps its data in `node-<i+1>` below the data directory: so the ports may
 * be moved and the data is found again. Invariant: no child outlives this process.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { CliError, EXIT, failure, usageError } from "./cli-error.ts";
import { type ChildPlan, ClusterChild } from "./cluster-child.ts";
import { printJson, printLine, printPainted, remark, table } from "./output.ts";
import { kebabCase, type Settings } from "./settings.ts";
import { stopRequested } from "./stop-signal.ts";

export const NODES_MAX = 32;
const DATA_DIR_DEFAULT = ".dnd";
const NODE_DIRECTORY = /^node-([1-9]\d*)$/;

export async function runLocalCluster(settings: Settings, nodeCount: number): Promise<void> {
  const plans = planNodes(settings, nodeCount);
  if (settings.remark !== undefined) remark(`dnd: ${settings.remark}`);
  const stop = stopRequested();
  // Children are there from the first moment on: a signal must always be answered by stopping them.
  stop.isReady = true;
  const children: ClusterChild[] = [];
  let hasFailed = false;
  const isStopping = (): boolean => hasFailed || stop.isStopped();
  try {
    await Promise.race([startAll(settings, plans, children, isStopping), stop.requested]);
    if (!isStopping()) announce(settings, children);
    for (const child of children) void reportEnd(child, settings, isStopping);
    await Promise.race([stop.requested, Promise.all(children.map((child) => child.ended))]);
  } catch (error) {
    hasFailed = true;
    throw error;
  } finally {
    if (stop.isStopped() && !settings.isJson) remark("dnd: stopping all nodes");
    await Promise.all(children.map((child) => child.stop()));
  }
  if (!stop.isStopped()) throw failure("all-ended", "all nodes have ended");
  if (!settings.isJson) remark("dnd: stopped; the next start finds its data");
}

/** Where each node listens and keeps its data. */
function planNodes(settings: Settings, nodeCount: number): readonly ChildPlan[] {
  const {
    port,
    serverPort = 6_000,
    webPort = 6_080,
    redisPort,
    dataDir = DATA_DIR_DEFAULT,
    durability,
  } = settings.options;
  const bases = {
    port,
    serverPort,
    webPort,
    ...(redisPort === undefined ? {} : { redisPort }),
  };
  for (const [name, base] of Object.entries(bases)) {
    if (base === 0)
      throw usageError(
        `--${kebabCase(name)} is 0: a local cluster counts up from it, so it must be fixed`,
      );
    if (base + nodeCount - 1 <= 65_535) continue;
    throw usageError(
      `--${kebabCase(name)} is ${base}: with ${nodeCount} nodes the last would be above 65535`,
    );
  }
  checkOverlap(bases, nodeCount);
  if (durability !== "memory") checkData(dataDir, nodeCount);
  return Array.from({ length: nodeCount }, (_, index) => ({
    number: index + 1,
    port: port + index,
    serverPort: serverPort + index,
    webPort: webPort + index,
    redisPort: redisPort === undefined ? undefined : redisPort + index,
    dataDir: join(dataDir, `node-${index + 1}`),
    drainMs: settings.options.drainNoticeMs + settings.options.drainMs,
  }));
}

function checkOverlap(bases: Readonly<Record<string, number>>, nodeCount: number): void {
  const sorted = Object.entries(bases).sort(([, a], [, b]) => a - b);
  for (const [index, [name, base]] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next === undefined || base + nodeCount <= next[1]) continue;
    throw usageError(
      `--${kebabCase(name)} ${base} and --${kebabCase(next[0])} ${next[1]} are too close for ${nodeCount} nodes`,
    );
  }
}

/** A node left out would take its copies with it, and the rest would wait for it for ever. */
function checkData(dataDir: string, nodeCount: number): void {
  if (!existsSync(dataDir)) return;
  const numbers = readdirSync(dataDir).map((name) => Number(NODE_DIRECTORY.exec(name)?.[1] ?? 0));
  const last = Math.max(0, ...numbers);
  if (last <= nodeCount) return;
  throw new CliError(`${dataDir} holds the data of ${last} nodes, more than --nodes ${nodeCount}`, {
    exit: EXIT.usage,
    code: "too-few-nodes",
    hint: `start them all with --nodes ${last}, or begin anew elsewhere with --data-dir`,
  });
}

/** Those that have data find each other again; the others join them. Of a new cluster the first node comes first. */
async function startAll(
  settings: Settings,
  plans: readonly ChildPlan[],
  children: ClusterChild[],
  isStopping: () => boolean,
): Promise<void> {
  const { durability } = settings.options;
  const known = plans.filter((plan) => durability !== "memory" && existsSync(plan.dataDir));
  const first = known.length > 0 ? known : plans.slice(0, 1);
  const rest = plans.filter((plan) => !first.includes(plan));
  for (const group of [first, rest]) {
    if (isStopping()) return;
    const started = group.map((plan) => {
      const peers = first
        .filter((other) => other !== plan)
        .map((other) => addressOf(settings, other));
      const child = new ClusterChild(plan, childArgs(settings, plan, peers));
      children.push(child);
      return child.ready();
    });
    await Promise.all(started);
  }
}

function portText(port: number | undefined): string {
  return port === undefined ? "off" : String(port);
}

function addressOf(settings: Settings, plan: ChildPlan): string {
  const { address } = settings.options;
  return `${bracketed(address)}:${plan.port}`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** The flags of `dnd start` for one node. */
function childArgs(settings: Settings, plan: ChildPlan, peers: readonly string[]): string[] {
  const { options, logLevel, logFormat, isJson } = settings;
  const flags: [string, string | undefined][] = [
    ["port", String(plan.port)],
    ["server-port", String(plan.serverPort)],
    ["web-port", String(plan.webPort)],
    ["redis-port", portText(plan.redisPort)],
    ["redis-scan", options.redisScan],
    ["data-dir", plan.dataDir],
    ["address", options.address],
    ["weight", String(options.weight)],
    ["durability", options.durability],
    ["scrub-ms", String(options.scrubMs)],
    ["free-bytes-min", String(options.freeBytesMin)],
    ["drain-ms", String(options.drainMs)],
    ["drain-notice-ms", String(options.drainNoticeMs)],
    ["peers", peers.length === 0 ? undefined : peers.join(",")],
    ["replicas", options.replicas?.toString()],
    ["write-quorum", options.writeQuorum],
    ["key-bytes-max", options.keyBytesMax?.toString()],
    ["value-bytes-max", options.valueBytesMax?.toString()],
    ["grace-ms", options.graceMs?.toString()],
    ["traces-to", options.tracesTo ?? "off"],
    ["traces-ratio", String(options.tracesRatio)],
    ["log-level", logLevel],
    ["log-format", logFormat],
  ];
  const args = flags.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
  if (options.insecure) args.push("--insecure");
  if (isJson) args.push("--json");
  return args;
}

function announce(settings: Settings, children: readonly ClusterChild[]): void {
  const host = settings.options.address;
  const plans = children.map(({ plan }) => plan).sort((a, b) => a.number - b.number);
  const rows = plans.map((plan) => ({
    node: plan.number,
    pid: children.find((child) => child.plan === plan)?.pid,
    peers: addressOf(settings, plan),
    http: `http://${host}:${plan.serverPort}`,
    browser: `http://${host}:${plan.webPort}`,
    redis: plan.redisPort === undefined ? "-" : `${bracketed(host)}:${plan.redisPort}`,
    data: plan.dataDir,
  }));
  if (settings.isJson) {
    printJson({ event: "ready", nodes: rows });
    return;
  }
  const [first] = plans;
  const last = plans.at(-1);
  if (first === undefined || last === undefined) return;
  const command = commandName();
  printLine("");
  printPainted(
    table(
      ["NODE", "PROCESS", "PEERS", "HTTP", "FOR BROWSERS", "REDIS", "DATA"],
      rows.map((row) => [
        String(row.node),
        String(row.pid),
        row.peers,
        row.http,
        row.browser,
        row.redis,
        row.data,
      ]),
    ),
  );
  printLine("");
  printLine(`${plans.length} nodes are ready. Any node answers any key; try:`);
  printLine("");
  printLine(`  curl -X POST localhost:${first.serverPort}/kv/user1 -d '{"name": "Jack"}'`);
  printLine(`  curl localhost:${last.serverPort}/kv/user1`);
  const node = first.serverPort === 6_000 ? "" : ` --node http://localhost:${first.serverPort}`;
  printLine(`  ${command} status${node}`);
  if (first.redisPort !== undefined) printLine(`  redis-cli -p ${first.redisPort} get user1`);
  printLine("");
  printLine(`http://localhost:${first.webPort} in a browser shows all of this as it happens.`);
  printLine("Ctrl-C stops all; the next start finds its data.");
}

/** What to type here to run this program again. */
function commandName(): string {
  const script = relative(process.cwd(), process.argv[1] ?? "");
  return script === join("src", "cli", "main.ts") || script === join("bin", "dnd")
    ? "bin/dnd"
    : "dnd";
}

/** One node ending is what a cluster is there to outlive: it is told, and the rest go on. */
async function reportEnd(
  child: ClusterChild,
  settings: Settings,
  isStopping: () => boolean,
): Promise<void> {
  const how = await child.ended;
  if (isStopping()) return;
  const { number, port, serverPort, webPort, redisPort, dataDir } = child.plan;
  const { durability, address, insecure, redisScan } = settings.options;
  if (settings.isJson) {
    printJson({ event: "ended", node: number, how });
    return;
  }
  remark(
    `dnd: node ${number} (process ${child.pid}) has ended: ${how}. The others go on. To start it again:`,
  );
  remark(
    `  ${commandName()} start --port ${port} --server-port ${serverPort} --web-port ${webPort} ` +
      `--redis-port ${portText(redisPort)} --data-dir ${dataDir}` +
      (durability === "fsync" ? "" : ` --durability ${durability}`) +
      (address === "127.0.0.1" ? "" : ` --address ${address}`) +
      (insecure ? " --insecure" : "") +
      (redisScan === "cluster" ? "" : ` --redis-scan ${redisScan}`),
  );
}
