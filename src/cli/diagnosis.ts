/**
 * What `dnd doctor` makes of what the members say: findings, each with what to do.
 *
 * Invariant: pure: the same reports give the same findings. `bad` needs somebody to act; `warn` is worth a look, or passes by itself.
 */
import { VERSION } from "../version.ts";
import type { ClusterMember } from "./cluster-view.ts";
import type { DoorReport } from "./doors.ts";
import type { MemberAnswer, MemberReport } from "./every-member.ts";
import { grouped } from "./output.ts";
import type { SlotHealths } from "./slot-health.ts";

export const CHECKS = [
  "doors",
  "gossip",
  "members",
  "slots",
  "versions",
  "clocks",
  "disks",
  "memory",
  "changes",
  "damage",
  "amnesia",
  "collection",
] as const;
export type CheckName = (typeof CHECKS)[number];

export interface Finding {
  readonly check: CheckName;
  readonly level: "ok" | "warn" | "bad";
  readonly says: string;
  /** What to do, in a sentence; `undefined` where there is nothing to do. */
  readonly advice: string | undefined;
}

/** Everything that was asked. */
export interface Examination {
  readonly reports: readonly MemberReport[];
  readonly doors: readonly DoorReport[];
  readonly healths: SlotHealths | undefined;
}

const CLOCK_MS_WARN = 1_000;
/** The hybrid clock follows others by at most five minutes: beyond, stamps of that node are not taken for later ones. */
const CLOCK_MS_BAD = 60_000;
const DISK_RATIO_WARN = 0.1;
const DISK_RATIO_BAD = 0.03;
const HEAP_RATIO_WARN = 0.85;
const MEMORY_RATIO_WARN = 0.05;

interface Answering {
  readonly member: ClusterMember;
  readonly answer: MemberAnswer;
}

type Found = Omit<Finding, "check">;

export function diagnose(examination: Examination): readonly Finding[] {
  const answering = examination.reports.flatMap(({ member, answer }) =>
    typeof answer === "string" ? [] : [{ member, answer }],
  );
  const found: Readonly<Record<CheckName, readonly Found[]>> = {
    doors: doors(examination),
    gossip: gossip(examination.reports, answering),
    members: members(answering),
    slots: slots(examination),
    versions: versions(answering),
    clocks: clocks(answering),
    disks: disks(answering),
    memory: memory(answering),
    changes: changes(answering),
    damage: damage(answering),
    amnesia: amnesia(answering),
    collection: collection(answering),
  };
  return CHECKS.flatMap((check) => found[check].map((finding) => ({ check, ...finding })));
}

function ok(says: string): readonly Found[] {
  return [{ level: "ok", says, advice: undefined }];
}

/** Each node's ports, from this machine. */
function doors({ reports, doors: doorReports }: Examination): readonly Found[] {
  const found: Found[] = [];
  for (const { member, answer } of reports) {
    const closed = doorReports
      .filter(({ node, problem }) => node === member.id && problem !== undefined)
      .map(({ door, address, problem }) => `${door} at ${address} (${problem})`);
    if (typeof answer === "string") closed.unshift(`HTTP at ${member.httpAddress} (${answer})`);
    if (closed.length === 0) continue;
    const isGone = member.liveness === "dead" && typeof answer === "string";
    found.push({
      level: "bad",
      says: `${member.id} cannot be reached: ${closed.join("; ")}`,
      advice: isGone
        ? `Start it again with its data directory, or \`dnd remove ${member.id}\` if it will not come back.`
        : "Open these ports between all members and to whoever uses them, or see why its process does not answer.",
    });
  }
  return found.length > 0 ? found : ok(`all ports of ${count(reports, "member")} answer`);
}

/** Who sees whom: gossip goes by UDP, so a member may answer here and be dead to others. */
function gossip(
  reports: readonly MemberReport[],
  answering: readonly Answering[],
): readonly Found[] {
  const found: Found[] = [];
  for (const { member, answer } of answering) {
    for (const seen of answer.view.members) {
      if (seen.liveness === "alive") continue;
      const report = reports.find((other) => other.member.id === seen.id);
      // Of one that does not answer here either, the doors have told.
      if (report === undefined || typeof report.answer === "string") continue;
      found.push({
        level: seen.liveness === "dead" ? "bad" : "warn",
        says: `${member.id} takes ${seen.id} for ${seen.liveness}, which answers here`,
        advice: `Let UDP and TCP through between them, to ${seen.address} and to ${member.address}.`,
      });
    }
  }
  return found.length > 0 ? found : ok("members that answer take each other for alive");
}

/** One list of members, and one placement, everywhere. */
function members(answering: readonly Answering[]): readonly Found[] {
  const clusters = grouping(answering, ({ answer }) => answer.view.cluster ?? "none");
  if (clusters.size > 1) {
    return [
      {
        level: "bad",
        says: `members belong to several clusters: ${listed(clusters)}`,
        advice: "Stop the ones that are not of this cluster: somebody took over their addresses.",
      },
    ];
  }
  const lists = grouping(answering, ({ answer }) =>
    answer.view.members
      .map(({ id, intent }) => `${id} ${intent}`)
      .sort((a, b) => (a < b ? -1 : 1))
      .join(),
  );
  const epochs = grouping(answering, ({ answer }) => answer.view.epoch);
  if (lists.size > 1 || epochs.size > 1) {
    return [
      {
        level: "bad",
        says: `members do not agree who belongs to the cluster: epochs ${listed(epochs)}`,
        advice:
          "Ask again in half a minute; if they still differ, some cannot reach others: see the ports.",
      },
    ];
  }
  return ok(`${count(answering, "member")} agree who belongs to the cluster`);
}

function slots({ healths, reports }: Examination): readonly Found[] {
  if (healths === undefined) return [];
  const wanted = reports.find(({ answer }) => typeof answer !== "string")?.answer;
  const replicas =
    wanted === undefined || typeof wanted === "string" ? 0 : Number(wanted.view.shared["replicas"]);
  const holders = reports.filter(({ member }) => member.intent === "active").length;
  const found: Found[] = [];
  const lost = healths.none + healths.minority;
  if (lost > 0) {
    found.push({
      level: "bad",
      says: `${grouped(lost)} slots lack most of their primaries, ${grouped(healths.none)} of them all`,
      advice:
        "Bring members back: reads there see few copies, and writes are kept by others until then.",
    });
  } else if (healths.short > 0) {
    found.push({
      level: "warn",
      says: `${grouped(healths.short)} slots lack a primary`,
      advice: "Bring the member back, or remove it, so that others take over its copies.",
    });
  }
  if (holders < replicas) {
    found.push({
      level: "warn",
      says: `${replicas} copies are wanted, and there are ${plural(holders, "active member")}`,
      advice: "Join more nodes: until then every member holds everything.",
    });
  }
  return found.length > 0 ? found : ok("every slot is served by all its primaries");
}

function versions(answering: readonly Answering[]): readonly Found[] {
  const running = grouping(
    answering,
    ({ answer }) => answer.metrics.labels("dnd_info")["version"] ?? "unknown",
  );
  if (running.size > 1) {
    return [
      {
        level: "warn",
        says: `members run versions ${listed(running)}`,
        advice: "Go on until all run the same: a mix is for the time of an upgrade.",
      },
    ];
  }
  const [version] = running.keys();
  if (version === undefined || version === VERSION) return ok(`all run version ${VERSION}`);
  return [
    {
      level: "warn",
      says: `members run version ${version}, this command is ${VERSION}`,
      advice: "Use the command of the members' version.",
    },
  ];
}

function clocks(answering: readonly Answering[]): readonly Found[] {
  const found: Found[] = [];
  let worst = 0;
  for (const { member, answer } of answering) {
    const { offsetMs, uncertaintyMs } = answer;
    if (!Number.isFinite(offsetMs)) continue;
    const off = Math.abs(offsetMs);
    worst = Math.max(worst, off);
    if (off - uncertaintyMs < CLOCK_MS_WARN) continue;
    const side = offsetMs > 0 ? "ahead of" : "behind";
    found.push({
      level: off - uncertaintyMs < CLOCK_MS_BAD ? "warn" : "bad",
      says: `the clock of ${member.id} is ${seconds(off)} ${side} this machine's, give or take ${seconds(uncertaintyMs)}`,
      advice:
        "Set both by NTP: keys expire by these clocks, and of two writes at once the later stamp wins.",
    });
  }
  return found.length > 0 ? found : ok(`all clocks are within ${seconds(worst)} of this machine's`);
}

function disks(answering: readonly Answering[]): readonly Found[] {
  const found: Found[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const { member, answer } of answering) {
    const size = answer.metrics.sum("dnd_disk_size_bytes");
    const free = answer.metrics.sum("dnd_disk_free_bytes");
    if (answer.metrics.sum("dnd_disk_writable") === 0) {
      found.push({
        level: "bad",
        says: `${member.id} may not write in its data directory`,
        advice: "Mount its file system for writing, and give the directory to the user it runs as.",
      });
    }
    const failed = answer.metrics.sum("dnd_commits_failed_total") ?? 0;
    if (failed > 0) {
      found.push({
        level: "warn",
        says: `the disk of ${member.id} has refused ${grouped(failed)} commits since it started`,
        advice:
          "Its log says why: a disk that was full goes on by itself, one that fails is to be replaced.",
      });
    }
    if (size === undefined || free === undefined || size === 0) continue;
    least = Math.min(least, free / size);
    if (free / size >= DISK_RATIO_WARN) continue;
    found.push({
      level: free / size < DISK_RATIO_BAD ? "bad" : "warn",
      says: `${member.id} has ${bytes(free)} of ${bytes(size)} free`,
      advice:
        "Free space there, or join nodes that take over a share: with a full disk it takes no writes.",
    });
  }
  if (found.length > 0) return found;
  return ok(
    Number.isFinite(least)
      ? `at least ${Math.floor(100 * least)} % of every disk is free, and all can be written`
      : "no member keeps its data on a disk",
  );
}

function memory(answering: readonly Answering[]): readonly Found[] {
  const found: Found[] = [];
  for (const { member, answer } of answering) {
    const value = (name: string): number => answer.metrics.sum(name) ?? Number.NaN;
    const heap = value("dnd_heap_used_bytes") / value("dnd_heap_limit_bytes");
    const available =
      value("dnd_machine_memory_available_bytes") / value("dnd_machine_memory_bytes");
    if (heap > HEAP_RATIO_WARN) {
      found.push({
        level: "warn",
        says: `${member.id} uses ${Math.round(100 * heap)} % of the JavaScript heap it may have`,
        advice:
          "Give it more by `NODE_OPTIONS=--max-old-space-size=MEGABYTES`, or join nodes that take over a share.",
      });
    }
    if (available < MEMORY_RATIO_WARN) {
      found.push({
        level: "warn",
        says: `the machine of ${member.id} has ${Math.round(100 * available)} % of its memory left`,
        advice: "Move other programs elsewhere: one that swaps is taken for dead.",
      });
    }
  }
  return found.length > 0 ? found : ok("memory suffices everywhere");
}

/** Members that come and go: a removal that waits for ever is one that somebody holds up. */
function changes(answering: readonly Answering[]): readonly Found[] {
  const found: Found[] = [];
  const [first] = answering;
  for (const { id, intent } of first?.answer.view.members ?? []) {
    if (intent === "removing") {
      const waits = answering
        .filter(({ answer }) => (answer.view.gauges["change-slots-left"] ?? 0) > 0)
        .map(({ member }) => member.id);
      found.push({
        level: "warn",
        says: `${id} is being removed; ${waits.length === 0 ? "nobody still takes over its slots" : `${waits.join(", ")} still take over`}`,
        advice:
          "It goes once all who stay hold its share: bring members back that do not answer, they are waited for.",
      });
    } else if (intent === "leaving" || intent === "joining") {
      found.push({
        level: "warn",
        says: `${id} is ${intent}`,
        advice: `It is done by itself; \`dnd status\` shows how far it is.`,
      });
    }
  }
  return found.length > 0 ? found : ok("nobody joins, leaves or is being removed");
}

function damage(answering: readonly Answering[]): readonly Found[] {
  const found: Found[] = [];
  for (const { member, answer } of answering) {
    const { gauges, counters } = answer.view;
    const everywhere = gauges["cells-damaged-everywhere"] ?? 0;
    const now = gauges["cells-damaged"] ?? 0;
    const lost = counters["cells-lost"] ?? 0;
    if (everywhere > 0 || lost > 0) {
      found.push({
        level: "bad",
        says: `at ${member.id} ${grouped(everywhere)} cells are damaged in every copy, and ${grouped(lost)} were given up`,
        advice: "Write those keys again, or restore them from a backup; replace the disk.",
      });
    } else if (now > 0) {
      found.push({
        level: "warn",
        says: `${grouped(now)} damaged cells of ${member.id} wait to be mended`,
        advice: "They are, by the other copies; replace the disk if more keep coming.",
      });
    }
  }
  return found.length > 0 ? found : ok("no damaged cells");
}

function amnesia(answering: readonly Answering[]): readonly Found[] {
  const found = answering.flatMap(({ member, answer }): Found[] => {
    const slotsWithout = answer.view.gauges["slots-without-vote"] ?? 0;
    if (slotsWithout === 0) return [];
    return [
      {
        level: "warn",
        says: `${member.id} has lost commits, and has no vote in ${grouped(slotsWithout)} slots until they are mended`,
        advice:
          "The others mend it once they answer; find out whether its disk was put back, or lies about syncing.",
      },
    ];
  });
  return found.length > 0 ? found : ok("nobody has lost commits");
}

function collection(answering: readonly Answering[]): readonly Found[] {
  const held = new Map<string, string[]>();
  for (const { member, answer } of answering) {
    const { slotsDue, reason, heldBy } = answer.view.collection;
    if (slotsDue === 0 || reason !== "no-answer") continue;
    const by = heldBy ?? member.id;
    held.set(by, [...(held.get(by) ?? []), member.id]);
  }
  if (held.size === 0) return ok("nobody who is away holds up what was deleted");
  return [...held].map(([by, at]) => ({
    level: "warn",
    says: `${by} does not answer, and so nothing deleted is collected at ${at.join(", ")}`,
    advice: `Bring it back, or \`dnd remove ${by}\` if it will not come back.`,
  }));
}

function grouping(
  answering: readonly Answering[],
  of: (each: Answering) => string,
): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const each of answering)
    groups.set(of(each), [...(groups.get(of(each)) ?? []), each.member.id]);
  return groups;
}

function listed(groups: ReadonlyMap<string, readonly string[]>): string {
  return [...groups].map(([name, ids]) => `${name} (${ids.join(", ")})`).join("; ");
}

function count(items: readonly unknown[], what: string): string {
  return plural(items.length, what);
}

function plural(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? "" : "s"}`;
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.ceil(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function bytes(amount: number): string {
  const gibibytes = amount / 2 ** 30;
  return gibibytes >= 10 ? `${Math.round(gibibytes)} GiB` : `${gibibytes.toFixed(2)} GiB`;
}
