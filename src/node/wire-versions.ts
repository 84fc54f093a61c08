/** Which wire version two nodes speak with each other: the greatest that both can. */
import { WIRE_VERSION, WIRE_VERSION_LEAST } from "../model/peer-message.ts";

/** Wire versions that a node speaks. */
export interface WireVersions {
  readonly least: number;
  readonly greatest: number;
}

/** Those of this program. */
export const WIRE_OWN: WireVersions = { least: WIRE_VERSION_LEAST, greatest: WIRE_VERSION };

/** The version two nodes agree on, or why there is none. */
export function agreeOn(own: WireVersions, other: WireVersions): number | string {
  const agreed = Math.min(own.greatest, other.greatest);
  if (agreed >= Math.max(own.least, other.least)) return agreed;
  return `this node speaks ${spoken(own)}, not ${spoken(other)}`;
}

function spoken({ least, greatest }: WireVersions): string {
  return least === greatest ? `wire version ${least}` : `wire versions ${least} to ${greatest}`;
}
