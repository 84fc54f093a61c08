/**
 * Begins the golden files of formats that have none, in test/golden/files. What is there is never written again: a format that
 * has changed gets a new name, or a new version (docs/upgrading.md).
 *
 *   node tools/golden.ts
 */
import { FORMATS } from "../test/golden/formats.ts";
import { beginGolden, hasGolden } from "../test/golden/golden-files.ts";

for (const format of FORMATS) {
  if (hasGolden(format.name)) continue;
  beginGolden(format);
  console.log(`begun: ${format.name}`);
}
