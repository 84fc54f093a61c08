/**
 * One connection of the Redis door without its socket: a session and its pipeline on a wire that notes what is written.
 */
import type { Command } from "../../src/adapters/redis/command.ts";
import { CommandTable } from "../../src/adapters/redis/command-table.ts";
import { DoorState, type ScanScope } from "../../src/adapters/redis/door-state.ts";
import { Pipeline } from "../../src/adapters/redis/pipeline.ts";
import { REDIS_LIMITS, type RedisLimits } from "../../src/adapters/redis/redis-limits.ts";
import { Session, type Wire } from "../../src/adapters/redis/session.ts";
import { createCommandTable } from "../../src/adapters/redis/table.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Tracer } from "../../src/ports/tracer.ts";
import type { ProtocolVersion, Reply } from "../../src/protocol/resp/reply.ts";
import { FakeStore } from "./fake-store.ts";
import { plain, requestBytes } from "./resp-client.ts";

const CLOCK: Clock = {
  monotonicMs: () => 0,
  turnMs: () => 0,
  wallMs: () => 1_800_000_000_000,
  after: () => undefined,
  defer: (callback) => setImmediate(callback),
};

/** A wire that keeps what is written, in the shape of `plain`. */
export class NotedWire implements Wire {
  protocol: ProtocolVersion = 2;
  isFull = false;
  readonly outputBytes = 0;
  readonly inputBytes = 0;
  readonly written: unknown[] = [];
  readonly replies: Reply[] = [];
  state: "open" | "ended" | "destroyed" = "open";

  write(reply: Reply): void {
    if (this.state !== "open") return;
    this.replies.push(reply);
    this.written.push(plain(reply));
  }

  push(reply: Reply): void {
    this.write(reply);
  }

  noteTaken(): void {
    // Nothing is read: whoever tests pushes.
  }

  end(): void {
    if (this.state === "open") this.state = "ended";
  }

  destroy(): void {
    this.state = "destroyed";
  }
}

export class TestDoor {
  readonly store = new FakeStore();
  readonly state: DoorState;
  readonly table: CommandTable;

  /** @param commands instead of all. */
  constructor(
    limits: Partial<RedisLimits> = {},
    commands?: readonly Command[],
    scan: ScanScope = "cluster",
    tracer?: Tracer,
  ) {
    this.state = new DoorState({
      store: this.store,
      clock: CLOCK,
      limits: { ...REDIS_LIMITS, ...limits },
      scan,
      tracer,
    });
    this.state.port = 6_400;
    if (commands === undefined) {
      this.table = createCommandTable();
    } else {
      this.table = new CommandTable();
      this.table.add(commands);
    }
  }

  connect(): TestConnection {
    return new TestConnection(this);
  }
}

export class TestConnection {
  readonly wire = new NotedWire();
  readonly session: Session;
  readonly pipeline: Pipeline;

  constructor({ state, table }: TestDoor) {
    const id = state.nextId();
    this.session = new Session({
      id,
      address: `127.0.0.1:${50_000 + id}`,
      localAddress: "127.0.0.1:6400",
      nowMs: CLOCK.wallMs(),
      wire: this.wire,
      subscriptions: state.store.subscriptions,
    });
    state.sessions.set(id, this.session);
    this.pipeline = new Pipeline({ session: this.session, door: state, table });
  }

  /** Sends each, as one piece: words apart by blanks. */
  send(...requests: readonly string[]): void {
    this.pipeline.push(Buffer.concat(requests.map((words) => requestBytes(words.split(" ")))));
  }

  /** What was written since this was asked last. */
  take(): unknown[] {
    this.wire.replies.length = 0;
    return this.wire.written.splice(0);
  }

  /** Sends one request and gives its reply, once there is one; words apart by blanks, or one by one. */
  async ask(...words: readonly string[]): Promise<unknown> {
    this.take();
    const args = words.length === 1 ? (words[0] ?? "").split(" ") : words;
    this.pipeline.push(requestBytes(args));
    await this.settled();
    const replies = this.take();
    return replies.length === 1 ? replies[0] : replies;
  }

  /** Settles when nothing is unanswered. */
  async settled(): Promise<void> {
    while (this.pipeline.unanswered > 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
