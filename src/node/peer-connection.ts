/** What is known of a connection between nodes, and of the member it may lead to (`peers.ts`). */
import type { Address, ClusterId, NodeId } from "../model/ids.ts";
import type { PeerReply, PeerRequest } from "../model/peer-message.ts";
import type { ConnectionId } from "../ports/transport.ts";
import { FrameAge } from "./frame-age.ts";
import { PendingRequests } from "./pending-requests.ts";
import { Silence } from "./silence.ts";
import type { TrafficCounts } from "./traffic.ts";

/** How a call by address ended: without a reply there was no answer. `clusterId` is that of whoever answered. */
export type CallDone = (reply: PeerReply | undefined, clusterId: ClusterId | undefined) => void;

export interface Connection {
  readonly id: ConnectionId;
  readonly isDialled: boolean;
  readonly openedMs: number;
  /** The far end, once hello told; of a dialled link, whom it must be. */
  peer: NodeId | undefined;
  /** What both ends speak, once hello told; 0 before. */
  wireVersion: number;
  isReady: boolean;
  /** Why this end closed it, for the log. */
  closing: string | undefined;
  /** Its peer has left, or said goodbye: it is closed once every request on it has ended. */
  isRetired: boolean;
  readonly pending: PendingRequests;
  readonly silence: Silence;
  /** Where its frames are counted. */
  traffic: TrafficCounts;
  readonly age: FrameAge;
  /** Sent once the connection stands, for calls by address. */
  readonly first: { readonly message: PeerRequest; readonly done: CallDone } | undefined;
}

/** A member to be kept in touch with. */
export interface Link {
  readonly node: NodeId;
  address: Address;
  connection: Connection | undefined;
  redialMs: number;
  failures: number;
}

/** One that begins. */
export function connectionOf(
  begun: Pick<Connection, "id" | "isDialled" | "peer" | "traffic" | "first"> & {
    readonly nowMs: number;
  },
): Connection {
  const { nowMs, ...known } = begun;
  return {
    ...known,
    openedMs: nowMs,
    wireVersion: 0,
    isReady: false,
    closing: undefined,
    isRetired: false,
    pending: new PendingRequests(),
    silence: new Silence(),
    age: new FrameAge(nowMs),
  };
}
