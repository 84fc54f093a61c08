/** What a node tells systemd, heard at a datagram socket as systemd has it. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, RealCluster } from "./real-cluster.ts";

/** Node does not speak datagrams of the file system; Python does. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;

test("a node tells its service manager when it has caught up, and when it begins to stop", async (t) => {
  for (const program of ["systemd-notify", "python3"]) {
    if (spawnSync(program, ["--version"]).error === undefined) continue;
    t.skip(`${program} is not installed`);
    return;
  }
  const cluster = await RealCluster.create(1);
  t.after(() => cluster.close());
  const socket = join(cluster.folder, "notify");
  const listener = spawn("python3", ["-c", LISTENER, socket], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => listener.kill("SIGKILL"));
  let heard = "";
  listener.stdout.setEncoding("utf8").on("data", (text: string) => {
    heard += text;
  });
  const saying = (what: string): Promise<true> =>
    eventually(`the service manager to hear ${what}`, 30_000, () =>
      heard.includes(what) ? true : undefined,
    );
  await saying("listening");

  const flags = ["--data-dir", join(cluster.folder, "data"), "--json"];
  const node = cluster.run(["start", ...cluster.portFlags(0), ...flags], undefined, {
    NOTIFY_SOCKET: socket,
  });
  await saying("READY=1");
  assert.doesNotMatch(heard, /STOPPING=1/);
  node.process.kill("SIGTERM");
  await saying("STOPPING=1");
  assert.equal(await node.ended, 0);
});
