/**
 * `npm run build:web`: the dashboard, from `web/` into `dist/web`, where a node of this checkout finds it. Every start in a checkout
 * runs this when it is missing or older than its sources (`tools/setup.mjs`).
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT_DEFAULT = join(ROOT, "dist", "web");

/** Writes the pages to `out`, whose former content goes; answers with the files they were made from. */
export async function buildWeb(out: string): Promise<readonly string[]> {
  const built = await build({
    configFile: false,
    root: join(ROOT, "web"),
    logLevel: "warn",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir: out,
      emptyOutDir: true,
      target: "es2023",
      // The page's policy allows no data: addresses, and one file of each kind is quick enough.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  });
  if (!("output" in built)) throw new Error("Vite was asked for one output");
  return built.output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
}

if (import.meta.main) await buildWeb(OUT_DEFAULT);
