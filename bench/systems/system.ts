/** A system under load: some processes on this machine, started for one run and ended with it. */
import type { Protocol } from "../load/load.ts";
import type { BenchNode } from "./bench-node.ts";

export interface SystemProcess {
  readonly name: string;
  readonly pid: number;
}

export interface System {
  readonly processes: readonly SystemProcess[];
  /** dnd's own nodes, which can be asked more than others; empty for other systems. */
  readonly nodes: readonly BenchNode[];
  /** Where clients of a protocol connect, in turn. */
  ports(protocol: Protocol): readonly number[];
  /** Ends all of it. Its directory is the caller's to remove. */
  close(): Promise<void>;
}

/** A system as the plan names it. */
export type SystemName =
  | `dnd-${number}-${"fsync" | "memory"}`
  | "redis-memory"
  | "redis-fsync"
  | "redis-3-fsync"
  | "etcd-3-fsync";
