/**
 * Sockets that are read into one buffer of the process.
 *
 * For each read the runtime else allocates 64 KiB, gives back what was not filled, and makes an object that its collector has to
 * free by itself: a tenth of the processor time of a small request (decision 0031). What is read is copied once, to its size.
 *
 * A connection that this process dials is given the runtime's option `onread`. There is none for those that a server accepts:
 * a socket made with it takes over the handle of the one that the server made. The handle's name is the runtime's own
 * (Node 24 and 26 have it); where there is none, bytes come as they do by default.
 */
import { channel } from "node:diagnostics_channel";
import { connect, type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import { Buffer } from "../../base/buffer.ts";

/** Four times what the runtime has: a value of 64 KiB comes in one piece. */
const READ_BYTES_MAX = 256 * 1024;

/** Whoever takes what arrived. The bytes are its own. */
export type TakeBytes = (bytes: Buffer) => void;

/** A socket with what it reads and writes by, as far as the runtime shows that. */
interface Handled extends Socket {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

const ACCEPTED = channel("net.server.socket");
const buffer = Buffer.allocUnsafeSlow(READ_BYTES_MAX);

/** A connection to `host` and `port`, each small write of which leaves at once. */
export function dial(host: string, port: number, take: TakeBytes): Socket {
  const socket = connect({ host, port, noDelay: true, onread: onReadOf(take) });
  // Without this nobody would hear of the end.
  return socket.resume();
}

/**
 * The socket to use instead of one that a server with `pauseOnConnect` has accepted, on which nothing else was done. The server
 * counts the connection until this one is closed.
 */
export function takeOver(accepted: Socket, allowHalfOpen: boolean, take: TakeBytes): Socket {
  const shell = accepted as Handled;
  const handle = shell._handle;
  if (typeof handle?.useUserBuffer !== "function") {
    accepted.on("data", take);
    return accepted.resume();
  }
  const options = { handle, allowHalfOpen, onread: onReadOf(take) };
  const socket = new Socket(options as unknown as SocketConstructorOpts);
  shell._handle = null;
  socket.once("close", () => accepted.destroy());
  // Whoever watches the process's sockets was told of the other.
  ACCEPTED.publish({ socket });
  return socket.resume();
}

function onReadOf(take: TakeBytes): OnReadOpts {
  const callback = (length: number): boolean => {
    const bytes = Buffer.allocUnsafe(length);
    buffer.copy(bytes, 0, 0, length);
    take(bytes);
    return true;
  };
  return { buffer, callback };
}
