/**
 * What the Redis tests take from Debian: the suite of Redis 7.0 (from the source package), `tclsh` to run it, and
 * `redis-server` 7.0 to compare with. Nothing of it is in this repository; what is missing is fetched, into a cache
 * folder where that is possible, and else told.
 *
 * The source is read through a package list of its own, in the cache folder: the system's is not touched, and any user
 * can do it. `redis-tools` has the server's program in it, under the name of the checker that the program is as well;
 * unlike `redis-server` it starts nothing when it is installed.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const CACHE = fileURLToPath(new URL("../../.cache/redis-suite/", import.meta.url));
const RELEASE = "bookworm";
const MIRROR = "http://deb.debian.org/debian";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** What the suite's figures were counted on. */
const UPSTREAM = "redis-7.0.15";
const SERVER_VERSION = /\bv=7\.0\./;

/** Something that must be there is not, and what to do about it. */
export class MissingError extends Error {}

/** The folder with `runtest` in it. */
export async function suiteFolder(given: string | undefined): Promise<string> {
  if (given !== undefined) {
    const folder = resolve(given);
    if (existsSync(join(folder, "runtest"))) return folder;
    throw new MissingError(`${folder} has no runtest: --source names an unpacked Redis 7.0 source`);
  }
  const folder = join(CACHE, UPSTREAM);
  if (!existsSync(join(folder, "runtest"))) await fetchSuite(folder);
  return folder;
}

async function fetchSuite(folder: string): Promise<void> {
  const advice =
    `on Debian 12 this needs the network once; elsewhere, unpack the source of Redis 7.0.15 and ` +
    `give its folder as --source`;
  if (findProgram("apt-get") === undefined || !existsSync(KEYRING)) {
    throw new MissingError(`Redis's test suite comes from Debian's source package: ${advice}`);
  }
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, "fetch-"));
  try {
    await mkdir(join(work, "lists", "partial"), { recursive: true });
    const list = join(work, "sources.list");
    await writeFile(list, `deb-src [signed-by=${KEYRING}] ${MIRROR} ${RELEASE} main\n`);
    const options = [
      `Dir::Etc::sourcelist=${list}`,
      "Dir::Etc::sourceparts=/dev/null",
      `Dir::State::lists=${join(work, "lists")}`,
      `Dir::Cache=${work}`,
      // Root's downloads go through a user who may not write here.
      "APT::Sandbox::User=root",
    ].flatMap((option) => ["-o", option]);
    note("fetching the source package of Redis from Debian");
    await run("apt-get", [...options, "-q", "update"], work, advice);
    await run("apt-get", [...options, "-q", "source", "--download-only", "redis"], work, advice);
    const archive = (await readdir(work)).find((name) => name.endsWith(".orig.tar.gz"));
    if (archive === undefined)
      throw new MissingError(`the source package has no source: ${advice}`);
    await run("tar", ["-xzf", archive], work, advice);
    // In one step, so that a run that is cut short leaves nothing that looks finished.
    await rename(join(work, UPSTREAM), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Makes sure that the suite's interpreter is there. */
export async function needTcl(): Promise<void> {
  const find = (): string | undefined => findProgram("tclsh8.6") ?? findProgram("tclsh8.5");
  if (find() === undefined) await installPackage("tcl");
  if (find() === undefined) throw new MissingError("there is no tclsh8.6, also with tcl installed");
}

/** The path of a `redis-server` 7.0. */
export async function referenceProgram(): Promise<string> {
  const found = findProgram("redis-server");
  if (found !== undefined && (await isReference(found))) return found;
  const link = join(CACHE, "redis-server");
  if (existsSync(link) && (await isReference(link))) return link;

  if (findProgram("redis-check-rdb") === undefined) await installPackage("redis-tools");
  const program = findProgram("redis-check-rdb");
  await mkdir(CACHE, { recursive: true });
  await rm(link, { force: true });
  // It is the server when it is called so.
  if (program !== undefined) await symlink(program, link);
  if (program !== undefined && (await isReference(link))) return link;
  throw new MissingError("a redis-server 7.0, as Debian 12 has it, must be on the path");
}

async function isReference(program: string): Promise<boolean> {
  const { output } = await finish(program, ["--version"], "/");
  return SERVER_VERSION.test(output);
}

async function installPackage(name: string): Promise<void> {
  const advice = `install it once: apt-get install ${name} (as root)`;
  if (findProgram("apt-get") === undefined || process.getuid?.() !== 0) {
    throw new MissingError(`Debian's package ${name} is needed; ${advice}`);
  }
  note(`installing Debian's package ${name}`);
  await run("apt-get", ["-q", "update"], "/", advice);
  await run("apt-get", ["-q", "-y", "--no-install-recommends", "install", name], "/", advice);
}

function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  advice: string,
): Promise<void> {
  const { status, output } = await finish(program, args, cwd);
  if (status !== 0) {
    throw new MissingError(`${program} ${args.at(-1)} failed (${status}): ${advice}\n${output}`);
  }
}

function finish(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((done) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.on("error", (error) => done({ status: 1, output: String(error) }));
    child.on("close", (code) => done({ status: code ?? 1, output }));
  });
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
