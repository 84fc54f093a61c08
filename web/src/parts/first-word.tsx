/** Before anything was heard of the node. */
import type { JSX } from "preact";
import { isRefused } from "../state/live.ts";

export function FirstWord(): JSX.Element {
  return (
    <p class="empty" role="status">
      {isRefused.value
        ? "This node does not tell now: as many pages watch it as may, or it is about to end. It is asked again."
        : "Waiting for the node's first word…"}
    </p>
  );
}
