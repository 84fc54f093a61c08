/** Backups that build on others: what they come to, and the ways in which a chain is none, each refused before anything is made of it. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import fc from "fast-check";
import "../../../test/support/fixed-seed.ts";
import {
  forge,
  forgeCells,
  inOrder,
  readBackup,
  refusalIn,
  root,
  writeBackup,
} from "../../../test/support/backup-files.ts";
import { slotOfKey } from "../../core/placement/slot-of-key.ts";
import { keyFromText } from "../../model/key.ts";
import type { KeyedCell } from "../../model/peer-message.ts";
import { encodeRecords } from "../../protocol/backup/cell-record.ts";
import { type BackupFacts, CELL_KINDS, type CellCounts } from "../../protocol/backup/manifest.ts";
import { CHAIN_MAX, cellsOf, openChain } from "./backup-chain.ts";

const BEGUN = "2026-11-26T12:00:00.000Z";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dnd-chain-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Values by the names of keys. */
type State = ReadonlyMap<string, string>;

function valueCell(name: string, value: string): KeyedCell {
  return root(keyFromText(name), { payload: Buffer.from(value) });
}

function cellsIn(state: State): KeyedCell[] {
  return inOrder([...state].map(([name, value]) => valueCell(name, value)));
}

function changes(before: State, after: State): KeyedCell[] {
  const cells: KeyedCell[] = [];
  for (const [name, value] of after) {
    if (before.get(name) !== value) cells.push(valueCell(name, value));
  }
  for (const name of before.keys()) {
    if (after.has(name)) continue;
    cells.push({ key: keyFromText(name), field: undefined, bytes: new Uint8Array(0) });
  }
  return inOrder(cells);
}

function counts(state: State): CellCounts {
  const none = Object.fromEntries(CELL_KINDS.map((kind) => [kind, 0])) as CellCounts;
  return { ...none, value: state.size };
}

async function hashOf(directory: string): Promise<string> {
  return JSON.parse(await readFile(join(directory, "manifest.json"), "utf8")).sha256;
}

/** Writes a chain that goes through these states: each in a directory of its own, `0`, `1`, ... */
async function writeChain(states: readonly State[], parent = folder): Promise<string[]> {
  await mkdir(parent, { recursive: true });
  const directories: string[] = [];
  for (const [index, state] of states.entries()) {
    const directory = join(parent, String(index));
    const base = directories.at(-1);
    if (base === undefined) await writeBackup(directory, cellsIn(state));
    else {
      const increment = {
        base: { sha256: await hashOf(base), begun: BEGUN },
        whole: counts(state),
      };
      const before = states[index - 1] as State;
      await writeBackup(directory, changes(before, state), increment);
    }
    directories.push(directory);
  }
  return directories;
}

async function stateIn(directory: string): Promise<State> {
  const state = new Map<string, string>();
  for await (const cells of cellsOf(await openChain(directory, []))) {
    for (const { key, cell } of cells) {
      assert.ok(!state.has(key), "a cell comes once");
      state.set(key, Buffer.from(cell.payload).toString());
    }
  }
  return state;
}

/** A base of ten keys, then one that is written anew, one that is new, and one that is gone. */
function someStates(): [State, State, State] {
  const first = new Map(Array.from({ length: 10 }, (_none, at) => [`key${at}`, "first"]));
  const second = new Map([...first, ["key3", "second"], ["new", "second"]]);
  second.delete("key7");
  const third = new Map([...second, ["key3", "third"], ["key7", "back"]]);
  third.delete("new");
  return [first, second, third];
}

test("a chain comes to what its last backup was made of", async () => {
  const names = Array.from({ length: 8 }, (_none, at) => `key${at}`);
  const state = fc
    .array(fc.tuple(fc.constantFrom(...names), fc.constantFrom("a", "b", "c")))
    .map((entries): State => new Map(entries));
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 5 }), async (states) => {
      count += 1;
      const directories = await writeChain(states, join(folder, `chain-${count}`));
      for (const [index, directory] of directories.entries()) {
        assert.deepEqual(await stateIn(directory), states[index]);
      }
    }),
    { numRuns: 30 },
  );
});

test("a chain of a hundred is read, and its cells are in order", async () => {
  const states: State[] = [new Map([["always", "there"]])];
  for (let index = 1; index <= 100; index += 1) {
    const state = new Map(states.at(-1));
    state.set(`key${index}`, `${index}`);
    state.set("often", `${index}`);
    state.delete(`key${index - 10}`);
    states.push(state);
  }
  const directories = await writeChain(states);
  const chain = await openChain(directories.at(-1) as string, []);
  assert.equal(chain.length, 101);
  const positions: string[] = [];
  for await (const cells of cellsOf(chain))
    positions.push(...cells.map(({ position }) => position));
  assert.deepEqual(
    positions,
    positions.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  assert.deepEqual(await stateIn(directories.at(-1) as string), states.at(-1));
});

test("of some slots only their cells come, whatever files they are in", async () => {
  const states = someStates();
  const directories = await writeChain(states);
  const chain = await openChain(directories.at(-1) as string, []);
  for (const name of ["key3", "key5"]) {
    const slot = slotOfKey(keyFromText(name));
    const found = [];
    for await (const cells of cellsOf(chain, { slots: { firstSlot: slot, lastSlot: slot } })) {
      found.push(...cells);
    }
    assert.deepEqual(
      found.map(({ key, cell }) => [key, Buffer.from(cell.payload).toString()]),
      [[name, states[2].get(name)]],
    );
  }
});

test("a base is found by its hash: under whatever name beside it, or where it is said to be", async () => {
  const [, middle, last] = await writeChain(someStates());
  await rename(middle as string, join(folder, "renamed"));
  assert.equal(typeof (await readBackup(last as string)), "object");

  const away = join(folder, "elsewhere", "deep");
  await mkdir(join(folder, "elsewhere"));
  await rename(join(folder, "renamed"), away);
  const refused = refusalIn(await readBackup(last as string));
  assert.match(refused, /builds on a backup begun 2026-11-26T12:00:00.000Z, with [0-9a-f]{64}/);
  // The whole one is beside the last, and not beside the one between.
  assert.equal(typeof (await readBackup(last as string, [away])), "object");
  await rename(join(folder, "0"), join(folder, "elsewhere", "first"));
  assert.equal(typeof (await readBackup(last as string, [away])), "object", "beside its own");
});

test("a base that was changed, cut or taken anew is not taken for the one that was meant", async () => {
  const [first, second] = (await writeChain(someStates())) as [string, string];
  await forge(first, (facts) => ({ ...facts, ended: "2026-11-26T12:00:02.000Z" }));
  assert.match(refusalIn(await readBackup(second)), /which is not there/);
  const named = await readBackup(second, [first]);
  assert.match(refusalIn(named), /which is not there/, "what is named must be the very one");

  const manifest = join(first, "manifest.json");
  await rm(manifest);
  assert.match(refusalIn(await readBackup(second, [first])), /holds no backup/);
});

test("a damaged manifest beside it is told of where the base is missing", async () => {
  const [first, second] = (await writeChain(someStates())) as [string, string];
  await forge(first, (facts) => ({ ...facts, replicas: 0 }));
  assert.match(refusalIn(await readBackup(second)), /not there; 0: damaged, perhaps it/);
});

test("a file of the base that was changed since is found, as in any backup", async () => {
  const directories = await writeChain(someStates());
  const [first] = directories as [string];
  const { files } = JSON.parse(await readFile(join(first, "manifest.json"), "utf8"));
  const path = join(first, files[0].name);
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  await writeFile(path, bytes);
  assert.match(refusalIn(await readBackup(directories.at(-1) as string)), /fails its checksum/);
});

test("links beside it are not followed", async () => {
  const [first, second] = (await writeChain(someStates())) as [string, string];
  await mkdir(join(folder, "hidden"));
  await rename(first, join(folder, "hidden", "base"));
  await symlink(join(folder, "hidden", "base"), join(folder, "link"));
  assert.match(refusalIn(await readBackup(second)), /which is not there/);
});

test("an increment that is forged is refused, though its hashes are right", async () => {
  type Change = (facts: BackupFacts) => unknown;
  const increments = (change: (increment: Record<string, unknown>) => unknown): Change => {
    return (facts) => ({ ...facts, increment: change({ ...facts.increment }) });
  };
  const forgeries: readonly [RegExp, Change][] = [
    [/it is an increment, and of version 1/, (facts) => ({ ...facts, version: 1 })],
    [/what it is an increment of/, ({ increment: _increment, ...facts }) => facts],
    [/does not name a backup/, increments((all) => ({ ...all, base: "../0" }))],
    [
      /does not name a backup/,
      increments((all) => ({ ...all, base: { sha256: "../0", begun: BEGUN } })),
    ],
    [/does not name a backup/, increments((all) => ({ ...all, base: { begun: BEGUN } }))],
    [/gone is not a count/, increments((all) => ({ ...all, gone: -1 }))],
    [/whole does not count/, increments((all) => ({ ...all, whole: {} }))],
    [/not spelled/, increments((all) => ({ ...all, surprise: 1 }))],
    [
      /not spelled/,
      increments((all) => ({ ...all, base: { ...(all["base"] as object), directory: "/etc" } })),
    ],
    [
      /1 places where nothing is any more, and the manifest says 5/,
      increments((all) => ({ ...all, gone: 5 })),
    ],
    [
      /cells of kind value, and the manifest says 99/,
      increments((all) => ({ ...all, whole: { ...counts(new Map()), value: 99 } })),
    ],
    [
      /wrongly/,
      increments((all) => ({
        ...all,
        base: { ...(all["base"] as object), begun: "2026-11-26T12:00:09.000Z" },
      })),
    ],
    [/of another cluster/, (facts) => ({ ...facts, cluster: "0123456789abcde0" })],
    [
      /which is not there/,
      increments((all) => ({ ...all, base: { sha256: "0".repeat(64), begun: BEGUN } })),
    ],
  ];
  for (const [index, [expected, change]] of forgeries.entries()) {
    const [, second] = await writeChain(someStates(), join(folder, `forged-${index}`));
    await forge(second as string, change);
    assert.match(refusalIn(await readBackup(second as string)), expected);
  }
});

test("what cannot be in an increment is refused, and so is what only an increment may hold", async () => {
  const states = someStates();
  const gone = (name: string): KeyedCell => ({
    key: keyFromText(name),
    field: undefined,
    bytes: new Uint8Array(0),
  });
  const inFirstFile = [...states[0].keys()].filter((name) => slotOfKey(keyFromText(name)) < 8_192);
  const stranger = ["s0", "s1", "s2", "s3", "s4"].find(
    (name) => slotOfKey(keyFromText(name)) < 8_192,
  ) as string;
  const [one] = inFirstFile as [string];
  const forgeries: readonly [number, RegExp, readonly KeyedCell[]][] = [
    [1, /takes away a cell of slot \d+ that is not there/, [gone(stranger)]],
    [1, /there twice, or out of order/, [gone(one), gone(one)]],
    [1, /there twice, or out of order/, [gone(one), valueCell(one, "x")]],
    [0, /fails its checksum/, [gone(one)]],
  ];
  for (const [index, [at, expected, cells]] of forgeries.entries()) {
    const directories = await writeChain(states, join(folder, `cells-${index}`));
    await forgeCells(directories[at] as string, encodeRecords(cells), cells.length);
    assert.match(refusalIn(await readBackup(directories[at] as string)), expected);
  }
});

// A true circle would need a hash that is of itself; what can be tried is one that never ends.
test("backups that name each other, or themselves, end nowhere and are refused", async () => {
  const [first, second, third] = (await writeChain(someStates())) as [string, string, string];
  const before = await hashOf(second);
  await forge(second, (facts) => ({
    ...facts,
    increment: { ...(facts.increment as object), base: { sha256: before, begun: BEGUN } },
  }));
  assert.match(refusalIn(await readBackup(second)), /which is not there/);
  const own = await hashOf(third);
  await forge(third, (facts) => ({
    ...facts,
    increment: { ...(facts.increment as object), base: { sha256: own, begun: BEGUN } },
  }));
  assert.match(refusalIn(await readBackup(third)), /which is not there/);
  assert.equal(typeof (await readBackup(first)), "object");
});

test("a chain that is longer than any is refused", async () => {
  const states = Array.from({ length: CHAIN_MAX + 1 }, () => new Map([["key", "value"]]));
  const directories = await writeChain(states);
  assert.equal(typeof (await readBackup(directories[CHAIN_MAX - 1] as string)), "object");
  const refused = refusalIn(await readBackup(directories[CHAIN_MAX] as string));
  assert.match(refused, /builds on more than 255 backups/);
});
