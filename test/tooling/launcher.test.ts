/**
 * The launcher and the set-up, as a stranger meets them: any folder, a symbolic link, an old Node, nothing installed.
 * Old Nodes are played by this one with `execve` taken away, npm by a script that pretends to install.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../src/adapters/system/engine-tuning.ts";
import { VERSION } from "../../src/version.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SETUP = new URL("../../tools/setup.mjs", import.meta.url).href;

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...args],
      { cwd: options.cwd, env: { ...process.env, ...options.env } },
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dnd-launcher-"));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("the launcher works from any folder and through a symbolic link", async () => {
  const link = join(folder, "linked-dnd");
  await symlink(join(ROOT, "bin", "dnd"), link);
  const { status, stdout } = await run([link, "--version"], { cwd: folder });
  assert.deepEqual([status, stdout], [0, `${VERSION}\n`]);
});

test("the set-up works through a symbolic link", async () => {
  const link = join(folder, "linked-tools");
  await symlink(join(ROOT, "tools"), link);
  const script = join(folder, "says.ts");
  await writeFile(script, 'console.log("said" as string);');
  const { status, stdout } = await run([join(link, "setup.mjs"), script]);
  assert.deepEqual([status, stdout], [0, "said\n"]);
});

test("the exit status of the command is that of the launcher", async () => {
  assert.equal((await run([join(ROOT, "bin", "dnd"), "--nope"])).status, 2);
});

// Goal: what becomes a node has the engine's settings for one, in the published package too, and what is not or was told otherwise
// has not. Method: the program says what it was started with.
test("a node's process begins with the engine's settings for one, unless somebody chose others", async () => {
  const root = join(folder, "published");
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "cli"));
  await cp(join(ROOT, "bin", "dnd"), join(root, "bin", "dnd"));
  await writeFile(join(root, "package.json"), "{}");
  const says = "console.log(JSON.stringify([process.execArgv, process.argv.slice(2)]));";
  await writeFile(join(root, "cli", "main.js"), says);
  const launcher = join(root, "bin", "dnd");
  const said = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> =>
    JSON.parse((await run([...args], { env })).stdout);
  const flags = [...NODE_FLAGS];
  assert.deepEqual(await said([launcher, "start", "--port", "1"]), [
    flags,
    ["start", "--port", "1"],
  ]);
  for (const command of [["get", "key"], ["up"]]) {
    assert.deepEqual(await said([launcher, ...command]), [[], command]);
  }
  const own = "--max-semi-space-size=16";
  assert.deepEqual(await said([own, launcher, "start"]), [[own], ["start"]]);
  assert.deepEqual(await said([launcher, "start"], { NODE_OPTIONS: own }), [[], ["start"]]);

  // A descriptor that a shell opened for an argument would be closed.
  const config = ["start", "--config", "/dev/fd/3"];
  assert.deepEqual(await said([launcher, ...config]), [[], config]);
  // Where it may not become another program it goes on as it is.
  const permissions = ["--permission", "--allow-fs-read=*"];
  const [permitted, command] = (await said([...permissions, launcher, "start"])) as string[][];
  assert.deepEqual([permitted, command], [permissions, ["start"]]);

  // In a checkout.
  const told = "data:text/javascript,console.error(JSON.stringify(process.execArgv))";
  const options = { env: { NODE_OPTIONS: `--import=${told}` } };
  const { stderr } = await run([join(ROOT, "bin", "dnd"), "start", "--help"], options);
  assert.deepEqual(JSON.parse(stderr.trim().split("\n").at(-1) ?? ""), flags);
});

for (const how of ["execve", "spawn"]) {
  const prelude = how === "spawn" ? "process.execve = undefined;" : "";
  const code = (script: string): string =>
    `${prelude} (await import(${JSON.stringify(SETUP)})).become(process.execPath, ["-e", ${JSON.stringify(script)}]);`;

  test(`by ${how}: exit status and output pass through`, async () => {
    const { status, stdout } = await run([
      "--input-type=module",
      "-e",
      code('console.log("out"); process.exitCode = 7;'),
    ]);
    assert.deepEqual([status, stdout], [7, "out\n"]);
  });

  test(`by ${how}: a signal reaches the command, which ends as it likes`, async () => {
    const script =
      'process.on("SIGTERM", () => process.exit(9)); console.log("up"); setInterval(() => {}, 1000);';
    const child = spawn(process.execPath, ["--input-type=module", "-e", code(script)]);
    const ended = new Promise((resolve) => child.on("exit", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    assert.equal(await ended, 9);
  });
}

/** A checkout with two packages to install, one of them for another platform, and an npm that "installs". */
async function fakeCheckout(name: string): Promise<{ root: string; env: NodeJS.ProcessEnv }> {
  const root = join(folder, name);
  await mkdir(join(root, "tools"), { recursive: true });
  await cp(join(ROOT, "tools", "setup.mjs"), join(root, "tools", "setup.mjs"));
  const packages = {
    "": { name: "x" },
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/b": { version: "1.0.0", optional: true, os: ["none"] },
  };
  await writeFile(join(root, "package-lock.json"), JSON.stringify({ packages }));
  const npm = join(root, "npm-cli.js");
  await writeFile(
    npm,
    `const fs = require("node:fs");
     fs.appendFileSync("calls", process.argv.slice(2).join(" ") + "\\n");
     console.error("npm http fetch GET 200 https://registry/a 10ms");
     if (process.env.NPM_FAILS) { console.error("npm error no network"); process.exit(1); }
     const { packages } = JSON.parse(fs.readFileSync("package-lock.json", "utf8"));
     fs.mkdirSync("node_modules", { recursive: true });
     const installed = { "node_modules/a": packages["node_modules/a"] };
     setTimeout(() => fs.writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages: installed })), 300);`,
  );
  return { root, env: { npm_execpath: npm } };
}

async function calls(root: string): Promise<string[]> {
  return (await readFile(join(root, "calls"), "utf8")).trim().split("\n");
}

test("what is missing is installed once, told on stderr, and again only after the lock file changed", async () => {
  const { root, env } = await fakeCheckout("fresh");
  const setUp = () => run([join(root, "tools", "setup.mjs")], { env });
  const first = await setUp();
  assert.deepEqual([first.status, first.stdout], [0, ""]);
  assert.match(first.stderr, /installing 1 packages into/);
  assert.equal((await setUp()).stderr, "");
  assert.equal((await calls(root)).length, 1);
  assert.match((await calls(root))[0] ?? "", /^ci /);

  const lock = join(root, "package-lock.json");
  await writeFile(lock, (await readFile(lock, "utf8")).replace("sha512-a", "sha512-b"));
  assert.equal((await setUp()).status, 0);
  assert.equal((await calls(root)).length, 2);
});

test("of two commands started at once in a fresh checkout one installs and the other waits", async () => {
  const { root, env } = await fakeCheckout("twice");
  const both = await Promise.all(
    [1, 2].map(() => run([join(root, "tools", "setup.mjs")], { env })),
  );
  assert.deepEqual(
    both.map(({ status }) => status),
    [0, 0],
  );
  assert.equal((await calls(root)).length, 1);
});

test("an installation that fails is told with what npm said, and leaves nothing locked", async () => {
  const { root, env } = await fakeCheckout("offline");
  const failed = await run([join(root, "tools", "setup.mjs")], { env: { ...env, NPM_FAILS: "1" } });
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /npm error no network\ndnd: installing failed/);
  assert.equal((await run([join(root, "tools", "setup.mjs")], { env })).status, 0);
});
