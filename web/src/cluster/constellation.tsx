/** The nodes inside the ring, all alike, with what goes between them and the shown slot's way to its holders. */
import type { JSX } from "preact";
import type { LiveMember } from "../../../src/protocol/http/live.ts";
import { bytesText } from "../parts/text.ts";
import { members, type Rates, sample, traffic } from "../state/live.ts";
import { colourOf, nameOf } from "../state/nodes.ts";
import { holdersOf, isAway, isMissingAt } from "../state/slots.ts";
import { NAMED_MAX, nodePoint, nodeRadius, type Point, slotPoint } from "./geometry.ts";
import { hoveredNode, isExample, shownNode, shownSlot } from "./selection.ts";

/** Of the drawing: the radius of the picture. */
const R = 500;
/** All lines of a node together are no wider than this: with many nodes they would be a surface. */
const LINES_WIDTH = 130;
const LINE_WIDTH_MAX = 12;
/** Smaller discs have no letter: their colours and places are in the list. */
const LETTER_RADIUS_MIN = 11;

export function Constellation(): JSX.Element {
  const shown = members.value;
  const points = new Map(
    shown.map(({ id }, index) => [id, scaled(nodePoint(index, shown.length))] as const),
  );
  const radius = nodeRadius(shown.length) * R;
  return (
    <svg class="constellation" viewBox={`${-R} ${-R} ${2 * R} ${2 * R}`} aria-hidden="true">
      <defs>
        <pattern
          id="hatch"
          width="9"
          height="9"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect width="9" height="9" fill="var(--panel)" />
          <rect width="4" height="9" fill="var(--dead)" />
        </pattern>
      </defs>
      <Links points={points} />
      <SlotLines points={points} radius={radius} />
      {shown.map((member) => (
        <NodeMark
          key={member.id}
          member={member}
          point={points.get(member.id)}
          radius={radius}
          isNamed={shown.length <= NAMED_MAX}
        />
      ))}
      <SlotRanks points={points} radius={radius} />
    </svg>
  );
}

type Points = ReadonlyMap<string, Point>;

function Links({ points }: { points: Points }): JSX.Element {
  const self = sample.value?.node;
  const ids = [...points.keys()];
  const lines: JSX.Element[] = [];
  for (const [index, a] of ids.entries()) {
    for (const b of ids.slice(index + 1)) {
      const [from, to] = a === self ? [a, b] : [b, a];
      const [start, end] = [points.get(from), points.get(to)];
      if (start === undefined || end === undefined) continue;
      const rates = from === self ? traffic.value.get(to) : undefined;
      if (rates === undefined && ids.length > NAMED_MAX) continue;
      const isBroken = isAway(from) || isAway(to);
      lines.push(
        <Link
          key={`${from} ${to}`}
          start={start}
          end={end}
          rates={rates}
          isBroken={isBroken}
          isNamed={ids.length <= NAMED_MAX}
          widthMax={Math.min(LINE_WIDTH_MAX, LINES_WIDTH / ids.length)}
        />,
      );
    }
  }
  return <g>{lines}</g>;
}

interface LinkProps {
  start: Point;
  end: Point;
  /** Only of this node's own connections it is known. */
  rates: Rates | undefined;
  isBroken: boolean;
  isNamed: boolean;
  widthMax: number;
}

function Link({ start, end, rates, isBroken, isNamed, widthMax }: LinkProps): JSX.Element {
  const bytes = rates === undefined ? 0 : rates.bytesSent + rates.bytesReceived;
  const width = bytes === 0 ? 1.5 : Math.min(widthMax, 1.5 + 1.7 * Math.log10(1 + bytes / 100));
  const path = { x1: start.x, y1: start.y, x2: end.x, y2: end.y };
  const isFlowing = bytes > 0 && !isBroken;
  // Nearer to the other one: at the near end all of them come together.
  const at = { x: start.x + 0.6 * (end.x - start.x), y: start.y + 0.6 * (end.y - start.y) };
  return (
    <g class={isBroken ? "link link-broken" : "link"}>
      <line {...path} stroke-width={isFlowing ? width : 1.5} />
      {isFlowing ? <line {...path} class="flow" stroke-width={Math.max(2, width * 0.6)} /> : null}
      {isFlowing && isNamed ? (
        <text x={at.x} y={at.y} class="rate" dy="0.35em">
          {bytesText(bytes)}/s
        </text>
      ) : null}
    </g>
  );
}

interface NodeMarkProps {
  member: LiveMember;
  point: Point | undefined;
  radius: number;
  isNamed: boolean;
}

function NodeMark({ member, point, radius, isNamed }: NodeMarkProps): JSX.Element | null {
  if (point === undefined) return null;
  const { id, liveness, intent } = member;
  const { letter, short, isSelf } = nameOf(id);
  const state = stateOf(member);
  const isDead = liveness === "dead";
  return (
    <g
      class={`node node-${liveness} node-${intent}`}
      transform={`translate(${point.x} ${point.y})`}
      onPointerEnter={() => {
        hoveredNode.value = id;
      }}
      onPointerLeave={() => {
        hoveredNode.value = undefined;
      }}
    >
      {isSelf ? <circle r={radius + Math.min(9, radius / 3)} class="self" /> : null}
      <circle
        r={radius}
        class="body"
        fill={isDead ? "url(#hatch)" : colourOf(id)}
        stroke-width={Math.min(5, radius / 6)}
      />
      {radius < LETTER_RADIUS_MIN ? null : (
        <text class="letter" dy="0.36em" font-size={radius * 0.95}>
          {letter}
        </text>
      )}
      {isNamed ? (
        <text class="address" y={radius + 26}>
          {short}
        </text>
      ) : null}
      {isNamed && state !== undefined ? (
        <text class={`node-state node-state-${liveness}`} y={radius + 49}>
          {state}
        </text>
      ) : null}
    </g>
  );
}

function stateOf({ id, liveness, intent }: LiveMember): string | undefined {
  if (liveness !== "alive") return liveness;
  if (intent !== "active") return intent;
  return nameOf(id).isSelf ? "this node" : undefined;
}

/** From the slot to each of its holders. */
function SlotLines({ points, radius }: { points: Points; radius: number }): JSX.Element | null {
  if (shownNode.value !== undefined) return null;
  const slot = shownSlot.value;
  const start = scaled(slotPoint(slot));
  const { primaries, pending } = holdersOf(slot);
  return (
    <g class={isExample.value ? "slot slot-example" : "slot"}>
      {[...primaries, ...pending].map((id) => {
        const end = points.get(id);
        if (end === undefined) return null;
        const isWhole = primaries.includes(id) && !isAway(id) && !isMissingAt(slot, id);
        const edge = towards(end, start, radius);
        return (
          <g key={id}>
            <line class="spoke-back" x1={start.x} y1={start.y} x2={edge.x} y2={edge.y} />
            <line
              class={isWhole ? "spoke" : "spoke spoke-lacking"}
              x1={start.x}
              y1={start.y}
              x2={edge.x}
              y2={edge.y}
              stroke={isAway(id) ? "var(--dead)" : colourOf(id)}
            />
          </g>
        );
      })}
      <circle cx={start.x} cy={start.y} r="11" class="slot-mark" />
    </g>
  );
}

/** Which of its copies each holder has: first, second, third. */
function SlotRanks({ points, radius }: { points: Points; radius: number }): JSX.Element | null {
  if (shownNode.value !== undefined) return null;
  const { primaries } = holdersOf(shownSlot.value);
  const badge = Math.min(15, Math.max(9, radius * 0.6));
  return (
    <g class="ranks">
      {primaries.map((id, index) => {
        const point = points.get(id);
        if (point === undefined) return null;
        return (
          <g
            key={id}
            transform={`translate(${point.x + radius * 0.78} ${point.y - radius * 0.78})`}
          >
            <circle r={badge} />
            <text dy="0.36em" font-size={badge * 1.27}>
              {index + 1}
            </text>
          </g>
        );
      })}
    </g>
  );
}

function scaled({ x, y }: Point): Point {
  return { x: x * R, y: y * R };
}

/** The point at `distance` from `from`, on the way to `to`. */
function towards(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return {
    x: from.x + ((to.x - from.x) * distance) / length,
    y: from.y + ((to.y - from.y) * distance) / length,
  };
}
