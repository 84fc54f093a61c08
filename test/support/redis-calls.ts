/**
 * Commands of the Redis protocol over a fake store, without a door: dispatch is a look into a list,
 * replies are shown as plain values.
 */
import assert from "node:assert/strict";
import type { Call, Command } from "../../src/adapters/redis/command.ts";
import { HASH_COMMANDS } from "../../src/adapters/redis/commands/hashes.ts";
import { KEY_COMMANDS } from "../../src/adapters/redis/commands/keys.ts";
import { SET_COMMANDS } from "../../src/adapters/redis/commands/sets.ts";
import { STRING_COMMANDS } from "../../src/adapters/redis/commands/strings.ts";
import type { ScanScope } from "../../src/adapters/redis/door-state.ts";
import { binaryFromBytes, bytesFromBinary } from "../../src/base/binary.ts";
import { keyFromText } from "../../src/model/key.ts";
import type { QuorumReport } from "../../src/model/outcome.ts";
import type { ProtocolVersion, Reply } from "../../src/protocol/resp/reply.ts";
import { FakeStore } from "./fake-store.ts";

const COMMANDS: readonly Command[] = [
  ...STRING_COMMANDS,
  ...HASH_COMMANDS,
  ...SET_COMMANDS,
  ...KEY_COMMANDS,
];

/**
 * "+text" a line, "-text" an error, a string of bytes, a number, nothing, or several of these: a
 * map is keys and values by turns.
 */
export type Shown = string | number | bigint | null | readonly Shown[];

export class RedisCalls {
  readonly store: FakeStore = new FakeStore();
  /** What commands told the session of their writes. */
  readonly writes: QuorumReport[] = [];
  protocol: ProtocolVersion = 2;
  readonly #door: Pick<Call["door"], "store" | "known"> & { scan: ScanScope } = {
    store: this.store,
    known: undefined,
    scan: "cluster",
  };

  set scan(scope: ScanScope) {
    this.#door.scan = scope;
  }

  /** Has `key` hold a hash, which no command on strings may touch. */
  holdHash(key: string): void {
    const entries = [["field", bytesFromBinary("value")]] as const;
    const operation = { kind: "hash-set", entries, when: "always" } as const;
    this.store.operate({ key: keyFromText(key), operation }, () => {});
  }

  /** The reply to a command given as words with spaces between; `""` is an empty one. */
  ask(line: string): Promise<Shown> {
    return this.askWith(line.split(" ").map((word) => (word === '""' ? "" : word)));
  }

  /** The same with words as binary strings. */
  askWith(words: readonly string[]): Promise<Shown> {
    const [name = "", inner = ""] = words;
    const found = COMMANDS.find((command) => command.name === name.toLowerCase());
    const subcommand = found?.subcommands?.find((command) => command.name === inner.toLowerCase());
    const { run, arity } = subcommand ?? found ?? assert.fail(`there is no command ${name}`);
    const fits = arity < 0 ? words.length >= -arity : words.length === arity;
    assert.ok(fits, `dispatch refuses ${words.length} arguments of ${name}`);
    return new Promise((resolve) => {
      let isAnswered = false;
      const call = {
        args: words.map(bytesFromBinary),
        store: this.store,
        session: {
          protocol: this.protocol,
          noteWrite: (quorum: QuorumReport) => this.writes.push(quorum),
        },
        door: this.#door,
        nowMs: this.store.nowMs,
        reply: (reply: Reply) => {
          assert.equal(isAnswered, false, `${words.join(" ")} is answered once`);
          isAnswered = true;
          resolve(shown(reply));
        },
      };
      run(call as unknown as Call);
    });
  }

  /** Asks one after the other, and compares each reply with the one beside it. */
  async check(dialogue: readonly (readonly [string, Shown])[]): Promise<void> {
    for (const [line, expected] of dialogue) {
      assert.deepEqual(await this.ask(line), expected, line);
    }
  }
}

function shown(reply: Reply): Shown {
  switch (reply.kind) {
    case "simple":
      return `+${reply.text}`;
    case "error":
      return `-${reply.text}`;
    case "integer":
      return Number.isSafeInteger(Number(reply.value)) ? Number(reply.value) : reply.value;
    case "bulk":
      return binaryFromBytes(reply.bytes);
    case "binary":
      return reply.binary;
    case "null":
    case "null-array":
      return null;
    case "array":
    case "set":
      return reply.items.map(shown);
    case "map":
      return reply.entries.flatMap((entry) => entry.map(shown));
    default:
      return assert.fail(`a reply of the kind ${reply.kind}`);
  }
}
