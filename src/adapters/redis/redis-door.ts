/**
 * The Redis door: listens, and joins each connection's bytes to its pipeline. Everything that touches sockets is here.
 *
 * What one turn of the event loop answers leaves in one write a connection. Invariant: whatever arrives gets a clear error or
 * a closed connection; every wait and every amount has a bound (`redis-limits.ts`).
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Store } from "../../node/store.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Tracer } from "../../ports/tracer.ts";
import type { ProtocolVersion, Reply } from "../../protocol/resp/reply.ts";
import { ReplyEncoder } from "../../protocol/resp/reply-encoder.ts";
import type { DoorDurations } from "../metrics/door-durations.ts";
import { takeOver } from "../system/socket-reads.ts";
import type { CommandTable } from "./command-table.ts";
import { DoorState, type ScanScope } from "./door-state.ts";
import { errorReply } from "./failures.ts";
import { Pipeline } from "./pipeline.ts";
import { REDIS_LIMITS, type RedisLimits } from "./redis-limits.ts";
import { Session, type Wire } from "./session.ts";
import { createCommandTable } from "./table.ts";

export interface RedisDoorOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** The address to listen on: a name or an IP literal without brackets. */
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
  readonly scan: ScanScope;
  readonly log: Log;
  /** Where the times of commands are counted; by default a place of the door's own. */
  readonly durations?: DoorDurations | undefined;
  /** By default no command is traced. */
  readonly tracer?: Tracer | undefined;
  /** Defaults to `REDIS_LIMITS`. */
  readonly limits?: Partial<RedisLimits> | undefined;
}

export interface RedisDoor {
  /** The port listened on. */
  readonly port: number;
  /** Stops accepting, lets requests under way finish for `drainMs`, then cuts them off. Resolves once all is closed. */
  close(): Promise<void>;
}

/** A door that cannot open. `code` is stable: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, ... as the system says. */
export class RedisDoorError extends Error {
  override readonly name = "RedisDoorError";
  readonly code: string;
  readonly port: number;
  constructor(code: string, port: number, message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
    this.port = port;
  }
}

/** @throws `RedisDoorError` naming the port if it cannot be had. */
export async function openRedisDoor(options: RedisDoorOptions): Promise<RedisDoor> {
  const door = new Door(options);
  await door.listen();
  return door;
}

/** A client may send its last request, say that it is done, and wait for the replies. */
const ALLOW_HALF_OPEN = true;
/** Connections that are told that there are too many, at once; more are closed without a word. */
const REFUSED_MAX = 256;
/**
 * Where so much arrives in a turn, all of it is begun together at the end of it, step by step (docs/decisions/0040); for less, another turn of the event loop
 * would cost more than that saves.
 */
const BUSY_ARRIVALS = 16;
const TOO_MUCH = errorReply("BUSY too many bytes of requests are arriving; nothing was stored");
const TOO_MANY = "-ERR max number of clients reached\r\n";

class Door implements RedisDoor {
  readonly #options: RedisDoorOptions;
  readonly #state: DoorState;
  readonly #table: CommandTable;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #refused = new Set<Socket>();
  /** Connections with something to send at the end of the turn. */
  #unsent: Connection[] = [];
  /** Since replies were sent last; and whether they were many before that. */
  #arrivals = 0;
  #isBusy = false;
  /** Connections with something to begin at the end of the turn. */
  #unpumped: Connection[] = [];
  /** Bytes of unfinished requests, as far as they count. */
  #arrivingBytes = 0;
  #closing: Promise<void> | undefined;

  constructor(options: RedisDoorOptions) {
    this.#options = options;
    const limits = { ...REDIS_LIMITS, ...options.limits };
    const { store, clock, scan, durations, tracer } = options;
    this.#state = new DoorState({ store, clock, limits, scan, durations, tracer });
    this.#table = createCommandTable();
    this.#server = createServer({
      noDelay: true,
      pauseOnConnect: true,
      allowHalfOpen: ALLOW_HALF_OPEN,
      keepAlive: true,
      keepAliveInitialDelay: limits.keepAliveMs,
    });
    this.#server.maxConnections = limits.connectionsMax + REFUSED_MAX;
    this.#server.on("connection", (socket) => this.#onConnection(socket));
  }

  get port(): number {
    return this.#state.port;
  }

  async listen(): Promise<void> {
    const { host, port, log } = this.#options;
    this.#state.port = await listenOn(this.#server, host, port);
    // A connection that could not be accepted; the door goes on.
    this.#server.on("error", ({ message }) => log.log("warn", "redis-door-error", { message }));
    log.log("info", "redis-door-open", { host, port: this.#state.port });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Has `connection` send what it has, once, at the end of this turn. */
  sendLater(connection: Connection): void {
    if (this.#unsent.length === 0) setImmediate(() => this.#sendAll());
    this.#unsent.push(connection);
  }

  /** Something has arrived; true: so much has in the turn before that it is worth waiting for the end of this one, and to begin all together. */
  noteArrival(): boolean {
    this.#arrivals += 1;
    return this.#isBusy;
  }

  /** Has `connection` begin what has arrived, once, when all that arrives in this turn has been read. */
  pumpLater(connection: Connection): void {
    if (this.#unpumped.length === 0) setImmediate(this.#pumpAll);
    this.#unpumped.push(connection);
  }

  /** Counts bytes that have arrived for requests not yet whole, over all connections; false: it is too much. */
  noteArriving(bytesMore: number): boolean {
    this.#arrivingBytes += bytesMore;
    return this.#arrivingBytes <= this.#state.limits.arrivingBytesMax;
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection);
  }

  readonly #pumpAll = (): void => {
    const unpumped = this.#unpumped;
    this.#unpumped = [];
    this.#state.store.together(() => {
      for (const connection of unpumped) connection.pump();
    });
  };

  #sendAll(): void {
    this.#isBusy = this.#arrivals >= BUSY_ARRIVALS;
    this.#arrivals = 0;
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const connection of unsent) connection.send();
  }

  async #close(): Promise<void> {
    const { log } = this.#options;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.finish();
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
      for (const socket of this.#refused) socket.destroy();
    }, this.#state.limits.drainMs);
    await closed;
    clearTimeout(timer);
    log.log("info", "redis-door-closed");
  }

  #onConnection(socket: Socket): void {
    this.#state.connectionsReceived += 1;
    if (this.#connections.size >= this.#state.limits.connectionsMax) {
      this.#state.connectionsRejected += 1;
      this.#refuse(socket);
      return;
    }
    this.#connections.add(
      new Connection(this, socket, this.#state, this.#table, this.#options.log),
    );
  }

  #refuse(socket: Socket): void {
    this.#refused.add(socket);
    socket.on("error", () => undefined);
    const timer = setTimeout(() => socket.destroy(), this.#state.limits.lingerMs).unref();
    socket.on("close", () => {
      clearTimeout(timer);
      this.#refused.delete(socket);
    });
    socket.resume();
    socket.end(TOO_MANY);
  }
}

/** One client: its socket, and the bytes to and from its pipeline. */
class Connection implements Wire {
  readonly #door: Door;
  readonly #socket: Socket;
  readonly #state: DoorState;
  readonly #log: Log;
  readonly #encoder = new ReplyEncoder();
  readonly #session: Session;
  readonly #pipeline: Pipeline;
  #isUnsent = false;
  #isUnpumped = false;
  /** The system takes no more for now. */
  #isDraining = false;
  #isPaused = false;
  #isEnding = false;
  #isClosed = false;
  /** Destroys a connection whose client does not end its side. */
  #ending: NodeJS.Timeout | undefined;
  /** What this connection has in the door's count of arriving bytes. */
  #arrivingBytes = 0;

  constructor(door: Door, accepted: Socket, state: DoorState, table: CommandTable, log: Log) {
    this.#door = door;
    const socket = takeOver(accepted, ALLOW_HALF_OPEN, (bytes) => this.#onData(bytes));
    this.#socket = socket;
    this.#state = state;
    this.#log = log;
    this.#session = new Session({
      id: state.nextId(),
      address: addressText(socket.remoteAddress, socket.remotePort),
      localAddress: addressText(socket.localAddress, socket.localPort),
      nowMs: state.clock.wallMs(),
      wire: this,
      subscriptions: state.store.subscriptions,
    });
    this.#pipeline = new Pipeline({ session: this.#session, door: state, table });
    state.sessions.set(this.#session.id, this.#session);
    socket.on("end", () => this.#pipeline.end());
    socket.on("drain", () => this.#onDrain());
    socket.on("timeout", () => this.#onStalled());
    // What broke it does not matter to anybody: "close" follows.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#onClose());
  }

  get protocol(): ProtocolVersion {
    return this.#encoder.protocol;
  }

  set protocol(version: ProtocolVersion) {
    this.#encoder.protocol = version;
  }

  get isFull(): boolean {
    return this.#isDraining || this.#encoder.length > this.#state.limits.outputBytesMax;
  }

  get outputBytes(): number {
    return this.#encoder.length + this.#socket.writableLength;
  }

  get inputBytes(): number {
    return this.#pipeline.waitingBytes;
  }

  write(reply: Reply): void {
    if (this.#isClosed) return;
    this.#encoder.write(reply);
    if (this.#isUnsent) return;
    this.#isUnsent = true;
    this.#door.sendLater(this);
  }

  push(reply: Reply): void {
    this.write(reply);
    if (this.outputBytes <= this.#state.limits.pushBytesMax || this.#isClosed) return;
    this.#report("redis-listener-too-slow");
    this.destroy();
  }

  noteTaken(): void {
    // It counts no more, and nobody would take it out again.
    if (this.#isClosed) return;
    const { readAheadBytes } = this.#state.limits;
    const ahead = this.#pipeline.waitingBytes;
    const queued = this.#session.transaction?.bytes ?? 0;
    this.#noteArriving(Math.max(0, ahead + queued - readAheadBytes));
    const shouldPause = ahead > readAheadBytes && this.#pipeline.isBlocked;
    if (shouldPause === this.#isPaused) return;
    this.#isPaused = shouldPause;
    if (shouldPause) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Takes no more requests, and closes when those under way are answered. */
  finish(): void {
    this.#pipeline.finish();
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    this.send();
    const { lingerMs, stalledMs } = this.#state.limits;
    // Closing with bytes unread would reset the connection, and take the last replies with it.
    this.#socket.resume();
    this.#destroyAfter(stalledMs);
    this.#socket.end(() => this.#destroyAfter(lingerMs));
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
  }

  /** Begins what has arrived. */
  pump(): void {
    this.#isUnpumped = false;
    this.#pipeline.pump();
  }

  /** Sends what was gathered, in one write. */
  send(): void {
    this.#isUnsent = false;
    if (this.#isClosed || this.#encoder.length === 0) return;
    const socket = this.#socket;
    this.#state.outputBytes += this.#encoder.length;
    const pieces = this.#encoder.take();
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    if (socket.writableLength > this.#state.limits.outputBytesMax && !this.#isDraining) {
      this.#isDraining = true;
      socket.setTimeout(this.#state.limits.stalledMs);
    }
    if (this.#pipeline.isBlocked) this.#pipeline.pump();
  }

  #destroyAfter(ms: number): void {
    clearTimeout(this.#ending);
    if (!this.#isClosed) this.#ending = setTimeout(() => this.destroy(), ms).unref();
  }

  #onData(chunk: Buffer): void {
    if (this.#isEnding) return;
    this.#state.inputBytes += chunk.length;
    this.#pipeline.take(chunk);
    // More may come before this turn is over: what there is room for waits for the others.
    const isAhead = this.#pipeline.waitingBytes > this.#state.limits.readAheadBytes;
    if (isAhead || !this.#door.noteArrival()) return this.#pipeline.pump();
    if (this.#isUnpumped) return;
    this.#isUnpumped = true;
    this.#door.pumpLater(this);
  }

  #onDrain(): void {
    if (!this.#isDraining) return;
    this.#isDraining = false;
    this.#socket.setTimeout(0);
    this.#pipeline.pump();
  }

  #onStalled(): void {
    this.#report("redis-client-stalled");
    this.destroy();
  }

  #onClose(): void {
    this.#isClosed = true;
    clearTimeout(this.#ending);
    this.#session.unsubscribeAll();
    this.#state.sessions.delete(this.#session.id);
    this.#pipeline.finish();
    this.#noteArriving(0);
    this.#door.onClosed(this);
  }

  #noteArriving(bytes: number): void {
    if (bytes === this.#arrivingBytes) return;
    const isWithin = this.#door.noteArriving(bytes - this.#arrivingBytes);
    const isMore = bytes > this.#arrivingBytes;
    this.#arrivingBytes = bytes;
    if (isWithin || !isMore || this.#isClosed) return;
    this.#report("redis-requests-too-large");
    this.#pipeline.fail(TOO_MUCH);
  }

  #report(event: string): void {
    const { id, address } = this.#session;
    this.#log.log("warn", event, { client: id, address, waiting: this.outputBytes });
  }
}

/** As CLIENT LIST writes it. */
function addressText(host = "", port = 0): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const code = error.code ?? "UNKNOWN";
      const reason = code === "EADDRINUSE" ? "is in use" : `cannot be listened on (${code})`;
      reject(new RedisDoorError(code, port, `Redis port ${port} on ${host} ${reason}`, error));
    };
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
