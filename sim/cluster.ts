/**
 * A cluster of the real node code on virtual machines: each has a disk, a clock and an address that outlive
 * the boots of its node. Whoever drives the cluster decides when boots begin and how they end.
 */
import { assert } from "../src/base/assert.ts";
import type { Durability, NodeConfig, SharedConfig } from "../src/model/config.ts";
import { type Address, type NodeId, parseAddress } from "../src/model/ids.ts";
import type { Pace } from "../src/node/pace.ts";
import type { Store } from "../src/node/store.ts";
import type { Clock } from "../src/ports/clock.ts";
import type { Log } from "../src/ports/log.ts";
import type { Random } from "../src/ports/random.ts";
import { type Storage, StorageError } from "../src/ports/storage.ts";
import type { Transport } from "../src/ports/transport.ts";
import { Disk, type Ending } from "./disk.ts";
import type { Violation } from "./history.ts";
import type { Links } from "./links.ts";
import type { Network, SimTransport } from "./network.ts";
import type { Streams } from "./random.ts";
import type { Fact } from "./records.ts";
import { MachineClock, Process, ProcessClock, type Scheduler } from "./virtual-clock.ts";

/** What a node is made of. */
export interface NodePorts {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly log: Log;
  readonly onFatal: (reason: string) => void;
  readonly onLeft: () => void;
  readonly pace: Readonly<Pace> | undefined;
}

/** What the simulator needs of a node. */
/** What a node shows to people is not simulated. */
export interface SimNode extends Omit<Store, "insight"> {
  start(done: (problem: string | undefined) => void): void;
  stop(done: () => void): void;
}

export type NodeFactory = (ports: NodePorts) => SimNode;

/** Between the end of a boot and its cause: a fatal error is expected only where the disk gave reason. */
export interface Machine {
  readonly index: number;
  readonly disk: Disk;
  readonly clock: MachineClock;
  readonly zone: string;
  readonly weight: number;
  readonly peers: readonly Address[];
  address: Address;
  boots: number;
  process: Process | undefined;
  node: SimNode | undefined;
  transport: SimTransport | undefined;
  /** The node of this boot said that it started. */
  hasStarted: boolean;
  isStopping: boolean;
  /** When the present state (running or not) began. */
  sinceMs: number;
  mayFail: boolean;
  /** Its node was told to leave. */
  isLeaving: boolean;
  /** Its node has left the cluster for good. */
  hasLeft: boolean;
  /** Its node is given up: removed, or to be removed. */
  isLost: boolean;
  /** It was lost and is back, until its node has heard what became of it. */
  isReturned: boolean;
  /** What on its disk keeps its node from starting, until the disk is replaced. */
  rotten: Fact | undefined;
  /** Whose its disk is, once that node has started. */
  owner: NodeId | undefined;
}

export interface ClusterConfig {
  readonly durability: Durability;
  readonly shared: Partial<SharedConfig>;
  readonly makeNode: NodeFactory;
  /** Within this time every node reads each of its cells; absent leaves it to the node. */
  readonly scrubMs?: number | undefined;
  /** Of all nodes; may be changed while they run. */
  readonly pace?: Readonly<Pace>;
}

/** What a node says that is no member any more. */
const REMOVED = /was removed from|has left/;
/** Milliseconds a graceful stop may take. */
const STOP_MS_MAX = 30_000;
/** Milliseconds that a front door takes to open. */
const DOOR_MS_MAX = 50;

export class SimCluster {
  readonly machines: Machine[] = [];
  readonly violations: Violation[] = [];
  /** Sums of the counters of all boots that have ended. */
  readonly #counters = new Map<string, number>();
  /** Told of the end of every boot, whatever its cause. */
  onBootEnded: (process: Process) => void = () => {};
  /** Told of a boot that could not start. */
  /** A disk was put back: its node has forgotten what it acknowledged since. */
  onMemoryLost: () => void = () => {};
  onStartProblem: (machine: Machine, problem: string) => void = () => {};
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly #links: Links;
  readonly #streams: Streams;
  readonly #config: ClusterConfig;

  constructor(scheduler: Scheduler, network: Network, streams: Streams, config: ClusterConfig) {
    this.scheduler = scheduler;
    this.network = network;
    this.#links = network.links;
    this.#streams = streams;
    this.#config = config;
    network.onMisuse = (machine, what) => this.violate("contract", `n${machine}: ${what}`);
    scheduler.onThrow = (process, error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.violate("assert", `n${process.machine} threw: ${text}`);
      this.#ended(this.#machineOf(process), "process");
    };
  }

  /** Machines with a live process. */
  running(): Machine[] {
    return this.machines.filter((machine) => machine.process !== undefined);
  }

  /**
   * Machines that clients are sent to. Not to one that came back after its operator gave it up: what only such a node takes, while
   * it is cut off from those who have removed it, is given up too.
   */
  serving(): Machine[] {
    return this.running().filter(({ isReturned }) => !isReturned);
  }

  /** Machines whose node is a member, and is to stay one. */
  staying(): Machine[] {
    return this.machines.filter((machine) => !isGoing(machine));
  }

  /** Machines whose disks are to be read again. */
  kept(): Machine[] {
    return this.machines.filter(
      ({ hasLeft, isLost, rotten }) => !hasLeft && !isLost && rotten === undefined,
    );
  }

  /** Sums of what the nodes counted, over all boots. */
  counters(): Map<string, number> {
    const sums = new Map(this.#counters);
    for (const { node } of this.machines) addCounters(sums, node);
    return sums;
  }

  violate(invariant: string, detail: string): void {
    this.scheduler.trace.event("violation", -1, 0, 0, () => `${invariant}: ${detail}`);
    this.violations.push({ invariant, detail });
  }

  /** A new machine with an empty disk, not running yet. */
  addMachine(options: {
    skewMs: number;
    zone: string;
    weight: number;
    peers: readonly Address[];
  }): Machine {
    const index = this.machines.length;
    this.#links.addMachine();
    const machine: Machine = {
      index,
      disk: new Disk(this.#config.durability, this.#streams.stream(`disk ${index}`)),
      clock: new MachineClock(this.scheduler, options.skewMs),
      zone: options.zone,
      weight: options.weight,
      peers: options.peers,
      address: addressOf(index, 0),
      boots: 0,
      process: undefined,
      node: undefined,
      transport: undefined,
      hasStarted: false,
      isStopping: false,
      sinceMs: this.scheduler.nowMs,
      mayFail: false,
      isLeaving: false,
      hasLeft: false,
      isLost: false,
      isReturned: false,
      rotten: undefined,
      owner: undefined,
    };
    this.machines.push(machine);
    return machine;
  }

  /** Starts a boot on what the disk holds. */
  boot(machine: Machine): void {
    assert(machine.process === undefined, "a machine runs one node at a time");
    machine.boots += 1;
    machine.hasStarted = false;
    machine.isStopping = false;
    machine.sinceMs = this.scheduler.nowMs;
    const process = new Process(machine.index, machine.boots);
    machine.process = process;
    const purpose = `machine ${machine.index} boot ${machine.boots}`;
    const transport = this.network.open(process, machine.address);
    machine.transport = transport;
    const ports: NodePorts = {
      config: {
        address: machine.address,
        httpAddress: "",
        redisAddress: "",
        zone: machine.zone,
        weight: machine.weight,
        peers: machine.peers,
        ...(this.#config.scrubMs === undefined ? {} : { scrubMs: this.#config.scrubMs }),
        shared: machine.index === 0 ? this.#config.shared : {},
      },
      clock: new ProcessClock(
        this.scheduler,
        machine.clock,
        process,
        this.#streams.stream(`timers ${purpose}`),
      ),
      random: this.#streams.stream(purpose),
      storage: machine.disk.open(process, this.scheduler),
      transport,
      log: this.#logOf(process),
      pace: this.#config.pace,
      onFatal: (reason) => this.#fatal(machine, process, reason),
      onLeft: () => this.#left(machine, process),
    };
    this.scheduler.trace.event("boot", machine.index, machine.boots, 0, () => `${machine.address}`);
    this.scheduler.deliver(process, "start", () => {
      const node = this.#make(machine, ports);
      if (node === undefined) return;
      machine.node = node;
      const start = (): void => node.start((problem) => this.#started(machine, process, problem));
      if (machine.rotten === undefined) return start();
      // Its front door opens first, and peers may speak to it meanwhile: they must not make it forget what is damaged.
      const doorMs = this.#streams.stream(`door ${purpose}`).below(DOOR_MS_MAX);
      this.scheduler.after(doorMs, "start", process, start);
    });
  }

  /** Ends a boot without warning: `process` as kill -9 does, `power` as pulling the plug. */
  crash(machine: Machine, ending: Ending): void {
    const process = machine.process;
    if (process === undefined) return;
    this.scheduler.trace.event("crash", machine.index, machine.boots, 0, () => ending);
    this.scheduler.kill(process);
    this.#ended(machine, ending);
  }

  /** Asks a node to stop; its process ends when it says so. */
  stop(machine: Machine): void {
    const { process, node } = machine;
    if (process === undefined || node === undefined || machine.isStopping) return;
    machine.isStopping = true;
    this.scheduler.trace.event("stop", machine.index, machine.boots);
    const end = (): void => {
      // In a turn of its own: the node's last call must return first.
      this.scheduler.after(0, "exit", undefined, () => {
        if (machine.process !== process) return;
        this.scheduler.kill(process);
        this.#ended(machine, "process");
      });
    };
    const askedMs = this.scheduler.nowMs;
    this.scheduler.deliver(process, "stop", () => node.stop(end));
    this.scheduler.after(STOP_MS_MAX, "stop-limit", undefined, () => {
      if (machine.process !== process) return;
      const pausedMs = process.pausedMsTotal;
      if (pausedMs === 0 && !process.isPaused && machine.disk.faults.syncMs < 100) {
        this.violate("I11", `n${machine.index} asked to stop at ${askedMs} is still running`);
      }
      this.crash(machine, "process");
    });
  }

  /** Gives a machine another address for its next boot. */
  move(machine: Machine): void {
    machine.address = addressOf(machine.index, machine.boots);
  }

  /** A node may refuse to be made where its disk cannot be read. */
  #make(machine: Machine, ports: NodePorts): SimNode | undefined {
    const { process } = machine;
    assert(process !== undefined, "a node is made in a process");
    try {
      return this.#config.makeNode(ports);
    } catch (error) {
      if (!(error instanceof StorageError && error.code === "read-failed")) throw error;
      const problem = error.message;
      this.scheduler.after(0, "exit", undefined, () => this.#started(machine, process, problem));
      return undefined;
    }
  }

  #started(machine: Machine, process: Process, problem: string | undefined): void {
    if (machine.process !== process) return;
    this.scheduler.trace.event(
      "started",
      machine.index,
      machine.boots,
      0,
      () => problem ?? "ready",
    );
    if (problem === undefined) {
      machine.hasStarted = true;
      machine.owner = machine.node?.status().nodeId;
      if (machine.rotten !== undefined)
        this.violate("I17", `n${machine.index} started on a damaged ${machine.rotten}`);
      return;
    }
    if (machine.rotten === undefined && problem.includes("damaged"))
      this.violate("I17", `n${machine.index} found damage where there is none: ${problem}`);
    // It ends in order, as the process around it does.
    if (machine.rotten !== undefined && machine.node !== undefined && !machine.isStopping) {
      machine.isStopping = true;
      machine.node.stop(() =>
        this.scheduler.after(0, "exit", process, () => this.#refused(machine, process, problem)),
      );
      return;
    }
    this.#refused(machine, process, problem);
  }

  #refused(machine: Machine, process: Process, problem: string): void {
    if (machine.process !== process) return;
    // Gone while its process was down: the others know, and now it does.
    if (machine.isLeaving && REMOVED.test(problem)) machine.isLost = true;
    this.scheduler.kill(process);
    this.#ended(machine, "process");
    this.onStartProblem(machine, problem);
  }

  #left(machine: Machine, process: Process): void {
    if (machine.process !== process) return;
    machine.hasLeft = true;
    this.scheduler.trace.event("left", machine.index, machine.boots);
    this.scheduler.after(0, "exit", undefined, () => {
      if (machine.process !== process) return;
      this.scheduler.kill(process);
      this.#ended(machine, "process");
    });
  }

  #fatal(machine: Machine, process: Process, reason: string): void {
    if (machine.process !== process) return;
    this.scheduler.trace.event("fatal", machine.index, machine.boots, 0, () => reason);
    if (machine.isLeaving && REMOVED.test(reason)) machine.isLost = true;
    else if (!machine.mayFail)
      this.violate("I14", `n${machine.index} gave up without a failing disk: ${reason}`);
    this.scheduler.kill(process);
    this.#ended(machine, "process");
  }

  #ended(machine: Machine, ending: Ending): void {
    const { process, transport } = machine;
    assert(process !== undefined && transport !== undefined, "a boot ends once");
    // A joiner serves, and may be a primary, before its start is over.
    machine.owner ??= machine.node?.status().nodeId;
    addCounters(this.#counters, machine.node);
    machine.disk.endBoot(ending);
    this.network.shut(transport, ending === "power" ? "off" : "on");
    machine.process = undefined;
    machine.node = undefined;
    machine.transport = undefined;
    machine.hasStarted = false;
    machine.mayFail = machine.disk.faults.failsNextSync || machine.disk.faults.isFull;
    machine.sinceMs = this.scheduler.nowMs;
    this.onBootEnded(process);
  }

  #machineOf(process: Process): Machine {
    const machine = this.machines[process.machine];
    assert(machine !== undefined, "a process runs on a machine");
    return machine;
  }

  #logOf(process: Process): Log {
    const trace = this.scheduler.trace;
    return {
      log: (level, event, facts) => {
        trace.event(
          `log-${event}`,
          process.machine,
          0,
          0,
          () => `${level} ${JSON.stringify(facts ?? {})}`,
        );
      },
    };
  }
}

function isGoing({ isLeaving, hasLeft, isLost }: Machine): boolean {
  return isLeaving || hasLeft || isLost;
}

function addCounters(sums: Map<string, number>, node: SimNode | undefined): void {
  for (const [name, count] of Object.entries(node?.status().counters ?? {})) {
    sums.set(name, (sums.get(name) ?? 0) + count);
  }
}

/** Addresses never collide: a machine's own network, one host for each time it moved. */
export function addressOf(machine: number, moved: number): Address {
  const address = parseAddress(`10.${machine + 1}.${moved >> 8}.${moved & 255}:5000`);
  assert(address !== undefined, "an address parses");
  return address;
}
