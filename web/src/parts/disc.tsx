/** A node as a small disc: its colour, its letter, and hatched when it is dead. */
import type { JSX } from "preact";
import { members } from "../state/live.ts";
import { colourOf, nameOf } from "../state/nodes.ts";

export function Disc({ id, size = 24 }: { id: string; size?: number }): JSX.Element {
  const { letter, address } = nameOf(id);
  const liveness = members.value.find((member) => member.id === id)?.liveness ?? "alive";
  return (
    <span
      class={`disc disc-${liveness}`}
      style={{
        "--disc": colourOf(id),
        width: `${size}px`,
        height: `${size}px`,
        fontSize: `${Math.round(size * 0.52)}px`,
      }}
      title={`${letter}: ${address}, ${liveness}`}
    >
      {letter}
    </span>
  );
}
