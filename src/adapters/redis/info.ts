/**
 * The text of INFO: sections of `name:value` lines, in Redis's names where Redis has them, then our own in a section `dnd`.
 *
 * What tools look for is there and true, or says that there is none of it, as `evicted_keys:0`.
 */
import { arch, cpuUsage, memoryUsage, pid, platform } from "node:process";
import type { StoreStatus } from "../../node/store.ts";
import { VERSION } from "../../version.ts";
import type { CommandTable } from "./command-table.ts";
import type { DoorState } from "./door-state.ts";
import { redisId } from "./redis-ids.ts";
import { REDIS_VERSION } from "./redis-version.ts";

export interface InfoSource {
  readonly door: DoorState;
  readonly table: CommandTable;
  /** Wall clock. */
  readonly nowMs: number;
}

type Lines = readonly (readonly [string, string | number])[];

interface Facts extends InfoSource {
  readonly status: StoreStatus;
  readonly uptimeSeconds: number;
}

interface Section {
  readonly title: string;
  /** Shown when no section is asked for. */
  readonly isDefault: boolean;
  readonly lines: (facts: Facts) => Lines;
}

/** In the order they are shown. */
const SECTIONS: Readonly<Record<string, Section>> = {
  server: { title: "Server", isDefault: true, lines: serverLines },
  clients: { title: "Clients", isDefault: true, lines: clientLines },
  memory: { title: "Memory", isDefault: true, lines: memoryLines },
  persistence: { title: "Persistence", isDefault: true, lines: persistenceLines },
  stats: { title: "Stats", isDefault: true, lines: statsLines },
  replication: { title: "Replication", isDefault: true, lines: replicationLines },
  cpu: { title: "CPU", isDefault: true, lines: cpuLines },
  modules: { title: "Modules", isDefault: true, lines: () => [] },
  commandstats: { title: "Commandstats", isDefault: false, lines: commandLines },
  errorstats: { title: "Errorstats", isDefault: true, lines: errorLines },
  cluster: { title: "Cluster", isDefault: true, lines: () => [["cluster_enabled", 1]] },
  keyspace: { title: "Keyspace", isDefault: true, lines: keyspaceLines },
  dnd: { title: "Dnd", isDefault: true, lines: ownLines },
};

/** @param names in lower case; none for the default. Unknown ones show nothing. */
export function infoText(source: InfoSource, names: readonly string[]): string {
  const { door } = source;
  const isDefault = names.length === 0 || names.includes("default");
  const isAll = names.includes("all") || names.includes("everything");
  const wanted = Object.entries(SECTIONS).filter(
    ([name, section]) => isAll || names.includes(name) || (isDefault && section.isDefault),
  );
  const uptimeSeconds = Math.floor((door.clock.monotonicMs() - door.startedAtMs) / 1_000);
  const facts = { ...source, status: door.store.status(), uptimeSeconds };
  const texts = wanted.map(([, { title, lines }]) => {
    const body = lines(facts).map(([name, value]) => `${name}:${value}\r\n`);
    return `# ${title}\r\n${body.join("")}`;
  });
  return texts.join("\r\n");
}

function serverLines({ door, status, nowMs, uptimeSeconds }: Facts): Lines {
  return [
    ["redis_version", REDIS_VERSION],
    ["dnd_version", VERSION],
    // Any node answers for any key: what clients refuse in cluster mode works here.
    ["redis_mode", "standalone"],
    ["os", platform],
    ["arch_bits", arch.endsWith("64") ? 64 : 32],
    ["process_id", pid],
    ["run_id", redisId(status.nodeId)],
    ["tcp_port", door.port],
    ["server_time_usec", nowMs * 1_000],
    ["uptime_in_seconds", uptimeSeconds],
    ["uptime_in_days", Math.floor(uptimeSeconds / 86_400)],
    ["hz", 10],
    ["configured_hz", 10],
    ["executable", ""],
    ["config_file", ""],
    ["io_threads_active", 0],
  ];
}

function clientLines({ door }: Facts): Lines {
  let listening = 0;
  for (const session of door.sessions.values()) if (session.subscriptionCount > 0) listening += 1;
  return [
    ["connected_clients", door.sessions.size],
    ["cluster_connections", 0],
    ["maxclients", door.limits.connectionsMax],
    ["client_recent_max_input_buffer", 0],
    ["client_recent_max_output_buffer", 0],
    ["blocked_clients", 0],
    ["tracking_clients", 0],
    ["pubsub_clients", listening],
    ["clients_in_timeout_table", 0],
  ];
}

function memoryLines(): Lines {
  const { rss, heapUsed, external } = memoryUsage();
  const used = heapUsed + external;
  return [
    ["used_memory", used],
    ["used_memory_human", humanBytes(used)],
    ["used_memory_rss", rss],
    ["used_memory_rss_human", humanBytes(rss)],
    ["used_memory_peak", used],
    ["used_memory_peak_human", humanBytes(used)],
    ["used_memory_lua", 0],
    ["used_memory_scripts", 0],
    ["maxmemory", 0],
    ["maxmemory_human", "0B"],
    ["maxmemory_policy", "noeviction"],
    ["mem_fragmentation_ratio", (rss / used).toFixed(2)],
    ["mem_allocator", "v8"],
    ["active_defrag_running", 0],
    ["lazyfree_pending_objects", 0],
    ["lazyfreed_objects", 0],
  ];
}

function persistenceLines({ nowMs }: Facts): Lines {
  return [
    ["loading", 0],
    ["async_loading", 0],
    ["rdb_changes_since_last_save", 0],
    ["rdb_bgsave_in_progress", 0],
    ["rdb_last_save_time", Math.floor(nowMs / 1_000)],
    ["rdb_last_bgsave_status", "ok"],
    ["rdb_last_bgsave_time_sec", -1],
    ["rdb_current_bgsave_time_sec", -1],
    ["aof_enabled", 0],
    ["aof_rewrite_in_progress", 0],
    ["aof_rewrite_scheduled", 0],
    ["aof_last_bgrewrite_status", "ok"],
    ["aof_last_write_status", "ok"],
  ];
}

function statsLines({ door }: Facts): Lines {
  const { subscriptions } = door.store;
  return [
    ["total_connections_received", door.connectionsReceived],
    ["total_commands_processed", door.commands],
    ["instantaneous_ops_per_sec", door.commandsPerSecond()],
    ["total_net_input_bytes", door.inputBytes],
    ["total_net_output_bytes", door.outputBytes],
    ["rejected_connections", door.connectionsRejected],
    ["sync_full", 0],
    ["sync_partial_ok", 0],
    ["sync_partial_err", 0],
    ["expired_keys", 0],
    ["evicted_keys", 0],
    ["evicted_clients", 0],
    ["keyspace_hits", 0],
    ["keyspace_misses", 0],
    ["pubsub_channels", subscriptions.size("channel")],
    ["pubsub_patterns", subscriptions.size("pattern")],
    ["pubsubshard_channels", subscriptions.size("shard")],
    ["latest_fork_usec", 0],
    ["total_forks", 0],
    ["migrate_cached_sockets", 0],
    ["tracking_total_keys", 0],
    ["unexpected_error_replies", 0],
    ["total_error_replies", door.errors],
    ["requests_under_way", door.budget.requests],
  ];
}

/** Every node is what Redis calls a master: there is none that only follows. */
function replicationLines({ status }: Facts): Lines {
  return [
    ["role", "master"],
    ["connected_slaves", 0],
    ["master_failover_state", "no-failover"],
    ["master_replid", redisId(status.nodeId)],
    ["master_replid2", "0".repeat(40)],
    ["master_repl_offset", 0],
    ["second_repl_offset", -1],
    ["repl_backlog_active", 0],
    ["repl_backlog_size", 0],
    ["repl_backlog_first_byte_offset", 0],
    ["repl_backlog_histlen", 0],
  ];
}

function cpuLines(): Lines {
  const { user, system } = cpuUsage();
  return [
    ["used_cpu_sys", (system / 1e6).toFixed(6)],
    ["used_cpu_user", (user / 1e6).toFixed(6)],
    ["used_cpu_sys_children", "0.000000"],
    ["used_cpu_user_children", "0.000000"],
  ];
}

function commandLines({ table }: Facts): Lines {
  const lines: [string, string][] = [];
  for (const { fullName, counts } of table.all()) {
    const { calls, usec, rejected, failed } = counts;
    if (calls + rejected === 0) continue;
    const mean = (calls === 0 ? 0 : usec / calls).toFixed(2);
    lines.push([
      `cmdstat_${fullName}`,
      `calls=${calls},usec=${usec},usec_per_call=${mean},rejected_calls=${rejected},failed_calls=${failed}`,
    ]);
  }
  return lines;
}

function errorLines({ door }: Facts): Lines {
  return [...door.errorCounts].map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

/** What this node holds, not what the cluster does: fields are counted, and what was deleted until it is collected. */
function keyspaceLines({ status }: Facts): Lines {
  const cells = status.gauges["cells"] ?? 0;
  return cells === 0 ? [] : [["db0", `keys=${cells},expires=0,avg_ttl=0`]];
}

function ownLines({ status }: Facts): Lines {
  const { shared, collection } = status;
  const named = (values: Readonly<Record<string, number>>, prefix: string): Lines =>
    Object.entries(values).map(([name, value]) => [`${prefix}${name.replaceAll("-", "_")}`, value]);
  return [
    ["node_id", status.nodeId],
    ["cluster_id", status.clusterId ?? ""],
    ["phase", status.phase],
    ["epoch", status.epoch],
    ["members", status.members.length],
    ["members_alive", status.members.filter(({ liveness }) => liveness === "alive").length],
    ["replicas", shared.replicas],
    ["write_quorum", shared.writeQuorum],
    ["slots_to_collect", collection.slotsDue],
    ...named(status.counters, "count_"),
    ...named(status.gauges, "gauge_"),
  ];
}

function humanBytes(bytes: number): string {
  const units = ["B", "K", "M", "G", "T"];
  let value = bytes;
  let unitIndex = 0;
  while (value >= 1_024 && unitIndex < units.length - 1) {
    value /= 1_024;
    unitIndex += 1;
  }
  return `${unitIndex === 0 ? value : value.toFixed(2)}${units[unitIndex]}`;
}
