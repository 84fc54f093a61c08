/**
 * Gives back the space of values that were replaced or removed: looks at one file after another (`value-look.ts`), two for each that
 * is written, some at a start, and, as long as anything was written since the last round of them, one every few seconds: what was
 * removed makes no file.
 */
import { type KeyedValue, type ValueLog, ValueWriter, type WholeFile } from "./value-log.ts";
import { ValueLook, type ValueLookPorts } from "./value-look.ts";
import { recordBytes } from "./value-record.ts";

const LOOKS_PER_FILE = 2;
const LOOKS_AT_START = 8;
/** So many looks behind what is written it is time to wait for some. */
const BEHIND = 8;
const PAUSE_MS = 5_000;
const PAUSE_LOW_MS = 200;

export interface ValueCleanerOptions extends Omit<ValueLookPorts, "isStopped"> {
  /** Whether somebody else still writes to a file. */
  readonly isInUse: (file: number) => boolean;
  /** A look has ended; the next one has begun, if one is due. */
  readonly onLooked: () => void;
  /** Runs a callback after so many milliseconds; without it only what is written makes it look. */
  readonly after: ((ms: number, callback: () => void) => void) | undefined;
}

export class ValueCleaner {
  readonly #options: ValueCleanerOptions;
  readonly #ports: ValueLookPorts;
  readonly #writer: ValueWriter;
  /** Looks that are due; no more than there are files. */
  #due = 0;
  /** Of those that are due by the clock: how many are left of a round, and whether something was written since it began. */
  #leftOfRound = 0;
  #isTouched = false;
  #isPausing = false;
  /** Number of the file that was looked at last. */
  #last = 0;
  #isLooking = false;
  #isStopped = false;

  constructor(options: ValueCleanerOptions) {
    this.#options = options;
    this.#ports = { ...options, isStopped: () => this.#isStopped };
    this.#writer = new ValueWriter(options.log);
    this.#due = Math.min(LOOKS_AT_START, this.#log.numbers().length);
  }

  /** Nothing of it is under way. */
  get isIdle(): boolean {
    return !this.#isLooking;
  }

  /** Whether more is written than space given back, so that whoever writes values should wait for a step of the look under way. */
  get isBehind(): boolean {
    return this.#isLooking && this.#due >= BEHIND;
  }

  get #log(): ValueLog {
    return this.#options.log;
  }

  /** A batch was written, with these values apart: in time it is looked whether space can be given back. */
  noteWritten(values: readonly KeyedValue[]): void {
    this.#isTouched = true;
    this.#pause();
    if (values.length > 0) {
      let bytes = 0;
      for (const { key, value } of values) bytes += recordBytes(key, value.length);
      this.#due += (LOOKS_PER_FILE * bytes) / this.#log.fileBytes;
    }
    if (this.#due >= 1) this.#look();
  }

  /** Begins nothing any more; what is under way ends soon. */
  stop(): void {
    this.#isStopped = true;
  }

  #pause(): void {
    const { after, below } = this.#options;
    if (after === undefined || this.#isPausing || this.#isStopped) return;
    this.#isPausing = true;
    after(below.isLow === true ? PAUSE_LOW_MS : PAUSE_MS, () => {
      this.#isPausing = false;
      if (this.#isTouched) {
        this.#isTouched = false;
        this.#leftOfRound = this.#log.numbers().length;
      }
      if (this.#leftOfRound === 0 || this.#isStopped) return;
      this.#leftOfRound -= 1;
      this.#due = Math.max(this.#due, 1);
      this.#look();
      this.#pause();
    });
  }

  #look(): void {
    if (this.#isLooking || this.#isStopped || this.#options.isRefusing()) return;
    const file = this.#next();
    if (file === undefined) return;
    this.#due -= 1;
    this.#isLooking = true;
    new ValueLook(file, this.#ports, this.#writer).run(() => {
      this.#isLooking = false;
      if (this.#due >= 1) this.#look();
      this.#options.onLooked();
    });
  }

  /** The next file in turn that nobody writes to. Never the last one: so no number is given twice, whenever a start finds what there is. */
  #next(): WholeFile | undefined {
    const { log, isInUse } = this.#options;
    const numbers = log
      .numbers()
      .slice(0, -1)
      .filter((number) => !isInUse(number) && this.#writer.file !== number);
    this.#due = Math.min(this.#due, numbers.length);
    if (this.#due < 1) return undefined;
    const number = numbers.find((other) => other > this.#last) ?? (numbers[0] as number);
    this.#last = number;
    return log.whole(number);
  }
}
