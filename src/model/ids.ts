/**
 * Identities. All are minted from the `Random` port or parsed here; none is ever re-used.
 * 53-bit identities are safe integers, so that they compare, sort and store as one value
 * (docs/decisions/0002).
 */
import { assert } from "../base/assert.ts";
import type { Brand } from "./brand.ts";

/** One node for the lifetime of its data directory: 16 lower-case hex digits. A wiped disk joins under a fresh id. */
export type NodeId = Brand<string, "NodeId">;
/** One cluster for ever: 16 lower-case hex digits, chosen by its first node. */
export type ClusterId = Brand<string, "ClusterId">;
/** One start of one node: a random 53-bit integer. Makes stamps unique across clones and restored disks. */
export type BootId = Brand<number, "BootId">;
/** A version of the placement: 53 bits of a hash over the members that decide it. */
export type Epoch = Brand<number, "Epoch">;
/** Where a node listens: `host:port`, `[v6]:port` for IPv6. */
export type Address = Brand<string, "Address">;

const ID_PATTERN = /^[0-9a-f]{16}$/;

/** Trust boundary: the id, or `undefined` if `raw` is not 16 lower-case hex digits. */
export function parseNodeId(raw: string): NodeId | undefined {
  return ID_PATTERN.test(raw) ? (raw as NodeId) : undefined;
}

/** Trust boundary: the id, or `undefined` if `raw` is not 16 lower-case hex digits. */
export function parseClusterId(raw: string): ClusterId | undefined {
  return ID_PATTERN.test(raw) ? (raw as ClusterId) : undefined;
}

/** A node id from two random 32-bit integers. */
export function nodeIdFrom(high: number, low: number): NodeId {
  return hex64(high, low) as NodeId;
}

/** A cluster id from two random 32-bit integers. */
export function clusterIdFrom(high: number, low: number): ClusterId {
  return hex64(high, low) as ClusterId;
}

/** A boot id from a 53-bit random integer. Zero is kept for "no stamp". */
export function bootIdFrom(value: number): BootId {
  assert(Number.isSafeInteger(value) && value >= 0, "a boot id is a 53-bit integer");
  return (value === 0 ? 1 : value) as BootId;
}

export function epochFrom(value: number): Epoch {
  assert(Number.isSafeInteger(value) && value >= 0, "an epoch is a 53-bit integer");
  return value as Epoch;
}

function hex64(high: number, low: number): string {
  return (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");
}

/** Trust boundary: `host:port` or `[v6]:port` with a port of 1..65535 and a host of at most 255 characters. */
export function parseAddress(raw: string): Address | undefined {
  const match = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,255}):([0-9]{1,5})$/.exec(raw);
  if (match === null) return undefined;
  const port = Number(match[2]);
  return port >= 1 && port <= 65_535 ? (raw as Address) : undefined;
}

/** The two parts of an address; IPv6 hosts without their brackets. */
export function splitAddress(address: Address): { readonly host: string; readonly port: number } {
  const colonIndex = address.lastIndexOf(":");
  const host = address.slice(0, colonIndex);
  return {
    host: host.startsWith("[") ? host.slice(1, -1) : host,
    port: Number(address.slice(colonIndex + 1)),
  };
}
