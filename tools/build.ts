/**
 * `npm run build`: the package as it is published, in `dist/`: compiled JavaScript with declarations, the launcher,
 * and a package.json of its own without what only a checkout needs. Then publint looks at it as a stranger would.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = join(ROOT, "dist");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

function node(...args: string[]): void {
  execFileSync(process.execPath, args, { cwd: ROOT, stdio: "inherit" });
}

function publishedManifest(root: Manifest): Record<string, unknown> {
  return {
    name: root.name,
    version: root.version,
    description: root.description,
    license: root.license,
    type: "module",
    engines: { node: ">=24" },
    bin: { dnd: "bin/dnd" },
    exports: { ".": { types: "./index.d.ts", default: "./index.js" } },
    dependencies: root.dependencies,
  };
}

rmSync(OUT, { recursive: true, force: true });
node(join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json");
mkdirSync(join(OUT, "bin"), { recursive: true });
for (const file of ["bin/dnd", "bin/package.json", "LICENSE", "README.md", "CHANGELOG.md"]) {
  cpSync(join(ROOT, file), join(OUT, file));
}
const root = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
writeFileSync(join(OUT, "package.json"), `${JSON.stringify(publishedManifest(root), null, 2)}\n`);
node(join(ROOT, "node_modules/publint/src/cli.js"), "run", OUT, "--strict", "--pack", "npm");
console.log(`built ${OUT}`);
