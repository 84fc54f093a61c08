/** Node ids as Redis Cluster has them: 40 hexadecimal digits, ours and then zeros. */
import type { NodeId } from "../../model/ids.ts";

const DIGITS = 40;

export function redisId(node: NodeId): string {
  return node.padEnd(DIGITS, "0");
}
