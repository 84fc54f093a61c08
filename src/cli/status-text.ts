/**
 * What `dnd status` prints: the cluster as a picture, in lines of at most STATUS_WIDTH characters, whatever ids and addresses
 * there are.
 *
 * What is as it should be is told in a word; what waits, and for whom, in as many lines as it takes. Takes views whose strings
 * are printable.
 */
import type { ClusterMember, ClusterView } from "./cluster-view.ts";
import { grouped } from "./output.ts";
import { type Paint, type Style, unpainted, widthOf } from "./paint.ts";
import { placesFor, SLOT_HEALTHS, type SlotHealth, type SlotHealths } from "./slot-health.ts";

export const STATUS_WIDTH = 80;
const LABEL_WIDTH = 9;
const SLOT_COUNT = 16_384;
const STRIP_CELLS: number = STATUS_WIDTH - LABEL_WIDTH;
const ID_WIDTH = 18;
const ADDRESS_WIDTH = 21;
const STATE_WIDTH = 17;
const SHARE_CELLS = 10;
/** Members that are told of one by one where something waits for them. */
const WAITING_SHOWN_MAX = 5;
/** Told in sentences, and so left out of the lists. */
const TOLD = /^(?:change|scrub-slots-done|background-percent|foreground)/;

/** Beside their colours, so that they are told apart without. */
const HEALTHS: Readonly<Record<SlotHealth, { glyph: string; style: Style; says: string }>> = {
  whole: { glyph: "█", style: "green", says: "served by all primaries" },
  moving: { glyph: "▓", style: "cyan", says: "moving" },
  short: { glyph: "▒", style: "yellow", says: "lack a primary" },
  minority: { glyph: "░", style: "red", says: "lack a majority" },
  none: { glyph: "·", style: ["bold", "red"], says: "lack all" },
};

const LIVENESS: Readonly<Record<string, { glyph: string; style: Style }>> = {
  alive: { glyph: "●", style: "green" },
  suspect: { glyph: "◐", style: "yellow" },
  dead: { glyph: "✖", style: "red" },
};

export interface StatusPicture {
  readonly view: ClusterView;
  /** `undefined` where it cannot be told. */
  readonly healths: SlotHealths | undefined;
  readonly paint?: Paint;
  /** Every count and amount as well. */
  readonly withAmounts?: boolean;
}

/** The whole answer. */
export function statusLines({
  view,
  healths,
  paint = unpainted,
  withAmounts = false,
}: StatusPicture): readonly string[] {
  const { replicas = "?", writeQuorum = "?" } = view.shared;
  const label = (name: string, parts: readonly string[]): readonly string[] =>
    labelled(name, parts, paint);
  return [
    ...label("cluster", [
      view.cluster ?? "none yet",
      `${replicas} copies`,
      `writes ${writeQuorum}`,
      `epoch ${view.epoch}`,
    ]),
    ...label("node", [view.node, view.phase, `HTTP at ${view.httpAddress}`]),
    "",
    ...memberLines(view, paint),
    "",
    ...slotLines(healths, paint),
    ...label("waiting", waitingParts(view)),
    ...label("change", changeParts(view)),
    ...label("collect", collectParts(view)),
    ...label("scrub", scrubParts(view)),
    ...label("load", loadParts(view)),
    ...(withAmounts ? amounts("now", view.gauges, paint) : []),
    ...(withAmounts ? amounts("since start", view.counters, paint) : []),
  ];
}

/** One line a member that belongs here: how it is, where, and how much of all copies it holds. */
function memberLines({ members, node }: ClusterView, paint: Paint): readonly string[] {
  const present = members.filter(({ intent }) => intent !== "left" && intent !== "removed");
  const copies = present.reduce((sum, { primarySlots }) => sum + primarySlots, 0);
  const most = Math.max(1, ...present.map(({ primarySlots }) => primarySlots));
  const lines = present.map((member) => {
    const { glyph, style } = LIVENESS[member.liveness] ?? { glyph: "?", style: "yellow" };
    const filled = Math.round((SHARE_CELLS * member.primarySlots) / most);
    const bar = "█".repeat(filled) + "░".repeat(SHARE_CELLS - filled);
    const percent = copies === 0 ? 0 : Math.round((100 * member.primarySlots) / copies);
    return [
      `  ${paint(style, glyph)}`,
      fitted(member.id === node ? `${member.id} *` : member.id, ID_WIDTH),
      fitted(member.address, ADDRESS_WIDTH),
      paint(style, fitted(stateOf(member), STATE_WIDTH)),
      `${paint("dim", bar)} ${String(percent).padStart(3)} %`,
    ].join(" ");
  });
  const gone = members.length - present.length;
  return gone === 0 ? lines : [...lines, `    ${grouped(gone)} have left or were removed`];
}

function stateOf({ intent, liveness }: ClusterMember): string {
  if (liveness === "alive") return intent === "active" ? "alive" : intent;
  return intent === "active" ? liveness : `${intent}, ${liveness}`;
}

/** All slots as a strip, the healthy ones first, and how many there are of which. */
function slotLines(healths: SlotHealths | undefined, paint: Paint): readonly string[] {
  if (healths === undefined) {
    const why = ["not shown: this command and the node are of versions that differ"];
    return labelled("slots", why, paint);
  }
  const counts = SLOT_HEALTHS.map((health) => healths[health]);
  const places = placesFor(counts, STRIP_CELLS);
  const strip = SLOT_HEALTHS.map((health, index) => {
    const { glyph, style } = HEALTHS[health];
    const cells = glyph.repeat(places[index] ?? 0);
    return cells === "" ? "" : paint(style, cells);
  }).join("");
  const legend = SLOT_HEALTHS.filter((health) => healths[health] > 0).map((health) => {
    const { glyph, style, says } = HEALTHS[health];
    return `${paint(style, glyph)} ${grouped(healths[health])} ${says}`;
  });
  return [`${paint("dim", "slots".padEnd(LABEL_WIDTH))}${strip}`, ...labelled("", legend, paint)];
}

/** Which members lack something, as this node knows, and what it keeps for them. */
export function waitingParts({ members, gauges }: ClusterView): readonly string[] {
  const waiting = members.filter((member) => member.dirtySlots + member.foreignSlots > 0);
  if (waiting.length === 0) return ["nothing"];
  const parts = waiting.slice(0, WAITING_SHOWN_MAX).map(({ id, dirtySlots, foreignSlots }) => {
    const dirty = dirtySlots === 0 ? "" : ` may lack something in ${grouped(dirtySlots)} slots`;
    const foreign = foreignSlots === 0 ? "" : ` is to take ${grouped(foreignSlots)} slots`;
    return `${id}${dirty}${dirty !== "" && foreign !== "" ? " and" : ""}${foreign}`;
  });
  const more = waiting.length - parts.length;
  if (more > 0) parts.push(`and ${more} more members`);
  const foreign = gauges["foreign-slots"] ?? 0;
  if (foreign > 0) parts.push(`${grouped(foreign)} foreign slots here in all`);
  return parts;
}

/** Slots that go from one member to another, or to this one. */
export function changeParts({ gauges }: Pick<ClusterView, "gauges">): readonly string[] {
  const of = (name: string): number => gauges[`change-${name}`] ?? 0;
  const left = of("slots-left");
  if (left === 0) return ["none under way"];
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
  return [...parts, `held up: ${heldBy ?? "this node"} ${HOLDS[reason] ?? reason}`];
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

/** Parts behind a label, on as many lines as they need; one that is longer than a line alone is cut. */
export function labelled(
  label: string,
  parts: readonly string[],
  paint: Paint = unpainted,
): readonly string[] {
  const lines: string[] = [];
  let line = label === "" ? " ".repeat(LABEL_WIDTH) : paint("dim", label.padEnd(LABEL_WIDTH));
  let isEmpty = true;
  for (const [index, part] of parts.entries()) {
    const whole = index === parts.length - 1 ? part : `${part},`;
    const text = widthOf(whole) > STRIP_CELLS ? fitted(whole, STRIP_CELLS) : whole;
    if (!isEmpty && widthOf(line) + 1 + widthOf(text) > STATUS_WIDTH) {
      lines.push(line);
      line = " ".repeat(LABEL_WIDTH);
      isEmpty = true;
    }
    line += isEmpty ? text : ` ${text}`;
    isEmpty = false;
  }
  return [...lines, line];
}

/** Exactly so wide: filled up, or cut at the end with a mark that it was. For text without colours. */
export function fitted(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text + " ".repeat(width - characters.length);
  return `${characters.slice(0, width - 1).join("")}…`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

function amounts(
  title: string,
  all: Readonly<Record<string, number>>,
  paint: Paint,
): readonly string[] {
  const shown = Object.entries(all).filter(([name, amount]) => amount !== 0 && !TOLD.test(name));
  if (shown.length === 0) return [];
  const width = Math.max(...shown.map(([name]) => name.length));
  const lines = shown.map(([name, amount]) =>
    fitted(`  ${name.padEnd(width)}  ${grouped(amount)}`, STATUS_WIDTH).trimEnd(),
  );
  return ["", paint("bold", title), ...lines];
}
