/** Some of many by chance, each as likely as any other, for HRANDFIELD and SRANDMEMBER. */
import type { HashEntry } from "../../../model/operation.ts";
import type { Random } from "../../../ports/random.ts";
import { SystemRandom } from "../../system/system-random.ts";

/** Of a choice with repetitions, which may be any number of times as large as what is chosen from. */
const CHOSEN_MAX = 4_000_000;
const CHOSEN_BYTES_MAX = 256 * 1024 * 1024;

const systemRandom = new SystemRandom();

/** One of `entries`, of which there is at least one. */
export function chooseOne(entries: readonly HashEntry[], random: Random = systemRandom): HashEntry {
  return entries[random.below(entries.length)] as HashEntry;
}

/** `count` different ones, or all of them where there are no more. */
export function chooseDistinct(
  entries: readonly HashEntry[],
  count: number,
  random: Random = systemRandom,
): readonly HashEntry[] {
  if (count >= entries.length) return entries;
  const shuffled = [...entries];
  for (let index = 0; index < count; index += 1) {
    const other = index + random.below(shuffled.length - index);
    const chosen = shuffled[other] as HashEntry;
    shuffled[other] = shuffled[index] as HashEntry;
    shuffled[index] = chosen;
  }
  return shuffled.slice(0, count);
}

/** `count` of them, each perhaps more than once; `undefined` if that is more than one reply holds. */
export function chooseAny(
  entries: readonly HashEntry[],
  count: number,
  random: Random = systemRandom,
): readonly HashEntry[] | undefined {
  if (entries.length === 0) return entries;
  if (count > CHOSEN_MAX) return undefined;
  const chosen: HashEntry[] = [];
  let bytes = 0;
  while (chosen.length < count) {
    const entry = chooseOne(entries, random);
    bytes += entry[0].length + entry[1].length;
    if (bytes > CHOSEN_BYTES_MAX) return undefined;
    chosen.push(entry);
  }
  return chosen;
}
