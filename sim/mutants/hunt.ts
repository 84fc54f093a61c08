/**
 * Hunts one planted bug: seeds of the common workload, in order, until an invariant reports it at a seed on which the
 * clean code is green. A node that stops itself by an assertion is noted, and does not count.
 */
import { type ChildProcess, fork } from "node:child_process";
import { clearTimeout, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutant.ts";
import type { SeedResult } from "./worker.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

export interface Found {
  readonly mutant: Mutant;
  /** `undefined`: no invariant reported it. */
  readonly seed: number | undefined;
  readonly invariants: readonly string[];
  readonly detail: string;
  /** Seeds run with the bug in. */
  readonly tried: number;
  /** The first seed at which a node stopped itself. */
  readonly assertedAt: number | undefined;
  /** Seeds that did not end in time. */
  readonly hung: number;
}

/** A child process with one bug in it, or none; started when first needed, and again after a seed that hangs. */
export class Subject {
  readonly #name: string | undefined;
  readonly #seedMsMax: number;
  #child: ChildProcess | undefined;

  constructor(name: string | undefined, seedMsMax: number) {
    this.#name = name;
    this.#seedMsMax = seedMsMax;
  }

  /** `undefined` when the run does not end in time. Rejects when the child cannot go on: it says why on stderr. */
  run(seed: number): Promise<SeedResult | undefined> {
    this.#child ??= fork(WORKER, this.#name === undefined ? [] : [this.#name]);
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(limit);
        child.removeAllListeners();
      };
      const limit = setTimeout(() => {
        end();
        this.close();
        resolve(undefined);
      }, this.#seedMsMax);
      child.once("message", (result) => {
        end();
        resolve(result as SeedResult);
      });
      child.once("error", reject);
      child.once("exit", (code) => {
        end();
        this.#child = undefined;
        reject(new Error(`${this.#name ?? "the clean code"}: its process ended with ${code}`));
      });
      child.send(seed);
    });
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }
}

/** `isGreen` says whether the clean code passes a seed. */
export async function hunt(
  mutant: Mutant,
  seeds: Iterable<number>,
  { seedMsMax, triesMax }: { readonly seedMsMax: number; readonly triesMax: number },
  isGreen: (seed: number) => Promise<boolean>,
): Promise<Found> {
  const subject = new Subject(mutant.name, seedMsMax);
  let tried = 0;
  let hung = 0;
  let assertedAt: number | undefined;
  try {
    for (const seed of seeds) {
      if (tried >= triesMax) break;
      const result = await subject.run(seed);
      if (result?.isPassedOver === true) continue;
      tried += 1;
      if (result === undefined) {
        hung += 1;
        continue;
      }
      const invariants = result.invariants.filter((invariant) => invariant !== "assert");
      if (invariants.length < result.invariants.length) assertedAt ??= seed;
      if (invariants.length === 0 || !(await isGreen(seed))) continue;
      return { mutant, seed, invariants, detail: result.detail, tried, assertedAt, hung };
    }
  } finally {
    subject.close();
  }
  return { mutant, seed: undefined, invariants: [], detail: "", tried, assertedAt, hung };
}
