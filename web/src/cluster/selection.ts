/** What is looked at in the picture: a slot, a node, or, while it is neither, a slot that is shown as an example. */
import { computed, signal } from "@preact/signals";
import { SLOT_COUNT } from "../state/slots.ts";

const EXAMPLE_MS = 6_000;

export const hoveredSlot = signal<number | undefined>(undefined);
export const pinnedSlot = signal<number | undefined>(undefined);
export const hoveredNode = signal<string | undefined>(undefined);
/** Chosen in the list, for those who do not hover. */
export const pinnedNode = signal<string | undefined>(undefined);
export const shownNode = computed(() => hoveredNode.value ?? pinnedNode.value);
/** By what the slots are coloured. */
export const colouring = signal<"owner" | "health">("owner");
const example = signal(2_138);

export const shownSlot = computed(() => hoveredSlot.value ?? pinnedSlot.value ?? example.value);
export const isExample = computed(
  () => hoveredSlot.value === undefined && pinnedSlot.value === undefined,
);

/** Shows another slot now and then, until the returned function is called; never to those who asked for less motion. */
export function showExamples(): () => void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return () => undefined;
  const timer = setInterval(() => {
    // Coprime to the number of slots: it comes by all of them, and far from the last each time.
    if (isExample.value && !document.hidden) example.value = (example.value + 6_133) % SLOT_COUNT;
  }, EXAMPLE_MS);
  return () => clearInterval(timer);
}
