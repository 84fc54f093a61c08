/** What was measured where: enough to tell two runs apart. */
import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { findProgram } from "../processes/program.ts";

const GIB = 1_024 ** 3;

export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpus: string;
  readonly memory: string;
  readonly kernel: string;
  readonly versions: readonly string[];
}

export function describeMachine(): Machine {
  const [first] = cpus();
  return {
    date: new Date().toISOString(),
    commit: output("git", ["describe", "--always", "--dirty", "--tags"]),
    cpus: `${cpus().length} x ${first?.model ?? "unknown"}`,
    memory: `${(totalmem() / GIB).toFixed(0)} GiB`,
    kernel: release(),
    versions: [
      `Node ${process.version}`,
      output(findProgram("redis-server"), ["--version"]),
      output(findProgram("etcd"), ["--version"]),
    ].filter(Boolean),
  };
}

/** The first line of what a program says, or nothing. */
function output(program: string | undefined, args: readonly string[]): string {
  if (program === undefined) return "";
  try {
    const cwd = fileURLToPath(new URL(".", import.meta.url));
    return execFileSync(program, [...args], { cwd, encoding: "utf8" }).split("\n")[0] ?? "";
  } catch {
    return "";
  }
}
