/**
 * What the machine can do at all, measured in the same run as the systems: figures are compared with these, never
 * with another day's.
 *
 * `fdatasync`: 150 bytes appended and synced, one after the other, in the directory the systems keep their data in.
 * `loopback echo`: 150-byte frames to another process and back over 50 connections, one under way on each.
 */
import { open, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type Called, callFor, report } from "./callers.ts";

const FRAME_BYTES = 150;
const ECHO_CONNECTIONS = 50;

export async function measureSync(directory: string, ms: number): Promise<Called> {
  const path = join(directory, "calibration");
  const file = await open(path, "w");
  try {
    const frame = Buffer.alloc(FRAME_BYTES, "x");
    const sync = async (): Promise<boolean> => {
      await file.write(frame);
      await file.datasync();
      return true;
    };
    return await callFor((done) => void report(sync(), done), { callers: 1, ms });
  } finally {
    await file.close();
    await rm(path);
  }
}

/** The far end, in a process of its own; answers with its port. */
export function openEcho(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

export async function measureEcho(port: number, ms: number): Promise<Called> {
  const sockets = await Promise.all(
    Array.from({ length: ECHO_CONNECTIONS }, () => connected(port)),
  );
  const frame = Buffer.alloc(FRAME_BYTES, "x");
  const idle = sockets.map((socket) => {
    const end = { socket, received: 0, done: (_isOk: boolean): void => undefined };
    socket.on("data", (chunk) => {
      end.received += chunk.length;
      if (end.received < FRAME_BYTES) return;
      end.received = 0;
      idle.push(end);
      end.done(true);
    });
    return end;
  });
  const called = await callFor(
    (done) => {
      const end = idle.pop();
      if (end === undefined) throw new Error("more callers than connections");
      end.done = done;
      end.socket.write(frame);
    },
    { callers: ECHO_CONNECTIONS, ms },
  );
  for (const socket of sockets) socket.destroy();
  return called;
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true }, () => resolve(socket));
    socket.on("error", reject);
  });
}
