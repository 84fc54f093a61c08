/** The pages that a stranger reads: the README and what lies in `docs/` itself. */
import { readdirSync } from "node:fs";
import { blocksOf, noteText } from "./markdown-blocks.ts";

const ROOT = new URL("../../", import.meta.url);

export interface Page {
  /** From the root of the checkout. */
  readonly name: string;
  readonly url: URL;
}

export const PAGES: readonly Page[] = [
  "README.md",
  ...readdirSync(new URL("docs/", ROOT))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
    .sort(),
].map((name) => ({ name, url: new URL(name, ROOT) }));

/** Whether there is anything to run. */
export function hasCommands(markdown: string): boolean {
  return blocksOf(markdown).some(
    (block) =>
      (block.language === "sh" || block.language === "console") &&
      noteText(block, "not run") === undefined,
  );
}
