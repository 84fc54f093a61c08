/**
 * `npm run build`: the package as it is published, in `dist/` (decision 0022).
 *
 * The program and what it is made of are bundled: whoever installs it gets this package, LevelDB's binding and nothing
 * else. Beside it the declarations that the entry needs, the launcher, the dashboard's files (`web`), the documentation,
 * the licences of what is inside, and a package.json without what only a checkout needs. Then
 * publint looks at it as a stranger would.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type OutputChunk, rolldown } from "rolldown";
import { buildWeb } from "./build-web.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT_DEFAULT = join(ROOT, "dist");
const ENTRIES = { index: "src/index.ts", "cli/main": "src/cli/main.ts" };
/** Installed beside the package, because it is no JavaScript: a binary for each platform. */
const EXTERNAL = ["classic-level"];
const COPIED = [
  "bin/dnd",
  "bin/package.json",
  "LICENSE",
  "README.md",
  "CHANGELOG.md",
  "deploy",
  "docs",
  "examples",
];
/** A megabyte that nobody looks at in a folder of dependencies. */
const PICTURES = join(ROOT, "docs", "images");
const LICENCE_NAMES = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license"];
const MIT_TEXT_MISSING = "Its package names the MIT licence and carries no copy of it.";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Writes the package to `out`, whose former content goes. */
export async function buildPackage(out: string): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const program = await bundle(out);
  const pages = await buildWeb(join(out, "web"));
  const moduleIds = [...program.flatMap((chunk) => chunk.moduleIds), ...pages];
  writeFileSync(join(out, "THIRD-PARTY-LICENSES.txt"), licences(moduleIds));
  writeDeclarations(join(out, "types"));
  const filter = (source: string): boolean => source !== PICTURES;
  for (const path of COPIED) cpSync(join(ROOT, path), join(out, path), { recursive: true, filter });
  const root = readManifest(join(ROOT, "package.json"));
  writeFileSync(join(out, "package.json"), `${JSON.stringify(publishedManifest(root), null, 2)}\n`);
}

async function bundle(out: string): Promise<readonly OutputChunk[]> {
  const build = await rolldown({
    cwd: ROOT,
    input: ENTRIES,
    platform: "node",
    external: EXTERNAL,
    // An import that is not found must fail here, not where the package is installed.
    onLog: (level, log) => {
      if (level !== "debug" && level !== "info") throw new Error(log.message);
    },
  });
  try {
    const { output } = await build.write({
      dir: out,
      format: "esm",
      entryFileNames: "[name].js",
      chunkFileNames: "chunks/[name]-[hash].js",
    });
    return output.filter((part) => part.type === "chunk");
  } finally {
    await build.close();
  }
}

/** What the licences of bundled packages ask for: their text goes along. */
function licences(moduleIds: readonly string[]): string {
  const folders = new Set<string>();
  for (const id of moduleIds) {
    const match = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(id);
    if (match?.[1] !== undefined) folders.add(match[1]);
  }
  const parts = [...folders].sort().map((folder) => {
    const { name, version, license } = readManifest(join(folder, "package.json"));
    const file = LICENCE_NAMES.map((each) => join(folder, each)).find((path) => existsSync(path));
    if (file === undefined && license !== "MIT")
      throw new Error(`${name} is bundled, is ${license}, and has no licence file`);
    const text = file === undefined ? MIT_TEXT_MISSING : readFileSync(file, "utf8").trim();
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return `The program contains parts of these packages.\n\n${parts.join(`\n${"-".repeat(80)}\n\n`)}`;
}

/** The declarations that the entry needs, and none of the others. */
function writeDeclarations(out: string): void {
  const all = mkdtempSync(join(tmpdir(), "dnd-declarations-"));
  try {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    node(tsc, "-p", "tsconfig.build.json", "--outDir", all);
    const waiting = [join(all, "index.d.ts")];
    // A set may grow while it is walked: what is added is visited as well.
    const found = new Set(waiting);
    for (const path of found) {
      const text = readFileSync(path, "utf8");
      for (const [, target = ""] of text.matchAll(/(?:from |import\()"(\.[^"]*)\.ts"/g)) {
        found.add(join(dirname(path), `${target}.d.ts`));
      }
      const target = join(out, relative(all, path));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text.replaceAll(/((?:from |import\()"\.[^"]*)\.ts"/g, '$1.js"'));
    }
  } finally {
    rmSync(all, { recursive: true, force: true });
  }
}

function publishedManifest(root: Manifest): Record<string, unknown> {
  const external = EXTERNAL.map((name) => [name, root.dependencies[name]]);
  return {
    name: root.name,
    version: root.version,
    description: root.description,
    keywords: ["key-value", "database", "dynamo", "masterless", "replication", "redis", "crdt"],
    license: root.license,
    type: "module",
    engines: { node: ">=24" },
    bin: { dnd: "bin/dnd" },
    exports: {
      ".": { types: "./types/index.d.ts", default: "./index.js" },
      "./package.json": "./package.json",
    },
    dependencies: Object.fromEntries(external),
  };
}

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, "utf8")) as Manifest;
}

function node(...args: string[]): void {
  execFileSync(process.execPath, args, { cwd: ROOT, stdio: "inherit" });
}

if (import.meta.main) {
  await buildPackage(OUT_DEFAULT);
  const publint = join(ROOT, "node_modules/publint/src/cli.js");
  node(publint, "run", OUT_DEFAULT, "--strict", "--pack", "npm");
  console.log(`built .${sep}${relative(ROOT, OUT_DEFAULT)}`);
}
