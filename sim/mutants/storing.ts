/** Planted bugs of the single node: commits, cells, clock, slot hashes. */
import type { Mutant } from "./mutant.ts";

export const STORING: readonly Mutant[] = [
  {
    name: "ack-before-commit",
    file: "src/node/replica.ts",
    find: `    if (unreached.length > 0) this.mark(slot, unreached);
    this.#options.commit.whenDurable((error) => {`,
    replace: `    if (unreached.length > 0) this.mark(slot, unreached);
    ((run: (error: undefined) => void) => run(undefined))((error) => {`,
    expected: ["I1"],
    needs: ["power-loss-at-ack"],
    breaks: "a replica acknowledges a write that is not on its disk yet",
  },
  {
    name: "duplicate-acked-before-commit",
    file: "src/node/replica.ts",
    find: `    const held = merged.isSuperseded ? this.#heldNow(slot, key, decoded) : undefined;`,
    replace: `    const held = merged.isSuperseded ? this.#heldNow(slot, key, decoded) : undefined;
    if (!merged.isChanged) {
      const result = held === undefined ? "stored" : "superseded";
      reply({ kind: "write-reply", result, held: NO_STAMP, commitNumber: 1 });
      return;
    }`,
    expected: ["I1"],
    needs: ["rivals"],
    seenBy: "src/node/replica.test.ts",
    breaks: '"I hold this, or more, already" is said while that is still being committed',
  },
  {
    name: "overwrites-what-it-builds-on",
    file: "src/node/replica.ts",
    find: `    if (decoded.length === 1 && only !== undefined && buildsOnNothing(request, newest)) {`,
    replace: `    if (decoded.length === 1 && only !== undefined) {`,
    expected: ["I8"],
    seenBy: "src/node/replica.test.ts",
    breaks: "a conditional write that is above all in its slot is taken over what it has not read",
  },
  {
    name: "own-writes-told-before-they-are-durable",
    file: "src/node/replica.ts",
    find: `    if (!cells.overwrite(slot, key, own)) return false;
`,
    replace: `    if (!cells.overwrite(slot, key, own)) return false;
    if (asker !== undefined) {
      asker.onReply(self, token, this.#storedReply(undefined));
      return true;
    }
`,
    expected: ["I1", "fresh", "I12"],
    breaks: "a node counts its own copy of a write before it is durable",
  },
  {
    name: "own-writes-below-a-floor",
    file: "src/node/replica.ts",
    find: `    if (this.#below(slot, own.cell.stamp) !== undefined) return false;
`,
    replace: "",
    expected: ["I7", "I1", "fresh", "I8"],
    seenBy: "src/node/replica.test.ts",
    breaks: "a node takes a write of its own at or below what it has promised to take none at",
  },
  {
    name: "overwrites-what-may-be-newer",
    file: "src/node/cell-store.ts",
    find: `    if (!this.#isAboveAll(slot, cell.stamp)) return false;
    const storageKey`,
    replace: `    const storageKey`,
    expected: ["I7", "I1", "fresh"],
    needs: ["rivals"],
    seenBy: "src/node/overwrite.test.ts",
    breaks: "a write takes the place of what is newer, because that need not be read",
  },
  {
    name: "overwritten-stays-in-the-hashes",
    file: "src/node/cell-hashes.ts",
    find: `    this.tree.replace(slot, address, before, after);`,
    replace: `    this.tree.add(slot, address, after);`,
    expected: ["I5"],
    seenBy: "src/node/overwrite.test.ts",
    breaks:
      "what was overwritten unread is still counted in the hashes, and replicas never compare equal",
  },
  {
    name: "ack-by-the-commit-before",
    file: "src/node/group-commit.ts",
    find: `    if (this.#forming.operations.size > 0) this.#forming.waiters.push(done);
    else if (this.#writing !== undefined) this.#writing.waiters.push(done);
    else done(undefined);`,
    replace: `    if (this.#writing !== undefined) this.#writing.waiters.push(done);
    else if (this.#forming.operations.size > 0) this.#forming.waiters.push(done);
    else done(undefined);`,
    expected: ["I1"],
    needs: ["slow-disk"],
    breaks: "a write waits for the batch under way, not for the one that carries it",
  },
  {
    name: "ack-after-failed-commit",
    file: "src/node/replica.ts",
    find: `      if (error !== undefined) return refuseStoring(reply, error);
      this.#options.activation().acknowledge(`,
    replace: `      this.#options.activation().acknowledge(`,
    expected: ["I1", "I14"],
    needs: ["full-disk"],
    breaks: "a write that the disk refused is acknowledged",
  },
  {
    name: "read-before-commit",
    file: "src/node/replica-read.ts",
    find: `    if (uncommitted === undefined) return then();`,
    replace: `    if (uncommitted === undefined || key.length > 0) return then();`,
    expected: ["fresh"],
    breaks: "a read shows what a crash can still take back",
  },
  {
    name: "merge-acked-before-commit",
    file: "src/node/replica.ts",
    find: `    commit.whenDurable((error) => {
      if (error !== undefined) refuseStoring(reply, error);
      else if (isAnyDamaged)`,
    replace: `    ((run: (error: StorageError | undefined) => void) => run(undefined))((error) => {
      if (error !== undefined) refuseStoring(reply, error);
      else if (isAnyDamaged)`,
    expected: ["I1", "fresh"],
    needs: ["power-loss-of-all", "fallbacks"],
    breaks:
      "a repair, exchange or handover is called taken before it is on disk; the giver drops its copy",
  },
  {
    name: "hashes-not-rebuilt",
    file: "src/node/store-node.ts",
    find: `    else this.#cells.rebuild();`,
    replace: `    else void 0;`,
    expected: ["I5", "I4"],
    needs: ["full-disk"],
    breaks: "after a failed commit the slot hashes describe cells that were taken back",
  },
  {
    name: "failed-sync-goes-on",
    file: "src/node/store-node.ts",
    find: `    if (error.code === "sync-failed") this.#fatal(\`a commit could not be synced: \${error.message}\`);`,
    replace: `    if (error.code !== "sync-failed" && this.#identity.boots < 0) this.#fatal("never");`,
    expected: ["I14"],
    needs: ["failed-sync"],
    breaks: "a node goes on after its disk failed to sync",
  },
  {
    name: "hash-without-checksum",
    file: "src/core/anti-entropy/hash-tree.ts",
    find: `mix64(address.high ^ checksum, address.low)`,
    replace: `mix64(address.high ^ (checksum & 0), address.low)`,
    expected: ["I4"],
    breaks: "two replicas that hold different cells at one place look equal",
  },
  {
    name: "merge-by-arrival",
    file: "src/core/causality/merge.ts",
    find: `  const winner = compareRoots(a, b) >= 0 ? a : b;`,
    replace: `  const winner = compareRoots(a, b) === 0 ? a : b;`,
    expected: ["I4", "I1"],
    breaks: "what comes last wins, whatever its stamp",
  },
  {
    name: "merge-by-content",
    file: "src/core/causality/merge.ts",
    find: `    a.expiresAtMs - b.expiresAtMs ||
    compareBinary(a.contentType, b.contentType) ||
    compareBytes(a.payload, b.payload)
  );`,
    replace: `    0
  ) && (compareBinary(a.contentType, b.contentType) || compareStamps(a.stamp, b.stamp));`,
    expected: ["I1", "I7"],
    breaks: "of two values the greater bytes win, not the later stamp",
  },
  {
    name: "deleted-key-shown",
    file: "src/core/causality/view.ts",
    find: `  if (root === undefined || root.kind === "tombstone" || isExpired(root, nowMs)) return undefined;`,
    replace: `  if (root === undefined || isExpired(root, nowMs)) return undefined;`,
    expected: ["I2", "I1"],
    breaks: "a deleted key is shown, empty",
  },
  {
    name: "clock-not-kept",
    file: "src/node/node-clock.ts",
    find: `new HybridClock({ boot: this.#boot, floor })`,
    replace: `new HybridClock({ boot: this.#boot, floor: { ms: 0, counter: 0 } })`,
    expected: ["I9"],
    seenBy: "src/node/node-clock.test.ts",
    breaks: "a start does not begin above the clock it had stored",
  },
  {
    name: "clock-repeats",
    file: "src/core/causality/hybrid-clock.ts",
    find: `    } else {
      this.#increment();
    }
    if (this.#carried.size > 0)`,
    replace: `    }
    if (this.#carried.size > 0)`,
    expected: ["I9"],
    breaks: "two writes of one millisecond get one stamp",
  },
  {
    name: "beside-the-clock-forgotten",
    file: "src/core/causality/hybrid-clock.ts",
    find: `    this.#carried.set(ms, counter);`,
    replace: `    this.#carried.set(ms, 0);`,
    expected: ["I9"],
    needs: ["clock-step"],
    breaks: "two writes at once over one cell of a wild clock share a stamp",
  },
  {
    name: "boot-id-reused",
    file: "src/node/node-clock.ts",
    find: `    this.#boot = bootIdFrom(random.next53());
    this.#hybrid`,
    replace: `    this.#boot = bootIdFrom(4_711 + 0 * random.next53());
    this.#hybrid`,
    expected: ["I9"],
    breaks: "starts, of whatever node, mint under one boot id",
  },
];
