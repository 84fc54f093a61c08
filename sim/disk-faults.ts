/**
 * What happens to stored bytes: a bit changes, of a cell or of what is kept beside cells; an old copy is put back.
 *
 * Invariant: what is destroyed stands on another disk as well; no store could bring back the rest.
 */
import { parseCellKey } from "../src/core/causality/storage-key.ts";
import type { NodeId } from "../src/model/ids.ts";
import type { StorageEntry } from "../src/ports/storage.ts";
import type { Machine, SimCluster } from "./cluster.ts";
import { isHeldElsewhere, isSafeToDamage } from "./copies.ts";
import type { SimRandom } from "./random.ts";
import { FACTS, type Fact, NOTES, type Note, recordAt } from "./records.ts";

interface DiskCopy {
  readonly node: NodeId;
  readonly members: ReadonlySet<NodeId>;
  readonly contents: readonly StorageEntry[];
}

/** Milliseconds at most from the rot of a note under a running node until that node is started again. */
const REREAD_MS_MAX = 5_000;

export class DiskFaults {
  /** Told of what rots beside the cells, when it does. */
  onRecordRotten: (record: Note | Fact, detail: string) => void = () => {};
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  /** What some disks held some time ago, and of which node. */
  readonly #copies = new Map<Machine, DiskCopy>();
  /** What is to rot when the boot of a machine ends: notes or facts. */
  readonly #due = new Map<Machine, readonly (Note | Fact)[]>();
  #isOn = true;

  constructor(cluster: SimCluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** One bit of one cell: `undefined` when there is none whose other copies are well. */
  rot(victim: Machine): string | undefined {
    const { node } = victim;
    if (node === undefined || !victim.hasStarted) return undefined;
    // A primary's copy beside that of another: what is kept for others is dropped as soon as they have it.
    const running = new Map(
      this.#cluster
        .kept()
        .flatMap((other) =>
          other.node === undefined ? [] : [[other.node.status().nodeId, other] as const],
        ),
    );
    const isSafe = (key: string): boolean => {
      const place = parseCellKey(key);
      if (place === undefined) return false;
      const { primaries } = node.locate(place.key);
      const holders = primaries.flatMap((id) => running.get(id) ?? []);
      return holders.includes(victim) && isSafeToDamage(victim, holders, key);
    };
    const rotten = victim.disk.rot(isSafe);
    const place = rotten === undefined ? undefined : parseCellKey(rotten);
    return place === undefined ? undefined : `key ${place.key} on n${victim.index}`;
  }

  /** One bit of what a node does without, which it reads when it starts: so it is started again. */
  rotNote(victim: Machine): void {
    if (!this.#random.oneIn(3)) return this.#rotAtEnd(victim, NOTES);
    // Under a running node, which may write it anew before it reads it again.
    const { process } = victim;
    this.#rotRecord(victim, NOTES);
    const { scheduler } = this.#cluster;
    scheduler.after(this.#random.between(1, REREAD_MS_MAX), "strike", undefined, () => {
      if (this.#isOn && victim.process === process) this.#crash(victim);
    });
  }

  /**
   * One bit of what a node cannot be without. It is not started on that disk again, so it rots while nobody runs: what the
   * node acknowledged until then must stand elsewhere too. The first machine's node could not come again as another one.
   */
  rotFact(): void {
    const victims = this.#cluster
      .running()
      .filter((machine) => machine.index > 0 && machine.hasStarted && this.#mayLose(machine));
    if (victims.length > 0) this.#rotAtEnd(this.#random.pick(victims), FACTS);
  }

  /** The boot of a machine has ended: what was to rot then does. */
  onBootEnded(machine: Machine): void {
    const due = this.#due.get(machine);
    this.#due.delete(machine);
    if (due !== undefined) this.#rotRecord(machine, due);
  }

  /** Nothing rots any more. */
  stop(): void {
    this.#isOn = false;
    this.#due.clear();
  }

  /** An earlier copy of the disk is put back, or first taken. */
  putBack(victim: Machine): string | undefined {
    if (victim.rotten !== undefined) return undefined;
    const status = victim.node?.status();
    const node = status?.nodeId;
    const copy = this.#copies.get(victim);
    // A disk that was replaced since is another node's: its member would be lost with it, and nobody removes that.
    if (copy === undefined || copy.node !== node || this.#random.oneIn(4)) {
      if (!victim.hasStarted || status === undefined) return undefined;
      const members = new Set(status.members.map(({ record }) => record.id));
      this.#copies.set(victim, { node: status.nodeId, members, contents: victim.disk.contents() });
      return `n${victim.index} is copied`;
    }
    const others = this.#cluster.kept().filter((other) => other !== victim);
    // Where all others have been replaced since, nobody whom the copy knows could tell it so: it would go on without them.
    const isKnown = others.some(({ owner }) => owner !== undefined && copy.members.has(owner));
    if (victim.isLeaving || !isKnown || !isHeldElsewhere(victim, others)) return undefined;
    this.#cluster.crash(victim, "power");
    victim.disk.replace(copy.contents);
    // What rotted as this boot ended went with the disk.
    victim.rotten = undefined;
    this.#cluster.onMemoryLost();
    return `n${victim.index} is put back`;
  }

  #rotAtEnd(victim: Machine, records: readonly (Note | Fact)[]): void {
    if (!victim.hasStarted || victim.isStopping) return;
    this.#due.set(victim, records);
    // Only a stop in order leaves leaves behind.
    if (this.#random.oneIn(2)) this.#cluster.stop(victim);
    else this.#crash(victim);
  }

  #crash(victim: Machine): void {
    const mayLosePower = victim.disk.durability === "fsync";
    this.#cluster.crash(victim, mayLosePower && this.#random.oneIn(2) ? "power" : "process");
  }

  /** First the record is drawn, then one of those: there are many more slot states than marks. */
  #rotRecord(machine: Machine, records: readonly (Note | Fact)[]): void {
    const isFact = records === FACTS;
    if (isFact && !this.#mayLose(machine)) return;
    const found = new Set<Note | Fact>();
    for (const { key, value } of machine.disk.contents()) {
      const record = recordAt(key);
      if (record !== undefined && records.includes(record) && value.length > 0) found.add(record);
    }
    if (found.size === 0) return;
    const record = this.#random.pick([...found]);
    const key = machine.disk.rot((storageKey) => recordAt(storageKey) === record);
    if (key === undefined) return;
    if (isFact) machine.rotten = record as Fact;
    this.onRecordRotten(record, `n${machine.index}`);
  }

  #mayLose(machine: Machine): boolean {
    const { isLeaving, hasLeft, isLost, rotten } = machine;
    if (isLeaving || hasLeft || isLost || rotten !== undefined) return false;
    return isHeldElsewhere(machine, this.#cluster.kept());
  }
}
