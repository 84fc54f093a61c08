/**
 * Who is last, and stamps.
 *
 * I7: of two acknowledged writes of a key whose quorums of primaries overlap, one begun after the other was
 * answered has the greater stamp, whatever the clocks show.
 * I9: the stamps of one boot grow with time, those of one machine across its boots too while no clock is set;
 * no two writes have the same. Left out are stamps that rest on a held one from a wilder clock: design, 5.3.
 */
import { majority } from "../../src/core/replication/quorum.ts";
import { compareStamps, formatStamp, type Stamp } from "../../src/model/stamp.ts";
import {
  ackOf,
  describeOperation,
  type History,
  isWrite,
  type Operation,
  type Violation,
  type WriteOperation,
} from "../history.ts";
import { writesByKey } from "./durability.ts";

/** Stamps this far ahead of their coordinator's clock may rest on a held one instead (design: 5 minutes). */
const WILD_MS = 4 * 60_000;

interface Acked {
  readonly write: WriteOperation;
  readonly stamp: Stamp;
  readonly endMs: number;
}

export function checkOrder(history: History): Violation[] {
  return [
    ...checkLastWriteWins(history),
    ...checkStampsGrow(history),
    ...checkStampsUnique(history),
  ];
}

/** Whether members came or went at any time between two moments. */
export function isAcrossTopologyChange(history: History, fromMs: number, untilMs: number): boolean {
  return history.topologyChanges.some((span) => span.fromMs <= untilMs && span.untilMs >= fromMs);
}

/** Whether an operation ran while what a node had lost may have been known to nobody. */
export function isUnremembered(history: History, { startMs, endMs }: Operation): boolean {
  return (history.lostMemory ?? []).some(
    (span) => span.fromMs <= (endMs ?? startMs) && span.untilMs >= startMs,
  );
}

/**
 * A write that demanded a majority has been taken by so many of those who come as well, or it would have failed: it is
 * met by every majority also while slots change hands. One that did not may have been answered with less.
 */
export function isOwedToJoiners(write: WriteOperation): boolean {
  if (write.w === undefined || write.outcome?.kind !== "written") return false;
  return write.w >= majority(write.outcome.quorum.of);
}

function checkLastWriteWins(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const [key, writes] of writesByKey(history)) {
    const acked = ackedOf(writes);
    for (const earlier of acked) {
      for (const later of acked) {
        if (earlier.endMs >= later.write.startMs) continue;
        if (compareStamps(earlier.stamp, later.stamp) < 0) continue;
        if (!doQuorumsOverlap(earlier.write, later.write)) continue;
        if (isUnremembered(history, later.write)) continue;
        const isAcross = isAcrossTopologyChange(history, earlier.write.startMs, later.endMs);
        if (isAcross && !(isOwedToJoiners(earlier.write) && isOwedToJoiners(later.write))) continue;
        violations.push({
          invariant: "I7",
          key,
          detail: `key ${key}: ${describeOperation(later.write)} ${formatStamp(later.stamp)} loses to the earlier ${describeOperation(earlier.write)} ${formatStamp(earlier.stamp)}`,
        });
      }
    }
  }
  return violations;
}

/**
 * Whether the later write was bound to meet the earlier one. It was answered either by plain acks, which meet the
 * earlier write's where both together are more than N; or after N−W+1 had pushed back, which meet the earlier
 * write's acks only if those were W: fewer, by a sloppy answer, promise nothing.
 */
function doQuorumsOverlap(earlier: WriteOperation, later: WriteOperation): boolean {
  if (earlier.outcome?.kind !== "written" || later.outcome?.kind !== "written") return false;
  const one = earlier.outcome.quorum;
  const other = later.outcome.quorum;
  const demanded = later.w ?? majority(other.of);
  return one.of === other.of && one.acks >= demanded && one.acks + other.acks > one.of;
}

function ackedOf(writes: readonly WriteOperation[]): Acked[] {
  const acked: Acked[] = [];
  for (const write of writes) {
    const stamp = ackOf(write);
    if (stamp !== undefined && write.endMs !== undefined)
      acked.push({ write, stamp, endMs: write.endMs });
  }
  return acked;
}

function checkStampsGrow(history: History): Violation[] {
  const groups = new Map<string, Acked[]>();
  for (const acked of ackedOf(history.operations.filter(isWrite))) {
    // A conditional write is stamped where it is run, which may be at the slowest clock.
    const isOwn = acked.write.condition === undefined;
    const wallMs = isOwn ? acked.write.wallMs : acked.write.slowestWallMs;
    if (acked.stamp.ms > wallMs + WILD_MS) continue;
    add(groups, `boot ${acked.stamp.boot}`, acked);
    if (isOwn && history.areClocksSteady) add(groups, `n${acked.write.machine}`, acked);
  }
  const violations: Violation[] = [];
  for (const [name, group] of groups) {
    // A clock's reading is kept with each commit: across boots only what the node itself committed must be remembered.
    const isKept = name.startsWith("n") ? isCommittedAtCoordinator : (): boolean => true;
    violations.push(...checkGroupGrows(name, group, isKept));
  }
  return violations;
}

function add(groups: Map<string, Acked[]>, name: string, acked: Acked): void {
  const group = groups.get(name);
  if (group === undefined) groups.set(name, [acked]);
  else group.push(acked);
}

/** All primaries acknowledged it, and the coordinator is one of them. */
function isCommittedAtCoordinator({ write }: Acked): boolean {
  if (write.outcome?.kind !== "written") return false;
  const { acks, of } = write.outcome.quorum;
  return write.isAtPrimary === true && acks === of;
}

/** Sweeps by time: each write against the greatest stamp answered before it began. */
function checkGroupGrows(
  name: string,
  group: readonly Acked[],
  isKept: (acked: Acked) => boolean,
): Violation[] {
  const violations: Violation[] = [];
  const byEnd = group.filter(isKept).toSorted((a, b) => a.endMs - b.endMs);
  const byStart = group.toSorted((a, b) => a.write.startMs - b.write.startMs);
  let greatest: Acked | undefined;
  let ended = 0;
  for (const acked of byStart) {
    for (
      let next = byEnd[ended];
      next !== undefined && next.endMs < acked.write.startMs;
      next = byEnd[ended]
    ) {
      if (greatest === undefined || compareTimes(next.stamp, greatest.stamp) > 0) greatest = next;
      ended += 1;
    }
    if (greatest === undefined || compareTimes(acked.stamp, greatest.stamp) > 0) continue;
    violations.push({
      invariant: "I9",
      key: acked.write.key,
      detail: `${name}: ${describeOperation(acked.write)} has ${formatStamp(acked.stamp)}, not above ${formatStamp(greatest.stamp)} of ${describeOperation(greatest.write)}`,
    });
  }
  return violations;
}

/** Boot ids are random: what must grow is the clock's part. */
function compareTimes(a: Stamp, b: Stamp): number {
  return a.ms - b.ms || a.counter - b.counter;
}

function checkStampsUnique(history: History): Violation[] {
  const violations: Violation[] = [];
  const owners = new Map<string, WriteOperation>();
  for (const { write, stamp } of ackedOf(history.operations.filter(isWrite))) {
    const text = formatStamp(stamp);
    const owner = owners.get(text);
    if (owner === undefined) {
      owners.set(text, write);
      continue;
    }
    violations.push({
      invariant: "I9",
      key: write.key,
      detail: `${describeOperation(write)} and ${describeOperation(owner)} share the stamp ${text}`,
    });
  }
  return violations;
}
