import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TransportPair, transportContract } from "../../../test/contracts/transport.ts";
import type { Address } from "../../model/ids.ts";
import type { Log } from "../../ports/log.ts";
import { openTransport } from "./tcp-transport.ts";

const silent: Log = { log: () => {} };

/** A port nobody listens at: taken for a moment, then given back. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === "object");
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return bound.port;
}

function pairAt(host: string, literal: string): () => Promise<TransportPair> {
  return async () => {
    const left = await openTransport({ host, port: 0, log: silent });
    const right = await openTransport({ host, port: 0, log: silent });
    return {
      left,
      right,
      leftAddress: `${literal}:${left.port}` as Address,
      rightAddress: `${literal}:${right.port}` as Address,
      deadAddress: `${literal}:${await freePort()}` as Address,
      runUntil,
      settle: () => turns(20),
      close: async () => {
        await Promise.all([left.shutdown(), right.shutdown()]);
      },
    };
  };
}

/** Turns of the event loop, each of which polls the sockets; the test's own timeout is the limit. */
async function runUntil(isReached: () => boolean): Promise<void> {
  while (!isReached()) await turns(1);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

transportContract("TCP over IPv4", pairAt("127.0.0.1", "127.0.0.1"));
transportContract("TCP over IPv6", pairAt("::1", "[::1]"));
