/**
 * The package as a stranger meets it: built, packed, installed into an empty folder, run by `npx` from the file, a
 * cluster of three started from it, and a program of three lines compiled against it that joins.
 *
 *   node test/integration/package-trial.ts --node 26      the same on another Node, which is fetched from the registry
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildPackage } from "../../tools/build.ts";
import { RealCluster, RunningDnd, type UpNode } from "./real-cluster.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");
const NAME = "@definitely-not-dynamo/dnd";
const INSTALLED_BYTES_MAX = 15_000_000;
/** npm's codes for a registry that cannot be reached. */
const OFFLINE =
  /E(?:NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|HOSTUNREACH|NETUNREACH|TIMEDOUT|NOTCACHED|RR_SOCKET_TIMEOUT)/;
/** Of npm, the compiler, and the program: one that hangs would keep the file of tests, and all behind it, after the test was given up. */
const PROGRAM_MS_MAX = 90_000;

const PROGRAM = `
import { DndError, type EmbeddedNode, openNode, type WriteReceipt } from "${NAME}";

// The declarations need no others: not even those of Node.
declare const process: { readonly argv: readonly string[] };
declare const console: { log(text: string): void };

const [dataDir = "", peer = ""] = process.argv.slice(2);
const node: EmbeddedNode = await openNode({ port: 0, dataDir, peers: [peer] });
const receipt: WriteReceipt = await node.put("from-a-program", JSON.stringify({ n: 1 }));
const greeting = await node.get("greeting", { r: 2 });
const refusal = await node.put("greeting", "again", { ifExists: false }).catch((error: unknown) => error);
const code: string | undefined = refusal instanceof DndError ? refusal.code : undefined;
const own = await node.get("from-a-program", { after: receipt.stamp });
const { value } = await node.counter("visits").add();
const sum: bigint = value;
console.log(JSON.stringify({ greeting: greeting?.text(), code, own: own?.json(), sum: String(sum) }));
await node.close();

// @ts-expect-error what is no option does not compile
void (() => openNode({ prot: 5000 }));
`;

/** The registry cannot be reached: there is nothing to try. */
export class OfflineError extends Error {}

export interface PackageReport {
  readonly node: string;
  readonly packedBytes: number;
  readonly installedBytes: number;
  readonly packages: readonly string[];
}

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param nodeMajor another Node than this one, from the registry. */
export async function tryPackage(nodeMajor?: string): Promise<PackageReport> {
  const folder = await mkdtemp(join(tmpdir(), "dnd-package-"));
  try {
    const runtime = nodeMajor === undefined ? process.execPath : await fetchNode(folder, nodeMajor);
    return await new Trial(folder, runtime).run();
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

async function fetchNode(folder: string, major: string): Promise<string> {
  const name = `node-${process.platform.replace("32", "")}-${process.arch}`;
  const home = join(folder, "runtime");
  await mkdir(home);
  await writeFile(join(home, "package.json"), '{"private": true}');
  await npm(home, process.execPath, "install", `${name}@${major}`);
  return join(home, "node_modules", name, "bin", "node");
}

class Trial {
  readonly #folder: string;
  readonly #node: string;
  /** Empty but for a manifest, until the package is installed. */
  readonly #app: string;

  constructor(folder: string, node: string) {
    this.#folder = folder;
    this.#node = node;
    this.#app = join(folder, "app");
  }

  async run(): Promise<PackageReport> {
    const built = join(this.#folder, "built");
    await buildPackage(built);
    await npm(built, this.#node, "pack", "--pack-destination", this.#folder);
    const packed = (await readdir(this.#folder)).find((name) => name.endsWith(".tgz"));
    assert.ok(packed !== undefined);
    const file = join(this.#folder, packed);

    await mkdir(this.#app);
    await writeFile(join(this.#app, "package.json"), '{"private": true, "type": "module"}');
    await npm(this.#app, this.#node, "install", file);
    const modules = join(this.#app, "node_modules");
    const installedBytes = await bytesBelow(modules);
    assert.ok(installedBytes < INSTALLED_BYTES_MAX, `${installedBytes} bytes installed`);
    const manifest = JSON.parse(await readFile(join(modules, NAME, "package.json"), "utf8"));
    assert.deepEqual([manifest.scripts, manifest.optionalDependencies], [undefined, undefined]);
    const packages = (await readdir(modules)).filter((name) => !name.startsWith("."));
    assert.deepEqual(
      packages.filter((name) => name.startsWith("node-linux") || name.startsWith("node-win")),
      [],
    );

    const version = await npm(
      this.#folder,
      this.#node,
      "exec",
      "--yes",
      `--package=${file}`,
      "--",
      "dnd",
      "--version",
    );
    assert.equal(version.stdout, `${manifest.version}\n`);
    await this.#startCluster(join(modules, NAME, "bin", "dnd"));
    const packedBytes = (await stat(file)).size;
    const { stdout: node } = await finished(this.#node, ["--version"], this.#app);
    return { node: node.trim(), packedBytes, installedBytes, packages };
  }

  async #startCluster(launcher: string): Promise<void> {
    const cluster = await RealCluster.create(3);
    const program = [this.#node, launcher] as const;
    const up = new RunningDnd(["up", "--json", ...cluster.portFlags(0)], cluster.folder, program);
    try {
      const [line] = await up.said(/\{"event":"ready".*\}/, 60_000);
      const { nodes } = JSON.parse(line) as { readonly nodes: readonly UpNode[] };
      assert.equal(nodes.length, 3);
      const put = new RunningDnd(
        ["put", "greeting", "hello", "-w", "2", "--node", nodes[0]?.http ?? ""],
        cluster.folder,
        program,
      );
      assert.equal(await put.ended, 0, put.stderr);
      await seeDashboard(nodes[0]?.http ?? "");
      await this.#joinByProgram(nodes);
      const seen = new RunningDnd(
        ["get", "from-a-program", "--node", nodes[2]?.http ?? ""],
        cluster.folder,
        program,
      );
      assert.deepEqual([await seen.ended, seen.stdout], [0, '{"n":1}']);
      up.process.kill("SIGTERM");
      assert.equal(await up.ended, 0, up.stderr);
    } finally {
      if (up.process.exitCode === null) up.process.kill("SIGKILL");
      await up.ended;
      await cluster.close();
    }
  }

  async #joinByProgram(nodes: readonly UpNode[]): Promise<void> {
    await writeFile(join(this.#app, "program.ts"), PROGRAM);
    const flags = [
      "--strict",
      "--exactOptionalPropertyTypes",
      "--target",
      "es2024",
      "--lib",
      "es2024,esnext.disposable",
    ];
    const modules = ["--module", "nodenext", "--types", ""];
    const compiled = await finished(
      process.execPath,
      [TSC, ...flags, ...modules, "program.ts"],
      this.#app,
    );
    assert.equal(compiled.status, 0, compiled.stdout);
    const args = ["program.js", join(this.#folder, "data"), nodes[1]?.peers ?? ""];
    const ran = await finished(this.#node, args, this.#app);
    assert.equal(ran.status, 0, ran.stderr);
    assert.deepEqual(JSON.parse(ran.stdout), {
      greeting: "hello",
      code: "condition-failed",
      own: { n: 1 },
      sum: "1",
    });
  }
}

/** The page of the package, and the script that it loads: what is missing there is answered with a page that has none. */
async function seeDashboard(node: string): Promise<void> {
  const page = await (await fetch(`${node}/`, { headers: { accept: "text/html" } })).text();
  const script = /<script [^>]*src="([^"]+)"/.exec(page)?.[1];
  assert.ok(script !== undefined, page.slice(0, 500));
  const { status, headers } = await fetch(new URL(script, node));
  assert.deepEqual([status, headers.get("content-type")], [200, "text/javascript; charset=utf-8"]);
}

/** Runs npm under the given Node; what it installs runs under that as well. */
async function npm(cwd: string, node: string, ...args: string[]): Promise<Finished> {
  const env = {
    ...process.env,
    PATH: `${dirname(node)}${delimiter}${process.env["PATH"] ?? ""}`,
    npm_config_update_notifier: "false",
  };
  const flags = [
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--no-progress",
    // By default a quarter of an hour is waited for each answer.
    "--fetch-timeout=20000",
    "--fetch-retries=1",
  ];
  const script = process.env["npm_execpath"];
  const isScript = script !== undefined && /npm-cli\.[cm]?js$/.test(script);
  // Flags before the command's own arguments: after `--` they would be the program's.
  const all = [args[0] ?? "", ...flags, ...args.slice(1)];
  const result = isScript
    ? await finished(node, [script, ...all], cwd, env)
    : await finished("npm", all, cwd, env);
  if (result.status === 0) return result;
  const text = `npm ${args.join(" ")}: ${result.stdout}${result.stderr}`;
  throw OFFLINE.test(text) ? new OfflineError(text) : new Error(text);
}

function finished(
  file: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Finished> {
  return new Promise((resolve) => {
    const limits = { timeout: PROGRAM_MS_MAX, killSignal: "SIGKILL" } as const;
    execFile(file, [...args], { cwd, env, ...limits }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      const late = error?.killed === true ? `gave no answer in ${PROGRAM_MS_MAX} ms` : "";
      resolve({ status, stdout, stderr: late || stderr || (error?.message ?? "") });
    });
  });
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { node: { type: "string" } } });
  console.log(await tryPackage(values.node));
}
