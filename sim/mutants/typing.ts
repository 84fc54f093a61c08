/** Planted bugs of hashes, sets, counters and flushes. */
import type { Mutant } from "./mutant.ts";

const COUNTERS = "src/core/operations/counters.ts";

export const TYPING: readonly Mutant[] = [
  {
    name: "root-not-restated",
    file: "src/core/operations/hashes.ts",
    find: `  const changes: CellChange[] = [restated(view, "hash")];`,
    replace: `  const changes: CellChange[] = view.current === undefined ? [restated(view, "hash")] : [];`,
    expected: ["I8"],
    seenBy: "src/core/operations/containers.test.ts",
    breaks:
      "a field is set without its root: where that was deleted meanwhile, nothing shows the field",
  },
  {
    name: "counted-without-root",
    file: COUNTERS,
    find: `  return changed(integer(sum), base, added(view, over, delta, context));
}

/** Adds to a field`,
    replace: `  const count = added(view, over, delta, context);
  return isCounter ? changed(integer(sum), count) : changed(integer(sum), base, count);
}

/** Adds to a field`,
    expected: ["I8"],
    seenBy: "src/core/operations/counters.test.ts",
    breaks: "a replica that lacks a counter's root takes a count, and does not show it",
  },
  {
    name: "one-counter-for-all",
    file: "src/node/own-counts.ts",
    find: `    this.#id = newId(random);
  }

  /** The id under`,
    replace: `    newId(random);
    this.#id = "the same";
  }

  /** The id under`,
    expected: ["I8"],
    seenBy: "src/node/own-counts.test.ts",
    breaks: "all nodes count in one cell: of two sides that do so at once, one is lost",
  },
  {
    name: "uncertain-count-forgotten",
    file: "src/node/own-counts.ts",
    find: `    this.#uncertain.set(name, count);`,
    replace: `    if (name.length === 0) this.#uncertain.set(name, count);`,
    expected: ["I8"],
    seenBy: "src/node/own-counts.test.ts",
    breaks:
      "a node adds to what a quorum knows of its cell, which may be less than it has acknowledged",
  },
  {
    name: "flush-known-to-one",
    file: "src/core/replication/read-coordinator.ts",
    find: `    for (const voter of this.#voters) if (isVote(voter)) flushed = maxStamp(flushed, voter.flushed);
    return flushed;`,
    replace: `    for (const voter of this.#voters) if (isVote(voter)) flushed = voter.flushed;
    return flushed;`,
    expected: ["I8"],
    seenBy: "src/core/replication/read-coordinator.test.ts",
    breaks: "a read believes the last voter about what was flushed, not the one that knows most",
  },
  {
    name: "flush-forgotten-at-start",
    file: "src/node/slot-states.ts",
    find: `    flushed: readStamp(reader),
  }));`,
    replace: `    flushed: readStamp(reader) === undefined ? NO_STAMP : NO_STAMP,
  }));`,
    expected: ["I8", "I4"],
    breaks: "a start does not know which slots were flushed",
  },
];
