/** Planted bugs of values that are kept apart: what points to them, when their files go, and what comes back. */
import type { Mutant } from "./mutant.ts";

const RECORD = "src/adapters/values/value-record.ts";
const LOG = "src/adapters/values/value-log.ts";
const LOOK = "src/adapters/values/value-look.ts";
const CLEANER = "src/adapters/values/value-cleaner.ts";
const STORAGE = "src/adapters/values/separated-storage.ts";
const seenBy = "sim/values.test.ts";
const expected: readonly string[] = [];

export const SEPARATING: readonly Mutant[] = [
  {
    name: "values-dropped-with-old-pointers",
    file: LOOK,
    find: `        if (isDone) goOn();
        else this.#done();`,
    replace: `        goOn();
        void isDone;`,
    expected,
    seenBy,
    breaks: "a file is dropped though its values' pointers were not moved",
  },
  {
    name: "values-pointed-to-anew-unseen",
    file: LOOK,
    find: `      if (!this.#isPointedTo(live)) continue;
      operations.push(`,
    replace: `      operations.push(`,
    expected,
    seenBy,
    breaks: "a value that was replaced while it moved comes back",
  },
  {
    name: "values-dropped-while-refused",
    file: STORAGE,
    find: `      isRefusing: () => this.#isRefusing,`,
    replace: `      isRefusing: () => false,`,
    expected,
    seenBy,
    breaks: "a batch that was refused comes back at a start, and points to a file that has gone",
  },
  {
    name: "values-removed-left-behind",
    file: CLEANER,
    find: `        this.#leftOfRound = this.#log.numbers().length;`,
    replace: `        this.#leftOfRound = 0 * this.#log.numbers().length;`,
    expected,
    seenBy: "src/adapters/values/separated-storage.test.ts",
    breaks: "what is removed gives no space back as long as no more is written",
  },
  {
    name: "values-behind-an-unsound-head-lost",
    file: LOOK,
    find: `      } else this.#goThrough();`,
    replace: `      } else this.#judge();`,
    expected,
    seenBy: "src/adapters/values/separated-storage.test.ts",
    breaks: "a file goes with the values that stand behind a damaged head",
  },
  {
    name: "values-like-pointers-inline",
    file: RECORD,
    find: `  return value.length >= apartBytes || placeOf(value) !== undefined;`,
    replace: `  return value.length >= apartBytes;`,
    expected,
    seenBy,
    breaks: "a value that looks like a pointer is read as what it points to",
  },
  {
    name: "values-held-by-nobody",
    file: STORAGE,
    find: `    const release = this.#log.hold();`,
    replace: `    const release = (): void => undefined;`,
    expected,
    seenBy,
    breaks: "a scan finds a file gone that it has met a pointer to",
  },
  {
    name: "values-closed-under-a-reader",
    file: LOG,
    find: `    if (dropped !== undefined) dropped.newestHold = this.#newestHold;`,
    replace: ``,
    expected,
    seenBy: "src/adapters/values/value-log.test.ts",
    breaks: "a dropped file is closed while somebody reads in it",
  },
  {
    name: "values-written-after-an-error",
    file: LOG,
    find: `      this.#part = undefined;
      if (start === 0)`,
    replace: `      if (start === 0)`,
    expected,
    seenBy,
    breaks: "a file is gone on with of which nobody knows what its end holds",
  },
  {
    name: "values-failure-forgotten",
    file: STORAGE,
    find: `    this.#failure ??= error;`,
    replace: `    this.#failure ??= error.code === "closed" ? error : undefined;`,
    expected,
    seenBy,
    breaks: "after a failed sync batches are taken as if nothing had been",
  },
];
