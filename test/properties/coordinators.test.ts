/**
 * What write and read coordinators promise whatever happens: random events in any order, twice, late, from anybody,
 * under changing plans and reachability. The trial knows what each replica really did. SEED=n plays one seed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { checksumOf, encodeCell } from "../../src/core/causality/cell-codec.ts";
import type { Reach, SlotPlan } from "../../src/core/replication/quorum.ts";
import {
  ReadCoordinator,
  type ReadEffect,
  type ReadEvent,
} from "../../src/core/replication/read-coordinator.ts";
import {
  PATIENCE_MS,
  WriteCoordinator,
  type WriteEffect,
  type WriteEvent,
} from "../../src/core/replication/write-coordinator.ts";
import type { Attempt } from "../../src/core/replication/write-tally.ts";
import type { EncodedCell, RootCell } from "../../src/model/cell.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { keyFromText } from "../../src/model/key.ts";
import { ROOT_ONLY } from "../../src/model/selection.ts";
import { compareStamps, NO_STAMP, type Stamp, stampFrom } from "../../src/model/stamp.ts";

const SEEDS = 5_000;
const STEPS = 40;
const DEADLINE_MS = 3_000;
const KEY = keyFromText("k");
const NODES = ["a", "b", "c", "d", "e", "f"] as NodeId[];
const REACHES: readonly Reach[] = ["up", "up", "up", "slow", "doubtful", "down"];

function forEachSeed(play: (random: Prng) => void): void {
  const given = process.env["SEED"];
  const first = given === undefined ? 1 : Number(given);
  for (let seed = first; seed < first + (given === undefined ? SEEDS : 1); seed += 1) {
    try {
      play(new Prng(seed));
    } catch (error) {
      throw new Error(`SEED=${seed}`, { cause: error });
    }
  }
}

function anyPlan(random: Prng): SlotPlan {
  const nodes = random.shuffle(NODES);
  const primaries = 1 + random.below(3);
  const pending = random.below(2);
  return {
    primaries: nodes.slice(0, primaries),
    pending: nodes.slice(primaries, primaries + pending),
    fallbacks: nodes.slice(primaries + pending, primaries + pending + random.below(3)),
  };
}

interface Sent {
  readonly to: NodeId;
  readonly attempt: Attempt;
}

class WriteTrial {
  readonly #random: Prng;
  readonly #reaches = new Map<NodeId, Reach>();
  readonly #coordinator: WriteCoordinator;
  readonly #w: number | undefined;
  #plan: SlotPlan;
  #nowMs = 0;
  readonly #open: Sent[] = [];
  readonly #past: WriteEvent[] = [];
  /** Nodes that hold an attempt, whether or not the coordinator was told. */
  readonly #holds: Readonly<Record<Attempt, Set<NodeId>>> = {
    first: new Set(),
    final: new Set(),
    last: new Set(),
  };
  #lastAttempt: Attempt = "first";
  #answers = 0;
  #isFinished = false;

  constructor(random: Prng) {
    this.#random = random;
    this.#plan = anyPlan(random);
    this.#w = random.below(2) === 0 ? undefined : 1 + random.below(3);
    for (const node of NODES) this.#reaches.set(node, random.pick(REACHES));
    this.#coordinator = new WriteCoordinator({
      self: random.pick(NODES),
      plan: this.#plan,
      reach: (node) => this.#reaches.get(node) ?? "up",
      stamp: stampFrom(50, 0, 0),
      w: this.#w,
      mode: random.below(3) === 0 ? "conditional" : "blind",
      startMs: 0,
      deadlineMs: DEADLINE_MS,
    });
  }

  play(): void {
    this.#step({ kind: "started" });
    for (let index = 0; index < STEPS; index += 1) this.#move();
    this.#nowMs = Math.max(this.#nowMs, DEADLINE_MS);
    this.#step({ kind: "tick" });
    assert.equal(this.#answers, 1, "the deadline answers it");
    this.#nowMs += PATIENCE_MS;
    this.#step({ kind: "tick" });
    assert.ok(this.#isFinished, "it finishes after its deadline");
    for (let index = 0; index < 5; index += 1) this.#move();
  }

  #move(): void {
    const random = this.#random;
    switch (random.below(10)) {
      case 0:
        this.#nowMs += random.pick([1, 20, 60, 260, 900]);
        return this.#step({ kind: "tick" });
      case 1:
        this.#reaches.set(random.pick(NODES), random.pick(REACHES));
        return;
      case 2: {
        if (random.below(4) > 0) return;
        const plan = anyPlan(random);
        this.#plan = plan;
        const again = random.below(2) === 0 ? undefined : this.#takeOpen();
        if (again === undefined) return this.#step({ kind: "replanned", plan });
        return this.#step({ kind: "replanned", plan, again: { ...again, from: again.to } });
      }
      case 3:
        // Late or twice: what was once true is told again.
        if (this.#past.length > 0) this.#step(random.pick(this.#past));
        return;
      default:
        return this.#reply();
    }
  }

  /** One of the replicas asked does something, and says so, or does not. */
  #reply(): void {
    const sent = this.#takeOpen();
    if (sent === undefined) return;
    const { to: from, attempt } = sent;
    const fate = this.#random.below(8);
    if (fate < 4) {
      this.#holds[attempt].add(from);
      const isSuperseded = attempt === "final" && fate === 0;
      return this.#tell({ kind: isSuperseded ? "superseded" : "stored", from, attempt });
    }
    if (fate === 4 && attempt === "first") {
      const held = stampFrom(60 + this.#random.below(9), 0, 0);
      return this.#tell({ kind: "behind", from, attempt, held });
    }
    if (fate === 5) return this.#tell({ kind: "refused", from, attempt });
    if (this.#random.below(2) === 0) this.#holds[attempt].add(from);
    // Some stay silent for good, with or without having stored it.
    if (fate === 6) this.#tell({ kind: "lost", from, attempt });
  }

  #takeOpen(): Sent | undefined {
    if (this.#open.length === 0) return undefined;
    return this.#open.splice(this.#random.below(this.#open.length), 1)[0];
  }

  #tell(event: WriteEvent): void {
    this.#past.push(event);
    this.#step(event);
  }

  #step(event: WriteEvent): void {
    const effects = this.#coordinator.step(event, this.#nowMs);
    assert.ok(!this.#isFinished || effects.length === 0, "nothing comes after it finished");
    for (const effect of effects) this.#check(effect);
  }

  #check(effect: WriteEffect): void {
    switch (effect.kind) {
      case "send":
        assert.ok(
          this.#answers === 0 || !this.#isRefusedForGood,
          "what never happened is not sent",
        );
        this.#open.push({ to: effect.to, attempt: effect.attempt });
        return;
      case "restamp": {
        assert.equal(this.#answers, 0, "no stamp after the answer");
        this.#lastAttempt = "final";
        const { ms } = effect.above;
        return this.#step({ kind: "restamped", stamp: stampFrom(ms + 1, 0, 0) });
      }
      case "answer":
        this.#answers += 1;
        assert.equal(this.#answers, 1, "it answers once");
        return this.#checkVerdict(effect);
      case "hint":
        for (const target of effect.targets) {
          assert.ok(!effect.holders.includes(target), "a holder lacks nothing");
        }
        for (const holder of effect.holders) {
          assert.ok(this.#holdsAny(holder), "who is named a holder holds it");
        }
        return;
      case "finished":
        this.#isFinished = true;
        return;
    }
  }

  #isRefusedForGood = false;

  #checkVerdict({ verdict }: Extract<WriteEffect, { kind: "answer" }>): void {
    const { acks, hinted } = verdict.quorum;
    const holders = this.#holds[this.#lastAttempt];
    if (verdict.kind === "written") {
      const primaries = this.#plan.primaries.filter((node) => holders.has(node));
      assert.ok(primaries.length >= acks, "the primaries that it says hold it do");
      const others = [...holders].filter((node) => !this.#plan.primaries.includes(node));
      assert.ok(others.length >= hinted, "the others that it says hold it do");
      assert.ok(holders.size >= 1, "somebody holds what was written");
      if (this.#w !== undefined) assert.ok(acks >= this.#w, "a demand is met by primaries");
    } else if (!verdict.mayBeStored) {
      this.#isRefusedForGood = true;
      assert.equal(this.#holds.first.size + this.#holds.final.size, 0, "nobody stored it");
    }
  }

  #holdsAny(node: NodeId): boolean {
    return this.#holds.first.has(node) || this.#holds.final.has(node);
  }
}

test("a write answers once, finishes, counts only who holds it, and never denies what is stored", () => {
  forEachSeed((random) => new WriteTrial(random).play());
});

function cellsAt(stamp: Stamp | undefined): EncodedCell[] {
  if (stamp === undefined) return [];
  const root: RootCell = {
    kind: "value",
    stamp,
    type: "string",
    expiresAtMs: 0,
    cleared: stamp,
    contentType: "",
    payload: new Uint8Array(0),
  };
  return [{ field: undefined, bytes: encodeCell(root, KEY, undefined) }];
}

class ReadTrial {
  readonly #random: Prng;
  readonly #reaches = new Map<NodeId, Reach>();
  readonly #held = new Map<NodeId, Stamp>();
  readonly #coordinator: ReadCoordinator;
  readonly #r: number | undefined;
  readonly #after: Stamp | undefined;
  readonly #plan: SlotPlan;
  #nowMs = 0;
  readonly #open: Extract<ReadEffect, { kind: "ask" }>[] = [];
  readonly #repairs: NodeId[] = [];
  readonly #past: ReadEvent[] = [];
  /** Nodes that gave cells or a digest, whenever. */
  readonly #heard = new Set<NodeId>();
  #answers = 0;

  constructor(random: Prng) {
    this.#random = random;
    this.#plan = { ...anyPlan(random), pending: [] };
    this.#r = random.below(3) > 0 ? undefined : 1 + random.below(3);
    this.#after = random.below(4) > 0 ? undefined : stampFrom(52, 0, 0);
    for (const node of NODES) {
      this.#reaches.set(node, random.pick(REACHES));
      if (random.below(4) > 0) this.#held.set(node, stampFrom(50 + random.below(4), 0, 0));
    }
    this.#coordinator = new ReadCoordinator({
      self: random.pick(NODES),
      selection: ROOT_ONLY,
      key: KEY,
      plan: this.#plan,
      reach: (node) => this.#reaches.get(node) ?? "up",
      r: this.#r,
      after: this.#after,
      startMs: 0,
      deadlineMs: DEADLINE_MS,
    });
  }

  play(): void {
    this.#step({ kind: "started" });
    for (let index = 0; index < STEPS; index += 1) this.#move();
    this.#nowMs = Math.max(this.#nowMs, DEADLINE_MS);
    this.#step({ kind: "tick" });
    assert.equal(this.#answers, 1, "the deadline answers it");
    for (let index = 0; index < 5; index += 1) this.#move();
  }

  #move(): void {
    const random = this.#random;
    switch (random.below(10)) {
      case 0:
        this.#nowMs += random.pick([1, 13, 60, 260, 900]);
        return this.#step({ kind: "tick" });
      case 1:
        this.#reaches.set(random.pick(NODES), random.pick(REACHES));
        return;
      case 2:
        if (random.below(4) > 0) return;
        return this.#step({ kind: "replanned", plan: anyPlan(random) });
      case 3:
        if (this.#past.length > 0) this.#step(random.pick(this.#past));
        return;
      case 4: {
        const to = this.#repairs.pop();
        if (to === undefined) return;
        return this.#tell({ kind: random.pick(["repaired", "not-repaired"]), from: to });
      }
      default:
        return this.#reply();
    }
  }

  #reply(): void {
    if (this.#open.length === 0) return;
    const index = this.#random.below(this.#open.length);
    const { to: from, want } = this.#open.splice(index, 1)[0] as { to: NodeId; want: string };
    const fate = this.#random.below(8);
    if (fate >= 5) {
      const kinds = ["refused", "lost", "damaged", "again"] as const;
      return this.#tell({ kind: this.#random.pick(kinds), from });
    }
    const cells = cellsAt(this.#held.get(from));
    this.#heard.add(from);
    if (want === "cells") return this.#tell({ kind: "cells", from, cells, collected: NO_STAMP });
    const digests = cells.map(({ field, bytes }) => ({ field, checksum: checksumOf(bytes) }));
    this.#tell({ kind: "digests", from, digests, collected: NO_STAMP });
  }

  #tell(event: ReadEvent): void {
    this.#past.push(event);
    this.#step(event);
  }

  #step(event: ReadEvent): void {
    const effects = this.#coordinator.step(event, this.#nowMs);
    assert.ok(this.#answers === 0 || effects.length === 0, "nothing comes after the answer");
    for (const effect of effects) {
      if (effect.kind === "ask") this.#open.push(effect);
      else if (effect.kind === "repair") this.#repairs.push(effect.to);
      else this.#checkAnswer(effect);
    }
  }

  #checkAnswer({ verdict }: Extract<ReadEffect, { kind: "answer" }>): void {
    this.#answers += 1;
    assert.equal(this.#answers, 1, "it answers once");
    const { acks, hinted } = verdict.quorum;
    assert.ok(this.#heard.size >= acks + hinted, "it counts nodes, and only those that voted");
    if (verdict.kind !== "read") return;
    assert.ok(acks + hinted >= 1, "somebody voted");
    if (this.#r !== undefined) assert.ok(acks >= this.#r, "a demand is met by primaries");
    const stamp = verdict.cells[0]?.cell.stamp;
    if (this.#after !== undefined) {
      assert.ok(stamp !== undefined && compareStamps(stamp, this.#after) >= 0, "not older");
    }
    if (stamp !== undefined) {
      const isHeld = [...this.#held.values()].some((held) => compareStamps(held, stamp) === 0);
      assert.ok(isHeld, "what is read was held by somebody");
    }
  }
}

test("a read answers once, in time, with what somebody holds and with the votes it says", () => {
  forEachSeed((random) => new ReadTrial(random).play());
});
