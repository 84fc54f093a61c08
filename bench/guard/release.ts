/** The release before: the last tag, or where this branch left the main one; checked out beside the working tree. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

export interface Release {
  readonly name: string;
  readonly commit: string;
}

const MAIN_BRANCHES = ["origin/main", "main"];

/** @param given A commit, tag or branch to take instead. */
export function previousRelease(root: string, given: string | undefined): Release {
  if (given !== undefined) return { name: given, commit: commitOf(root, given) };
  const tag = tryGit(root, ["describe", "--tags", "--abbrev=0"]);
  if (tag !== undefined) return { name: `tag ${tag}`, commit: commitOf(root, tag) };
  for (const branch of MAIN_BRANCHES) {
    const base = tryGit(root, ["merge-base", "HEAD", branch]);
    if (base !== undefined) return { name: `merge base with ${branch}`, commit: base };
  }
  throw new Error("no tag and no main branch: name what to compare with, --against COMMIT");
}

/** A checked-out commit that shares the installed packages; `remove` takes it away again. */
export function checkOut(root: string, commit: string, folder: string) {
  const path = join(mkdtempSync(join(folder, "release-")), "tree");
  git(root, ["worktree", "add", "--detach", "--quiet", path, commit]);
  symlinkSync(join(root, "node_modules"), join(path, "node_modules"));
  const remove = (): void => {
    git(root, ["worktree", "remove", "--force", path]);
    rmSync(join(path, ".."), { recursive: true, force: true });
  };
  return { path, remove };
}

function commitOf(root: string, name: string): string {
  return git(root, ["rev-parse", "--verify", `${name}^{commit}`]);
}

function tryGit(root: string, args: readonly string[]): string | undefined {
  try {
    return git(root, args);
  } catch {
    return undefined;
  }
}

function git(root: string, args: readonly string[]): string {
  return execFileSync("git", [...args], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}
