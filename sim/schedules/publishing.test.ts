/**
 * Publishing in the simulator: on calm wires everything is heard everywhere, once and in order;
 * under faults nothing is heard twice, out of order or altered; and when they are over, all is as
 * before.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootIdFrom } from "../../src/model/ids.ts";
import type { Transport } from "../../src/ports/transport.ts";
import { decodeFrame, encodeFrame, isDecodeFailure } from "../../src/protocol/peer/frame-codec.ts";
import type { NodeFactory } from "../cluster.ts";
import { PARTITION_SHAPES } from "../links.ts";
import { nameOf, Publishing } from "../publishing.ts";
import { type SimRandom, Streams } from "../random.ts";
import { makeStoreNode } from "../store-node-factory.ts";
import { Stage } from "./stage.ts";

const MACHINES = 4;
/** For runs with faults. */
const SEEDS = [11, 12, 13, 14, 15, 16, 17, 18];

interface Play {
  readonly stage: Stage;
  readonly publishing: Publishing;
  readonly random: SimRandom;
}

function play(seed: number, makeNode?: NodeFactory): Play {
  const stage = new Stage({
    machines: MACHINES,
    seed,
    ...(makeNode === undefined ? {} : { makeNode }),
  });
  const streams = new Streams(seed);
  const publishing = new Publishing(stage, streams.stream("publishing"));
  publishing.listen();
  return { stage, publishing, random: streams.stream("publishing faults") };
}

/** Publishes while all is well: everybody hears everything, and publishers are told so. */
function playCalm({ stage, publishing }: Play, seed: number): void {
  publishing.listen();
  const before = publishing.said.length;
  publishing.run(5_000);
  stage.runFor(3_000);
  const said = publishing.said.slice(before);
  assert.ok(said.length > 100, `seed ${seed}: ${said.length} messages`);
  assert.equal(publishing.ears.length, MACHINES);
  for (const one of said) assert.equal(one.receivers, MACHINES, `seed ${seed}: ${nameOf(one)}`);
  for (const ear of publishing.ears) {
    const missed = said.filter((one) => !ear.heard.has(nameOf(one)));
    assert.deepEqual(missed, [], `seed ${seed}: ${ear.name}`);
  }
  assert.deepEqual(publishing.problems, [], `seed ${seed}`);
}

/** Publishes while wires are cut, connections break, queues are short, and nodes pause and end. */
function playFaults({ stage, publishing, random }: Play): void {
  const { cluster, links, scheduler } = stage;
  for (let round = 0; round < 25; round += 1) {
    const machine = random.pick(cluster.machines);
    const { process } = machine;
    const other = random.pick(cluster.machines);
    switch (random.below(6)) {
      case 0:
      case 1:
        links.partition(random.pick(PARTITION_SHAPES), random);
        break;
      case 2:
        cluster.network.breakOne();
        break;
      case 3:
        if (process === undefined) break;
        scheduler.pause(process);
        scheduler.after(random.between(50, 6_000), "resume", undefined, () =>
          scheduler.resume(process),
        );
        break;
      case 4:
        if (process !== undefined) cluster.crash(machine, random.oneIn(2) ? "process" : "power");
        break;
      default: {
        const link = links.link(machine.index, other.index);
        if (machine === other) break;
        link.bytesPerMs = random.between(500, 5_000);
        link.queueBytesMax = random.between(1_000, 2_000_000);
      }
    }
    publishing.run(random.between(20, random.oneIn(4) ? 9_000 : 1_500));
    if (random.oneIn(2)) links.heal();
    for (const down of cluster.machines) {
      if (down.process === undefined && random.oneIn(2)) cluster.boot(down);
    }
  }
}

function heal({ stage }: Play): void {
  const { cluster, links, scheduler } = stage;
  links.restore(0.3);
  for (const machine of cluster.machines) {
    if (machine.process === undefined) cluster.boot(machine);
    else scheduler.resume(machine.process);
  }
  stage.until("all is whole", () => stage.isWhole());
  stage.runFor(10_000);
}

/** A transport but for its way to send. */
function sending(transport: Transport, send: Transport["send"]): Transport {
  return {
    send,
    listen: (listener) => transport.listen(listener),
    connect: (address) => transport.connect(address),
    queuedBytes: (connection) => transport.queuedBytes(connection),
    close: (connection) => transport.close(connection),
    sendDatagram: (to, datagram) => transport.sendDatagram(to, datagram),
  };
}

test("on calm wires every message reaches every listener once, in order, and is counted", () => {
  for (const seed of [1, 2, 3]) {
    const calm = play(seed);
    playCalm(calm, seed);
    calm.stage.end();
  }
});

test("under faults no message is heard twice, out of order or altered, and calm returns", () => {
  for (const seed of SEEDS.slice(0, 4)) {
    const faulty = play(seed);
    playFaults(faulty);
    assert.deepEqual(faulty.publishing.problems, [], `seed ${seed}`);
    heal(faulty);
    playCalm(faulty, seed);
    faulty.stage.end();
  }
});

// Goal: what is held above is seen when it breaks.
// Method: frames leave out of line, so that receivers drop those that were overtaken; senders number
// nothing, so that what an old connection brings late is not dropped.
test("a message that is overtaken is missed where all should be heard", () => {
  const outOfLine: NodeFactory = (ports) => {
    const { transport } = ports;
    const send: Transport["send"] = (connection, frame) => transport.send(connection, frame);
    return makeStoreNode({ ...ports, transport: sending(transport, send) });
  };
  assert.throws(() => playCalm(play(1, outOfLine), 1), /seed 1/);
});

test("a message that comes late is heard out of order where none is numbered", () => {
  const unnumbered: NodeFactory = (ports) => {
    const { transport, random } = ports;
    const send: Transport["send"] = (connection, frame, isInLine) => {
      const decoded = decodeFrame(frame);
      if (isDecodeFailure(decoded) || decoded.message.kind !== "publish") {
        return transport.send(connection, frame, isInLine);
      }
      const { header, message } = decoded;
      const forged = { ...message, boot: bootIdFrom(1 + random.below(1e9)) };
      return transport.send(connection, encodeFrame(header, forged), isInLine);
    };
    return makeStoreNode({ ...ports, transport: sending(transport, send) });
  };
  const isFound = SEEDS.some((seed) => {
    const faulty = play(seed, unnumbered);
    playFaults(faulty);
    return faulty.publishing.problems.length > 0;
  });
  assert.ok(isFound);
});
