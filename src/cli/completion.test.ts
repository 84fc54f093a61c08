/** Completion by the shells themselves: bash is everywhere these tests run on Linux; zsh and fish where they are installed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { completionScript, SHELLS, type Shell } from "./completion.ts";
import { createProgram } from "./program.ts";
import { optionChoices } from "./settings.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "dnd-completion-"));
  for (const shell of SHELLS)
    writeFileSync(
      join(folder, `dnd.${shell}`),
      completionScript(shell, createProgram(), optionChoices()),
    );
  writeFileSync(join(folder, "some file.ndjson"), "");
  mkdirSync(join(folder, "some folder"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function has(shell: Shell): boolean {
  return spawnSync(shell, ["-c", "exit"]).status === 0;
}

function run(shell: Shell, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(shell, args, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  return stdout;
}

/** What bash offers for the last of these words. */
function offered(...words: readonly string[]): readonly string[] {
  const text = `source dnd.bash; COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
    COMP_CWORD=${words.length - 1}; _dnd; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run("bash", ["--norc", "-c", text]).trimEnd().split("\n");
}

test("bash completes every command and every option that the program has", {
  skip: !has("bash"),
}, () => {
  const program = createProgram();
  const names = program.commands.map((command) => command.name());
  assert.deepEqual(
    offered("dnd", "")
      .filter((word) => !word.startsWith("-"))
      .sort(),
    [...names, "help"].sort(),
  );
  for (const command of program.commands) {
    const flags = command.options
      .flatMap(({ long, short }) => [long, short])
      .filter((flag) => flag);
    assert.deepEqual(
      offered("dnd", command.name(), "-").toSorted((a, b) => (a < b ? -1 : 1)),
      [...flags, "--help", "-h"].toSorted((a, b) => ((a ?? "") < (b ?? "") ? -1 : 1)),
    );
  }
});

test("bash completes beginnings, values of which there are some, shells and files", {
  skip: !has("bash"),
}, () => {
  assert.deepEqual(offered("dnd", "sta"), ["start", "status"]);
  assert.deepEqual(offered("dnd", "start", "--durability", ""), ["fsync", "os", "memory"]);
  assert.deepEqual(offered("dnd", "start", "--log-level", "w"), ["warn"]);
  assert.deepEqual(offered("dnd", "start", "--port", ""), [""]);
  assert.deepEqual(offered("dnd", "completion", ""), [...SHELLS]);
  assert.deepEqual(offered("dnd", "import", "some fi"), ["some file.ndjson"]);
  assert.deepEqual(offered("dnd", "backup", "some"), ["some folder"]);
  assert.deepEqual(offered("dnd", "start", "--config", "dnd.b"), ["dnd.bash"]);
});

test("zsh takes the script", { skip: !has("zsh") }, () => {
  const text =
    "autoload -Uz compinit && compinit -D -u && source ./dnd.zsh && print -r -- $_comps[dnd]";
  assert.equal(run("zsh", ["-f", "-c", text]), "_dnd\n");
});

test("fish completes commands, options and values", { skip: !has("fish") }, () => {
  const complete = (line: string): readonly string[] =>
    run("fish", ["--no-config", "-c", `source dnd.fish; complete -C "${line}"`])
      .trimEnd()
      .split("\n")
      .map((found) => found.split("\t")[0] ?? "");
  assert.deepEqual(complete("dnd sta"), ["start", "status"]);
  assert.deepEqual(complete("dnd start --durability "), ["fsync", "memory", "os"]);
  assert.ok(complete("dnd top --").includes("--interval"));
  assert.deepEqual(complete("dnd completion f"), ["fish"]);
});

test("a quote in a description does not end it", { skip: !has("bash") }, () => {
  const program = createProgram();
  program.command("odd").description("what's there, $(touch owned) `touch owned`");
  for (const shell of SHELLS.filter(has)) {
    writeFileSync(join(folder, `odd.${shell}`), completionScript(shell, program, new Map()));
    if (shell === "bash") run(shell, ["-n", "odd.bash"]);
    else if (shell === "zsh") run(shell, ["-f", "-n", "odd.zsh"]);
    else run(shell, ["--no-config", "-n", "odd.fish"]);
  }
});
