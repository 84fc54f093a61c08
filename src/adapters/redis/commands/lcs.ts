/**
 * LCS: the longest subsequence that two strings have in common, by a table of the lengths for all
 * pairs of their beginnings.
 *
 * Invariant: of several that are equally long the one is answered that Redis 7.0 answers: going
 * back from the ends, where two bytes differ the step is taken in the first string only if that
 * leaves the longer rest.
 */
import type { Key } from "../../../model/key.ts";
import type { ReadOutcome } from "../../../model/outcome.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, SYNTAX_ERROR } from "../failures.ts";
import { integerAt, keyAt, safeNumber, wordAt } from "./arguments.ts";
import { READ, stringCommand, TWO_KEYS } from "./command-shapes.ts";
import { fanOut } from "./fan-out.ts";
import { stringOf } from "./one-key.ts";
import { binaryReply, bulkReply, integerReply } from "./replies.ts";

/**
 * Memory of the table, four bytes a pair: two strings of 4 KiB. It is as much a bound on the time,
 * a tenth of a second in which the node does nothing else.
 */
const TABLE_BYTES_MAX = 64 * 1024 * 1024;

const NOT_STRINGS = errorReply("ERR The specified keys must contain string values");
const BOTH_FORMS = errorReply("ERR If you want both the length and indexes, please just use IDX.");
const TOO_LARGE = errorReply(
  "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
);
const NO_BYTES = new Uint8Array(0);

export const LCS_COMMANDS: readonly Command[] = [
  stringCommand({
    name: "lcs",
    arity: -3,
    flags: READ,
    keys: TWO_KEYS,
    summary: "Gives the longest common subsequence of the strings at two keys",
    run: lcs,
  }),
];

interface LcsOptions {
  readonly form: "bytes" | "length" | "ranges";
  /** Shorter ranges are not shown. */
  readonly lengthMin: number;
  readonly withLengths: boolean;
}

/** Equal bytes side by side: from `first` and `second` on in the two strings. */
interface Range {
  readonly first: number;
  readonly second: number;
  readonly length: number;
}

function lcs(call: Call): void {
  const first = keyAt(call, 1);
  const second = first === undefined ? undefined : keyAt(call, 2);
  if (first === undefined || second === undefined) return;
  fanOut<Key, ReadOutcome>(
    call,
    [first, second],
    (key, done) => call.store.read({ key }, done),
    (outcomes) => {
      const [a, b] = outcomes.map((outcome) => {
        return outcome.kind === "found" ? stringOf(outcome.root) : NO_BYTES;
      });
      if (a === undefined || b === undefined) return call.reply(NOT_STRINGS);
      const options = parseOptions(call);
      if (options === undefined) return;
      const tableBytes = (a.length + 1) * (b.length + 1) * Uint32Array.BYTES_PER_ELEMENT;
      call.reply(tableBytes > TABLE_BYTES_MAX ? TOO_LARGE : lcsReply(a, b, options));
    },
  );
}

function parseOptions(call: Call): LcsOptions | undefined {
  const words = new Set<string>();
  let lengthMin = 0;
  for (let index = 3; index < call.args.length; index += 1) {
    const word = wordAt(call, index);
    if (word === "minmatchlen" && index + 1 < call.args.length) {
      index += 1;
      const given = integerAt(call, index);
      if (given === undefined) return undefined;
      lengthMin = Math.max(0, safeNumber(given));
    } else if (word === "idx" || word === "len" || word === "withmatchlen") words.add(word);
    else {
      call.reply(SYNTAX_ERROR);
      return undefined;
    }
  }
  const withLengths = words.has("withmatchlen");
  if (!words.has("idx"))
    return { form: words.has("len") ? "length" : "bytes", lengthMin, withLengths };
  if (!words.has("len")) return { form: "ranges", lengthMin, withLengths };
  call.reply(BOTH_FORMS);
  return undefined;
}

function lcsReply(
  a: Uint8Array,
  b: Uint8Array,
  { form, lengthMin, withLengths }: LcsOptions,
): Reply {
  const table = lengthTable(a, b);
  const length = table.at(-1) ?? 0;
  if (form === "length") return integerReply(length);
  const ranges = commonRanges(a, b, table);
  if (form === "bytes") {
    const bytes = new Uint8Array(length);
    let end = length;
    for (const range of ranges) {
      bytes.set(a.subarray(range.first, range.first + range.length), end - range.length);
      end -= range.length;
    }
    return bulkReply(bytes);
  }
  const shown = ranges.filter((range) => range.length >= lengthMin);
  return {
    kind: "map",
    entries: [
      [
        binaryReply("matches"),
        { kind: "array", items: shown.map((range) => rangeReply(range, withLengths)) },
      ],
      [binaryReply("len"), integerReply(length)],
    ],
  };
}

/** Row by row, `b.length + 1` a row: how long the subsequence of the first bytes of each is. */
function lengthTable(a: Uint8Array, b: Uint8Array): Uint32Array {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i += 1) {
    const byte = a[i - 1];
    for (let j = 1, at = i * width + 1; j < width; j += 1, at += 1) {
      const above = table[at - width] as number;
      const before = table[at - 1] as number;
      if (byte === b[j - 1]) table[at] = (table[at - width - 1] as number) + 1;
      else table[at] = above > before ? above : before;
    }
  }
  return table;
}

/** From the ends to the beginnings. */
function commonRanges(a: Uint8Array, b: Uint8Array, table: Uint32Array): Range[] {
  const width = b.length + 1;
  const ranges: Range[] = [];
  let length = 0;
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      length += 1;
      i -= 1;
      j -= 1;
      continue;
    }
    if (length > 0) ranges.push({ first: i, second: j, length });
    length = 0;
    const above = table[(i - 1) * width + j] as number;
    const before = table[i * width + j - 1] as number;
    if (above > before) i -= 1;
    else j -= 1;
  }
  if (length > 0) ranges.push({ first: i, second: j, length });
  return ranges;
}

function rangeReply({ first, second, length }: Range, withLength: boolean): Reply {
  const items = [boundsReply(first, length), boundsReply(second, length)];
  if (withLength) items.push(integerReply(length));
  return { kind: "array", items };
}

function boundsReply(from: number, length: number): Reply {
  return { kind: "array", items: [integerReply(from), integerReply(from + length - 1)] };
}
