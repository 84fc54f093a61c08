/**
 * Tells systemd how far the process is (`Type=notify`): by its own program `systemd-notify`, since it listens at a datagram socket
 * of the file system, which Node does not speak. Only where systemd asks for it, by NOTIFY_SOCKET.
 */
import { spawn } from "node:child_process";

/** `READY=1`, `STOPPING=1`, ...: each an assignment of sd_notify(3). */
export function tellServiceManager(...assignments: readonly string[]): void {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  const told = spawn("systemd-notify", [`--pid=${process.pid}`, ...assignments], {
    stdio: "ignore",
  });
  // Where that program is missing systemd gives up on the start in its own time, and says so.
  told.on("error", () => undefined);
  told.unref();
}
