/**
 * Which faults a run suffers, and when: swarm testing. Each seed switches every kind on or off and draws how often it
 * strikes, so that some runs are all partitions and others all slow disks. Healing takes everything back.
 *
 * Source: Groce et al., "Swarm Testing" (ISSTA 2012).
 */
import { PEER_QUEUE_BYTES_MAX } from "../src/model/limits.ts";
import type { Machine, SimCluster } from "./cluster.ts";
import { SYNC_MS } from "./disk.ts";
import { DiskFaults } from "./disk-faults.ts";
import { PARTITION_SHAPES } from "./links.ts";
import { MemberFaults } from "./member-faults.ts";
import type { SimRandom, Streams } from "./random.ts";
import { WORLD } from "./trace.ts";
import type { Workload } from "./workload.ts";

/** Kinds that strike again and again. The names appear in reports. */
const FIRST_KINDS = [
  "crash",
  "power-loss",
  "power-loss-of-all",
  "crash-in-commit",
  "power-loss-at-ack",
  "stop",
  "pause",
  "partition",
  "flap",
  "slow-link",
  "loss-burst",
  "reset",
  "slow-disk",
  "full-disk",
  "failed-sync",
  "clock-step",
  "clock-drift",
  "move",
  "join",
] as const;

/** Drawn from a stream of their own, so that seeds recorded before them draw the others as they did. */
const LATER_KINDS = [
  "away",
  "crash-loop",
  "mass-restart",
  "clock-freeze",
  "clock-back-at-restart",
  "clock-year-ahead",
  "leave",
  "remove",
  "wipe",
  "read-error",
  "bit-rot",
  "old-copy",
] as const;

/** Each drawn from a stream of its own, so that one more shifts nothing at all. */
const LATEST_KINDS = ["bit-rot-notes", "bit-rot-facts", "small-buffers", "stuck-stream"] as const;

export const FAULT_KINDS = [...FIRST_KINDS, ...LATER_KINDS, ...LATEST_KINDS] as const;

/**
 * What the store does not survive yet: no seed draws these, `--plan` can. A kind is taken off this list when a few
 * dozen seeds with nothing but it, and the full mix, are green.
 */
export const NOT_YET: ReadonlySet<FaultKind> = new Set([]);

export type FaultKind = (typeof FAULT_KINDS)[number];

/** What the seed has drawn. */
export interface FaultConfig {
  /** Typical milliseconds between strikes of each kind that is on. */
  readonly kinds: ReadonlyMap<FaultKind, number>;
  readonly lossPerMille: number;
  readonly duplicatePerMille: number;
  readonly corruptPerMille: number;
  readonly holdPerMille: number;
  /** Datagrams of a thousand that come once more, minutes later. */
  readonly replayPerMille: number;
  readonly delayMs: number;
  /** Machines at most. */
  readonly machinesMax: number;
  /** Crashes must not take what was only written. */
  readonly keepsUnsynced: boolean;
}

/** Milliseconds between strikes, at least and at most, where a kind is on. */
const MEAN_MS: Readonly<Record<FaultKind, readonly [number, number]>> = {
  crash: [4_000, 30_000],
  "power-loss": [6_000, 40_000],
  "power-loss-of-all": [20_000, 60_000],
  "crash-in-commit": [3_000, 20_000],
  "power-loss-at-ack": [8_000, 40_000],
  stop: [10_000, 60_000],
  pause: [1_000, 20_000],
  partition: [3_000, 30_000],
  flap: [15_000, 60_000],
  "slow-link": [5_000, 40_000],
  "loss-burst": [5_000, 40_000],
  reset: [500, 10_000],
  "slow-disk": [4_000, 30_000],
  "full-disk": [10_000, 60_000],
  "failed-sync": [10_000, 60_000],
  "clock-step": [5_000, 40_000],
  "clock-drift": [5_000, 40_000],
  move: [10_000, 60_000],
  join: [20_000, 60_000],
  away: [15_000, 60_000],
  "crash-loop": [15_000, 60_000],
  "mass-restart": [15_000, 60_000],
  "clock-freeze": [5_000, 40_000],
  "clock-back-at-restart": [8_000, 40_000],
  "clock-year-ahead": [10_000, 50_000],
  leave: [15_000, 60_000],
  remove: [15_000, 60_000],
  wipe: [15_000, 60_000],
  "read-error": [5_000, 40_000],
  "bit-rot": [2_000, 12_000],
  "old-copy": [5_000, 30_000],
  "bit-rot-notes": [3_000, 20_000],
  "bit-rot-facts": [6_000, 25_000],
  "small-buffers": [5_000, 40_000],
  "stuck-stream": [3_000, 30_000],
};

/** Once in how many seeds a kind is on, where it is not once in three. */
const RARE: Partial<Readonly<Record<FaultKind, number>>> = {
  join: 6,
  move: 6,
  leave: 5,
  remove: 5,
  wipe: 5,
  "clock-year-ahead": 8,
  "bit-rot": 6,
  "old-copy": 5,
  "bit-rot-notes": 4,
  "bit-rot-facts": 5,
};

const YEAR_MS = 31_536_000_000;

/** Draws the faults of a run. A calm run has none. */
export function drawFaults(
  random: SimRandom,
  later: SimRandom,
  streamOf: (purpose: string) => SimRandom,
  options: { isCalm: boolean; machinesMax: number; durability: string },
): FaultConfig {
  const kinds = new Map([...drawKinds(random, FIRST_KINDS), ...drawKinds(later, LATER_KINDS)]);
  for (const kind of LATEST_KINDS) {
    for (const [drawn, meanMs] of drawKinds(streamOf(`plan fault ${kind}`), [kind])) {
      kinds.set(drawn, meanMs);
    }
  }
  for (const kind of NOT_YET) kinds.delete(kind);
  // A damaged copy beside one that was given up are two of three, and keep a removal from ending (seed 382 once did).
  if (kinds.has("remove") || kinds.has("wipe")) kinds.delete("bit-rot");
  // A node that cannot start is given up, too.
  if (kinds.has("bit-rot")) kinds.delete("bit-rot-facts");
  const config: FaultConfig = {
    kinds,
    lossPerMille: random.oneIn(2) ? random.between(1, 300) : 0,
    duplicatePerMille: random.oneIn(2) ? random.between(1, 200) : 0,
    corruptPerMille: random.oneIn(3) ? random.between(1, 100) : 0,
    holdPerMille: random.oneIn(3) ? random.between(1, 50) : 0,
    replayPerMille: later.oneIn(3) ? later.between(1, 50) : 0,
    delayMs: random.pick([0.1, 0.3, 1, 5, 20, 60]),
    machinesMax: options.machinesMax,
    keepsUnsynced: options.durability !== "fsync",
  };
  if (config.keepsUnsynced) {
    kinds.delete("power-loss");
    kinds.delete("power-loss-of-all");
    kinds.delete("power-loss-at-ack");
  }
  if (!options.isCalm) return config;
  return {
    ...config,
    kinds: new Map(),
    lossPerMille: 0,
    duplicatePerMille: 0,
    corruptPerMille: 0,
    holdPerMille: 0,
    replayPerMille: 0,
    delayMs: 0.3,
  };
}

function drawKinds(random: SimRandom, all: readonly FaultKind[]): (readonly [FaultKind, number])[] {
  const kinds: (readonly [FaultKind, number])[] = [];
  for (const kind of all) {
    // Drawn in any case, so that one kind's fate does not shift the others'.
    const isOn = random.oneIn(RARE[kind] ?? 3);
    const [low, high] = MEAN_MS[kind];
    const meanMs = random.between(low, high);
    if (isOn) kinds.push([kind, meanMs]);
  }
  return kinds;
}

export class FaultPlan {
  /** How often each kind struck. */
  readonly fired = new Map<string, number>();
  /** Adds a member while the run goes on; set by the run. */
  onJoin: () => void = () => {};
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #config: FaultConfig;
  readonly #workload: Workload;
  readonly #members: MemberFaults;
  readonly #disks: DiskFaults;
  /** Machines that stay down until the faults are over. */
  readonly #away = new Set<Machine>();
  #isOn = false;

  constructor(cluster: SimCluster, workload: Workload, streams: Streams, config: FaultConfig) {
    this.#cluster = cluster;
    this.#workload = workload;
    this.#random = streams.stream("faults");
    this.#config = config;
    this.#members = new MemberFaults(cluster, streams.stream("member faults"));
    this.#disks = new DiskFaults(cluster, streams.stream("disk faults"));
    this.#disks.onRecordRotten = (record, detail) => this.#note(`bit-rot-${record}`, detail);
  }

  /** Whether machines come back at other addresses. */
  get doAddressesChange(): boolean {
    return this.#config.kinds.has("move");
  }

  /** Told before members leave or are removed. */
  set onDeparture(told: () => void) {
    this.#members.onChange = told;
  }

  /** Lets the faults loose. */
  begin(): void {
    this.#isOn = true;
    const { lossPerMille, duplicatePerMille, corruptPerMille, holdPerMille, replayPerMille } =
      this.#config;
    Object.assign(this.#cluster.network.config, {
      lossPerMille,
      duplicatePerMille,
      corruptPerMille,
      holdPerMille,
      replayPerMille,
    });
    for (const [kind, meanMs] of this.#config.kinds) this.#schedule(kind, meanMs);
  }

  /**
   * Ends all faults: wires whole, disks quick and empty enough, clocks steady, every machine running. What comes again
   * minutes later still does.
   */
  heal(): void {
    this.stop();
    this.healWires();
    for (const machine of this.#cluster.machines) this.healMachine(machine);
  }

  /** No wire is cut, slow or narrow. */
  healWires(): void {
    this.#cluster.network.links.restore(this.#config.delayMs);
  }

  /** Strikes no more, and draws no more; what is broken stays broken. */
  stop(): void {
    this.#isOn = false;
    this.#away.clear();
    this.#disks.stop();
    Object.assign(this.#cluster.network.config, {
      lossPerMille: 0,
      duplicatePerMille: 0,
      corruptPerMille: 0,
      holdPerMille: 0,
      replayPerMille: 0,
    });
    const { datagramsReplayed, framesRefused } = this.#cluster.network;
    if (datagramsReplayed > 0) this.fired.set("replay", datagramsReplayed);
    if (framesRefused > 0) this.fired.set("refused-frame", framesRefused);
  }

  /** Makes one machine well, wires aside, and lets it run if its node is still to be one. */
  healMachine(machine: Machine): void {
    const well = { isFull: false, isLow: false, failsNextSync: false, failsReads: false };
    machine.disk.fault({ syncMs: SYNC_MS, ...well });
    machine.clock.freeze(false);
    if (machine.process !== undefined) this.#cluster.scheduler.resume(machine.process);
    if (machine.process === undefined && mayBoot(machine)) this.#cluster.boot(machine);
  }

  /** A boot has ended, whatever ended it. */
  onBootEnded(machine: Machine): void {
    this.#disks.onBootEnded(machine);
    this.bootLater(machine);
  }

  /** A node refused to start. Its operator mostly tries again, and then does what the message asks for. */
  onStartRefused(machine: Machine, problem: string): void {
    const { rotten, owner } = machine;
    if (rotten === undefined || owner === undefined || !problem.includes("damaged")) return;
    if (this.#random.oneIn(2)) return;
    this.#members.replaceDisk(machine, owner);
    this.#note("replaced", `the disk of n${machine.index}: ${problem}`);
  }

  /** Boots a machine again after a while. */
  bootLater(machine: Machine): void {
    const delayMs = this.#random.oneIn(4)
      ? this.#random.between(5_000, 30_000)
      : this.#random.between(10, 4_000);
    this.#cluster.scheduler.after(delayMs, "reboot", undefined, () => {
      if (machine.process !== undefined || this.#away.has(machine)) return;
      if (mayBoot(machine)) this.#cluster.boot(machine);
    });
  }

  /** A machine is kept down, or is let go. */
  keepDown(machine: Machine, isKept: boolean): void {
    if (isKept) this.#away.add(machine);
    else this.#away.delete(machine);
  }

  #schedule(kind: FaultKind, meanMs: number): void {
    const delayMs = this.#random.between(Math.floor(meanMs / 4), Math.floor((meanMs * 7) / 4));
    this.#cluster.scheduler.after(delayMs, "fault-due", undefined, () => {
      if (!this.#isOn) return;
      this.#strike(kind);
      this.#schedule(kind, meanMs);
    });
  }

  #strike(kind: FaultKind): void {
    const running = this.#cluster.running();
    const victim = running.length === 0 ? undefined : this.#random.pick(running);
    const detail = this.#apply(kind, victim);
    if (detail !== undefined) this.#note(kind, detail);
  }

  #note(kind: string, detail: string): void {
    this.fired.set(kind, (this.fired.get(kind) ?? 0) + 1);
    this.#cluster.scheduler.trace.event(`fault-${kind}`, WORLD, 0, 0, () => detail);
  }

  /** Does it; `undefined` when there was nothing to do it to. */
  #apply(kind: FaultKind, victim: Machine | undefined): string | undefined {
    const cluster = this.#cluster;
    const random = this.#random;
    switch (kind) {
      case "power-loss-of-all":
        for (const machine of cluster.running()) cluster.crash(machine, "power");
        return "all machines";
      case "power-loss-at-ack":
        // What was acknowledged a moment ago must be on the disks of those who acknowledged it.
        this.#workload.onNextAck = () =>
          this.#soon(random.fraction() * 0.3, () => {
            for (const machine of cluster.running()) cluster.crash(machine, "power");
          });
        return "all machines";
      case "partition":
        return this.#partition(random.between(100, random.oneIn(4) ? 40_000 : 8_000));
      case "flap":
        return this.#flap(random.between(5, 20));
      case "reset":
        return cluster.network.breakOne() ? "one connection" : undefined;
      case "join":
        if (cluster.machines.length >= this.#config.machinesMax) return undefined;
        this.onJoin();
        return `n${cluster.machines.length - 1}`;
      case "mass-restart":
        for (const machine of cluster.running()) {
          if (random.oneIn(2)) cluster.stop(machine);
          else cluster.crash(machine, "process");
        }
        return "all machines";
      case "slow-link":
        return this.#slowLink();
      case "small-buffers":
        return this.#smallBuffers();
      case "stuck-stream":
        return cluster.network.stickOne();
      case "loss-burst":
        return this.#lossBurst();
      default:
        return victim === undefined ? undefined : this.#applyTo(kind, victim);
    }
  }

  #applyTo(
    kind: Exclude<
      FaultKind,
      | "power-loss-of-all"
      | "power-loss-at-ack"
      | "mass-restart"
      | "partition"
      | "flap"
      | "reset"
      | "join"
      | "slow-link"
      | "small-buffers"
      | "stuck-stream"
      | "loss-burst"
    >,
    victim: Machine,
  ): string | undefined {
    const cluster = this.#cluster;
    const random = this.#random;
    switch (kind) {
      case "crash":
        cluster.crash(victim, "process");
        return `n${victim.index}`;
      case "power-loss":
        cluster.crash(victim, "power");
        return `n${victim.index}`;
      case "crash-in-commit":
        victim.disk.onNextBatch = () =>
          this.#soon(random.fraction() * SYNC_MS, () =>
            cluster.crash(
              victim,
              this.#config.keepsUnsynced || random.oneIn(2) ? "process" : "power",
            ),
          );
        return `n${victim.index}`;
      case "stop":
        cluster.stop(victim);
        return `n${victim.index}`;
      case "pause":
        return this.#pause(
          victim,
          random.oneIn(4) ? random.between(1_000, 20_000) : random.between(1, 500),
        );
      case "slow-disk":
        victim.disk.fault({
          syncMs: random.oneIn(4) ? random.between(200, 3_000) : random.between(5, 100),
        });
        this.#later(random.between(200, 10_000), () => {
          victim.disk.fault({ syncMs: SYNC_MS });
        });
        return `n${victim.index} ${victim.disk.faults.syncMs} ms`;
      case "full-disk":
        // Most disks are found to fill up before they are full.
        if (random.oneIn(3)) victim.disk.fault({ isFull: true });
        else victim.disk.fault({ isLow: true });
        // A node may give up on a disk that never takes its first commit.
        victim.mayFail = true;
        this.#later(random.between(200, 15_000), () => {
          victim.disk.fault({ isFull: false, isLow: false });
        });
        return `n${victim.index}`;
      case "failed-sync":
        victim.disk.fault({ failsNextSync: true });
        victim.mayFail = true;
        return `n${victim.index}`;
      case "clock-step": {
        const byMs = this.#drawStep();
        victim.clock.step(byMs);
        return `n${victim.index} by ${byMs} ms`;
      }
      case "clock-drift":
        victim.clock.setDrift(random.between(-1_000, 1_000));
        return `n${victim.index} ${victim.clock.driftPpm} ppm`;
      case "move":
        // One address must stay: if all who know each other move at once, nobody can find anybody.
        if (victim.index === 0) return undefined;
        cluster.crash(victim, "process");
        cluster.move(victim);
        return `n${victim.index} to ${victim.address}`;
      case "away":
        this.keepDown(victim, true);
        cluster.crash(victim, "process");
        this.#later(random.between(20_000, 120_000), () => {
          this.keepDown(victim, false);
          this.bootLater(victim);
        });
        return `n${victim.index} for long`;
      case "crash-loop":
        this.#crashAgain(victim, random.between(3, 10));
        return `n${victim.index}`;
      case "clock-freeze":
        victim.clock.freeze(true);
        this.#later(random.between(500, 20_000), () => victim.clock.freeze(false));
        return `n${victim.index}`;
      case "clock-back-at-restart": {
        cluster.crash(victim, "process");
        const byMs = -Math.abs(this.#drawStep());
        victim.clock.step(byMs);
        return `n${victim.index} by ${byMs} ms`;
      }
      case "clock-year-ahead":
        return this.#yearAhead(victim);
      case "leave":
        return this.#members.leave(victim);
      case "remove":
        return this.#members.remove(victim);
      case "wipe":
        return this.#members.wipe(victim);
      case "read-error":
        victim.disk.fault({ failsReads: true });
        this.#later(random.between(50, 8_000), () => victim.disk.fault({ failsReads: false }));
        return `n${victim.index}`;
      case "bit-rot":
        return this.#disks.rot(victim);
      case "old-copy":
        return this.#disks.putBack(victim);
      case "bit-rot-notes":
        this.#disks.rotNote(victim);
        return undefined;
      case "bit-rot-facts":
        this.#disks.rotFact();
        return undefined;
    }
  }

  /** One machine of a run lives a year ahead of the others, and is never put right. */
  #yearAhead(victim: Machine): string | undefined {
    if (this.fired.has("clock-year-ahead")) return undefined;
    victim.clock.step(YEAR_MS);
    return `n${victim.index}`;
  }

  /** A process that ends again and again soon after it began. */
  #crashAgain(victim: Machine, times: number): void {
    this.#cluster.crash(victim, "process");
    if (times === 0) return;
    this.#later(this.#random.between(10, 300), () => {
      if (victim.process === undefined && mayBoot(victim)) this.#cluster.boot(victim);
    });
    this.#later(this.#random.between(301, 2_500), () => this.#crashAgain(victim, times - 1));
  }

  /** Mostly what a time daemon corrects; sometimes hours; rarely a year. */
  #drawStep(): number {
    const sign = this.#random.oneIn(2) ? 1 : -1;
    const roll = this.#random.below(16);
    if (roll === 0) return sign * YEAR_MS;
    if (roll < 4) return sign * this.#random.between(60_000, 7_200_000);
    return sign * this.#random.between(1, 60_000);
  }

  #partition(forMs: number): string {
    const shape = this.#random.pick(PARTITION_SHAPES);
    const text = this.#cluster.network.links.partition(shape, this.#random);
    this.#later(forMs, () => this.#cluster.network.links.heal());
    return `${text} for ${forMs} ms`;
  }

  /** The same wires, cut and mended again and again. */
  #flap(times: number): string {
    if (times === 0) return "";
    this.#partition(this.#random.between(20, 800));
    this.#later(this.#random.between(100, 1_500), () => {
      this.#flap(times - 1);
    });
    return `${times} times`;
  }

  #slowLink(): string | undefined {
    const machines = this.#random.shuffle(this.#cluster.machines.map(({ index }) => index));
    const [from, to] = machines;
    if (from === undefined || to === undefined) return undefined;
    const { links } = this.#cluster.network;
    const before = { ...links.link(from, to) };
    const delayMs = this.#random.between(50, 1_500);
    const bytesPerMs = this.#random.oneIn(2)
      ? this.#random.between(1, 100)
      : Number.POSITIVE_INFINITY;
    links.pace(from, to, { delayMs, bytesPerMs });
    this.#later(this.#random.between(500, 15_000), () => links.pace(from, to, before));
    return `n${from} to n${to}: ${delayMs} ms, ${bytesPerMs} bytes/ms`;
  }

  /** What one machine sends to the others, or to one of them, finds little room: peers see back-pressure. */
  #smallBuffers(): string | undefined {
    const [from, ...others] = this.#random.shuffle(
      this.#cluster.machines.map(({ index }) => index),
    );
    if (from === undefined) return undefined;
    const targets = this.#random.oneIn(2) ? others : others.slice(0, 1);
    const bytes = this.#random.oneIn(2)
      ? this.#random.between(200, 5_000)
      : this.#random.between(5_000, 300_000);
    const { links } = this.#cluster.network;
    for (const to of targets) links.link(from, to).queueBytesMax = bytes;
    this.#later(this.#random.between(500, 20_000), () => {
      for (const to of targets) links.link(from, to).queueBytesMax = PEER_QUEUE_BYTES_MAX;
    });
    return `n${from} to ${targets.map((to) => `n${to}`).join(", ")}: ${bytes} bytes`;
  }

  #lossBurst(): string {
    const config = this.#cluster.network.config;
    const before = this.#config.lossPerMille;
    config.lossPerMille = this.#random.between(200, 900);
    this.#later(this.#random.between(200, 5_000), () => {
      config.lossPerMille = before;
    });
    return `${config.lossPerMille} of 1000`;
  }

  #pause(victim: Machine, forMs: number): string | undefined {
    const process = victim.process;
    if (process === undefined || process.isPaused) return undefined;
    const pause = this.#cluster.scheduler.pause(process);
    // Not through #later: healing wakes everybody itself, and what was stopped again since then stays so.
    this.#cluster.scheduler.after(forMs, "resume", undefined, () =>
      this.#cluster.scheduler.resume(process, pause),
    );
    return `n${victim.index} for ${forMs} ms`;
  }

  /** Strikes in an event of its own: whoever is running must return first. */
  #soon(delayMs: number, run: () => void): void {
    this.#cluster.scheduler.after(delayMs, "strike", undefined, () => {
      if (this.#isOn) run();
    });
  }

  /** The end of a fault that has a length; healing has already undone all of them. */
  #later(delayMs: number, run: () => void): void {
    this.#cluster.scheduler.after(delayMs, "fault-over", undefined, () => {
      if (this.#isOn) run();
    });
  }
}

/** Whether its node is to run: not after it has left or was given up. */
function mayBoot({ hasLeft, isLost }: Machine): boolean {
  return !hasLeft && !isLost;
}
