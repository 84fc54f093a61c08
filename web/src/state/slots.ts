/** Who holds which slot, and how each of them stands: asked for anew when the placement or what is known to be missing changes. */
import { computed, effect, signal } from "@preact/signals";
import type { SlotMap } from "../../../src/protocol/http/live.ts";
import { members, sample } from "./live.ts";

export const SLOT_COUNT = 16_384;

/** In the order of severity. */
export const HEALTHS = ["full", "behind", "moving", "short"] as const;
export type Health = (typeof HEALTHS)[number];

interface Slots {
  readonly map: SlotMap;
  /** By slot: an index in `map.holders`. */
  readonly holders: Uint16Array;
  /** By member, by slot. */
  readonly missing: ReadonlyMap<string, Uint8Array>;
}

const loaded = signal<Slots | undefined>(undefined);
let isLoading = false;

const wanted = computed(() => {
  const dirty = members.value.map(({ dirtySlots }) => dirtySlots).join();
  return sample.value === undefined ? undefined : `${sample.value.epoch} ${dirty}`;
});
let have: string | undefined;

effect(() => {
  // Read so that each sample tries again where the last try failed.
  const isThere = sample.value !== undefined;
  if (isThere && wanted.value !== have && !isLoading) void load(wanted.value);
});

async function load(version: string | undefined): Promise<void> {
  isLoading = true;
  try {
    const response = await fetch("/cluster/slots");
    if (!response.ok) return;
    const map = (await response.json()) as SlotMap;
    const bytes = bytesOf(map.slots);
    const holders = new Uint16Array(SLOT_COUNT);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      holders[slot] = (bytes[2 * slot] ?? 0) | ((bytes[2 * slot + 1] ?? 0) << 8);
    }
    const missing = new Map(Object.entries(map.missing).map(([id, bits]) => [id, bytesOf(bits)]));
    loaded.value = { map, holders, missing };
    have = version;
  } catch {
    // The next sample tries again.
  } finally {
    isLoading = false;
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

export interface Holders {
  readonly primaries: readonly string[];
  readonly pending: readonly string[];
}

const NOBODY: Holders = { primaries: [], pending: [] };

export function holdersOf(slot: number): Holders {
  const slots = loaded.value;
  return slots?.map.holders[slots.holders[slot] ?? 0] ?? NOBODY;
}

export function isMissingAt(slot: number, member: string): boolean {
  const bits = loaded.value?.missing.get(member);
  return bits !== undefined && (((bits[slot >> 3] ?? 0) >> (slot & 7)) & 1) === 1;
}

/** Those who do not hold what they are to hold, as far as this node can tell: a text, so that it is the same while they are. */
const awayIds = computed(() =>
  members.value
    .filter(({ liveness }) => liveness === "dead")
    .map(({ id }) => id)
    .join(),
);
const away = computed<ReadonlySet<string>>(() => new Set(awayIds.value.split(",")));

export function isAway(member: string): boolean {
  return away.value.has(member);
}

export interface Picture {
  readonly slots: Slots;
  /** By slot: an index in HEALTHS. */
  readonly health: Uint8Array;
  readonly counts: Readonly<Record<Health, number>>;
}

/** Every slot, judged. */
export const picture = computed<Picture | undefined>(() => {
  const slots = loaded.value;
  if (slots === undefined) return undefined;
  const gone = away.value;
  const { replicas } = slots.map;
  const ofHolders = slots.map.holders.map(({ primaries, pending }): Health => {
    if (primaries.length < replicas || primaries.some((id) => gone.has(id))) return "short";
    return pending.length > 0 ? "moving" : "full";
  });
  const health = new Uint8Array(SLOT_COUNT);
  const counts: Record<Health, number> = { full: 0, behind: 0, moving: 0, short: 0 };
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const index = slots.holders[slot] ?? 0;
    let found = ofHolders[index] ?? "short";
    if (found === "full" && slots.missing.size > 0) {
      const primaries = slots.map.holders[index]?.primaries ?? [];
      if (primaries.some((id) => isMissingAt(slot, id))) found = "behind";
    }
    health[slot] = HEALTHS.indexOf(found);
    counts[found] += 1;
  }
  return { slots, health, counts };
});
