/**
 * The words that random commands are made of. Few keys, so that they meet keys of another type and one another's work;
 * few members, so that they find some. Times to live are far off or past, never near: what expires between the same
 * command's arrival at two servers would differ by chance.
 */
import type { Prng } from "../../../src/base/prng.ts";

const KEYS: Readonly<Record<string, readonly string[]>> = {
  string: ["k:s1", "k:s2", "k:s3", "k:s4", "k:s5"],
  number: ["k:n1", "k:n2", "k:n3"],
  hash: ["k:h1", "k:h2", "k:h3", "k:h4"],
  set: ["k:t1", "k:t2", "k:t3", "k:t4", "k:t5"],
};
const USUAL_KEYS = Object.values(KEYS).flat();
const ODD_KEYS = ["", "k:\0\r\n\xff", `k:${"L".repeat(300)}`];

/** All keys there are; the empty one is among them. */
export const ALL_KEYS: readonly string[] = [...USUAL_KEYS, ...ODD_KEYS];

const INTEGERS = ["0", "1", "-1", "2", "10", "123", "-77", "1000000"];
const EDGE_INTEGERS = [
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775808",
  "9223372036854775800",
  "99999999999999999999999",
  "007",
  " 1",
  "1 ",
  "+1",
  "-0",
  "1e3",
  "0x10",
];
const FLOATS = ["1.5", "-0.25", "3.0e3", "0.1", "5.0000", "100.125", "-7.75", "2"];
const EDGE_FLOATS = ["1e308", "1e-10", "inf", "-inf", "nan", "123456789.123456789", " 1.5", "1.5x"];
const TWO_BYTE_CHARS = Buffer.from("é".repeat(50)).toString("latin1");
const BINARY = "\0\r\n\xff";
const TEXTS = ["a", "abc", "hello world", "ohmytext", "mynewtext", "v1", "v2", "10", "", BINARY];
const ODD_TEXTS = [TWO_BYTE_CHARS, "x".repeat(200), "y".repeat(5_000), "*[a", `a${BINARY}b`];
const FIELDS = ["f0", "f1", "f2", "f3", "f4", "f5", "1", "2"];
const MEMBERS = ["m0", "m1", "m2", "m3", "m4", "m5"];
const ODD_MEMBERS = ["", BINARY, "F".repeat(100), "1.0", "01"];
const INTEGER_MEMBERS = ["0", "1", "2", "3", "-5", "100000", "9223372036854775807"];
const PATTERNS = [
  "*",
  "k:*",
  "k:[ts]*",
  "k:[^ts]?",
  "k:[a-n]1",
  "?:h*",
  "*1",
  "f*",
  "m[0-2]",
  "[f-m]?",
  "k:\\*",
  "k:h\\1",
  "nosuch",
  "",
  "*[",
  "k:[",
  "\\",
  "**1",
];
const COUNTS = ["0", "1", "1", "2", "3", "10", "-1", "-2", "-20"];
const ODD_COUNTS = ["abc", "1.5", "", "9223372036854775808", "9223372036854775807"];
const OPTIONS = [
  "NX",
  "XX",
  "GT",
  "LT",
  "GET",
  "EX",
  "PX",
  "KEEPTTL",
  "PERSIST",
  "REPLACE",
  "COUNT",
  "MATCH",
  "LIMIT",
  "WITHVALUES",
  "IDX",
];
/** None is a time that is near. */
const JUNK = [...OPTIONS, "junk", "", "abc", "-1", "0", "1.5", "99999999999999999999999", "\0\r\n"];
/** The greatest whose milliseconds are not too many, or just are. */
const EDGE_TIMES = [
  "0",
  "-1",
  "-1000",
  "abc",
  "1.5",
  "",
  "9223372036854775807",
  "9223372036854775",
];
const MANY_COUNT = 300;

const LISTS: Readonly<Record<string, readonly [usual: readonly string[], odd: readonly string[]]>> =
  {
    integer: [INTEGERS, EDGE_INTEGERS],
    float: [FLOATS, EDGE_FLOATS],
    field: [FIELDS, ODD_MEMBERS],
    pattern: [PATTERNS, PATTERNS],
    count: [COUNTS, ODD_COUNTS],
    page: [
      ["1", "2", "10", "100"],
      ["0", "-1", "abc"],
    ],
    limit: [
      ["0", "1", "2", "10"],
      ["-1", "abc", ""],
    ],
    option: [OPTIONS, JUNK],
    junk: [JUNK, JUNK],
    index: [["0", "1", "2", "3", "-1", "-2", "-3", "100"], EDGE_INTEGERS],
    offset: [
      ["0", "1", "5", "20", "1000"],
      ["-1", "536870912", "abc", "1.5", "4294967296"],
    ],
    bit: [
      ["0", "1", "7", "8", "100", "5000"],
      ["-1", "4294967296", "abc", "1.5"],
    ],
    cursor: [["0"], ["5", "abc", "-1", "18446744073709551616", "1.5"]],
    name: [
      ["conn", "a"],
      ["", "a b", "a\n", "é"],
    ],
    channel: [["c1", "c2"], [""]],
  };

/** What templates draw from. */
export class Pools {
  readonly #prng: Prng;
  readonly #startMs: number;

  /** @param startMs Milliseconds since 1970 that absolute times are counted from. */
  constructor(prng: Prng, startMs: number) {
    this.#prng = prng;
    this.#startMs = startMs;
  }

  readonly draw = (pool: string): readonly string[] => {
    if (KEYS[pool] !== undefined || pool === "key") return [this.#key(KEYS[pool] ?? USUAL_KEYS)];
    const lists = LISTS[pool];
    if (lists !== undefined) return [this.#oneOf(lists)];
    switch (pool) {
      case "value":
        return [this.#value()];
      case "member":
        return [this.#member()];
      case "many-members":
        return Array.from({ length: MANY_COUNT }, (_, index) => `many${index}`);
      case "many-fields":
        return Array.from({ length: 2 * MANY_COUNT }, (_, index) => `many${index >> 1}`);
      default:
        return [this.#time(pool)];
    }
  };

  #key(usual: readonly string[]): string {
    const chance = this.#prng.below(100);
    if (chance < 92) return this.#prng.pick(usual);
    return this.#prng.pick(chance < 98 ? USUAL_KEYS : ODD_KEYS);
  }

  #oneOf([usual, odd]: readonly [readonly string[], readonly string[]]): string {
    return this.#prng.pick(this.#prng.chance(9, 10) ? usual : odd);
  }

  #value(): string {
    const chance = this.#prng.below(8);
    if (chance < 3) return this.#prng.pick(TEXTS);
    if (chance < 4) return this.#prng.pick(ODD_TEXTS);
    return this.draw(chance < 6 ? "integer" : "float")[0] ?? "";
  }

  #member(): string {
    const chance = this.#prng.below(10);
    if (chance < 5) return this.#prng.pick(INTEGER_MEMBERS);
    return chance < 9 ? this.#prng.pick(MEMBERS) : this.#prng.pick(ODD_MEMBERS);
  }

  /**
   * Of the four kinds of time. Wide apart, so that no two of them are equal by chance at one server alone; and a
   * number of one kind is as far from now when it is taken for another.
   */
  #time(pool: string): string {
    if (this.#prng.chance(1, 8)) return this.#prng.pick(EDGE_TIMES);
    const seconds = 1_000_000 + this.#prng.below(1_000_000_000);
    switch (pool) {
      case "seconds":
        return String(seconds);
      case "milliseconds":
        return String(seconds * 1_000 + this.#prng.below(1_000));
      case "at-seconds":
        return String(Math.floor(this.#startMs / 1_000) + seconds);
      case "at-milliseconds":
        return String(this.#startMs + seconds * 1_000);
      default:
        throw new Error(`there is no pool {${pool}}`);
    }
  }
}
