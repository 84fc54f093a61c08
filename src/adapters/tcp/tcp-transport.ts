/**
 * The `Transport` port over the operating system: frames on TCP, datagrams on UDP, one port number for both.
 *
 * Everything sent in one turn of the event loop leaves in one write per connection, at the end of the turn: with
 * `setImmediate`, which runs after all sockets that were ready have been read. Over eight connections that took a third of
 * the processor time a frame that `process.nextTick` or a microtask took, which run after each socket. Invariant: whoever
 * does not greet as a node in time is closed, and nothing of it reaches the listener.
 */
import { lookup } from "node:dns/promises";
import { createServer, type Server, type Socket } from "node:net";
import { assert } from "../../base/assert.ts";
import { type Address, splitAddress } from "../../model/ids.ts";
import { FRAME_BYTES_MAX } from "../../model/limits.ts";
import type { Log } from "../../ports/log.ts";
import type { ConnectionId, Transport, TransportListener } from "../../ports/transport.ts";
import { dial, type TakeBytes, takeOver } from "../system/socket-reads.ts";
import { formatAddress, openUdp, type UdpSocket } from "../udp/udp-socket.ts";
import { type ConnectionOwner, TcpConnection } from "./tcp-connection.ts";

/** From asking for a connection to the greeting of the other end. */
const CONNECT_MS_MAX = 3_000;
/** Who has connected to this node must have greeted by then. */
const GREETING_MS_MAX = 5_000;
/** Connections from others at once: four from each of MEMBERS_MAX members. */
const ACCEPTED_MAX = 4_096;
/** A dead machine behind an accepted connection is noticed by the system after about this long. */
const KEEP_ALIVE_MS = 60_000;
/** Ports tried when any will do and the one TCP got is taken for UDP. */
const PORT_TRIES_MAX = 20;

/** Stable codes of what keeps a transport from opening. */
export type TransportErrorCode =
  | "port-in-use" // somebody listens there already, on TCP or UDP
  | "cannot-listen"; // the address is not this machine's, the port is not allowed, ...

export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: TransportErrorCode;

  /** `message` is one line for an operator, naming the address. */
  constructor(code: TransportErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** A transport that listens. */
export interface OpenTransport extends Transport {
  /** What it listens at, TCP and UDP. */
  readonly port: number;
  /** Ends all connections after what is queued on them, then listens no more. Takes at most about 5 s. */
  shutdown(): Promise<void>;
}

/**
 * Listens for peers.
 *
 * @param host An address of this machine, or a name the system resolves to one.
 * @param port 0..65 535; 0 takes a free one.
 * @throws TransportError naming the address.
 */
export async function openTransport(parts: {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
}): Promise<OpenTransport> {
  const host = await resolveHost(parts.host);
  for (let tryCount = 1; ; tryCount += 1) {
    const transport = new TcpTransport(parts.log);
    try {
      await transport.open(host, parts.port);
      return transport;
    } catch (error) {
      await transport.shutdown();
      const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (isTaken && parts.port === 0 && tryCount < PORT_TRIES_MAX) continue;
      throw openError(parts.host, parts.port, error);
    }
  }
}

async function resolveHost(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw openError(host, undefined, error);
  }
}

function openError(host: string, port: number | undefined, error: unknown): TransportError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    const where = formatAddress(host, port ?? 0);
    return new TransportError("port-in-use", `peer port ${port} is in use (${where})`, error);
  }
  const where = port === undefined ? host : formatAddress(host, port);
  const why = code ?? message;
  return new TransportError("cannot-listen", `cannot listen for peers at ${where}: ${why}`, error);
}

class TcpTransport implements OpenTransport, ConnectionOwner {
  readonly #log: Log;
  readonly #server: Server;
  readonly #connections = new Map<ConnectionId, TcpConnection>();
  #udp: UdpSocket | undefined;
  #listener: TransportListener | undefined;
  #lastId = 0;
  #port = 0;
  #dirty: TcpConnection[] = [];
  readonly #flushAll: () => void;
  #isShutDown = false;
  #onEmpty: (() => void) | undefined;

  constructor(log: Log) {
    this.#log = log;
    this.#flushAll = (): void => this.#flush();
    this.#server = createServer(
      {
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
        pauseOnConnect: true,
      },
      (socket) => this.#onSocket(socket),
    );
    this.#server.maxConnections = ACCEPTED_MAX;
    this.#server.on("drop", () => {
      log.log("warn", "peer-connection-dropped", { connectionsMax: ACCEPTED_MAX });
    });
  }

  get port(): number {
    return this.#port;
  }

  /** @throws the system's error. */
  async open(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.removeListener("error", reject);
        resolve();
      });
    });
    const bound = this.#server.address();
    assert(bound !== null && typeof bound === "object", "a listening server has an address");
    this.#port = bound.port;
    this.#server.on("error", (error: NodeJS.ErrnoException) => {
      // Out of file descriptors and the like: the connections that stand go on.
      this.#log.log("error", "peer-accept-failed", { code: error.code ?? error.message });
    });
    this.#udp = await openUdp({
      host,
      port: this.#port,
      log: this.#log,
      onDatagram: (from, datagram) => this.#listener?.onDatagram(from, datagram),
    });
  }

  listen(listener: TransportListener): void {
    assert(this.#listener === undefined, "a transport has one listener");
    this.#listener = listener;
  }

  connect(address: Address): ConnectionId {
    const { host, port } = splitAddress(address);
    const connection = this.#add((take) => dial(host, port, take), false, address);
    if (this.#isShutDown) connection.close();
    return connection.id;
  }

  send(connection: ConnectionId, frame: Uint8Array, isInLine = false): boolean {
    assert(frame.length >= 1, "a frame is not empty");
    assert(frame.length <= FRAME_BYTES_MAX, "a frame is at most FRAME_BYTES_MAX bytes");
    return this.#connections.get(connection)?.send(frame, isInLine) ?? false;
  }

  queuedBytes(connection: ConnectionId): number {
    return this.#connections.get(connection)?.queuedBytes ?? 0;
  }

  close(connection: ConnectionId): void {
    this.#connections.get(connection)?.close();
  }

  sendDatagram(to: Address, datagram: Uint8Array): void {
    this.#udp?.send(to, datagram);
  }

  async shutdown(): Promise<void> {
    if (this.#isShutDown) return;
    this.#isShutDown = true;
    const serverClosed = new Promise<void>((resolve) => {
      // An error here says that it never listened.
      this.#server.close(() => resolve());
    });
    const emptied = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const connection of this.#connections.values()) connection.close();
    if (this.#connections.size > 0) await emptied;
    await this.#udp?.close();
    await serverClosed;
  }

  onDirty(connection: TcpConnection): void {
    if (this.#dirty.length === 0) setImmediate(this.#flushAll);
    this.#dirty.push(connection);
  }

  onGreeted(connection: TcpConnection): void {
    if (connection.isAccepted) this.#listener?.onAccepted(connection.id, connection.remote);
    else this.#listener?.onOpened(connection.id);
  }

  onFrame(id: ConnectionId, frame: Uint8Array): void {
    this.#listener?.onFrame(id, frame);
  }

  onClosed(connection: TcpConnection, reason: string): void {
    this.#connections.delete(connection.id);
    const isStranger = connection.isAccepted && !connection.isGreeted;
    if (isStranger) {
      // Nobody was told of it, so nobody is told of its end; the operator may want to know who knocks.
      this.#log.log("warn", "peer-connection-refused", { remote: connection.remote, reason });
    } else {
      this.#listener?.onClosed(connection.id, reason);
    }
    if (this.#isShutDown && this.#connections.size === 0) this.#onEmpty?.();
  }

  #onSocket(socket: Socket): void {
    if (this.#isShutDown) {
      socket.destroy();
      return;
    }
    const remote = formatAddress(socket.remoteAddress ?? "unknown", socket.remotePort ?? 0);
    this.#add((take) => takeOver(socket, false, take), true, remote);
  }

  #add(open: (take: TakeBytes) => Socket, isAccepted: boolean, remote: string): TcpConnection {
    this.#lastId += 1;
    const connection = new TcpConnection({
      id: this.#lastId,
      open,
      owner: this,
      isAccepted,
      remote,
      greetingMs: isAccepted ? GREETING_MS_MAX : CONNECT_MS_MAX,
    });
    this.#connections.set(connection.id, connection);
    return connection;
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  }
}
