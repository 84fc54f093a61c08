/**
 * What every `Transport` must do. `openPair` gives two that reach each other and a way to let time pass: sockets await real
 * events, the simulator steps its own clock.
 *
 * Goal: small frames arrive whole, once and in order among each other; so do large ones; a connection's end is said once
 * and never within a call; what is refused is said to be refused.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "../../src/model/ids.ts";
import {
  CHUNK_BYTES_MAX,
  DATAGRAM_BYTES_MAX,
  FRAME_BYTES_MAX,
  PEER_QUEUE_BYTES_MAX,
} from "../../src/model/limits.ts";
import type { ConnectionId, Transport, TransportListener } from "../../src/ports/transport.ts";

export interface TransportPair {
  readonly left: Transport;
  readonly right: Transport;
  /** Where `left` and `right` are reached. */
  readonly leftAddress: Address;
  readonly rightAddress: Address;
  /** Where nobody listens. */
  readonly deadAddress: Address;
  /** Lets events happen until `isReached` holds; rejects, by its own means, if that takes for ever. */
  readonly runUntil: (isReached: () => boolean) => Promise<void>;
  /** Lets everything happen that is under way. */
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Writes down what it is told, and that it is told outside of calls. */
class Recorder implements TransportListener {
  readonly opened: ConnectionId[] = [];
  readonly accepted: ConnectionId[] = [];
  readonly frames: { readonly connection: ConnectionId; readonly frame: Uint8Array }[] = [];
  readonly closed: { readonly connection: ConnectionId; readonly reason: string }[] = [];
  readonly datagrams: { readonly from: Address; readonly datagram: Uint8Array }[] = [];
  #callDepth = 0;

  /** Runs a call of the port: nothing may be told before it returns. */
  during<Result>(call: () => Result): Result {
    this.#callDepth += 1;
    try {
      return call();
    } finally {
      this.#callDepth -= 1;
    }
  }

  onOpened(connection: ConnectionId): void {
    this.#outside();
    this.opened.push(connection);
  }

  onAccepted(connection: ConnectionId, remote: string): void {
    this.#outside();
    assert.ok(remote.length > 0, "a connection comes from somewhere");
    this.accepted.push(connection);
  }

  onFrame(connection: ConnectionId, frame: Uint8Array): void {
    this.#outside();
    this.frames.push({ connection, frame });
  }

  onClosed(connection: ConnectionId, reason: string): void {
    this.#outside();
    assert.ok(reason.length > 0, "an end has a reason");
    this.closed.push({ connection, reason });
  }

  onDatagram(from: Address, datagram: Uint8Array): void {
    this.#outside();
    this.datagrams.push({ from, datagram });
  }

  #outside(): void {
    assert.equal(this.#callDepth, 0, "the listener is not told within a call");
  }
}

interface Place extends TransportPair {
  readonly here: Recorder;
  readonly there: Recorder;
}

/** A frame of `length` bytes that says which it is: its number, then bytes that follow from it. */
function frameOf(number: number, length: number): Uint8Array {
  const frame = new Uint8Array(length).fill(number & 0xff);
  for (let index = 0; index < length; index += 997) frame[index] = (number + index) & 0xff;
  return frame;
}

function hasSame(actual: Uint8Array | undefined, expected: Uint8Array): boolean {
  return actual !== undefined && Buffer.compare(actual, expected) === 0;
}

/** Runs the suite; `openPair` makes a fresh pair for each test. */
export function transportContract(name: string, openPair: () => Promise<TransportPair>): void {
  const claim = (what: string, run: (place: Place) => Promise<void>): void => {
    test(`${name}: ${what}`, { timeout: 30_000 }, async () => {
      const pair = await openPair();
      const here = new Recorder();
      const there = new Recorder();
      pair.left.listen(here);
      pair.right.listen(there);
      try {
        await run({ ...pair, here, there });
      } finally {
        await pair.close();
      }
    });
  };

  const connected = async ({ here, there, left, rightAddress, runUntil }: Place) => {
    const connection = here.during(() => left.connect(rightAddress));
    await runUntil(() => here.opened.length === 1 && there.accepted.length === 1);
    assert.deepEqual(here.opened, [connection]);
    return { near: connection, far: there.accepted[0] as ConnectionId };
  };

  claim("a connection opens on one side and is accepted on the other", async (place) => {
    await connected(place);
    assert.deepEqual(place.here.accepted, []);
    assert.deepEqual(place.there.opened, []);
    assert.deepEqual(place.here.closed, []);
  });

  claim("frames arrive whole and in order, in both directions", async (place) => {
    const { near, far } = await connected(place);
    const { left, right, here, there, runUntil } = place;
    const sizes = [1, 2, 3, 100, 4_095, 4_096, 16_384, 16_385, 65_536, 100_000, 1];
    for (const [index, size] of sizes.entries()) {
      assert.ok(here.during(() => left.send(near, frameOf(index, size))));
      assert.ok(there.during(() => right.send(far, frameOf(index + 100, size))));
    }
    await runUntil(() => here.frames.length >= sizes.length && there.frames.length >= sizes.length);
    await place.settle();
    assert.equal(here.frames.length, sizes.length);
    assert.equal(there.frames.length, sizes.length);
    for (const [index, size] of sizes.entries()) {
      assert.ok(hasSame(there.frames[index]?.frame, frameOf(index, size)), `frame ${index} there`);
      assert.ok(hasSame(here.frames[index]?.frame, frameOf(index + 100, size)), `${index} here`);
      assert.equal(there.frames[index]?.connection, far);
      assert.equal(here.frames[index]?.connection, near);
    }
  });

  claim("twenty thousand frames of one turn arrive in order", async (place) => {
    const { near } = await connected(place);
    const { left, here, there, runUntil } = place;
    const frame = (index: number): Uint8Array =>
      Uint8Array.of(index >>> 16, (index >>> 8) & 255, index & 255, ...new Uint8Array(index % 50));
    for (let index = 0; index < 20_000; index += 1) {
      assert.ok(here.during(() => left.send(near, frame(index))));
    }
    await runUntil(() => there.frames.length >= 20_000);
    for (const [index, arrived] of there.frames.entries()) {
      assert.ok(hasSame(arrived.frame, frame(index)), `frame ${index}`);
    }
  });

  claim("frames up to the limit arrive whole", async (place) => {
    const { near } = await connected(place);
    const { left, here, there, runUntil } = place;
    const sizes = [CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, 2 * CHUNK_BYTES_MAX, FRAME_BYTES_MAX];
    for (const [index, size] of sizes.entries()) {
      const large = frameOf(index, size);
      assert.ok(here.during(() => left.send(near, large)));
      await runUntil(() => there.frames.length === index + 1);
      assert.ok(hasSame(there.frames[index]?.frame, large), `frame of ${size} bytes`);
    }
  });

  claim("frames in line arrive in order, whatever their size", async (place) => {
    const { near } = await connected(place);
    const { left, here, there, runUntil } = place;
    const sizes = [10, 200_000, 200_000, 200_000, CHUNK_BYTES_MAX + 1, 10, 3 * CHUNK_BYTES_MAX, 5];
    const sizesSent = [...sizes, ...sizes, ...sizes];
    for (const [index, size] of sizesSent.entries()) {
      assert.ok(here.during(() => left.send(near, frameOf(index, size), true)));
    }
    await runUntil(() => there.frames.length >= sizesSent.length);
    for (const [index, size] of sizesSent.entries()) {
      assert.ok(hasSame(there.frames[index]?.frame, frameOf(index, size)), `frame ${index}`);
    }
  });

  claim("frames sent before the connection stands arrive after it does", async (place) => {
    const { left, here, there, rightAddress, runUntil } = place;
    const near = here.during(() => left.connect(rightAddress));
    assert.ok(here.during(() => left.send(near, frameOf(1, 10))));
    await runUntil(() => there.frames.length === 1);
    assert.ok(hasSame(there.frames[0]?.frame, frameOf(1, 10)));
  });

  claim("a frame of nothing, or beyond the limit, is our own mistake", async (place) => {
    const { near } = await connected(place);
    assert.throws(() => place.left.send(near, new Uint8Array(0)));
    assert.throws(() => place.left.send(near, new Uint8Array(FRAME_BYTES_MAX + 1)));
  });

  claim(
    "what is queued before a close arrives, and each side hears of the end once",
    async (place) => {
      const { near, far } = await connected(place);
      const { left, right, here, there, runUntil } = place;
      for (let index = 0; index < 100; index += 1) left.send(near, frameOf(index, 10_000));
      here.during(() => left.close(near));
      assert.equal(
        here.during(() => left.send(near, frameOf(1, 1))),
        false,
      );
      await runUntil(() => here.closed.length === 1 && there.closed.length === 1);
      await place.settle();
      assert.equal(there.frames.length, 100);
      assert.deepEqual([here.closed[0]?.connection, there.closed[0]?.connection], [near, far]);
      assert.equal(here.closed.length, 1);
      assert.equal(there.closed.length, 1);
      here.during(() => left.close(near));
      there.during(() => right.close(far));
      assert.equal(
        there.during(() => right.send(far, frameOf(1, 1))),
        false,
      );
      assert.equal(left.queuedBytes(near), 0);
      await place.settle();
      assert.equal(here.closed.length + there.closed.length, 2);
    },
  );

  claim("nobody at the address: the end is said, once, in a later turn", async (place) => {
    const { left, here, deadAddress, runUntil } = place;
    const connection = here.during(() => left.connect(deadAddress));
    assert.equal(here.closed.length, 0);
    await runUntil(() => here.closed.length === 1);
    await place.settle();
    assert.deepEqual(here.opened, []);
    assert.deepEqual(
      here.closed.map((end) => end.connection),
      [connection],
    );
    assert.equal(
      here.during(() => left.send(connection, frameOf(1, 1))),
      false,
    );
  });

  claim("a connection given up while it opens is never opened and ends once", async (place) => {
    const { left, here, rightAddress, runUntil } = place;
    const connection = here.during(() => left.connect(rightAddress));
    here.during(() => left.close(connection));
    await runUntil(() => here.closed.length === 1);
    await place.settle();
    assert.deepEqual(here.opened, []);
    assert.equal(here.closed.length, 1);
  });

  claim("both sides may connect: two connections, told apart by their numbers", async (place) => {
    const { left, right, here, there, leftAddress, rightAddress, runUntil } = place;
    const fromLeft = left.connect(rightAddress);
    const fromRight = right.connect(leftAddress);
    left.send(fromLeft, frameOf(1, 5));
    right.send(fromRight, frameOf(2, 5));
    await runUntil(() => here.frames.length === 1 && there.frames.length === 1);
    assert.deepEqual([here.opened, there.opened], [[fromLeft], [fromRight]]);
    assert.notEqual(here.accepted[0], fromLeft);
    assert.notEqual(there.accepted[0], fromRight);
    assert.equal(here.frames[0]?.connection, here.accepted[0]);
  });

  claim("a number that was never given is answered, not thrown at", async ({ left, here }) => {
    assert.equal(
      here.during(() => left.send(999_999, frameOf(1, 1))),
      false,
    );
    assert.equal(left.queuedBytes(999_999), 0);
    here.during(() => left.close(999_999));
  });

  claim("the queue is bounded: frames beyond it are refused, those taken arrive", async (place) => {
    const { near } = await connected(place);
    const { left, here, there, runUntil } = place;
    const frame = new Uint8Array(1_000_000);
    let taken = 0;
    while (taken <= 2 * (PEER_QUEUE_BYTES_MAX / frame.length)) {
      if (!here.during(() => left.send(near, frame))) break;
      taken += 1;
    }
    assert.ok(left.queuedBytes(near) <= PEER_QUEUE_BYTES_MAX);
    assert.ok(taken * frame.length >= PEER_QUEUE_BYTES_MAX - frame.length);
    assert.ok(taken * frame.length < 1.1 * PEER_QUEUE_BYTES_MAX, "the bound is reached");
    await runUntil(() => there.frames.length === taken);
    await place.settle();
    assert.equal(left.queuedBytes(near), 0);
    assert.ok(left.send(near, frameOf(1, 10)));
    await runUntil(() => there.frames.length === taken + 1);
  });

  claim("datagrams arrive with the address of the sender, who can be answered", async (place) => {
    const { left, right, here, there, leftAddress, rightAddress, runUntil } = place;
    const full = frameOf(7, DATAGRAM_BYTES_MAX);
    here.during(() => left.sendDatagram(rightAddress, full));
    await runUntil(() => there.datagrams.length === 1);
    assert.ok(hasSame(there.datagrams[0]?.datagram, full));
    const from = there.datagrams[0]?.from as Address;
    assert.equal(from, leftAddress);
    there.during(() => right.sendDatagram(from, frameOf(8, 1)));
    await runUntil(() => here.datagrams.length === 1);
    assert.equal(here.datagrams[0]?.from, rightAddress);
  });

  claim("a datagram beyond the limit is our own mistake", async ({ left, rightAddress }) => {
    assert.throws(() => left.sendDatagram(rightAddress, new Uint8Array(DATAGRAM_BYTES_MAX + 1)));
  });

  claim("a datagram to nobody is forgotten in silence", async (place) => {
    place.here.during(() => place.left.sendDatagram(place.deadAddress, frameOf(1, 10)));
    await place.settle();
    assert.deepEqual(place.here.closed, []);
  });
}
