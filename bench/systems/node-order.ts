/** What the process of a dnd node is told, and what it answers. */
import type { LoadResult } from "../load/load.ts";

/** The settings of docs/configuration.md that benchmarks set. */
export interface NodeSettings {
  readonly durability: "fsync" | "os" | "memory";
  readonly dataDir: string;
  readonly port: number;
  readonly peers?: readonly string[];
  readonly serverPort?: number;
  readonly redisPort?: number;
}

export type NodeOrder =
  | {
      readonly kind: "open";
      readonly settings: NodeSettings;
      /** The source tree whose node it is: this one, or another release's. */
      readonly tree: string;
    }
  | { readonly kind: "status" }
  | { readonly kind: "socket-bytes" }
  | { readonly kind: "watch-loop" }
  | { readonly kind: "loop-delay" }
  | { readonly kind: "call"; readonly call: EmbeddedLoad }
  | { readonly kind: "start-profile" }
  | { readonly kind: "stop-profile" }
  | { readonly kind: "close" };

/** Load by callers in the node's own process, as an application that embeds it would make it. */
export interface EmbeddedLoad {
  readonly operation: "get" | "set";
  readonly callers: number;
  readonly keyCount: number;
  readonly ms: number;
  /** Replicas that a read waits for; the node's default when absent. */
  readonly readReplicas?: number;
}

export interface NodeStatus {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  readonly activeMembers: number;
}

export type NodeAnswer =
  | {
      readonly kind: "opened";
      readonly address: string;
      readonly httpPort: number;
      readonly redisPort: number;
    }
  | { readonly kind: "status"; readonly status: NodeStatus }
  | { readonly kind: "socket-bytes"; readonly bytes: number }
  | { readonly kind: "loop-delay"; readonly msP99: number }
  | { readonly kind: "called"; readonly result: LoadResult }
  | { readonly kind: "profile"; readonly profile: CpuProfile }
  | { readonly kind: "done" };

/** As the runtime's inspector gives it. */
export interface CpuProfile {
  readonly nodes: readonly CpuProfileNode[];
  /** Microseconds of a monotonic clock. */
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of nodes, and the microseconds since the sample before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface CpuProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}
