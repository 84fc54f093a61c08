/** Programs of other versions than this one, each in a folder of its own that shares the installed packages. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkOut, previousRelease } from "../../bench/guard/release.ts";
import { WIRE_VERSION, WIRE_VERSION_LEAST } from "../../src/model/peer-message.ts";
import type { Program } from "./real-cluster.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MESSAGES = join("src", "model", "peer-message.ts");

export interface Version {
  readonly name: string;
  readonly program: Program;
  readonly remove: () => void;
}

function programIn(folder: string): Program {
  return [process.execPath, join(folder, "bin", "dnd")];
}

/** The release before, where there is one to be had that can live beside this version; `undefined` else, and why. */
export function formerVersion(): Version | string {
  try {
    const { name, commit } = previousRelease(ROOT, undefined);
    const folder = mkdtempSync(join(tmpdir(), "dnd-former-"));
    const tree = checkOut(ROOT, commit, folder);
    const remove = (): void => {
      tree.remove();
      rmSync(folder, { recursive: true, force: true });
    };
    const source = readFileSync(join(tree.path, MESSAGES), "utf8");
    const greatest = constantIn(source, "WIRE_VERSION");
    if (greatest >= WIRE_VERSION_LEAST) return { name, program: programIn(tree.path), remove };
    remove();
    return `${name} speaks wire version ${greatest}, this one ${WIRE_VERSION_LEAST} and later`;
  } catch (error) {
    return `there is no former version to be had: ${(error as Error).message.split("\n")[0]}`;
  }
}

/** This program, saying that it speaks one wire version more. */
export function nextVersion(): Version {
  const folder = mkdtempSync(join(tmpdir(), "dnd-next-"));
  for (const part of [
    "src",
    "bin",
    "tools",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
  ]) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "dist"), { recursive: true });
  const path = join(folder, MESSAGES);
  const source = readFileSync(path, "utf8");
  const line = `export const WIRE_VERSION = ${WIRE_VERSION};`;
  if (!source.includes(line)) throw new Error(`${MESSAGES} does not say "${line}"`);
  writeFileSync(path, source.replace(line, `export const WIRE_VERSION = ${WIRE_VERSION + 1};`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  return { name: `wire version ${WIRE_VERSION + 1}`, program: programIn(folder), remove };
}

function constantIn(source: string, name: string): number {
  return Number(new RegExp(`^export const ${name} = (\\d+);$`, "m").exec(source)?.[1]);
}
