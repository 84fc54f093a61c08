/**
 * A letter and a colour for each node, the same while the page is open: those that are there at first in order of address, so
 * that all dashboards agree, and who joins later takes the next one.
 */
import { computed } from "@preact/signals";
import { members, sample } from "./live.ts";

/** As many as the style sheet has. */
const COLOURS = 10;

const PORT = /:\d+$/;

const indices = new Map<string, number>();

export interface NodeName {
  readonly id: string;
  readonly letter: string;
  /** Of the custom property `--node-…`. */
  readonly colour: number;
  readonly address: string;
  /** What tells it from the others: the port where all are on one host, the host where all have one port. */
  readonly short: string;
  readonly isSelf: boolean;
}

const names = computed<ReadonlyMap<string, NodeName>>(() => {
  const self = sample.value?.node;
  const addresses = members.value.map(({ address }) => address);
  const found = new Map<string, NodeName>();
  for (const { id, address } of members.value) {
    const short = shortened(address, addresses);
    found.set(id, { ...named(id), address, short, isSelf: id === self });
  }
  return found;
});

/** Also of one that has gone, or is not heard of yet. */
export function nameOf(id: string): NodeName {
  const known = names.value.get(id);
  if (known !== undefined) return known;
  const short = id.slice(0, 8);
  const name = indices.has(id) ? named(id) : { id, letter: "?", colour: COLOURS - 1 };
  return { ...name, address: short, short, isSelf: false };
}

function named(id: string): Pick<NodeName, "id" | "letter" | "colour"> {
  let index = indices.get(id);
  if (index === undefined) {
    index = indices.size;
    indices.set(id, index);
  }
  return { id, letter: letterOf(index), colour: index % COLOURS };
}

export function colourOf(id: string): string {
  return `var(--node-${nameOf(id).colour})`;
}

/** Long names are cut: the list has them whole. */
const SHORT_MAX = 17;

function shortened(address: string, all: readonly string[]): string {
  const host = (each: string): string => each.replace(PORT, "");
  const port = (each: string): string => PORT.exec(each)?.[0] ?? "";
  const isAlike = (part: (each: string) => string): boolean => new Set(all.map(part)).size === 1;
  const short = isAlike(host) ? port(address) : isAlike(port) ? host(address) : address;
  return short.length <= SHORT_MAX ? short : `${short.slice(0, SHORT_MAX - 1)}…`;
}

function letterOf(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : `${letter}${Math.floor(index / 26)}`;
}
