/**
 * The dashboard's files as they were built: found in a checkout (`dist/web`) and in the published package (`web`), read once,
 * and kept in memory.
 *
 * Invariant: only files that were there when the folder was read are served, whatever a path says; a page may load scripts and
 * styles of this very node and talk to it, and nothing else (decision 0018).
 */
import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer } from "../../protocol/http/answer.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** In a checkout this file is in `src/adapters/http`, in the package it is bundled into a chunk in `chunks` or `cli`, or at the top. */
const FOLDERS = ["../../../dist/web", "../web", "web"].map((path) => join(HERE, path));

const PAGE = "/index.html";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE_HEADERS = [
  "Content-Security-Policy",
  POLICY,
  "X-Content-Type-Options",
  "nosniff",
  "Referrer-Policy",
  "no-referrer",
  "Cross-Origin-Opener-Policy",
  "same-origin",
  "Cross-Origin-Resource-Policy",
  "same-origin",
];

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>dnd</title>
<h1>The dashboard is not built</h1>
<p>This node runs; only its pages are missing. In a checkout <code>npm run build:web</code> builds them; then reload.</p>
<p>Everything else is here: <a href="/cluster">/cluster</a>, <a href="/metrics">/metrics</a>, <a href="/openapi.json">/openapi.json</a>.</p>
</html>
`;

export class DashboardAssets {
  readonly #folders: readonly string[];
  #files: ReadonlyMap<string, Answer> = new Map();
  /** When the page that was read was written. */
  #builtMs = Number.NaN;

  constructor(folders: readonly string[] = FOLDERS) {
    this.#folders = folders;
  }

  /** The page itself, or one that says how to get it. Built anew, it is read anew: no restart for it. */
  page(): Answer {
    const folder = this.#folders.find((each) => writtenMs(each) !== undefined);
    if (folder === undefined) return notBuilt();
    const builtMs = writtenMs(folder);
    if (builtMs !== this.#builtMs) {
      this.#files = filesIn(folder);
      this.#builtMs = builtMs ?? Number.NaN;
    }
    return this.#files.get(PAGE) ?? notBuilt();
  }

  /** `path` as in the request target, from the root. There are none before the page was asked for. */
  file(path: string): Answer | undefined {
    if (this.#files.size === 0) this.page();
    return this.#files.get(path);
  }
}

function writtenMs(folder: string): number | undefined {
  return statSync(join(folder, PAGE), { throwIfNoEntry: false })?.mtimeMs;
}

function notBuilt(): Answer {
  const headers = [
    "Content-Type",
    TYPES[".html"] ?? "",
    "Cache-Control",
    "no-store",
    ...PAGE_HEADERS,
  ];
  return { status: 503, headers, body: NOT_BUILT };
}

function filesIn(folder: string): ReadonlyMap<string, Answer> {
  const files = new Map<string, Answer>();
  for (const entry of entriesOf(folder)) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(folder, file).split(sep).join("/")}`;
    // Names of assets carry a hash of what is in them.
    const isForEver = path.startsWith("/assets/");
    const caching = isForEver ? "public, max-age=31536000, immutable" : "no-cache";
    const headers = [
      "Content-Type",
      type,
      "Cache-Control",
      caching,
      "Vary",
      "Accept",
      ...PAGE_HEADERS,
    ];
    files.set(path, { status: 200, headers, body: readFileSync(file) });
  }
  return files;
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
}
