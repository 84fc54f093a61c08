/** The cluster as a picture: slots as a ring, nodes inside it, what goes between them, and a slot with those who hold it. */
import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { connection } from "../state/live.ts";
import { nameOf } from "../state/nodes.ts";
import { holdersOf, picture, SLOT_COUNT } from "../state/slots.ts";
import { theme } from "../state/theme.ts";
import { Constellation } from "./constellation.tsx";
import { ROWS, slotAt } from "./geometry.ts";
import { paintRing } from "./ring-canvas.ts";
import {
  colouring,
  hoveredSlot,
  pinnedNode,
  pinnedSlot,
  shownNode,
  shownSlot,
} from "./selection.ts";

/** What an arrow key adds: along the ring, and across it. */
const STEPS: Readonly<Record<string, number>> = {
  ArrowRight: ROWS,
  ArrowLeft: -ROWS,
  ArrowUp: 1,
  ArrowDown: -1,
  PageUp: 16 * ROWS,
  PageDown: -16 * ROWS,
};

export function Ring(): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState(0);

  useEffect(() => {
    const { current } = frame;
    if (current === null) return undefined;
    const observer = new ResizeObserver(() => setSize(current.clientWidth));
    observer.observe(current);
    setSize(current.clientWidth);
    return () => observer.disconnect();
  }, []);

  useEffect(
    () =>
      effect(() => {
        // Colours come from the style sheet: another theme is another painting.
        const isThere = theme.value !== undefined && canvas.current !== null && size > 0;
        const shown = picture.value;
        if (!isThere || shown === undefined || canvas.current === null) return;
        paintRing(canvas.current, size, {
          picture: shown,
          colouring: colouring.value,
          node: shownNode.value,
          colourIndexOf: (id) => nameOf(id).colour,
        });
      }),
    [size],
  );

  const pointAt = (event: PointerEvent): number | undefined => {
    const box = frame.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return undefined;
    const radius = box.width / 2;
    return slotAt({
      x: (event.clientX - box.left) / radius - 1,
      y: (event.clientY - box.top) / radius - 1,
    });
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    if (step === undefined && event.key !== "Escape") return;
    pinnedNode.value = undefined;
    if (step === undefined) {
      pinnedSlot.value = undefined;
      return;
    }
    event.preventDefault();
    pinnedSlot.value = (shownSlot.value + step + SLOT_COUNT) % SLOT_COUNT;
  };

  const slot = shownSlot.value;
  const holders = holdersOf(slot)
    .primaries.map((id) => nameOf(id).letter)
    .join(", ");
  return (
    <div
      ref={frame}
      class={`ring ${connection.value === "lost" ? "ring-stale" : ""}`}
      role="slider"
      tabIndex={0}
      aria-label="Slots; arrow keys go from one to the next"
      aria-valuemin={0}
      aria-valuemax={SLOT_COUNT - 1}
      aria-valuenow={slot}
      aria-valuetext={`slot ${slot}, held by ${holders}`}
      onKeyDown={onKeyDown}
      onPointerMove={(event) => {
        hoveredSlot.value = pointAt(event);
      }}
      onPointerLeave={() => {
        hoveredSlot.value = undefined;
      }}
      onPointerDown={(event) => {
        pinnedSlot.value = pointAt(event);
        pinnedNode.value = undefined;
      }}
    >
      <canvas ref={canvas} aria-hidden="true" />
      <Constellation />
    </div>
  );
}
