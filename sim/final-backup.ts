/**
 * Backups at the end of a run, when all is settled: a whole one is what the primaries hold, cell by cell, and an increment comes to
 * the same, whatever it builds on.
 *
 * Nothing is asked of a node before the end, so that a run goes as it would without: the base is what stood on all disks at a moment
 * amid the faults, which no single backup might have been.
 */
import { decodeCell } from "../src/core/causality/cell-codec.ts";
import { mergeCells } from "../src/core/causality/merge.ts";
import { allCellsRange, parseCellKey } from "../src/core/causality/storage-key.ts";
import type { PlacedCell } from "../src/core/operations/backup-difference.ts";
import type { BackupRequest } from "../src/model/backup.ts";
import { SLOT_COUNT } from "../src/model/limits.ts";
import type { KeyedCell } from "../src/model/peer-message.ts";
import { slotFrom } from "../src/model/slot.ts";
import type { Machine, SimCluster, SimNode } from "./cluster.ts";
import { placedCells, takeIncrement } from "./increments.ts";
import type { SimRandom } from "./random.ts";
import type { Scheduler } from "./virtual-clock.ts";

const ALL_SLOTS: BackupRequest = {
  cursor: undefined,
  firstSlot: slotFrom(0),
  lastSlot: slotFrom(SLOT_COUNT - 1),
  allowsThin: false,
};
const BACKUP_MS_MAX = 60_000;
/** What is collected between the two is a difference; that comes to an end. */
const ROUNDS = 6;
const PAUSE_MS = 3_000;

/** What stands intact on the disks of all machines, merged. */
export function cellsOnDisks(machines: readonly Machine[]): readonly PlacedCell[] {
  const cells = new Map<string, PlacedCell>();
  const { from, before } = allCellsRange();
  for (const { disk } of machines) {
    for (const { key: position, value: bytes } of disk.contents()) {
      const place = position >= from && position < before ? parseCellKey(position) : undefined;
      const cell = place === undefined ? "damaged" : decodeCell(bytes, place.key, place.field);
      if (place === undefined || cell === "damaged") continue;
      const known = cells.get(position);
      // Of two that merge to a third either will do: a base may hold anything.
      if (known === undefined || mergeCells(known.cell, cell) === cell) {
        cells.set(position, { position, ...place, cell, bytes });
      }
    }
  }
  return [...cells.values()].sort((a, b) => (a.position < b.position ? -1 : 1));
}

/** What is wrong with a backup of the whole cluster, and with an increment since that base; `undefined`: nothing. */
export function checkFinalBackups(
  cluster: SimCluster,
  random: SimRandom,
  base: readonly PlacedCell[],
): string | undefined {
  const { scheduler } = cluster;
  let problem: string | undefined;
  for (let round = 0; round < ROUNDS; round += 1) {
    problem = tryFinalBackups(cluster, random, base);
    if (problem === undefined) return undefined;
    scheduler.runUntil(scheduler.nowMs + PAUSE_MS);
  }
  return problem;
}

function tryFinalBackups(
  cluster: SimCluster,
  random: SimRandom,
  base: readonly PlacedCell[],
): string | undefined {
  const { scheduler } = cluster;
  const ask = (run: Asking) => answerOf(scheduler, random.pick(cluster.running()), run);
  const increment = ask((node, done) =>
    takeIncrement(node, base, ALL_SLOTS, (outcome) =>
      done(outcome.kind === "failed" ? outcome.code : outcome.cells),
    ),
  );
  if (typeof increment === "string") return `an increment failed: ${increment}`;
  const whole = ask((node, done) => takeWhole(node, [], undefined, done));
  if (typeof whole === "string") return `a backup failed: ${whole}`;
  return (
    differenceOf("an increment", increment, "a backup", whole) ??
    differenceOf("a backup", whole, "the disks", cellsOnDisks(cluster.staying()))
  );
}

type Taken = readonly PlacedCell[] | string;
type Asking = (node: SimNode, done: (taken: Taken) => void) => void;

function answerOf(scheduler: Scheduler, { node, process }: Machine, run: Asking): Taken {
  if (node === undefined || process === undefined) return "its node does not run";
  let taken: Taken | undefined;
  scheduler.deliver(process, "backup", () => {
    run(node, (answer) => {
      taken = answer;
    });
  });
  const limitMs = scheduler.nowMs + BACKUP_MS_MAX;
  while (taken === undefined && scheduler.nowMs < limitMs && scheduler.step());
  return taken ?? "it did not end";
}

function takeWhole(
  node: SimNode,
  cells: KeyedCell[],
  cursor: string | undefined,
  done: (taken: Taken) => void,
): void {
  node.backup({ ...ALL_SLOTS, cursor }, (outcome) => {
    if (outcome.kind === "failed") return done(outcome.code);
    cells.push(...outcome.cells);
    if (outcome.next === undefined) done(placedCells(cells));
    else takeWhole(node, cells, outcome.next, done);
  });
}

function differenceOf(
  name: string,
  cells: readonly PlacedCell[],
  otherName: string,
  others: readonly PlacedCell[],
): string | undefined {
  const texts = new Map(others.map((cell) => [cell.position, textOf(cell)]));
  for (const cell of cells) {
    const text = texts.get(cell.position);
    texts.delete(cell.position);
    if (text === textOf(cell)) continue;
    return `${name} has ${textOf(cell)}, ${otherName} ${text ?? "nothing"} there`;
  }
  const [left] = texts.values();
  return left === undefined ? undefined : `${otherName} has ${left}, ${name} nothing there`;
}

function textOf({ key, field, cell, bytes }: PlacedCell): string {
  const { ms, counter } = cell.stamp;
  return `${key} ${field ?? "*"} ${cell.kind} ${ms}-${counter} ${Buffer.from(bytes).toString("hex").slice(0, 8)}`;
}
