/** Planted bugs of collection, amnesia and damage: what may be forgotten, and whose word counts. */
import type { Mutant } from "./mutant.ts";

const COLLECTOR = "src/node/collector.ts";
const EXCHANGE = "src/node/slot-exchange.ts";

export const COLLECTING: readonly Mutant[] = [
  {
    name: "collected-by-age-alone",
    file: COLLECTOR,
    find: `        const mark = told?.mark ?? NO_STAMP;`,
    replace: `        const aged = { ...NO_STAMP, ms: this.#options.clock.wallMs() - this.#options.graceMs() };
        const mark = told?.mark ?? aged;`,
    expected: ["I6", "I1", "fresh"],
    needs: ["collecting", "kept"],
    breaks: "members that do not answer are taken to have promised: the grace alone decides",
  },
  {
    name: "collected-unequal",
    file: COLLECTOR,
    find: `          if (outcome?.isComplete !== true || !outcome.hasSameCollected) failed.add(slot);`,
    replace: `          if (outcome?.isComplete === undefined) failed.add(slot);`,
    expected: ["I6", "I1", "I4"],
    needs: ["collecting", "kept"],
    breaks: "C rises though a comparison of the slot failed",
  },
  {
    name: "collected-without-comparing",
    file: COLLECTOR,
    find: `      this.#compare(this.#slots, 1, []);`,
    replace: `      this.#compare([], 1, this.#slots);`,
    expected: ["I6", "I1", "fresh"],
    needs: ["collecting", "kept"],
    breaks: "C rises before the primaries were compared",
  },
  {
    name: "floor-not-kept",
    file: "src/node/replica.ts",
    find: `    const barrier = maxStamp(states.floor(slot), mark());`,
    replace: `    const barrier = maxStamp(NO_STAMP, mark());`,
    expected: ["I1", "I7", "I6", "fresh"],
    needs: ["collecting"],
    breaks: "a write below the floor is taken, and may be below a delete that is forgotten",
  },
  {
    name: "below-floor-counts-as-ack",
    file: "src/node/write-run.ts",
    find: `        this.#deliver({ kind: "below", from, attempt, held: reply.held });`,
    replace: `        this.#deliver({ kind: "stored", from, attempt });`,
    expected: ["I1", "fresh"],
    needs: ["collecting"],
    breaks: "a push-back by a floor counts as an ack, with nothing stored",
  },
  {
    name: "lower-sender-accepted",
    file: "src/node/replica.ts",
    find: `        if (isOutranked && this.#isPassedOver(slot, key, decoded)) continue;`,
    replace: `        if (isOutranked && key.length === 0) continue;`,
    expected: ["I6", "I1", "I4"],
    needs: ["collecting"],
    breaks: "a cell at or below C is taken from a sender that has collected less",
  },
  {
    name: "lower-side-keeps",
    file: EXCHANGE,
    find: `      else plan.drops.push({ ...positionOf(slot, own), checksum: own.checksum });`,
    replace: `      else plan.offered.push(positionOf(slot, own));`,
    expected: ["I4", "I6"],
    needs: ["collecting"],
    breaks: "the lower side of an exchange keeps what the greater one has dropped",
  },
  {
    name: "greater-side-drops",
    file: EXCHANGE,
    find: `    const yields = isPulling && order > 0 ? theirs : NO_STAMP;`,
    replace: `    const yields = isPulling ? theirs : NO_STAMP;`,
    expected: ["I1", "I4", "fresh"],
    needs: ["collecting"],
    breaks: "whoever starts an exchange drops what the other lacks, whoever has collected further",
  },
  {
    name: "reads-not-outranked",
    file: "src/core/replication/read-coordinator.ts",
    find: `    if (compareStamps(cell.stamp, this.#collected) > 0) return false;
    if (`,
    replace: `    if (compareStamps(cell.stamp, this.#collected) !== undefined) return false;
    if (`,
    expected: ["I6", "fresh"],
    needs: ["collecting"],
    breaks: "a read shows a cell that another voter has collected past",
  },
  {
    name: "named-before-dropped",
    file: "src/node/slot-states.ts",
    find: `    this.#set(slot, { ...state, collected, floor: maxStamp(state.floor, collected) });`,
    replace: `    this.#set(slot, { named: collected, collected, floor: maxStamp(state.floor, collected) });`,
    expected: ["I4", "I5", "I6"],
    needs: ["collecting", "kept"],
    breaks: "C is named before the drops are done",
  },
  {
    name: "value-collected",
    file: "src/core/anti-entropy/collectable.ts",
    find: `  return root.kind === "tombstone" || isSpent(root, upTo);`,
    replace: `  return root.kind === "tombstone" || root.expiresAtMs !== 0;`,
    expected: ["I1", "fresh"],
    needs: ["collecting", "kept"],
    breaks: "what is to expire is dropped before its time",
  },
  {
    name: "nothing-collected",
    file: "src/node/drop-pass.ts",
    find: `    if (this.#ports.cells.drop(this.#slot, key, undefined, rootChecksum)) this.#count();`,
    replace: `    if (key.length === 0 || rootChecksum < 0) this.#count();`,
    expected: ["I4", "I6"],
    needs: ["collecting"],
    breaks: "C rises and nothing is dropped: the space of what was deleted is not given back",
  },
  {
    name: "amnesia-ignored",
    file: "src/node/amnesia.ts",
    find: `    votes.loseAll();`,
    replace: `    votes.giveBack(() => true);`,
    expected: ["fresh", "I1"],
    needs: ["old-copy", "quorums"],
    breaks: "a node that lost commits votes as if it had them",
  },
  {
    name: "commits-not-remembered",
    file: "src/node/peers.ts",
    find: `      this.#options.commitNumbers.hear(connection.peer, reply.commitNumber);`,
    replace: `      this.#options.commitNumbers.hear(connection.peer, 0 * reply.commitNumber);`,
    expected: ["fresh", "I1"],
    needs: ["old-copy"],
    breaks: "nobody remembers what a node said to be durable",
  },
  {
    name: "damage-taken-for-absence",
    file: "src/node/replica.ts",
    find: `      case "damaged":
        refuse(reply, "damaged", "the cell fails its checksum");
        return;
`,
    replace: `      case "damaged":
`,
    expected: ["fresh", "I1"],
    needs: ["bit-rot"],
    breaks: "a damaged cell is a vote for absence",
  },
  {
    name: "read-error-taken-for-absence",
    file: "src/node/cell-store.ts",
    find: `      return { kind: "failed", detail: String(error) };`,
    replace: `      if (String(error) !== "") return ABSENT;
      return { kind: "failed", detail: String(error) };`,
    expected: ["fresh", "I1", "I7"],
    needs: ["read-error"],
    breaks: "an error of the disk is answered as if nothing were there",
  },
  {
    name: "damaged-fact-believed",
    file: "src/node/sealed.ts",
    find: `view.getUint32(0) === crc32(fact) ? fact : "damaged"`,
    replace: `view.getUint32(0) !== -crc32(fact) ? fact : "damaged"`,
    expected: ["I17"],
    needs: ["bit-rot-facts"],
    breaks: "what a node keeps beside cells is believed whatever its checksum says",
  },
  {
    name: "damaged-clock-written-over",
    file: "src/node/store-node.ts",
    find: `      this.#commit.close();
      this.#peers.close();
`,
    replace: "",
    expected: ["I17"],
    needs: ["bit-rot-facts"],
    breaks: "a node that must not start writes what a peer tells it, and a new clock with it",
  },
];
