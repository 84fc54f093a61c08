/** Planted bugs of quorums: write and read coordinators, push-back, conditional writes, answers. */
import type { Mutant } from "./mutant.ts";

const WRITE = "src/core/replication/write-coordinator.ts";
const TALLY = "src/core/replication/write-tally.ts";
const READ = "src/core/replication/read-coordinator.ts";
const PLAIN_WRITE = "src/core/replication/plain-write.ts";
const PLAIN_READ = "src/core/replication/plain-read.ts";

export const REPLICATING: readonly Mutant[] = [
  {
    name: "no-push-back",
    file: "src/node/replica.ts",
    find: `    if (request.attempt === "first") {`,
    replace: `    if (request.attempt === ("never" as string)) {`,
    expected: ["I7"],
    needs: ["rivals"],
    breaks: "a replica takes a write below what it holds without a word",
  },
  {
    name: "restamp-at-first-push-back",
    file: WRITE,
    find: `    const isEnough = tally.primariesHeard >= blockingCount(this.#plan.primaries.length);`,
    replace: `    const isEnough = tally.primariesHeard >= 0 * blockingCount(this.#plan.primaries.length);`,
    expected: ["I7"],
    needs: ["rivals"],
    seenBy: "src/core/replication/write-coordinator.test.ts",
    breaks: "a write is stamped again above less than N-W+1 primaries hold",
  },
  {
    name: "restamp-below-what-is-held",
    file: "src/node/write-run.ts",
    find: `const stamp = context.mintAbove(effect.above);`,
    replace: `const stamp = context.mintAbove({ ...effect.above, ms: 0 });`,
    expected: ["I7"],
    breaks: "the second stamp is not above what pushed the first one back",
  },
  {
    name: "first-acks-kept",
    file: WRITE,
    find: `      if (target.state !== "unreached" && target.state !== "lost") this.#ask(target, effects);`,
    replace: `      if (target.state !== "unreached" && target.state !== "lost" && target.state !== "acked")
        this.#ask(target, effects);`,
    expected: ["fresh", "I1"],
    needs: ["rivals"],
    breaks: "after a second stamp the acks of the first one still count",
  },
  {
    name: "attempts-confused",
    file: WRITE,
    find: `    return target?.state === "asked" && target.attempt === attempt ? target : undefined;`,
    replace: `    return target?.state === "asked" && attempt !== undefined ? target : undefined;`,
    expected: ["fresh", "I7", "I1"],
    needs: ["rivals"],
    breaks: "a late answer to the first attempt is taken for one to the final attempt",
  },
  {
    name: "restamp-after-answer",
    file: WRITE,
    find: `    if (this.#isWritten) this.#ask(target, effects);`,
    replace: `    if (this.#isWritten && this.#options.mode === "blind") {
      this.#isRestamping = true;
      effects.push({ kind: "restamp", above: this.#held });
    } else if (this.#isWritten) this.#ask(target, effects);`,
    expected: ["I7"],
    needs: ["rivals"],
    seenBy: "src/core/replication/write-coordinator.test.ts",
    breaks: "a late push-back stamps a write again that was answered already",
  },
  {
    name: "conditional-restamped",
    file: WRITE,
    find: `    if (this.#options.mode === "blind") {
      this.#isRestamping = true;`,
    replace: `    if (this.#options.stamp !== undefined) {
      this.#isRestamping = true;`,
    expected: ["I8"],
    seenBy: "src/core/replication/write-coordinator.test.ts",
    breaks:
      "a conditional write that met something newer is stamped above it instead of judged anew",
  },
  {
    name: "fallback-counted-as-primary",
    file: TALLY,
    find: `      if (role === "primary") tally.primaryAcks += 1;`,
    replace: `      if (role !== "pending") tally.primaryAcks += 1;`,
    expected: ["I12", "fresh", "I7"],
    needs: ["fallbacks"],
    breaks: "a copy on a fallback is counted as one on a primary",
  },
  {
    name: "fallback-meets-w",
    file: TALLY,
    find: `  if (primaryAcks < w) return false;`,
    replace: `  if (primaryAcks + standIns < w) return false;`,
    expected: ["I12"],
    needs: ["fallbacks", "quorums"],
    breaks: "a demanded w is met by fallbacks",
  },
  {
    name: "fallback-as-hedge",
    file: WRITE,
    find: `    return this.#isPatienceSpent || reach === "doubtful" || reach === "down";`,
    replace: `    return reach !== undefined;`,
    expected: ["I11"],
    needs: ["calm", "fallbacks"],
    breaks: "fallbacks are asked beside primaries that are merely not done yet",
  },
  {
    name: "acknowledged-by-nobody",
    file: WRITE,
    find: `    if (w === undefined && tally.holders > 0 && (isLate || tally.asked === 0 || isSilent)) {`,
    replace: `    if (w === undefined && (isLate || tally.asked === 0 || isSilent)) {`,
    expected: ["I1"],
    breaks: "a write that no node has taken is acknowledged",
  },
  {
    name: "stored-no-where-sent",
    file: WRITE,
    find: `    this.#isAnswered = true;
    const mayBeStored = this.#mayBeStored || tally.asked > 0;
    const quorum = this.#report(tally);
    effects.push({ kind: "answer", verdict: { kind: "failed", code, mayBeStored, quorum } });`,
    replace: `    this.#isAnswered = true;
    const mayBeStored = false;
    const quorum = this.#report(tally);
    effects.push({ kind: "answer", verdict: { kind: "failed", code, mayBeStored, quorum } });`,
    expected: ["I3"],
    needs: ["quorums"],
    breaks: "a write that was sent out is said never to have happened",
  },
  {
    name: "lost-forward-never-happened",
    file: "src/node/forwards.ts",
    find: `    this.#end(failure("timed-out", "maybe"));`,
    replace: `    this.#end(failure("timed-out", "no"));`,
    expected: ["I3"],
    breaks: "a forwarded write without an answer is said never to have happened",
  },
  {
    name: "second-executor",
    file: "src/node/forwards.ts",
    find: `    this.#end(failure("timed-out", "maybe"));`,
    replace: `    if (this.#tries > 1) this.#end(failure("timed-out", "maybe"));
    else this.#tryNow();`,
    expected: ["I3", "I7"],
    breaks: "a forwarded write without an answer is sent again, to whoever is first then",
  },
  {
    name: "condition-not-judged",
    file: "src/core/operations/apply.ts",
    find: `      return current === undefined;`,
    replace: `      return current === undefined || condition !== undefined;`,
    expected: ["I8"],
    breaks: '"only if absent" overwrites what is there',
  },
  {
    name: "deadline-ignored",
    file: "src/node/pending-requests.ts",
    find: `      if (pending.deadlineMs > nowMs) continue;`,
    replace: `      if (pending.deadlineMs > nowMs || nowMs > 0) continue;`,
    expected: ["I12"],
    seenBy: "src/node/peers.test.ts",
    breaks: "a request without an answer is waited for beyond its deadline",
  },
  {
    name: "read-keeps-last-reply",
    file: READ,
    find: `    for (const cell of decoded) if (!this.#isOutranked(cell, voter)) this.#merge(cell);`,
    replace: `    this.#merged = new Map();
    for (const cell of decoded) if (!this.#isOutranked(cell, voter)) this.#merge(cell);`,
    expected: ["fresh"],
    breaks: "a read answers what came last, not what is newest",
  },
  {
    name: "digests-not-compared",
    file: READ,
    find: `      if (voter.state !== "digest" || this.#isCurrent(voter)) continue;`,
    replace: `      if (voter.state !== "digest" || voter.versions.size >= 0) continue;`,
    expected: ["fresh"],
    breaks: "a digest that differs counts as a vote, and its cells are not fetched",
  },
  {
    name: "read-by-first-reply",
    file: READ,
    find: `    if (votes < this.#need()) {
      const isOpen`,
    replace: `    if (votes < Math.min(1, this.#need())) {
      const isOpen`,
    expected: ["I11", "I12"],
    breaks: "a read answers from the first reply",
  },
  {
    name: "older-than-asked",
    file: READ,
    find: `    return after !== undefined && compareStamps(newest, after) < 0;`,
    replace: `    return after !== undefined && compareStamps(newest, after) === undefined;`,
    expected: ["fresh"],
    breaks: "a read that must not be older than a stamp is",
  },
  {
    name: "acks-counted-short",
    file: PLAIN_WRITE,
    find: `    if (this.#ackCount < this.#acksNeeded) return "waits";`,
    replace: `    if (this.#ackCount + 1 < this.#acksNeeded) return "waits";`,
    expected: ["fresh", "I12", "I1"],
    breaks: "where acks are all there is, a write is answered with one too few",
  },
  {
    name: "acks-of-one-request-too-many",
    file: "src/node/peers.ts",
    find: `    for (const requestId of requestIds) {`,
    replace: `    for (const requestId of requestIds.flatMap((id) => [id, id + 1])) {`,
    expected: ["fresh", "I16", "I1"],
    seenBy: "src/node/gathered-acks.test.ts",
    breaks: "acks that come together answer the request after them too",
  },
  {
    name: "acks-of-the-former-placement",
    file: "src/node/blind-write.ts",
    find: `    if (plain === undefined || place < 0 || this.#isStarting || !this.#isOfPlacement) return false;`,
    replace: `    if (plain === undefined || place < 0 || this.#isStarting) return false;`,
    expected: ["fresh"],
    needs: ["join", "quorums"],
    seenBy: "src/node/blind-write.test.ts",
    breaks: "where acks are all there is, a write goes by the placement that it began under",
  },
  {
    name: "votes-taken-for-the-same",
    file: PLAIN_READ,
    find: `    return digest.field === undefined && digest.checksum === checksumOf(cell.bytes);`,
    replace: `    return digest.field === undefined && checksumOf(cell.bytes) !== -1;`,
    expected: ["fresh"],
    breaks: "a read does not look whether others hold what this node holds",
  },
  {
    name: "confirms-what-a-crash-takes",
    file: "src/node/cell-store.ts",
    find: `    return !this.#commit.isUncommitted(storageKey);`,
    replace: `    return true;`,
    expected: ["I11", "fresh"],
    seenBy: "src/node/replica.test.ts",
    breaks: "a replica confirms a root that is not durable yet",
  },
  {
    name: "confirms-without-a-vote",
    file: "src/node/replica-read.ts",
    find: `votes.has(slot) && cells.isKnownAs(`,
    replace: `cells.isKnownAs(`,
    expected: ["I1", "fresh"],
    seenBy: "src/node/replica.test.ts",
    breaks: "a replica that has lost commits confirms what it holds",
  },
  {
    name: "confirms-anything",
    file: "src/node/cell-store.ts",
    find: `    if (this.#hashes.knownChecksum(hashBinary(storageKey)) !== checksum) return false;`,
    replace: `    if (checksum === 0.5) return false;`,
    expected: ["fresh", "I1"],
    breaks: "a replica confirms a root that is not the one it holds",
  },
];
