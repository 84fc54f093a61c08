/** The members, one a row: how each stands, what it holds, and what goes to and from it. */
import type { JSX } from "preact";
import type { LiveMember } from "../../../src/protocol/http/live.ts";
import { Disc } from "../parts/disc.tsx";
import { bytesText, countText, percentText, plural } from "../parts/text.ts";
import { members, traffic } from "../state/live.ts";
import { nameOf } from "../state/nodes.ts";
import { SLOT_COUNT } from "../state/slots.ts";
import { DepartureButton } from "./departures.tsx";
import { hoveredNode, pinnedNode } from "./selection.ts";

export function Members(): JSX.Element {
  return (
    <ul class="members">
      {members.value.map((member) => (
        <MemberRow key={member.id} member={member} />
      ))}
    </ul>
  );
}

function MemberRow({ member }: { member: LiveMember }): JSX.Element {
  const { id, address, primarySlots, firstSlots, dirtySlots, foreignSlots } = member;
  const { isSelf, letter } = nameOf(id);
  const rates = traffic.value.get(id);
  const show = (shown: boolean) => () => {
    hoveredNode.value = shown ? id : undefined;
  };
  return (
    <li
      class={`member member-${member.liveness}`}
      data-node={id}
      onPointerEnter={show(true)}
      onPointerLeave={show(false)}
    >
      <Disc id={id} size={30} />
      <div class="member-who">
        <button
          type="button"
          class="member-name mono"
          aria-pressed={pinnedNode.value === id}
          title="Show which slots it holds"
          onClick={() => {
            pinnedNode.value = pinnedNode.value === id ? undefined : id;
          }}
        >
          {address}
        </button>
        <State member={member} />
        {isSelf ? <span class="chip">this node</span> : null}
        {member.zone === "" ? null : <span class="chip">{member.zone}</span>}
        <span class="member-what muted">
          {plural(primarySlots, "slot", "slots")}{" "}
          <span title="Of all slots">({percentText(primarySlots, SLOT_COUNT)})</span>
          {", "}
          <span title="Slots in which it is asked first">first in {countText(firstSlots)}</span>
          {dirtySlots === 0 ? null : (
            <em class="lacks">, may lack {plural(dirtySlots, "slot", "slots")}</em>
          )}
          {foreignSlots === 0 ? null : (
            <em class="lacks">, {plural(foreignSlots, "slot", "slots")} kept for it here</em>
          )}
        </span>
      </div>
      <div
        class="member-traffic num"
        title={isSelf ? undefined : "To and from it, over this node's connections"}
      >
        {isSelf || rates === undefined ? null : (
          <>
            <span aria-label="sent">↑ {bytesText(rates.bytesSent)}/s</span>
            <span aria-label="received">↓ {bytesText(rates.bytesReceived)}/s</span>
          </>
        )}
      </div>
      <DepartureButton member={member} letter={letter} />
    </li>
  );
}

function State({ member: { liveness, intent } }: { member: LiveMember }): JSX.Element {
  return (
    <>
      <span class={`chip chip-${liveness}`}>{liveness}</span>
      {intent === "active" ? null : <span class="chip chip-moving">{intent}</span>}
    </>
  );
}
