/** This node's own entry in the list of members. */
import type { NodeConfig } from "../model/config.ts";
import type { BootId } from "../model/ids.ts";
import type { MemberRecord } from "../model/member.ts";
import type { Identity } from "./node-state.ts";

/** The record with which a start begins. */
export function ownRecord(
  config: NodeConfig,
  { nodeId, boots }: Identity,
  boot: BootId,
  intent: MemberRecord["intent"],
): MemberRecord {
  const { address, httpAddress, redisAddress, zone, weight } = config;
  return {
    id: nodeId,
    address,
    httpAddress,
    redisAddress,
    intent,
    zone,
    weight,
    boots,
    version: 0,
    boot,
  };
}
