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
  /** Where all are on one host, the port alone says which. */
  readonly short: string;
  readonly isSelf: boolean;
}

const names = computed<ReadonlyMap<string, NodeName>>(() => {
  const self = sample.value?.node;
  const hosts = new Set(members.value.map(({ address }) => address.replace(PORT, "")));
  const found = new Map<string, NodeName>();
  for (const { id, address } of members.value) {
    const short = hosts.size === 1 ? (PORT.exec(address)?.[0] ?? address) : address;
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

function letterOf(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : `${letter}${Math.floor(index / 26)}`;
}
