/**
 * Datagrams on the peer port. Delivery is not promised, so failures to send are noted at debug level and forgotten.
 *
 * A socket bound to an IPv6 address also reaches IPv4 peers, by their mapped addresses, and shows such peers by their plain
 * IPv4 form: one peer has one address.
 */
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns";
import { isIPv4, isIPv6 } from "node:net";
import { assert } from "../../base/assert.ts";
import { type Address, parseAddress, splitAddress } from "../../model/ids.ts";
import { DATAGRAM_BYTES_MAX } from "../../model/limits.ts";
import type { Log } from "../../ports/log.ts";

const MAPPED_PREFIX = "::ffff:";

export interface UdpSocket {
  /** Sends at most DATAGRAM_BYTES_MAX bytes. */
  send(to: Address, datagram: Uint8Array): void;
  close(): Promise<void>;
}

/**
 * Binds `host`, an IP address, at `port`. Rejects with the system's error if that is not possible.
 * `onDatagram` gets everything that arrives, whoever sent it.
 */
export async function openUdp(parts: {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  readonly onDatagram: (from: Address, datagram: Uint8Array) => void;
}): Promise<UdpSocket> {
  const { log, onDatagram } = parts;
  const isV6 = isIPv6(parts.host);
  const socket = createSocket({
    type: isV6 ? "udp6" : "udp4",
    lookup: (host, _family, done) => {
      if (isV6 && isIPv4(host)) {
        done(null, MAPPED_PREFIX + host, 6);
        return;
      }
      if (isIPv4(host) || isIPv6(host)) {
        done(null, host, isV6 ? 6 : 4);
        return;
      }
      lookup(host, (error, address, family) => {
        done(error, isV6 && family === 4 ? MAPPED_PREFIX + address : address, isV6 ? 6 : 4);
      });
    },
  });
  await bind(socket, parts.host, parts.port);
  socket.on("error", (error: NodeJS.ErrnoException) => {
    log.log("debug", "datagram-failed", { code: error.code ?? error.message });
  });
  socket.on("message", (datagram, from) => {
    const address = parseAddress(formatAddress(from.address, from.port));
    // A datagram from port 0 has nobody to answer.
    if (address !== undefined) onDatagram(address, datagram);
  });

  let isClosed = false;
  return {
    send(to: Address, datagram: Uint8Array): void {
      assert(
        datagram.length <= DATAGRAM_BYTES_MAX,
        "a datagram is at most DATAGRAM_BYTES_MAX bytes",
      );
      if (isClosed) return;
      const { host, port } = splitAddress(to);
      socket.send(datagram, port, host);
    },
    close(): Promise<void> {
      if (isClosed) return Promise.resolve();
      isClosed = true;
      return new Promise((resolve) => {
        socket.close(() => resolve());
      });
    },
  };
}

/** `host:port`, `[v6]:port`; IPv4 addresses mapped into IPv6 in their plain form, scopes left out. */
export function formatAddress(host: string, port: number): string {
  if (host.startsWith(MAPPED_PREFIX)) return `${host.slice(MAPPED_PREFIX.length)}:${port}`;
  return isIPv6(host) ? `[${host.split("%")[0]}]:${port}` : `${host}:${port}`;
}

function bind(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port }, () => {
      socket.removeListener("error", reject);
      resolve();
    });
  });
}
