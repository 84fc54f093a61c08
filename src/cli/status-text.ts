/**
 * What `dnd status` prints, as lines of at most STATUS_WIDTH characters where ids and addresses are of usual length.
 *
 * A change under way is told in a sentence; amounts that are zero are left out: what has happened is what matters.
 */
import type { ClusterMember, ClusterView } from "./cluster-view.ts";
import { bold, grouped, table } from "./output.ts";

export const STATUS_WIDTH = 80;
const LABEL_WIDTH = 9;
const SLOT_COUNT = 16_384;
/** Told in sentences, and so left out of the lists. */
const TOLD = /^(?:change|scrub-slots-done|background-percent|foreground)/;

/** The whole answer. */
export function statusLines(view: ClusterView): readonly string[] {
  const shared = Object.entries(view.shared).map(([name, value]) => `${name} ${value}`);
  return [
    ...labelled("node", [`${view.node}`, view.phase, `peers at ${view.address}`]),
    ...labelled("cluster", [view.cluster ?? "none yet", `epoch ${view.epoch}`]),
    ...labelled("shared", shared),
    ...labelled("change", changeParts(view)),
    ...labelled("collect", collectParts(view)),
    ...labelled("scrub", scrubParts(view)),
    ...labelled("load", loadParts(view)),
    "",
    table(
      ["NODE", "PEERS", "STATE", "COPIES", "DIRTY", "FOREIGN"],
      view.members.map((member) => memberRow(member, view.node)),
    ),
    ...amounts("now", view.gauges),
    ...amounts("since start", view.counters),
  ];
}

/** Slots that go from one member to another, or to this one. */
export function changeParts({ gauges, members }: ClusterView): readonly string[] {
  const of = (name: string): number => gauges[`change-${name}`] ?? 0;
  const left = of("slots-left");
  const dirty = members.reduce((sum, { dirtySlots }) => sum + dirtySlots, 0);
  if (left === 0) return dirty === 0 ? ["none under way"] : [`${grouped(dirty)} dirty slots wait`];
  const done = of("slots-done");
  const parts = [`${grouped(done)} slots done`, `${grouped(left)} to go`];
  if (of("slots-per-second") === 0) return [...parts, "standing still"];
  return [
    ...parts,
    `${grouped(of("slots-per-second"))} slots/s`,
    `${grouped(of("cells-per-second"))} cells/s`,
    `about ${duration(of("seconds-left"))} left`,
  ];
}

const HOLDS: Readonly<Record<string, string>> = {
  "no-answer": "does not answer",
  "foreign-cells": "holds cells of others",
  "writes-in-flight": "has old writes under way",
  "not-ready": "is starting",
};

/** What was deleted, and who keeps it from going. */
export function collectParts({ collection }: ClusterView): readonly string[] {
  const { slotsDue, reason, heldBy } = collection;
  if (slotsDue === 0) return ["nothing waits"];
  const parts = [`${grouped(slotsDue)} slots wait`];
  if (reason === null) return parts;
  if (reason === "members-change") return [...parts, "until members have come or gone"];
  if (reason === "not-equal") return [...parts, "until replicas are equal"];
  return [...parts, `${heldBy ?? "this node"} ${HOLDS[reason] ?? reason}`];
}

function scrubParts({ gauges, counters }: ClusterView): readonly string[] {
  const percent = Math.floor((100 * (gauges["scrub-slots-done"] ?? 0)) / SLOT_COUNT);
  const found = counters["cells-found-damaged"] ?? 0;
  const parts = [`${percent} % of this pass`];
  if (found === 0) return [...parts, "no damage found"];
  const now = gauges["cells-damaged"] ?? 0;
  const everywhere = gauges["cells-damaged-everywhere"] ?? 0;
  return [
    ...parts,
    `${grouped(found)} damaged cells found`,
    `${grouped(now)} not yet mended`,
    ...(everywhere === 0 ? [] : [`${grouped(everywhere)} damaged everywhere`]),
  ];
}

function loadParts({ gauges }: ClusterView): readonly string[] {
  const ms = (name: string): string => ((gauges[name] ?? 0) / 1_000).toFixed(1);
  return [
    `p99 ${ms("foreground-p99-us")} ms`,
    `background ${gauges["background-percent"] ?? 100} %`,
    `which gives way at ${ms("foreground-target-us")} ms`,
  ];
}

function memberRow(member: ClusterMember, self: string): readonly string[] {
  const { intent, liveness } = member;
  return [
    member.id === self ? `${member.id} *` : member.id,
    member.address,
    liveness === "alive" ? intent : `${intent}, ${liveness}`,
    grouped(member.primarySlots),
    grouped(member.dirtySlots),
    grouped(member.foreignSlots),
  ];
}

/** Parts behind a label, on as many lines as they need; a part is not broken. */
export function labelled(label: string, parts: readonly string[]): readonly string[] {
  const lines: string[] = [];
  let line = label.padEnd(LABEL_WIDTH);
  let isEmpty = true;
  for (const [index, part] of parts.entries()) {
    const text = index === parts.length - 1 ? part : `${part},`;
    if (!isEmpty && line.length + 1 + text.length > STATUS_WIDTH) {
      lines.push(line);
      line = " ".repeat(LABEL_WIDTH);
      isEmpty = true;
    }
    line += isEmpty ? text : ` ${text}`;
    isEmpty = false;
  }
  return [...lines, line];
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

function amounts(title: string, all: Readonly<Record<string, number>>): readonly string[] {
  const shown = Object.entries(all).filter(([name, amount]) => amount !== 0 && !TOLD.test(name));
  if (shown.length === 0) return [];
  const width = Math.max(...shown.map(([name]) => name.length));
  const lines = shown.map(([name, amount]) => `  ${name.padEnd(width)}  ${grouped(amount)}`);
  return ["", bold(title), ...lines];
}
