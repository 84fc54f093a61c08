/** Ports chosen before anybody listens on them. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";

/**
 * The ports as they are wanted, and a free one of its own for each that is 0. All are held until the last is chosen: a system
 * may hand out a port again as soon as it is given back.
 *
 * @throws when the host is not one of this machine, or has no free port.
 */
export async function choosePorts(
  wanted: readonly (number | undefined)[],
  host: string,
): Promise<readonly (number | undefined)[]> {
  const held: Server[] = [];
  try {
    const chosen: (number | undefined)[] = [];
    for (const port of wanted) {
      if (port !== 0) {
        chosen.push(port);
        continue;
      }
      let free = 0;
      // One that is wanted by number is nobody else's.
      while (free === 0 || wanted.includes(free)) {
        // Whoever dials a port that was somebody's is not waited for.
        const server = createServer((socket) => socket.destroy());
        held.push(server);
        server.listen(0, host);
        await once(server, "listening");
        free = (server.address() as AddressInfo).port;
      }
      chosen.push(free);
    }
    return chosen;
  } finally {
    await Promise.all(held.map(close));
  }
}

/** One that does not listen, because it failed to, is closed already. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
