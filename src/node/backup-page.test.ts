import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCell } from "../core/causality/cell-codec.ts";
import { cellKey, slotRange } from "../core/causality/storage-key.ts";
import { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { BackupOutcome, BackupRequest } from "../model/backup.ts";
import type { RootCell } from "../model/cell.ts";
import { type NodeId, nodeIdFrom } from "../model/ids.ts";
import { type Key, keyFromText } from "../model/key.ts";
import {
  type KeyedCell,
  type PeerMessage,
  type PeerReply,
  type SlotCells,
  WIRE_VERSION,
} from "../model/peer-message.ts";
import { type Slot, slotFrom } from "../model/slot.ts";
import { NO_STAMP, type Stamp, stampFrom } from "../model/stamp.ts";
import { decodeFrame, isDecodeFailure } from "../protocol/peer/frame-codec.ts";
import { BackupPages, type BackupPagesOptions, isBackupCursor } from "./backup-page.ts";
import { Counters } from "./counters.ts";

const COORDINATOR = nodeIdFrom(9, 9);
const [A, B, C] = [1, 2, 3].map((id) => nodeIdFrom(0, id)) as [NodeId, NodeId, NodeId];
const KEY = keyFromText("k");
const SLOT = slotOfKey(KEY);
const NO_BYTES = new Uint8Array(0);

type Reply = PeerReply | "silence";

interface Told {
  readonly cells?: readonly KeyedCell[];
  readonly collected?: Stamp;
  readonly through?: string;
}

/** A coordinator that holds no slot itself, and three primaries that answer as the script has it. */
class Trial {
  nowMs = 0;
  readonly outcomes: BackupOutcome[] = [];
  /** What was asked, of whom. */
  readonly asked = new Map<NodeId, PeerMessage>();
  /** The wire versions agreed on, where it is not this program's. */
  readonly wireVersions = new Map<NodeId, number>();
  readonly #replies: ReadonlyMap<NodeId, Reply>;
  readonly #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(a: Reply, b: Reply, c: Reply) {
    this.#replies = new Map([
      [A, a],
      [B, b],
      [C, c],
    ]);
  }

  take(request: Partial<BackupRequest> = {}): BackupOutcome {
    const placement = new Placement({
      members: [A, B, C].map((id) => ({ id, intent: "active", zone: "", weight: 1 })),
      replicas: 3,
    });
    const context = {
      self: COORDINATOR,
      counters: new Counters(),
      placement: () => placement,
      monotonicMs: () => this.nowMs,
      peers: {
        wireVersion: (node: NodeId) => this.wireVersions.get(node) ?? WIRE_VERSION,
        request: (
          to: NodeId,
          body: Uint8Array,
          _deadlineMs: number,
          sink: { onReply: (from: NodeId, token: number, reply: PeerReply) => void },
        ) => {
          this.asked.set(to, messageIn(body));
          const reply = this.#replies.get(to);
          if (reply !== undefined && reply !== "silence") {
            this.#after(1, () => sink.onReply(to, 0, reply));
          }
          return true;
        },
      },
    };
    const clock = {
      after: (delayMs: number, run: () => void) => this.#after(delayMs, run),
      defer: (run: () => void) => this.#after(0, run),
    };
    const pages = new BackupPages({ context, clock } as unknown as BackupPagesOptions);
    const whole = { cursor: undefined, firstSlot: slotFrom(0), lastSlot: slotFrom(16_383) };
    pages.take({ ...whole, allowsThin: false, ...request }, (one) => this.outcomes.push(one));
    this.#advance(70_000);
    assert.equal(this.outcomes.length, 1, "a page is answered once");
    return this.outcomes[0] as BackupOutcome;
  }

  #after(delayMs: number, run: () => void): void {
    this.#timers.push({ atMs: this.nowMs + delayMs, run });
  }

  #advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      this.#timers.sort((a, b) => a.atMs - b.atMs);
      const next = this.#timers[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.shift();
      this.nowMs = next.atMs;
      next.run();
    }
  }
}

function messageIn(body: Uint8Array): PeerMessage {
  const frame = decodeFrame(body);
  assert.ok(!isDecodeFailure(frame));
  return frame.message;
}

function at(ms: number): Stamp {
  return stampFrom(ms, 0, 0);
}

function root(kind: RootCell["kind"], ms: number, text = "", key: Key = KEY): KeyedCell {
  const payload = Buffer.from(text);
  const stamp = at(ms);
  const rest = { type: "string", expiresAtMs: 0, cleared: stamp, contentType: "" } as const;
  const bytes = encodeCell({ kind, stamp, payload, ...rest }, key, undefined);
  return { key, field: undefined, bytes };
}

function told({ cells = [], collected = NO_STAMP, through }: Told): PeerReply {
  const slots = new Set<Slot>(cells.map(({ key }) => slotOfKey(key)));
  if (slots.size === 0) slots.add(SLOT);
  const parts: SlotCells[] = [...slots]
    .sort((a, b) => a - b)
    .map((slot) => ({
      slot,
      collected,
      cells: cells.filter(({ key }) => slotOfKey(key) === slot),
    }));
  return { kind: "slot-scan-reply", parts, through };
}

function page(outcome: BackupOutcome): Extract<BackupOutcome, { kind: "page" }> {
  assert.equal(outcome.kind, "page", JSON.stringify(outcome));
  return outcome as Extract<BackupOutcome, { kind: "page" }>;
}

const VOTELESS: PeerReply = { kind: "refused", reason: "voteless", detail: "" };
const DAMAGED: KeyedCell = { key: KEY, field: undefined, bytes: NO_BYTES };
const OLD = root("value", 10, "old");
const NEW = root("value", 20, "new");
const GONE = root("tombstone", 30);

test("a page is the merge of what all tell, with a quorum once the last is late", () => {
  const all = new Trial(told({ cells: [OLD] }), told({ cells: [NEW] }), told({}));
  assert.deepEqual(page(all.take()), { kind: "page", cells: [NEW], next: undefined, thin: [] });
  assert.equal(all.nowMs < 2_000, true, "nobody is waited for");
  const two = new Trial(told({ cells: [OLD] }), told({ cells: [GONE] }), "silence");
  assert.deepEqual(page(two.take()).cells, [GONE], "what was deleted is there as a tombstone");
});

test("one of three is no quorum: the page fails, or is taken and called thin", () => {
  const lone = (): Trial => new Trial(told({ cells: [OLD] }), "silence", VOTELESS);
  const failed = lone().take();
  assert.equal(failed.kind === "failed" && failed.code, "timed-out");
  assert.deepEqual(failed.kind === "failed" && failed.quorum, { acks: 1, of: 3, hinted: 0 });
  const refused = new Trial(told({ cells: [OLD] }), VOTELESS, VOTELESS).take();
  assert.equal(refused.kind === "failed" && refused.code, "quorum-unreachable");
  const taken = page(lone().take({ allowsThin: true }));
  assert.deepEqual(taken.cells, [OLD]);
  assert.deepEqual(taken.thin, [{ firstSlot: 0, lastSlot: 16_383, copies: 1 }]);
});

test("who has collected further is right about what it lacks, up to there", () => {
  const past = { cells: [OLD, root("value", 25, "x", keyFromText("{k}2"))] };
  const further = told({ collected: at(20) });
  const merged = page(new Trial(told(past), further, "silence").take());
  assert.deepEqual(
    merged.cells.map(({ key }) => key),
    ["{k}2"],
    "what was collected does not come back, what is later is kept",
  );
  // Who holds just that cell, and has collected no less, has kept it.
  const keeper = told({ cells: [OLD], collected: at(20) });
  assert.deepEqual(page(new Trial(told({ cells: [OLD] }), keeper, "silence").take()).cells, [OLD]);
  const level = told({ cells: past.cells, collected: at(20) });
  assert.equal(page(new Trial(level, further, "silence").take()).cells.length, 2);
});

test("a damaged copy is neither there nor absent", () => {
  const mended = new Trial(told({ cells: [DAMAGED] }), told({ cells: [OLD] }), told({}));
  assert.deepEqual(page(mended.take()).cells, [OLD]);
  const unsure = (): Trial => new Trial(told({ cells: [DAMAGED] }), told({}), "silence");
  const failed = unsure().take();
  assert.equal(failed.kind === "failed" && failed.code, "damaged");
  const taken = page(unsure().take({ allowsThin: true }));
  assert.deepEqual(
    [taken.cells, taken.thin],
    [[], [{ firstSlot: SLOT, lastSlot: SLOT, copies: 0 }]],
  );
  // It has collected past the other's copy, and cannot tell whether it held it.
  const blind = told({ cells: [DAMAGED], collected: at(20) });
  assert.deepEqual(
    page(new Trial(blind, told({ cells: [OLD] }), told({ cells: [OLD] })).take()).cells,
    [OLD],
  );
});

test("a page ends before a slot that somebody has not looked at to its end", () => {
  const keys = Array.from({ length: 40 }, (_none, index) => keyFromText(`{a${index}}`)).sort(
    (a, b) => slotOfKey(a) - slotOfKey(b),
  );
  const cells = keys.map((key) => root("value", 10, key, key));
  const cut = keys[20] as Key;
  const through = cellKey(slotOfKey(cut), cut, undefined);
  const first = page(
    new Trial(told({ cells }), told({ cells: cells.slice(0, 21), through }), "silence").take(),
  );
  assert.deepEqual(first.cells, cells.slice(0, 20));
  assert.equal(first.next, slotRange(slotOfKey(cut)).from);
  assert.ok(isBackupCursor(first.next ?? ""));
  const rest = { cells: cells.slice(20) };
  const second = new Trial(told(rest), told(rest), "silence").take({ cursor: first.next });
  assert.deepEqual(page(second).cells, cells.slice(20));
});

test("a slot that is more than a page goes on before the key that was not looked at to its end", () => {
  const keys = Array.from({ length: 10 }, (_none, index) => keyFromText(`{k}${index}`));
  const cells = keys.map((key) => root("value", 10, "v", key));
  const through = cellKey(SLOT, keys[3] as Key, undefined);
  const some = told({ cells: cells.slice(0, 4), through });
  const first = page(new Trial(told({ cells }), some, "silence").take({ firstSlot: SLOT }));
  assert.deepEqual(first.cells, cells.slice(0, 3));
  const next = first.next as string;
  assert.ok(next < through && next > cellKey(SLOT, keys[2] as Key, undefined));

  // Where that key is all there is, the page goes on within it.
  const rest = told({ cells: cells.slice(3, 4), through });
  const second = page(
    new Trial(told({ cells: cells.slice(3) }), rest, "silence").take({ cursor: next }),
  );
  assert.deepEqual([second.cells, second.next], [cells.slice(3, 4), through]);
  const last = told({ cells: cells.slice(4) });
  const third = page(new Trial(last, last, "silence").take({ cursor: through }));
  assert.deepEqual([third.cells, third.next], [cells.slice(4), undefined]);
});

test("a cursor behind the last slot that is asked for ends the backup", () => {
  const { before } = slotRange(SLOT);
  const trial = new Trial(told({}), told({}), told({}));
  const outcome = trial.take({ cursor: before, firstSlot: SLOT, lastSlot: SLOT });
  assert.deepEqual(outcome, { kind: "page", cells: [], next: undefined, thin: [] });
});

test("of some slots only those are asked for and taken, whoever tells of more", () => {
  const keys = Array.from({ length: 5 }, (_none, index) => keyFromText(`{b${index}}`)).sort(
    (a, b) => slotOfKey(a) - slotOfKey(b),
  );
  const cells = keys.map((key) => root("value", 10, key, key));
  const [, second, , fourth] = keys as [Key, Key, Key, Key];
  const slots = [slotOfKey(second), slotOfKey(fourth)];
  const wanted = [cells[1], cells[3]];
  const exact = told({ cells: wanted as KeyedCell[] });
  // An earlier version cannot be asked for them alone.
  const trial = new Trial(exact, told({ cells }), "silence");
  trial.wireVersions.set(B, 4);
  const taken = page(trial.take({ slots }));
  assert.deepEqual([taken.cells, taken.next], [wanted, undefined]);
  assert.deepEqual(trial.asked.get(A), { kind: "sparse-scan", slots, after: "" });
  const [firstSlot, lastSlot] = slots as [Slot, Slot];
  assert.deepEqual(trial.asked.get(B), { kind: "cell-scan", firstSlot, lastSlot, after: "" });

  // The first of them was not looked at to its end, the cursor stands before it: the page still gets on.
  const through = cellKey(firstSlot, second, undefined);
  const cut = new Trial(told({ cells: wanted.slice(0, 1) as KeyedCell[], through }), exact, exact);
  const begun = page(cut.take({ slots, cursor: slotRange(slotOfKey(keys[0] as Key)).before }));
  assert.ok((begun.next as string) > slotRange(firstSlot).from);
  const behind = new Trial(exact, exact, exact).take({ slots, cursor: slotRange(lastSlot).before });
  assert.deepEqual(behind, { kind: "page", cells: [], next: undefined, thin: [] });
});

test("thin are those of the slots asked for that too few tell of", () => {
  const slots = [slotFrom(3), slotFrom(5), slotFrom(6)];
  const lone = new Trial(told({}), "silence", VOTELESS);
  assert.deepEqual(page(lone.take({ slots, allowsThin: true })).thin, [
    { firstSlot: 3, lastSlot: 3, copies: 1 },
    { firstSlot: 5, lastSlot: 6, copies: 1 },
  ]);
});

test("what is no position in a slot is no cursor", () => {
  for (const cursor of ["", "d", "d\x00", "x\x00\x00", "d\x40\x01", "d\xff\xff\xff"]) {
    assert.equal(isBackupCursor(cursor), false, JSON.stringify(cursor));
  }
  assert.equal(isBackupCursor("d\x3f\xff"), true);
});
