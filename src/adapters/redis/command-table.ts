/**
 * All commands by name, in any case, with what has been counted of each.
 *
 * A name is looked up as the bytes it came in: no text is made of it, which a lookup of each request would notice.
 */
import { assert } from "../../base/assert.ts";
import { binaryFromBytes } from "../../base/binary.ts";
import type { Command } from "./command.ts";

/** What became of a command's calls. */
export interface CommandCounts {
  calls: number;
  /** Microseconds from the beginning to the answer, of those not answered at once. */
  usec: number;
  /** Refused before they ran. */
  rejected: number;
  /** Answered with an error. */
  failed: number;
}

/** A command, with what follows from its flags worked out. */
export class CommandEntry {
  readonly command: Command;
  /** As errors and statistics name it: "client|id" for a subcommand. */
  readonly fullName: string;
  readonly isBarrier: boolean;
  readonly isAfter: boolean;
  readonly isWriter: boolean;
  /** As metrics tell commands apart. */
  readonly kind: "read" | "write" | "other";
  /** Between MULTI and EXEC it is queued, not run. */
  readonly isQueued: boolean;
  /** It may be used while listening in version 2. */
  readonly isForListeners: boolean;
  readonly subcommands: NameMap | undefined;
  readonly counts: CommandCounts = { calls: 0, usec: 0, rejected: 0, failed: 0 };

  constructor(command: Command, container: string | undefined) {
    const { name, flags, subcommands } = command;
    this.command = command;
    this.fullName = container === undefined ? name : `${container}|${name}`;
    this.isBarrier = flags.includes("barrier");
    this.isAfter = flags.includes("after");
    this.isWriter = flags.includes("write");
    this.kind = this.isWriter ? "write" : flags.includes("readonly") ? "read" : "other";
    this.isQueued = !UNQUEUED.has(this.fullName);
    this.isForListeners = FOR_LISTENERS.has(this.fullName);
    this.subcommands =
      subcommands === undefined
        ? undefined
        : new NameMap(subcommands.map((inner) => new CommandEntry(inner, name)));
  }
}

const UNQUEUED = new Set(["exec", "discard", "multi", "watch", "quit", "reset"]);
const FOR_LISTENERS = new Set([
  "ping",
  "subscribe",
  "unsubscribe",
  "psubscribe",
  "punsubscribe",
  "ssubscribe",
  "sunsubscribe",
  "quit",
  "reset",
]);

/** Entries by the last part of their names. */
export class NameMap {
  readonly entries: readonly CommandEntry[];
  /** By a hash of the name. */
  readonly #found = new Map<number, CommandEntry[]>();

  constructor(entries: readonly CommandEntry[]) {
    this.entries = entries;
    for (const entry of entries) {
      const hash = nameHash(Buffer.from(entry.command.name, "latin1"));
      const same = this.#found.get(hash);
      if (same === undefined) this.#found.set(hash, [entry]);
      else same.push(entry);
    }
  }

  /** The entry of this name, in any case. */
  find(name: Uint8Array): CommandEntry | undefined {
    const same = this.#found.get(nameHash(name));
    if (same === undefined) return undefined;
    for (const entry of same) if (isNamed(name, entry.command.name)) return entry;
    return undefined;
  }
}

/** What a door offers. */
export class CommandTable {
  #names = new NameMap([]);
  /** Looked up last: parsers give out the same bytes for the same name (`request-parser.ts`). */
  #lastName: Uint8Array | undefined;
  #lastFound: CommandEntry | undefined;

  /** In the order they were added. */
  get entries(): readonly CommandEntry[] {
    return this.#names.entries;
  }

  add(commands: readonly Command[]): void {
    const entries = commands.map((command) => new CommandEntry(command, undefined));
    const all = [...this.entries, ...entries];
    assert(new Set(all.map(({ fullName }) => fullName)).size === all.length, "one command a name");
    this.#names = new NameMap(all);
    this.#lastName = undefined;
  }

  find(name: Uint8Array): CommandEntry | undefined {
    if (name === this.#lastName) return this.#lastFound;
    this.#lastFound = this.#names.find(name);
    this.#lastName = name;
    return this.#lastFound;
  }

  /** The command or subcommand that `fullName` spells, as "get" or "client|id", in any case. */
  findFull(fullName: Uint8Array): CommandEntry | undefined {
    const [container = "", name, ...rest] = binaryFromBytes(fullName).split("|");
    const entry = this.find(Buffer.from(container, "latin1"));
    if (name === undefined || rest.length > 0) return rest.length > 0 ? undefined : entry;
    return entry?.subcommands?.find(Buffer.from(name, "latin1"));
  }

  /** Subcommands included. */
  *all(): Generator<CommandEntry> {
    for (const entry of this.entries) {
      yield entry;
      yield* entry.subcommands?.entries ?? [];
    }
  }

  resetCounts(): void {
    for (const { counts } of this.all()) {
      counts.calls = 0;
      counts.usec = 0;
      counts.rejected = 0;
      counts.failed = 0;
    }
  }
}

const LOWER_CASE_BIT = 0x20;

/** Equal for all cases of a name; `isNamed` tells letters from signs that differ by the same bit. */
function nameHash(name: Uint8Array): number {
  let hash = name.length;
  for (let index = 0; index < name.length; index += 1) {
    hash = (Math.imul(hash, 31) + ((name[index] as number) | LOWER_CASE_BIT)) | 0;
  }
  return hash;
}

function isNamed(bytes: Uint8Array, name: string): boolean {
  if (bytes.length !== name.length) return false;
  for (let index = 0; index < name.length; index += 1) {
    if (lowerCase(bytes[index] as number) !== name.charCodeAt(index)) return false;
  }
  return true;
}

function lowerCase(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | LOWER_CASE_BIT : code;
}
