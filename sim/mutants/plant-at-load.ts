/** Plants a bug in this process. It must be called before the first source is loaded: what is loaded stays as it is. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { type Mutant, plant } from "./mutant.ts";

const ROOT = new URL("../../", import.meta.url);

/** Tells, when it is asked, whether the file was loaded since. */
export function plantAtLoad(mutant: Mutant): () => boolean {
  const target = new URL(mutant.file, ROOT).href;
  let isPlanted = false;
  registerHooks({
    load(url, context, nextLoad) {
      if (url !== target) return nextLoad(url, context);
      const source = plant(mutant, readFileSync(fileURLToPath(url), "utf8"));
      isPlanted = true;
      return { format: "module-typescript", source, shortCircuit: true };
    },
  });
  return () => isPlanted;
}
