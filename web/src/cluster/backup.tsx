/** How a backup is taken: by a command, which verifies what it writes and goes on at another node when this one dies. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { Dialog } from "../parts/dialog.tsx";
import { members } from "../state/live.ts";

const isAsked = signal(false);

export function BackupButton(): JSX.Element {
  const self = members.value.find(({ reach }) => reach === "self");
  const close = (): void => {
    isAsked.value = false;
  };
  return (
    <>
      <button
        type="button"
        class="small"
        onClick={() => {
          isAsked.value = true;
        }}
      >
        Back up…
      </button>
      {isAsked.value ? (
        <Dialog title="Back up the cluster" onClose={close}>
          <p>
            The cluster goes on meanwhile. What it holds is streamed to the machine where this is
            typed, into a new directory, with hashes over all of it:
          </p>
          <code class="command mono">dnd backup DIR --node {self?.httpAddress ?? "HOST:PORT"}</code>
          <p class="muted">
            <code class="mono">dnd verify DIR</code> checks it, and{" "}
            <code class="mono">dnd restore DIR</code> brings it into an empty cluster of any size.
          </p>
          <div class="buttons">
            <button type="button" onClick={close}>
              Close
            </button>
          </div>
        </Dialog>
      ) : null}
    </>
  );
}
