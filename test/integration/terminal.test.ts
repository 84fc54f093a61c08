/**
 * What the command line shows on a terminal, and what a hostile node cannot make it do: every text that comes from a node may hold
 * whatever another one chose.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { dnd, eventually } from "./real-cluster.ts";

const DND = fileURLToPath(new URL("../../bin/dnd", import.meta.url));
/** Clears the screen, sets the title, writes a line of its own, hides what follows; and C1, bidi and a bell. */
const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\r\nforged\u009b8m\u202e\u2066\u0000x";
/** As an argument, which cannot hold a zero byte. */
const KEY = HOSTILE.replaceAll("\u0000", "");
/** Everything that may be in what is printed without colours. */
// eslint-disable-next-line no-control-regex -- they are what must not be there
const PRINTABLE = /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$/u;
// Debian's `bsdutils` has it; other systems have another of the same name.
const SCRIPT = "/usr/bin/script";
const hasScript = process.platform === "linux" && existsSync(SCRIPT);

let server: Server;
let node = "";

before(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? "";
    if (isGone) return request.destroy();
    if (url.startsWith("/cluster/locate")) {
      const body = { slot: HOSTILE, primaries: [HOSTILE], pending: [], fallbacks: [HOSTILE] };
      return response.end(JSON.stringify(body));
    }
    if (url.startsWith("/cluster")) return response.end(JSON.stringify(hostileCluster()));
    if (url.startsWith("/kv?key64")) return response.end(`${HOSTILE}\n`);
    if (url.startsWith("/kv?values")) {
      return response.end(`${JSON.stringify({ key: HOSTILE, value: HOSTILE })}\n`);
    }
    response.statusCode = 503;
    response.end(JSON.stringify({ code: HOSTILE, detail: HOSTILE, stored: "maybe" }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  node = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

let answers = 0;
let isGone = false;

/** No two answers are of the same nodes: so whoever waits for one to go, waits no longer. */
function hostileCluster(): unknown {
  answers += 1;
  const id = HOSTILE + answers;
  const member = {
    id,
    address: HOSTILE,
    httpAddress: HOSTILE,
    redisAddress: HOSTILE,
    intent: HOSTILE,
    liveness: HOSTILE,
    zone: HOSTILE,
    weight: 1,
    firstSlots: 5,
    primarySlots: 16_384,
    dirtySlots: 1,
    foreignSlots: 1,
  };
  return {
    node: id,
    cluster: HOSTILE,
    phase: HOSTILE,
    epoch: HOSTILE,
    address: HOSTILE,
    httpAddress: HOSTILE,
    shared: { replicas: 3, writeQuorum: HOSTILE },
    members: [member, { ...member, liveness: "dead" }],
    collection: { slotsDue: 3, reason: HOSTILE, heldBy: HOSTILE },
    counters: { [HOSTILE]: 3 },
    gauges: { [HOSTILE]: 3 },
  };
}

/** Every command that prints what a node says. */
const COMMANDS: readonly (readonly string[])[] = [
  ["status", "--all"],
  ["members"],
  ["locate", KEY],
  ["export"],
  ["put", KEY, "v"],
  ["delete", KEY],
  ["leave"],
  ["remove", KEY],
  ["status", "--json"],
  ["doctor"],
  ["top", "--once", "--interval", "0.2"],
];

test("nothing a node says reaches a pipe as a control character", async () => {
  for (const command of COMMANDS) {
    // What is piped is data: it is as it is, and JSON has escapes of its own.
    const isData = command[0] === "export";
    const { stdout, stderr } = await dnd([...command, "--node", node]);
    assert.match(stderr, PRINTABLE, `${command.join(" ")} on stderr`);
    if (!isData) assert.match(stdout, PRINTABLE, `${command.join(" ")} on stdout`);
    assert.notEqual(stdout + stderr, "", `${command.join(" ")} says something`);
    assert.doesNotMatch(stdout + stderr, /^forged/m, "no line is forged");
  }
  const value = await dnd(["get", "k", "--node", node]);
  assert.equal(value.stdout, `${HOSTILE}\n`, "a value is piped byte for byte");
});

test("on a terminal there are our own colours and nothing else; none with NO_COLOR", {
  skip: !hasScript,
}, async () => {
  for (const name of ["status", "locate", "export", "put", "doctor"]) {
    const command = COMMANDS.find(([first]) => first === name) ?? [];
    const shown = await onTerminal([...command, "--node", node]);
    assert.match(withoutColours(shown), PRINTABLE, command.join(" "));
    assert.doesNotMatch(shown, /^forged/m, `${command.join(" ")} forges no line`);
  }
  assert.match(await onTerminal(["get", "k", "--node", node]), PRINTABLE);
  const coloured = await onTerminal(["status", "--node", node]);
  assert.ok(coloured.includes("\u001b[31m✖"));
  const plain = await onTerminal(["status", "--node", node], { NO_COLOR: "1" });
  assert.match(plain, PRINTABLE);
  assert.match(plain, /^ {2}✖ /m);
});

test("top draws on a screen of its own, and gives the terminal back: by q, and when the node goes", {
  skip: !hasScript,
}, async () => {
  const quit = await onTerminal(
    ["top", "--interval", "0.2", "--node", node],
    {},
    async (type, said) => {
      await said(/RSS/);
      type("q");
    },
  );
  assert.ok(quit.includes("\u001b[?1049h"), "its own screen");
  assert.ok(quit.trimEnd().endsWith("\u001b[?25h\u001b[?1049l"), "and back, with a cursor");

  isGone = true;
  const gone = await onTerminal(["top", "--interval", "0.2", "--node", node]);
  isGone = false;
  assert.match(gone, /dnd: /, "the error is told");
  assert.ok(gone.lastIndexOf("\u001b[?1049h") < gone.lastIndexOf("\u001b[?1049l"));
  assert.ok(
    gone.lastIndexOf("\u001b[?1049l") < gone.lastIndexOf("dnd: "),
    "on the terminal's own screen",
  );
});

/** Only those that `paint.ts` makes, and a progress bar's return to the beginning of its line. */
function withoutColours(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  const colours = /\u001b\[(?:[0-9]|[1-4][0-9]|9[0-7])m/g;
  return text.replaceAll("\r\u001b[K", "").replace(colours, "");
}

/** What a command shows on a terminal, line ends as they were before the terminal made them two characters. */
async function onTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  user?: (
    type: (keys: string) => void,
    said: (pattern: RegExp) => Promise<unknown>,
  ) => Promise<void>,
): Promise<string> {
  // An argument list of a shell of its own: each in quotes, which none of them has in it.
  const command = [process.execPath, DND, ...args].map((part) => `'${part}'`);
  // Not the environment of the tests: beside `NO_COLOR`, what tells a program that it is run by a CI server takes colours away too.
  const { PATH = "", HOME = "" } = process.env;
  const running = spawn(SCRIPT, ["-qec", command.join(" "), "/dev/null"], {
    env: { PATH, HOME, TERM: "xterm-256color", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  // A command that has ended takes no more keys: what it showed says why.
  running.stdin.on("error", () => undefined);
  let output = "";
  running.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const ended = new Promise((resolve) => running.on("close", resolve));
  const said = (pattern: RegExp): Promise<unknown> =>
    eventually(`the terminal to show ${pattern}`, 30_000, () => pattern.exec(output) ?? undefined);
  await user?.((keys) => running.stdin.write(keys), said);
  await ended;
  running.stdin.destroy();
  return output.replaceAll("\r\n", "\n");
}
