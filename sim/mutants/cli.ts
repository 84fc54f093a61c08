/**
 * `npm run sim:mutants`: plants one bug after another and says which invariant found it, and at which seed.
 *
 *   --only NAME[,NAME]  just these            --seeds N  seeds tried at most, each (default 2000)
 *   --from N            the first seed        --jobs J   bugs hunted at once (default: one per core)
 *   --tries N           seeds run at most, each; those that cannot show a bug are passed over and not counted
 *   --recorded          only those with a recorded seed, from that seed on: for CI
 *   --record            writes what was found to recorded-seeds.json
 *   --tests             those that the mix does not show, each under the test that goes red with it
 *   --list              names and what they break
 *
 * Exit status 0 only if every bug was found.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { MUTANTS } from "./catalogue.ts";
import { type Found, hunt, Subject } from "./hunt.ts";
import type { Mutant } from "./mutant.ts";
import { runUnderTest } from "./under-test.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    tries: { type: "string", default: "2000" },
    jobs: { type: "string" },
    recorded: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    tests: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
});

const RECORDED = new URL("recorded-seeds.json", import.meta.url);
/** After the recorded seed, so many more: other changes move what a seed does. */
const NEAR = 12;
/** A bug may make a run endless. */
const SEED_MS_MAX = 300_000;

/** Seeds and invariants by name, as found last. */
type Recorded = Record<string, { readonly seed: number; readonly invariants: readonly string[] }>;

function number(text: string, name: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} takes a whole number, not "${text}"\n`);
  return process.exit(2);
}

function chosen(): readonly Mutant[] {
  if (flags.only === undefined) return MUTANTS;
  const names = flags.only.split(",");
  const unknown = names.find((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`no mutant is called ${unknown}; --list shows them\n`);
    process.exit(2);
  }
  return MUTANTS.filter(({ name }) => names.includes(name));
}

function* seedsFor(mutant: Mutant, recorded: Recorded): Generator<number> {
  const from = number(flags.from, "from");
  const known = recorded[mutant.name]?.seed;
  const isNear = flags.recorded && known !== undefined;
  const first = isNear ? known : from;
  const count = isNear ? NEAR : number(flags.seeds, "seeds");
  for (let index = 0; index < count; index += 1) yield first + index;
}

function line({ mutant, seed, invariants, tried, assertedAt, hung }: Found): string {
  const found = seed === undefined ? "NOT FOUND" : `seed ${seed}`;
  const notes = [
    assertedAt === undefined ? "" : `a node stopped itself at seed ${assertedAt}`,
    hung === 0 ? "" : `${hung} seeds did not end`,
  ].filter((note) => note !== "");
  return [
    mutant.name.padEnd(32),
    invariants.join(" ").padEnd(16),
    found.padEnd(12),
    String(tried).padStart(5),
    notes.length === 0 ? "" : `  (${notes.join("; ")})`,
  ].join(" ");
}

/** Exit status 0 only if each goes red. */
async function tryTests(mutants: readonly Mutant[]): Promise<number> {
  let missed = 0;
  for (const mutant of mutants) {
    const { isRed, failed } = await runUnderTest(mutant);
    if (!isRed) missed += 1;
    const found = isRed ? `"${failed[0]}"` : "NOT SEEN";
    process.stdout.write(`${mutant.name.padEnd(32)} ${mutant.seenBy ?? ""}: ${found}\n`);
  }
  process.stdout.write(`${mutants.length - missed} of ${mutants.length} seen by a test\n`);
  return missed === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const recorded = JSON.parse(readFileSync(RECORDED, "utf8")) as Recorded;
  const all = chosen();
  if (flags.tests) return tryTests(all.filter(({ seenBy }) => seenBy !== undefined));
  // By name any of them is hunted, to see whether the mix shows it by now.
  const common = flags.only === undefined ? all.filter(({ seenBy }) => seenBy === undefined) : all;
  const mutants = flags.recorded
    ? common.filter(({ name }) => recorded[name] !== undefined)
    : common;
  if (flags.list) {
    for (const { name, file, breaks } of mutants)
      process.stdout.write(`${name}\n  ${file}: ${breaks}\n`);
    return 0;
  }
  const jobs =
    flags.jobs === undefined ? availableParallelism() : Math.max(1, number(flags.jobs, "jobs"));
  const clean = new Subject(undefined, SEED_MS_MAX);
  const verdicts = new Map<number, boolean>();
  // One at a time, whoever asks: the control is one process.
  let last: Promise<unknown> = Promise.resolve();
  const isGreen = (seed: number): Promise<boolean> => {
    const verdict = last.then(async () => {
      const known = verdicts.get(seed);
      if (known !== undefined) return known;
      const result = await clean.run(seed);
      const isClean = result !== undefined && result.invariants.length === 0;
      if (!isClean)
        process.stdout.write(`seed ${seed} does not count: the clean code fails there\n`);
      verdicts.set(seed, isClean);
      return isClean;
    });
    last = verdict;
    return verdict;
  };
  const header = ["mutant".padEnd(32), "invariant".padEnd(16), "found at".padEnd(12), "tried"];
  process.stdout.write(`${header.join(" ")}\n`);
  const limits = { seedMsMax: SEED_MS_MAX, triesMax: number(flags.tries, "tries") };
  const waiting = mutants.values();
  let missed = 0;
  const work = async (): Promise<void> => {
    for (const mutant of waiting) {
      const found = await hunt(mutant, seedsFor(mutant, recorded), limits, isGreen).catch(
        (error: unknown) => {
          process.stdout.write(`${mutant.name.padEnd(32)} BROKEN: ${String(error)}\n`);
        },
      );
      if (found === undefined) {
        missed += 1;
        continue;
      }
      process.stdout.write(`${line(found)}\n`);
      if (found.detail !== "") process.stdout.write(`    ${found.detail.slice(0, 240)}\n`);
      if (found.seed === undefined) missed += 1;
      else if (flags.record) {
        recorded[mutant.name] = { seed: found.seed, invariants: found.invariants };
        writeFileSync(RECORDED, `${JSON.stringify(sorted(recorded), undefined, 2)}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  clean.close();
  process.stdout.write(`${mutants.length - missed} of ${mutants.length} found\n`);
  return missed === 0 ? 0 : 1;
}

/** In the order of the catalogue, without those that are no more. */
function sorted(recorded: Recorded): Recorded {
  const entries = MUTANTS.map(({ name }) => [name, recorded[name]] as const);
  return Object.fromEntries(entries.filter(([, found]) => found !== undefined)) as Recorded;
}

process.exitCode = await main();
