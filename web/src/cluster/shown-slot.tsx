/** The slot that is looked at, in words. */
import type { JSX } from "preact";
import { Disc } from "../parts/disc.tsx";
import { countText } from "../parts/text.ts";
import { nameOf } from "../state/nodes.ts";
import { holdersOf, isAway, isMissingAt } from "../state/slots.ts";
import { isExample, shownNode, shownSlot } from "./selection.ts";

export function ShownSlot(): JSX.Element {
  const node = shownNode.value;
  if (node !== undefined) {
    return (
      <p class="shown-slot">
        <Disc id={node} size={20} />{" "}
        <span class="muted">bright: its first copies; dim: its other copies</span>
      </p>
    );
  }
  const slot = shownSlot.value;
  const { primaries, pending } = holdersOf(slot);
  return (
    <p class="shown-slot" data-testid="shown-slot">
      <span class="muted">{isExample.value ? "for example " : ""}slot</span>{" "}
      <strong class="num">{countText(slot)}</strong> <span class="muted">is held by</span>
      {primaries.map((id) => (
        <span key={id} class={`holder ${isAway(id) ? "holder-away" : ""}`}>
          <Disc id={id} size={20} />
          {isAway(id) ? <span class="sr">{nameOf(id).letter} is dead</span> : null}
          {isMissingAt(slot, id) ? <span class="behind-mark">behind</span> : null}
        </span>
      ))}
      {pending.length === 0 ? null : <span class="muted">, soon by</span>}
      {pending.map((id) => (
        <span key={id} class="holder">
          <Disc id={id} size={20} />
        </span>
      ))}
    </p>
  );
}
