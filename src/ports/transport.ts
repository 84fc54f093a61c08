/**
 * Messages between nodes: whole frames over connections, and datagrams. Delivery is not promised: a frame may be
 * lost with its connection, a datagram at any time. Frames of one connection arrive at most once; those of up to
 * CHUNK_BYTES_MAX in order, larger ones in order among each other: small frames may overtake large ones, and the reverse.
 * Frames that are sent *in line* arrive in the order they were sent among each other, whatever their size, and one of them
 * that waits behind a large one may be overtaken by any that is not.
 */
import type { Address } from "../model/ids.ts";

/** One connection for its lifetime; numbers are not re-used. */
export type ConnectionId = number;

export interface TransportListener {
  /** A connection that this side asked for stands. */
  onOpened(connection: ConnectionId): void;
  /** A peer has connected to this side. */
  onAccepted(connection: ConnectionId, remote: string): void;
  /** One whole frame, 1..FRAME_BYTES_MAX bytes. The bytes are the listener's to keep. */
  onFrame(connection: ConnectionId, frame: Uint8Array): void;
  /** Gone, for whatever reason, or never came to be. Said once a connection, also after `close`. Not within a call of this port. */
  onClosed(connection: ConnectionId, reason: string): void;
  /** One datagram; may be anything. */
  onDatagram(from: Address, datagram: Uint8Array): void;
}

export interface Transport {
  /** Sets who is told; called once, before anything else. */
  listen(listener: TransportListener): void;
  /** Starts connecting; `onOpened` or `onClosed` follows, in a later turn, within 3 s. Frames may be sent before that. */
  connect(address: Address): ConnectionId;
  /**
   * Queues one frame. All frames of one turn leave in one write. `false`: the connection is gone or
   * PEER_QUEUE_BYTES_MAX is waiting; the frame was dropped. The bytes must not change afterwards.
   */
  send(connection: ConnectionId, frame: Uint8Array, isInLine?: boolean): boolean;
  /** Bytes queued and not yet taken by the operating system. */
  queuedBytes(connection: ConnectionId): number;
  /** Ends a connection after what is queued, at once if it never stood. No more frames of it are told. */
  close(connection: ConnectionId): void;
  /** Sends at most DATAGRAM_BYTES_MAX bytes; failures are silent. */
  sendDatagram(to: Address, datagram: Uint8Array): void;
}
