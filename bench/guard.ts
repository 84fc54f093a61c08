/**
 * `npm run bench:guard`: is the working tree slower than the release before?
 *
 *   npm run bench:guard                          at least five pairs a load, each of nodes started for it: four minutes
 *   npm run bench:guard -- --pairs 9 --seconds 3
 *   npm run bench:guard -- --against COMMIT      instead of the last tag, or else the merge base
 *
 * Both run side by side, and what is compared is CPU seconds per request of all nodes together, which depends least on what else the
 * machine does. Exit status 1 only where an interval lies below -15 % as a whole: decision 0017.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Prng } from "../src/base/prng.ts";
import { comparePairs } from "./guard/pairs.ts";
import { checkOut, previousRelease } from "./guard/release.ts";
import { CHANGE_MIN, verdict } from "./guard/verdict.ts";
import { Generators } from "./load/generators.ts";
import { OWN_TREE } from "./systems/bench-node.ts";

const RESULTS = fileURLToPath(new URL("results/", import.meta.url));
const PAIRS_MIN = 5;
const SEED = 1;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pairs: { type: "string", default: String(PAIRS_MIN) },
      seconds: { type: "string", default: "1.5" },
      against: { type: "string" },
    },
  });
  const pairs = Number(values.pairs);
  const ms = Number(values.seconds) * 1_000;
  if (!Number.isInteger(pairs) || pairs < PAIRS_MIN)
    throw new Error(`--pairs is ${PAIRS_MIN} or more`);
  if (!(ms > 0)) throw new Error("--seconds is a number above 0");

  await mkdir(RESULTS, { recursive: true });
  const directory = await mkdtemp(join(RESULTS, "guard-"));
  const release = previousRelease(OWN_TREE, values.against);
  note(`before: ${release.name}, ${release.commit.slice(0, 12)}`);
  const tree = checkOut(OWN_TREE, release.commit, directory);
  const generators = new Generators();
  try {
    const compared = await comparePairs({
      before: tree.path,
      now: OWN_TREE,
      directory,
      pairs,
      ms,
      generators,
      generatorCount: 2,
      note,
    });
    const random = new Prng(SEED);
    const found = compared.map((one) => ({ ...one, ...verdict(one.pairs, random) }));
    console.log("requests per CPU second, now by before: change, and where it lies 19 times in 20");
    for (const { name, change, low, high, isRegression } of found) {
      const words = isRegression ? `  WORSE than ${percent(CHANGE_MIN)}` : "";
      console.log(
        `${name.padEnd(44)} ${percent(change).padStart(9)}  ${percent(low)} .. ${percent(high)}${words}`,
      );
    }
    if (found.some(({ isRegression }) => isRegression)) process.exitCode = 1;
  } finally {
    await generators.close();
    tree.remove();
    await rm(directory, { recursive: true, force: true });
  }
}

function percent(share: number): string {
  return `${share >= 0 ? "+" : ""}${(share * 100).toFixed(1)} %`;
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main();
