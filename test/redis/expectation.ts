/** What Redis's suite is expected to find on a node: `not-passing.json`, beside this file. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("not-passing.json", import.meta.url));

export interface Expectation {
  /** How many tests of each unit Redis itself passes. */
  readonly tests: Readonly<Record<string, number>>;
  /** At least so many pass, over all units. */
  readonly passedMin: number;
  readonly notPassing: readonly NotPassing[];
}

/** A test that is not expected to pass, and what it needs that is not offered. */
export interface NotPassing {
  readonly unit: string;
  readonly test: string;
  readonly needs: readonly string[];
  /** It would wait for ever, and is left out. */
  readonly hangs?: boolean;
}

export async function readExpectation(): Promise<Expectation> {
  return JSON.parse(await readFile(FILE, "utf8")) as Expectation;
}

export async function writeExpectation(expectation: Expectation): Promise<void> {
  await writeFile(FILE, `${JSON.stringify(expectation, undefined, 2)}\n`);
}
