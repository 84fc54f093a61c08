/** The browser of the browser tests: Debian's Chromium, installed where it is missing and that is possible, else told. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const ADVICE =
  "install it once: apt-get install chromium (as root), or name another by DND_TEST_CHROMIUM";

/** The path of a Chromium; an error says how to get one. */
export function needChromium(): string {
  const given = process.env["DND_TEST_CHROMIUM"];
  if (given !== undefined && existsSync(given)) return given;
  const found = findProgram();
  if (found !== undefined) return found;
  if (!existsSync("/usr/bin/apt-get") || process.getuid?.() !== 0) {
    throw new Error(`the browser tests need Chromium; ${ADVICE}`);
  }
  console.log("installing Debian's package chromium");
  apt("-q", "update");
  apt("-q", "-y", "--no-install-recommends", "install", "chromium", "fonts-dejavu-core");
  const installed = findProgram();
  if (installed === undefined) throw new Error(`there is no Chromium after all; ${ADVICE}`);
  return installed;
}

function findProgram(): string | undefined {
  return PROGRAMS.find((path) => existsSync(path));
}

function apt(...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  const { status, stdout, stderr } = spawnSync("apt-get", args, { env, encoding: "utf8" });
  if (status !== 0) throw new Error(`apt-get ${args.at(-1)} failed; ${ADVICE}\n${stdout}${stderr}`);
}
