/**
 * Set-up: makes a fresh checkout runnable, then runs a script of it under Node 24.
 *
 *   node tools/setup.mjs                      installs what is missing
 *   node tools/setup.mjs tools/test.ts ARGS   ... and runs that under Node 24
 *
 * Runs under any Node from 18 and imports nothing but the runtime: nothing may be installed yet. Everything it
 * says goes to stderr, so that a command's own output stays clean.
 */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

const NODE_MAJOR_MIN = 24;
/** npm that comes with it reads our lock file. */
const NODE_MAJOR_TO_INSTALL_MIN = 20;
const LOCK_POLL_MS = 200;
/** A holder of the lock that died before it wrote its process id is given this long. */
const LOCK_STALE_MS = 5_000;
const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Installs what is missing and answers with the path of a Node >= 24: the running one if it is. */
export async function prepare() {
  if (!isInstalled()) await withLock(install);
  return newNode();
}

/**
 * Builds the dashboard's pages where they are missing, or older than what they are made from. A node runs without them and says so
 * in their place: a build that fails is told and stops nobody.
 */
export async function preparePages() {
  if (arePagesBuilt()) return;
  await withLock(async () => {
    if (arePagesBuilt()) return;
    const args = [join(ROOT, "tools", "build-web.ts")];
    const child = spawn(newNode(), args, { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
    const status = await new Promise((done) => {
      child.on("error", () => done(1));
      child.on("close", (code) => done(code));
    });
    if (status !== 0) process.stderr.write("dnd: the dashboard could not be built; see above\n");
  });
}

function arePagesBuilt() {
  const built = statSync(join(ROOT, "dist", "web", "index.html"), { throwIfNoEntry: false });
  return built !== undefined && newest(join(ROOT, "web")) <= built.mtimeMs;
}

/** When the latest of all files below a folder was written. */
function newest(folder) {
  const times = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  return Math.max(0, ...times);
}

function newNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= NODE_MAJOR_MIN) return process.execPath;
  const pinned = pinnedNode();
  if (existsSync(pinned)) return pinned;
  throw new Error(
    `Node ${NODE_MAJOR_MIN} or newer is needed, and none is packaged for ${process.platform}-${process.arch}: ` +
      `run this with it (running now: ${process.versions.node})`,
  );
}

/**
 * Goes on as `node args`: by replacing this process where the runtime can, else as its child, with signals and the
 * exit status passed through. The child has a channel to this process and ends when that breaks, so that killing
 * the launcher, however hard, ends the command as well.
 */
export function become(node, args) {
  if (typeof process.execve === "function" && process.platform !== "win32") {
    process.execve(node, [node, ...args], process.env);
  }
  const child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  return new Promise((_, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
    });
  });
}

function pinnedNode() {
  const folder = join(
    ROOT,
    "node_modules",
    `node-${process.platform.replace("32", "")}-${process.arch}`,
  );
  return join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
}

/** npm leaves a copy of what it installed: compared with the lock file it says whether anything changed since. */
function isInstalled() {
  const wanted = readPackages(join(ROOT, "package-lock.json"));
  const found = readPackages(join(ROOT, "node_modules", ".package-lock.json"));
  if (wanted === undefined) throw new Error("package-lock.json is missing or broken");
  if (found === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const other = found[path];
    // Packages for other platforms are left out; the rest must be there in the version that is locked.
    if (other === undefined) return entry.optional === true || entry.devOptional === true;
    return other.version === entry.version && other.integrity === entry.integrity;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

async function install() {
  if (isInstalled()) return;
  const major = Number(process.versions.node.split(".")[0]);
  if (major < NODE_MAJOR_TO_INSTALL_MIN) {
    throw new Error(
      `Node ${NODE_MAJOR_TO_INSTALL_MIN} or newer is needed, this is ${process.versions.node}`,
    );
  }
  const packages = readPackages(join(ROOT, "package-lock.json"));
  const total = Object.values(packages).filter((entry) => isForHere(entry)).length - 1;
  const progress = new Progress(total);
  // Under npm (`npm start`) its own script is known; elsewhere npm is on the path. `http` makes it tell each download.
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=http", "--color=false"];
  const script = process.env.npm_execpath;
  const isScript = script !== undefined && /npm-cli\.[cm]?js$/.test(script);
  const child = isScript
    ? spawn(process.execPath, [script, ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] })
    : spawn("npm", args, {
        cwd: ROOT,
        stdio: ["ignore", "pipe", "pipe"],
        shell: process.platform === "win32",
      });
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (/^npm http (fetch|cache)/.test(line)) progress.step();
      else lines.push(line);
    });
  }
  const status = await new Promise((done, reject) => {
    child.on("error", (error) => reject(new Error(`npm cannot be run: ${error.message}`)));
    child.on("close", (code) => done(code));
  });
  progress.end();
  if (status !== 0) {
    process.stderr.write(`${lines.slice(-20).join("\n")}\n`);
    throw new Error(`installing failed (npm ci, status ${status}); see above`);
  }
}

function isForHere(entry) {
  const allows = (list, value) =>
    list === undefined || [list].flat().some((item) => item === value || item === "any");
  return allows(entry.os, process.platform) && allows(entry.cpu, process.arch);
}

/** How far the downloads are: one line that is rewritten on a terminal, a line each quarter elsewhere. */
class Progress {
  #total;
  #done = 0;
  #shownQuarter = 0;

  constructor(total) {
    this.#total = total;
    process.stderr.write(
      `dnd: first start, installing ${total} packages into ${join(ROOT, "node_modules")}\n`,
    );
  }

  step() {
    this.#done = Math.min(this.#done + 1, this.#total);
    const quarter = Math.floor((4 * this.#done) / this.#total);
    if (process.stderr.isTTY) {
      const filled = Math.round((30 * this.#done) / this.#total);
      const bar = "█".repeat(filled) + "░".repeat(30 - filled);
      process.stderr.write(`\rdnd: ${bar} ${this.#done}/${this.#total}`);
    } else if (quarter > this.#shownQuarter) {
      this.#shownQuarter = quarter;
      process.stderr.write(`dnd: installed ${this.#done} of ${this.#total}\n`);
    }
  }

  end() {
    process.stderr.write(process.stderr.isTTY ? "\r\x1b[K" : "");
  }
}

/** Two commands started at once in a fresh checkout must not install, or build, over one another. */
async function withLock(action) {
  const lock = join(ROOT, ".setup-lock");
  let isWaiting = false;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isAbandoned(lock)) {
      rmSync(lock, { recursive: true, force: true });
      continue;
    }
    if (!isWaiting)
      process.stderr.write("dnd: another process is setting this checkout up, waiting for it\n");
    isWaiting = true;
    await new Promise((done) => setTimeout(done, LOCK_POLL_MS));
  }
  try {
    writeFileSync(join(lock, "pid"), String(process.pid));
    await action();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function isAbandoned(lock) {
  try {
    const pid = Number(readFileSync(join(lock, "pid"), "utf8"));
    process.kill(pid, 0);
    return false;
  } catch (error) {
    if (error.code === "EPERM") return false;
    if (error.code === "ESRCH") return true;
  }
  try {
    return Date.now() - statSync(lock).mtimeMs > LOCK_STALE_MS;
  } catch {
    // It went away in between: the next attempt takes it.
    return false;
  }
}

/** Whether this file is what was started, also through a symbolic link: modules are known by their real path. */
function isMain(started) {
  if (started === undefined || !existsSync(started)) return false;
  return import.meta.url === pathToFileURL(realpathSync(started)).href;
}

if (isMain(process.argv[1])) {
  const [script, ...args] = process.argv.slice(2);
  prepare()
    .then((node) => (script === undefined ? undefined : become(node, [script, ...args])))
    .catch((error) => {
      process.stderr.write(`dnd: ${error instanceof Error ? error.message : error}\n`);
      process.exitCode = 1;
    });
}
