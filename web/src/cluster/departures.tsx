/** Leaving and removing, with a question before: offered to browsers on the node's own machine only, which the node checks. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import type { LiveMember } from "../../../src/protocol/http/live.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Disc } from "../parts/disc.tsx";
import { detailOf } from "../parts/problem.ts";
import { hello } from "../state/live.ts";
import { nameOf } from "../state/nodes.ts";

export function DepartureButton({
  member,
  letter,
}: {
  member: LiveMember;
  letter: string;
}): JSX.Element | null {
  const kind = departureOf(member);
  if (kind === undefined || hello.value?.mayAct !== true) return <span />;
  return (
    <>
      <button
        type="button"
        class="small"
        aria-label={kind === "leave" ? `Have ${letter} leave` : `Remove ${letter}`}
        onClick={() => {
          asked.value = { kind, id: member.id };
        }}
      >
        {kind === "leave" ? "Leave…" : "Remove…"}
      </button>
      {asked.value?.id === member.id ? <Question kind={kind} member={member} /> : null}
    </>
  );
}

type Departure = "leave" | "remove";

const asked = signal<{ readonly kind: Departure; readonly id: string } | undefined>(undefined);
const isBusy = signal(false);
const problem = signal<string | undefined>(undefined);

/** A node leaves by its own dashboard; a dead one is removed by any other. */
function departureOf({ id, intent, liveness }: LiveMember): Departure | undefined {
  if (intent !== "active") return undefined;
  if (nameOf(id).isSelf) return "leave";
  return liveness === "dead" ? "remove" : undefined;
}

function Question({ kind, member }: { kind: Departure; member: LiveMember }): JSX.Element {
  const close = (): void => {
    asked.value = undefined;
    problem.value = undefined;
  };
  const go = async (): Promise<void> => {
    isBusy.value = true;
    problem.value = await depart(kind, member.id);
    isBusy.value = false;
    if (problem.value === undefined) close();
  };
  return (
    <Dialog
      title={kind === "leave" ? "Have this node leave?" : "Remove this node for good?"}
      onClose={close}
    >
      <p class="who-goes">
        <Disc id={member.id} size={30} /> <span class="mono">{member.address}</span>
        <span class="muted mono">{member.id}</span>
      </p>
      {kind === "leave" ? (
        <p>
          It hands its copies to the others, who fill them first, and then its process ends. Its
          data directory is of no use afterwards. This dashboard goes with it: watch from another
          node's.
        </p>
      ) : (
        <p>
          The others copy its slots from what is left. What only it held is given up, and it can
          never come back with this data. If it may return, wait instead.
        </p>
      )}
      {problem.value === undefined ? null : (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <div class="buttons">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="button" class="danger" disabled={isBusy.value} onClick={() => void go()}>
          {kind === "leave" ? "Leave the cluster" : "Remove for good"}
        </button>
      </div>
    </Dialog>
  );
}

/** What stands in the way, if anything. */
async function depart(kind: Departure, id: string): Promise<string | undefined> {
  const path =
    kind === "leave" ? "/cluster/leave" : `/cluster/remove?node=${encodeURIComponent(id)}`;
  try {
    const response = await fetch(path, { method: "POST" });
    return response.ok ? undefined : await detailOf(response);
  } catch {
    return "The node does not answer.";
  }
}
