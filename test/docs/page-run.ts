/**
 * Runs a page of the documentation as its reader would: block by block, against real processes, in a folder that looks
 * like a fresh checkout, and compares what is printed with what the page says is printed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { type BasePorts, freePorts } from "../integration/real-cluster.ts";
import { commandToRun, DOCUMENTED_PORTS_COUNT, toDocument, toRun } from "./documented-ports.ts";
import {
  type Block,
  blocksOf,
  commandsOf,
  noteText,
  type PrintedCommand,
} from "./markdown-blocks.ts";
import { type Bindings, matchOutput, withBindings } from "./printed-output.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What of a checkout is used by what its documentation prints. */
const LINKED = [
  "bin",
  "src",
  "tools",
  "node_modules",
  "package.json",
  "package-lock.json",
  "examples",
];
/** What is in front of the path. */
const TERMINAL = ".terminal";
const COMMAND_MS_MAX = 60_000;
const APPEAR_MS_MAX = 120_000;
/** Of an output that is not as expected. */
const SHOWN_CHARACTERS_MAX = 4_000;
const POLL_MS = 100;
const TRY_AGAIN_MS = 500;
/** Says that it takes requests, whichever command it is. */
const READY = /\bready\b|sessions at/;

export interface PageReport {
  readonly commandCount: number;
  /** Reasons. */
  readonly notRun: readonly string[];
  /** Programs that are not installed. */
  readonly missing: readonly string[];
}

export async function runPage(markdown: string): Promise<PageReport> {
  const run = await PageRun.create();
  try {
    for (const block of blocksOf(markdown)) await run.block(block);
    return run.report();
  } finally {
    await run.close();
  }
}

class PageRun {
  readonly #folder: string;
  readonly #ports: BasePorts;
  readonly #going: Going[] = [];
  readonly #notRun: string[] = [];
  readonly #missing: string[] = [];
  #bindings: Bindings = new Map();
  #commandCount = 0;

  private constructor(folder: string, ports: BasePorts) {
    this.#folder = folder;
    this.#ports = ports;
  }

  static async create(): Promise<PageRun> {
    const folder = await mkdtemp(join(tmpdir(), "dnd-docs-"));
    for (const name of LINKED) await symlink(join(ROOT, name), join(folder, name));
    await playTerminal(folder);
    return new PageRun(folder, await freePorts(DOCUMENTED_PORTS_COUNT));
  }

  report(): PageReport {
    return { commandCount: this.#commandCount, notRun: this.#notRun, missing: this.#missing };
  }

  async block(block: Block): Promise<void> {
    const file = noteText(block, "file");
    const reason = noteText(block, "not run");
    const program = noteText(block, "needs");
    const stopped = noteText(block, "Ctrl-C");
    if (stopped !== undefined) await this.#interrupt(stopped, block);
    else if (file !== undefined)
      await writeFile(join(this.#folder, file), `${toRun(block.text, this.#ports)}\n`);
    else if (block.language !== "sh" && block.language !== "console") return;
    else if (reason !== undefined) this.#notRun.push(reason);
    else if (program !== undefined && pathOf(program) === undefined) this.#missing.push(program);
    else await this.#commands(block);
  }

  async #commands(block: Block): Promise<void> {
    const commands: readonly PrintedCommand[] =
      block.language === "console" ? commandsOf(block) : [{ command: block.text, printed: [] }];
    for (const printed of commands) {
      this.#commandCount += 1;
      const goesOn = noteText(block, "goes on") !== undefined && printed === commands.at(-1);
      try {
        await (goesOn ? this.#goOn(printed, block) : this.#once(printed, block));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`line ${block.line}: ${printed.command}\n${reason}`, { cause: error });
      }
    }
  }

  /** Runs it to its end; again and again where the page says so. */
  async #once(printed: PrintedCommand, block: Block): Promise<void> {
    const isRepeated = noteText(block, "until it prints this") !== undefined;
    const status = Number(noteText(block, "exit") ?? 0);
    const endMs = performance.now() + APPEAR_MS_MAX;
    for (;;) {
      const shell = this.#shell(printed.command);
      const timer = setTimeout(() => shell.end("SIGKILL"), COMMAND_MS_MAX);
      const code = await shell.ended;
      clearTimeout(timer);
      const bindings = this.#compared(printed, block, shell);
      if (bindings !== undefined && code === status) {
        this.#bindings = bindings;
        return;
      }
      if (isRepeated && performance.now() < endMs) {
        await wait(TRY_AGAIN_MS);
        continue;
      }
      const said = this.#shown(shell.output);
      assert.equal(code, status, `its status; it printed\n${said}`);
      assert.fail(`it printed\n${said}\nand not\n${printed.printed.join("\n")}`);
    }
  }

  /** Runs it beside what follows, which waits until it has printed what the page prints, or is ready. */
  async #goOn(printed: PrintedCommand, block: Block): Promise<void> {
    const shell = this.#shell(printed.command);
    this.#going.push({ command: printed.command, shell });
    const endMs = performance.now() + APPEAR_MS_MAX;
    for (;;) {
      const bindings =
        block.language === "console"
          ? this.#compared(printed, block, shell)
          : READY.test(shell.output)
            ? this.#bindings
            : undefined;
      if (bindings !== undefined) {
        this.#bindings = bindings;
        return;
      }
      const said = this.#shown(shell.output);
      assert.equal(shell.status, undefined, `it ended, and had printed\n${said}`);
      assert.ok(performance.now() < endMs, `it printed only\n${said}`);
      await wait(POLL_MS);
    }
  }

  #shown(output: string): string {
    return toDocument(output, this.#ports).slice(0, SHOWN_CHARACTERS_MAX);
  }

  #compared({ printed }: PrintedCommand, block: Block, shell: Shell): Bindings | undefined {
    if (block.language !== "console") return this.#bindings;
    const varying = (noteText(block, "varies") ?? "").split(" | ").filter((text) => text !== "");
    const isAnyOrder = noteText(block, "any order") !== undefined;
    const expectation = { printed, varying, isAnyOrder };
    // A page may leave out what is logged beside the answer, but not a part of the answer.
    for (const text of [shell.output, shell.answer]) {
      const bindings = matchOutput(expectation, toDocument(text, this.#ports), this.#bindings);
      if (bindings !== undefined) return bindings;
    }
    return undefined;
  }

  #shell(command: string): Shell {
    const text = withBindings(command, this.#bindings, (each) => commandToRun(each, this.#ports));
    const env = {
      ...process.env,
      PATH: [join(this.#folder, TERMINAL), dirname(process.execPath), process.env["PATH"]].join(
        delimiter,
      ),
      DND_NODE: `http://127.0.0.1:${this.#ports.serverPort}`,
      NO_COLOR: "1",
      CURL_HOME: this.#folder,
    };
    return new Shell(text, this.#folder, env);
  }

  async #interrupt(command: string, block: Block): Promise<void> {
    const index = this.#going.findLastIndex((each) => each.command === command);
    const [going] = index === -1 ? [] : this.#going.splice(index, 1);
    assert.ok(going !== undefined, `line ${block.line}: "${command}" does not go on`);
    going.shell.end("SIGINT");
    await going.shell.ended;
  }

  async close(): Promise<void> {
    for (const { shell } of this.#going) {
      shell.end("SIGKILL");
      await shell.ended;
    }
    const options = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 };
    await rm(this.#folder, options);
  }
}

interface Going {
  readonly command: string;
  readonly shell: Shell;
}

/** A shell in a process group of its own, as a terminal would have it. */
class Shell {
  /** Stdout and stderr, as a terminal shows them. */
  output = "";
  /** Stdout alone. */
  answer = "";
  status: number | undefined;
  readonly ended: Promise<number>;
  readonly #process: ChildProcess;

  constructor(command: string, cwd: string, env: NodeJS.ProcessEnv) {
    this.#process = spawn("bash", ["-e", "-o", "pipefail", "-c", command], {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += stripVTControlCharacters(text);
      });
    }
    this.#process.stdout?.on("data", (text: string) => {
      this.answer += stripVTControlCharacters(text);
    });
    this.ended = new Promise((resolve) => {
      this.#process.on("close", (code) => {
        this.status = code ?? -1;
        resolve(this.status);
      });
    });
  }

  end(signal: NodeJS.Signals): void {
    if (this.#process.pid === undefined || this.status !== undefined) return;
    process.kill(-this.#process.pid, signal);
  }
}

/** Programs that print otherwise where no terminal is are told to print as on one. */
async function playTerminal(folder: string): Promise<void> {
  await writeFile(join(folder, ".curlrc"), "silent\nshow-error\n");
  const redis = pathOf("redis-cli");
  if (redis === undefined) return;
  await mkdir(join(folder, TERMINAL));
  const script = `#!/bin/sh\nexec ${redis} --no-raw "$@"\n`;
  await writeFile(join(folder, TERMINAL, "redis-cli"), script, { mode: 0o755 });
}

/** Where a program is installed; `undefined`: nowhere. */
export function pathOf(program: string): string | undefined {
  try {
    const args = ["-c", 'command -v "$0"', program];
    return execFileSync("bash", args, { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  for (const path of process.argv.slice(2)) {
    try {
      console.log(path, await runPage(await readFile(path, "utf8")));
    } catch (error) {
      console.error(path, error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  }
}
