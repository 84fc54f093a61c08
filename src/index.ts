/**
 * The package's entry: a node of the store inside your own process.
 *
 * ```ts
 * import { openNode } from "@definitely-not-dynamo/dnd";
 *
 * const node = await openNode({ port: 5000, dataDir: "./data", peers: ["10.0.0.2:5000"] });
 * await node.put("user1", JSON.stringify({ name: "Jack" }));
 * const entry = await node.get("user1");
 * console.log(entry?.json(), entry?.stamp);
 * await node.close();
 * ```
 */
export { DndError, type DndErrorCode } from "./dnd-error.ts";
export { EmbeddedNode } from "./embedded-node.ts";
export { DndCounter } from "./library/dnd-counter.ts";
export { DndHash, type FieldsInput } from "./library/dnd-hash.ts";
export { DndSet } from "./library/dnd-set.ts";
export { Entry, HashField, KeyedEntry, StoredValue } from "./library/entry.ts";
export type {
  ChangeOptions,
  ChangeReceipt,
  ContainerOptions,
  ExpireOptions,
  ExpiryInput,
  KeyInput,
  ListOptions,
  NameInput,
  PutOptions,
  ReadOptions,
  ReplaceOptions,
  TraceOptions,
  ValueInput,
  WriteOptions,
  WriteReceipt,
} from "./library/options.ts";
export type { Message, Subscription } from "./library/subscription.ts";
export type { Durability, SharedConfig } from "./model/config.ts";
export type { QuorumReport } from "./model/outcome.ts";
export type { KeyLocation, MemberStatus, NodePhase, StoreStatus } from "./node/store.ts";
export { type OpenNodeHooks, type OpenNodeOptions, openNode } from "./open-node.ts";
export type { Log, LogLevel } from "./ports/log.ts";
export { VERSION } from "./version.ts";
