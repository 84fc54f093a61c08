import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionId, TransportListener } from "../src/ports/transport.ts";
import { transportContract } from "../test/contracts/transport.ts";
import { addressOf } from "./cluster.ts";
import { Links } from "./links.ts";
import { Network, type SimTransport } from "./network.ts";
import { Streams } from "./random.ts";
import { Trace } from "./trace.ts";
import { Process, Scheduler } from "./virtual-clock.ts";

interface Place {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly links: Links;
  readonly transports: readonly SimTransport[];
}

function place(machines: number, seed = 1): Place {
  const streams = new Streams(seed);
  const scheduler = new Scheduler(streams.stream("turns"), new Trace());
  const links = new Links(1);
  const network = new Network(scheduler, streams.stream("network"), links);
  const transports = Array.from({ length: machines }, (_none, index) => {
    links.addMachine();
    return network.open(new Process(index, 1), addressOf(index, 0));
  });
  return { scheduler, network, links, transports };
}

transportContract("virtual network", async () => {
  const { scheduler, network, links, transports } = place(2);
  links.addMachine();
  const dead = network.open(new Process(2, 1), addressOf(2, 0));
  network.shut(dead, "on");
  const [left, right] = transports as [SimTransport, SimTransport];
  return {
    left,
    right,
    leftAddress: left.address,
    rightAddress: right.address,
    deadAddress: dead.address,
    runUntil: async (isReached) => {
      while (!isReached()) assert.ok(scheduler.step(), "something is still to happen");
    },
    settle: async () => scheduler.runUntil(scheduler.nowMs + 5_000),
    close: async () => {},
  };
});

/** Writes down what one side hears. */
class Ear implements TransportListener {
  readonly frames: string[] = [];
  readonly closed: string[] = [];
  readonly datagrams: string[] = [];
  connection: ConnectionId = 0;
  onOpened(connection: ConnectionId): void {
    this.connection = connection;
  }
  onAccepted(connection: ConnectionId): void {
    this.connection = connection;
  }
  onFrame(_connection: ConnectionId, frame: Uint8Array): void {
    this.frames.push(Buffer.from(frame).toString());
  }
  onClosed(_connection: ConnectionId, reason: string): void {
    this.closed.push(reason);
  }
  onDatagram(_from: unknown, datagram: Uint8Array): void {
    this.datagrams.push(Buffer.from(datagram).toString());
  }
}

function connected(seed = 1) {
  const here = place(2, seed);
  const [left, right] = here.transports as [SimTransport, SimTransport];
  const leftEar = new Ear();
  const rightEar = new Ear();
  left.listen(leftEar);
  right.listen(rightEar);
  left.connect(right.address);
  here.scheduler.runUntil(5_000);
  return { ...here, left, right, leftEar, rightEar };
}

const names = (count: number): string[] =>
  Array.from({ length: count }, (_none, index) => `f${index}`);

test("a partition stalls a connection, in order, and its end lets everything through", () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const { scheduler, links, left, leftEar, rightEar } = connected(seed);
    const all = names(60);
    for (const [index, name] of all.entries()) {
      // Cut and mended while frames are on their way, again and again.
      if (index % 7 === 3) links.partition("halves", new Streams(seed).stream("cut"));
      if (index % 7 === 6) links.heal();
      left.send(leftEar.connection, Buffer.from(name));
      scheduler.runUntil(scheduler.nowMs + 0.7);
    }
    links.heal();
    scheduler.runUntil(scheduler.nowMs + 20_000);
    assert.deepEqual(rightEar.frames, all, `seed ${seed}`);
    assert.deepEqual(leftEar.closed, []);
  }
});

test("what stalls for too long breaks the connection at the side that waits", () => {
  const { scheduler, links, left, leftEar, rightEar } = connected();
  links.partition("halves", new Streams(1).stream("cut"));
  left.send(leftEar.connection, Buffer.from("lost"));
  scheduler.runUntil(scheduler.nowMs + 60_000);
  assert.deepEqual(leftEar.closed, ["peer does not answer"]);
  links.heal();
  scheduler.runUntil(scheduler.nowMs + 60_000);
  assert.deepEqual(rightEar.frames, []);
  assert.deepEqual(rightEar.closed, [], "the other side has heard nothing: half-open");
});

test("what waits for a slow wire leaves at the speed that the wire has then", () => {
  const { scheduler, links, left, leftEar, rightEar } = connected();
  const before = { ...links.link(0, 1) };
  links.pace(0, 1, { delayMs: 100, bytesPerMs: 1 });
  left.send(leftEar.connection, Buffer.alloc(50_000, "."));
  left.send(leftEar.connection, Buffer.from("behind it"));
  scheduler.runUntil(scheduler.nowMs + 10_000);
  assert.equal(rightEar.frames.length, 0);
  links.pace(0, 1, before);
  scheduler.runUntil(scheduler.nowMs + 1_000);
  assert.equal(rightEar.frames.length, 2);
  left.send(leftEar.connection, Buffer.from("later"));
  scheduler.runUntil(scheduler.nowMs + 60_000);
  assert.equal(rightEar.frames.length, 3, "nothing comes twice");
});

test("a stuck stream lets nothing through one way, and neither side is told until one closes it", () => {
  const { scheduler, network, left, right, leftEar, rightEar } = connected();
  const [connection, accepted] = [leftEar.connection, rightEar.connection];
  network.stick(0, 1);
  left.send(connection, Buffer.from("unheard"));
  right.send(accepted, Buffer.from("heard"));
  left.sendDatagram(right.address, Buffer.from("passes"));
  scheduler.runUntil(scheduler.nowMs + 300_000);
  assert.deepEqual([leftEar.frames, rightEar.frames], [["heard"], []]);
  assert.deepEqual([leftEar.closed, rightEar.closed], [[], []]);
  assert.deepEqual(rightEar.datagrams, ["passes"]);
  assert.equal(
    network.stuckCount(() => true),
    1,
  );
  left.close(connection);
  left.connect(right.address);
  scheduler.runUntil(scheduler.nowMs + 5_000);
  left.send(leftEar.connection, Buffer.from("another way"));
  scheduler.runUntil(scheduler.nowMs + 100_000);
  assert.deepEqual(rightEar.frames, ["another way"]);
  assert.deepEqual(rightEar.closed, ["peer does not answer"], "found out by keep-alives");
  assert.equal(
    network.stuckCount(() => true),
    0,
  );
});

test("a killed process resets its connections, a machine without power does not", () => {
  for (const power of ["on", "off"] as const) {
    const { scheduler, network, right, left, leftEar } = connected();
    network.shut(right, power);
    scheduler.kill(right.process);
    scheduler.runUntil(scheduler.nowMs + 60_000);
    assert.deepEqual(leftEar.closed, power === "on" ? ["ended by peer"] : []);
    left.send(leftEar.connection, Buffer.from("anybody?"));
    // Power returns with a kernel that knows of no connection.
    const again = network.open(new Process(1, 2), right.address);
    again.listen(new Ear());
    left.send(leftEar.connection, Buffer.from("still?"));
    scheduler.runUntil(scheduler.nowMs + 60_000);
    assert.equal(leftEar.closed.length, 1);
  }
});

test("a paused process gets everything in order when it resumes", () => {
  const { scheduler, left, right, leftEar, rightEar } = connected();
  scheduler.pause(right.process);
  for (const name of names(20)) left.send(leftEar.connection, Buffer.from(name));
  scheduler.runUntil(scheduler.nowMs + 5_000);
  assert.deepEqual(rightEar.frames, []);
  scheduler.resume(right.process);
  for (const name of names(25).slice(20)) left.send(leftEar.connection, Buffer.from(name));
  scheduler.runUntil(scheduler.nowMs + 5_000);
  assert.deepEqual(rightEar.frames, names(25));
});

test("datagrams are lost, doubled, damaged and reordered as often as asked", () => {
  const { scheduler, network, left, right, rightEar } = connected();
  Object.assign(network.config, { lossPerMille: 300, duplicatePerMille: 100, corruptPerMille: 50 });
  const all = Array.from({ length: 2_000 }, (_none, index) => `datagram ${index}`);
  for (const name of all) {
    left.sendDatagram(right.address, Buffer.from(name));
    scheduler.runUntil(scheduler.nowMs + 0.1);
  }
  scheduler.runUntil(scheduler.nowMs + 5_000);
  const whole = rightEar.datagrams.filter((text) => all.includes(text));
  const share = new Set(whole).size / all.length;
  assert.ok(share > 0.6 && share < 0.8, `${share} arrived whole`);
  assert.ok(whole.length > new Set(whole).size + 50, "some arrived twice");
  assert.ok(rightEar.datagrams.length > whole.length + 40, "some were damaged");
  const order = whole.map((text) => Number(text.slice(9)));
  assert.ok(
    order.some((number, index) => number < (order[index - 1] ?? 0)),
    "some overtook others",
  );
});

test("a one-way partition lets one side hear the other", () => {
  const { scheduler, links, left, right, leftEar, rightEar } = connected();
  links.link(0, 1).blocksStreams = true;
  links.link(0, 1).blocksDatagrams = true;
  left.send(leftEar.connection, Buffer.from("unheard"));
  right.send(rightEar.connection, Buffer.from("heard"));
  left.sendDatagram(right.address, Buffer.from("unheard"));
  right.sendDatagram(left.address, Buffer.from("heard"));
  scheduler.runUntil(scheduler.nowMs + 2_000);
  assert.deepEqual([leftEar.frames, rightEar.frames], [["heard"], []]);
  assert.deepEqual([leftEar.datagrams, rightEar.datagrams], [["heard"], []]);
});
