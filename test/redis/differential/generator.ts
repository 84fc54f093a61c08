/** Seeded random operations: mostly one request, else several that belong together. */
import type { Prng } from "../../../src/base/prng.ts";
import type { Request } from "../resp-client.ts";
import { comparisonOf, FORMS } from "./commands.ts";
import { Pools } from "./pools.ts";
import { fill, parseTemplate } from "./template.ts";

export type Operation =
  | { readonly kind: "requests"; readonly requests: readonly Request[] }
  /** One whose reply is each server's own choice. */
  | { readonly kind: "random"; readonly request: Request }
  | { readonly kind: "scan"; readonly request: Request }
  /** Sent as a line of text. */
  | { readonly kind: "inline"; readonly request: Request }
  /** Then a wait until what they set has expired. */
  | { readonly kind: "expiring"; readonly requests: readonly Request[]; readonly after: Request }
  | { readonly kind: "protocol"; readonly version: "2" | "3" }
  | { readonly kind: "quit" };

const EXPIRING = [
  "SET {string} {value} PX 20",
  "PSETEX {string} 20 {value}",
  "PEXPIRE {key} 20",
  "GETEX {string} PX 20",
].map(parseTemplate);
const AFTER = ["TYPE", "GET", "TTL", "EXISTS", "DEL", "HGETALL", "SCARD", "PERSIST"];
/** Of a thousand. */
const CHANCES = { transaction: 12, watch: 6, inline: 15, expiring: 0.6, protocol: 2.5, quit: 0.4 };
const MANGLED_PERCENT = 4;
const QUEUED_MAX = 5;

export class Generator {
  readonly #prng: Prng;
  readonly #pools: Pools;
  readonly #weights: readonly number[];
  readonly #weightSum: number;

  constructor(prng: Prng, startMs: number) {
    this.#prng = prng;
    this.#pools = new Pools(prng, startMs);
    let sum = 0;
    this.#weights = FORMS.map(({ weight }) => {
      sum += weight;
      return sum;
    });
    this.#weightSum = sum;
  }

  next(): Operation {
    let chance = this.#unit() * 1_000;
    const falls = (kind: keyof typeof CHANCES): boolean => {
      chance -= CHANCES[kind];
      return chance < 0;
    };
    if (falls("transaction")) return { kind: "requests", requests: this.#transaction() };
    if (falls("watch")) {
      return { kind: "requests", requests: [...this.#watch(), ...this.#transaction()] };
    }
    if (falls("inline")) return { kind: "inline", request: this.#plain() };
    if (falls("expiring")) return this.#expiring();
    if (falls("protocol")) return { kind: "protocol", version: this.#prng.pick(["2", "3"]) };
    if (falls("quit")) return { kind: "quit" };

    const request = this.#request();
    const comparison = comparisonOf(request);
    if (comparison === "random") return { kind: "random", request };
    if (comparison === "scan") return { kind: "scan", request };
    return { kind: "requests", requests: [request] };
  }

  #unit(): number {
    return this.#prng.next32() / 2 ** 32;
  }

  #request(): Request {
    const at = this.#unit() * this.#weightSum;
    const form = FORMS[this.#weights.findIndex((sum) => at < sum)];
    if (form === undefined) throw new Error("the weights do not reach");
    const words = fill(form.template, this.#prng, this.#pools.draw);
    const isMangled = this.#prng.chance(MANGLED_PERCENT, 100);
    return this.#inSomeCase(isMangled ? this.#mangle(words) : words);
  }

  /** One that is the same wherever it runs: in a transaction, on a line. */
  #plain(): Request {
    for (;;) {
      const request = this.#request();
      const comparison = comparisonOf(request);
      const isSession = /^(reset|hello|quit)$/i.test(request[0] ?? "");
      if (comparison !== "random" && comparison !== "scan" && !isSession) return request;
    }
  }

  /** Too few words, too many, or another one: never another command. */
  #mangle(words: readonly string[]): string[] {
    const mangled = [...words];
    const index = 1 + this.#prng.below(words.length);
    const junk = this.#pools.draw("junk")[0] ?? "";
    switch (this.#prng.below(4)) {
      case 0:
        mangled.splice(index, 1);
        break;
      case 1:
        mangled.splice(index, 0, junk);
        break;
      case 2:
        mangled.splice(index, 0, words[index] ?? junk);
        break;
      default:
        mangled[Math.min(index, Math.max(1, words.length - 1))] = junk;
    }
    return mangled;
  }

  #inSomeCase(words: readonly string[]): Request {
    const [first = "", ...rest] = words;
    if (this.#prng.chance(4, 5)) return words;
    const name = this.#prng.pick([first.toLowerCase(), first.toUpperCase(), mixed(first)]);
    return [name, ...rest.map((word) => (/^[A-Z]{2,}$/.test(word) ? word.toLowerCase() : word))];
  }

  #transaction(): Request[] {
    const requests: Request[] = [["MULTI"]];
    const count = this.#prng.below(QUEUED_MAX + 1);
    for (let index = 0; index < count; index += 1) requests.push(this.#plain());
    if (this.#prng.chance(1, 20)) requests.push(this.#prng.pick([["MULTI"], ["WATCH", "k:s1"]]));
    requests.push([this.#prng.chance(1, 6) ? "DISCARD" : "EXEC"]);
    return requests;
  }

  #watch(): Request[] {
    const key = (): string => this.#pools.draw("key")[0] ?? "";
    const watched = key();
    const requests: Request[] = [["WATCH", watched, key()]];
    if (this.#prng.chance(1, 2)) requests.push(this.#plain());
    if (this.#prng.chance(1, 3)) requests.push(["SET", watched, "seen"]);
    if (this.#prng.chance(1, 8)) requests.push(["UNWATCH"]);
    return requests;
  }

  #expiring(): Operation {
    const request = fill(this.#prng.pick(EXPIRING), this.#prng, this.#pools.draw);
    const key = request[1] ?? "";
    return { kind: "expiring", requests: [request], after: [this.#prng.pick(AFTER), key] };
  }
}

function mixed(word: string): string {
  return word.toLowerCase().replace(/(.)./g, (pair) => pair[0]?.toUpperCase() + pair.slice(1));
}
