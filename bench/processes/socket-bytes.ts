/** Bytes this process has sent on its sockets: TCP as the runtime counts them, datagrams as they are handed over. */
import { Socket as DatagramSocket } from "node:dgram";
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

const open = new Set<Socket>();
let closedBytes = 0;
let datagramBytes = 0;

/** Once, before anything is opened. */
export function countSocketBytes(): void {
  const follow = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    open.add(socket);
    socket.on("close", () => {
      open.delete(socket);
      closedBytes += written(socket);
    });
  };
  subscribe("net.client.socket", follow);
  subscribe("net.server.socket", follow);
  const prototype = DatagramSocket.prototype as unknown as {
    send: (this: DatagramSocket, ...args: unknown[]) => void;
  };
  const { send } = prototype;
  prototype.send = function counted(this: DatagramSocket, ...args: unknown[]): void {
    if (args[0] instanceof Uint8Array) datagramBytes += args[0].length;
    send.apply(this, args);
  };
}

export function socketBytes(): number {
  let bytes = closedBytes + datagramBytes;
  for (const socket of open) bytes += written(socket);
  return bytes;
}

/** One whose handle another has taken over does not know. */
function written(socket: Socket): number {
  return socket.bytesWritten || 0;
}
